"Find what a built page would fetch from another host by itself; links that a reader may click are not meant."

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

fetched_by = {
    ("script", "src"),
    ("img", "src"),
    ("img", "srcset"),
    ("iframe", "src"),
    ("embed", "src"),
    ("object", "data"),
    ("source", "src"),
    ("source", "srcset"),
    ("video", "src"),
    ("video", "poster"),
    ("audio", "src"),
    ("track", "src"),
    ("input", "src"),
    ("image", "href"),
    ("use", "href"),
}
harmless_links = {
    "canonical",
    "author",
    "license",
    "next",
    "prev",
    "index",
    "search",
    "genindex",
    "help",
    "alternate",
    "me",
}
elsewhere = re.compile(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'<>)]*")
style_fetch = re.compile(r"(?:url\(\s*|@import\s+)[\"']?((?:https?:)?//[^\s\"')]+)")
script_fetch = re.compile(
    r"(?:import\s*\(?\s*|from\s+|importScripts\(\s*|fetch\(\s*|\.src\s*=\s*|\.href\s*=\s*)[\"'](https?://[^\"']+)|[\"']((?:https?:)?//[^\s\"']+\.(?:m?js|css|woff2?))[\"']"
)


class Fetches(HTMLParser):
    "Collects the addresses of one page that are on another host and fetched without a click."

    def __init__(self):
        super().__init__()
        self.addresses, self.inside = [], None

    def handle_starttag(self, tag, attributes):
        self.inside = tag
        named = dict(attributes)
        for name, value in attributes:
            if (tag, name) in fetched_by and value:
                self.addresses += [part for part in re.split(r",\s+|\s+", value) if elsewhere.match(part)]
            if name == "style" and value:
                self.addresses += style_fetch.findall(value)
        if (
            tag == "link"
            and not harmless_links & set((named.get("rel") or "").split())
            and elsewhere.match(named.get("href") or "")
        ):
            self.addresses.append(named["href"])

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, text):
        if self.inside == "style":
            self.addresses += style_fetch.findall(text)
        if self.inside == "script":
            self.addresses += [first or second for first, second in script_fetch.findall(text)]


def page_fetches(html):
    "The external addresses that one page fetches."
    page = Fetches()
    page.feed(html)
    return page.addresses


def external_requests(site):
    "(file, address) for everything in the built site that another host would be asked for."
    found = []
    for path in sorted(Path(site).rglob("*")):
        if path.suffix == ".html":
            addresses = page_fetches(path.read_text(encoding="utf-8"))
        elif path.suffix == ".css":
            addresses = style_fetch.findall(path.read_text(encoding="utf-8"))
        else:
            continue
        found += [(path.relative_to(site).as_posix(), address) for address in addresses]
    return found


if __name__ == "__main__":
    found = external_requests(sys.argv[1])
    for page, address in found:
        print(f"{page} would fetch {address}")
    sys.exit(bool(found))
