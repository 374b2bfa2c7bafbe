"Run nbs/index.ipynb, store its outputs, and write README.md from it: its text, its code, and the outputs that are text."

import argparse
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter

root = Path(__file__).resolve().parents[1]
directive = re.compile(r"^#\|.*\n?", re.MULTILINE)
relative_link = re.compile(r"(\]\(|src=\")(?!\w+:|#|/)([^)\"\s]+)")


def visible(cell):
    "Whether a reader of the page sees this cell."
    return not re.search(r"^#\|\s*(hide|default_exp)\b", cell.source, re.MULTILINE)


def plain(cell):
    "The cell without directives, and with the outputs that a text file can contain."
    silent = cell.cell_type == "code" and "echo: false" in cell.source
    cell.source = directive.sub("", cell.source)
    for output in cell.get("outputs", []):
        if "data" in output:
            output["data"] = {
                kind: value for kind, value in output["data"].items() if kind in ("text/plain", "text/markdown")
            }
    return nbformat.v4.new_markdown_cell("".join(shown(output) for output in cell.outputs)) if silent else cell


def shown(output):
    "An output as Markdown."
    return "".join(output["data"]["text/markdown"])


def from_root(link, folder):
    "A link relative to the notebook's folder, relative to the project's root instead."
    target = (folder / link[2].split("#")[0]).resolve()
    if not target.exists():
        raise FileNotFoundError(f"nbs/index.ipynb links to {link[2]}, which is not there")
    return link[1] + target.relative_to(root).as_posix() + "".join(re.findall("#.*", link[2]))


def readme(path=root / "nbs" / "index.ipynb"):
    "The text of README.md."
    notebook = nbformat.read(path, 4)
    notebook.cells = [plain(cell) for cell in notebook.cells if visible(cell)]
    notebook.metadata["language_info"] = {"name": "python"}
    body, _ = MarkdownExporter().from_notebook_node(notebook)
    body = relative_link.sub(lambda link: from_root(link, path.parent), body)
    return re.sub(r"\n{3,}", "\n\n", body).strip() + "\n"


def renew(path=root / "nbs" / "index.ipynb"):
    "Run the notebook where it lies, all but its last cell, which compares what is stored, and store its outputs."
    from nbdev.clean import nbdev_clean

    notebook = nbformat.read(path, 4)
    *cells, check = notebook.cells
    notebook.cells = cells
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell in cells:
        if cell.cell_type == "code":  # warnings are no part of the page
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    notebook.cells = [*cells, check]
    nbformat.write(notebook, path)
    nbdev_clean(fname=str(path))


if __name__ == "__main__":
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--check", action="store_true", help="write nothing, fail when README.md is something else")
    args, written = args.parse_args(), root / "README.md"
    if not args.check:
        renew()
        written.write_text(readme(), encoding="utf-8")
    elif not written.exists() or written.read_text(encoding="utf-8") != readme():
        sys.exit("README.md does not match nbs/index.ipynb: make readme")
