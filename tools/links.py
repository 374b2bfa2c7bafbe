"Check the links of a built site: every page, file and anchor that a link names is there, the repository's files too."

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

root = Path(__file__).resolve().parents[1]


class Links(HTMLParser):
    "Collects where a page's links lead, and the anchors that it has."

    def __init__(self):
        super().__init__()
        self.targets, self.anchors = [], set()

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        if tag == "a" and named.get("href"):
            self.targets.append(named["href"])
        if tag in ("img", "script") and named.get("src"):
            self.targets.append(named["src"])
        self.anchors |= {named[name] for name in ("id", "name") if named.get(name)}


def read_links(path):
    "The links and anchors of one page."
    page = Links()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def broken_links(site, repository=""):
    "(page, link, what is wrong) for every link that leads nowhere; `repository` is the address that shows the files of this checkout."
    site = Path(site).resolve()
    pages = {path: read_links(path) for path in sorted(site.rglob("*.html"))}
    found = []
    for page, links in pages.items():
        for link in dict.fromkeys(links.targets):
            if repository and link.startswith(f"{repository}/blob/main/"):
                named = urlsplit(link[len(f"{repository}/blob/main/") :]).path
                if not (root / unquote(named)).exists():
                    found.append((page, link, "no such file in the repository"))
                continue
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (
                (
                    site / parts.path.lstrip("/") if parts.path.startswith("/") else page.parent / unquote(parts.path)
                ).resolve()
                if parts.path
                else page
            )
            if target.is_dir():
                target = target / "index.html"
            if not target.is_file():
                found.append((page, link, "no such page"))
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                found.append((page, link, f"no anchor {parts.fragment!r} there"))
    return [(page.relative_to(site).as_posix(), link, cause) for page, link, cause in found]


if __name__ == "__main__":
    found = broken_links(sys.argv[1])
    for page, link, cause in found:
        print(f"{page}: {link}: {cause}")
    sys.exit(bool(found))
