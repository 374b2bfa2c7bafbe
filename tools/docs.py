"""Build the documentation: notebooks, with the outputs stored in them, to a site in _site/ that needs no other host.

nbdev turns a copy of nbs/ into pages (hides what is hidden, documents what is exported); this script makes them
notebooks that Sphinx understands (MyST), writes the table of contents, and lets Sphinx build with warnings as errors.
"""

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import yaml
from links import broken_links
from offline import external_requests
from spelling import documents, misspellings

root = Path(__file__).resolve().parents[1]
# folder of nbs/: (what its group of pages is called, what its pages are for); "" are the notebooks beside the index
sections = {
    "tutorials": ("Tutorials", "to learn: begin here, at the top"),
    "how_to": ("How-to", "to get one thing done"),
    "explanations": ("Explanations", "to understand"),
    "signals": ("Signals", "from a file to windows"),
    "datasets": ("Datasets", "public recordings and their labels"),
    "corpus": ("Corpus", "windows on disk, for pretraining"),
    "": ("Model", "compaction, bottleneck, decoder, and what is made of them"),
    "training": ("Training", "pretraining, checkpoints, devices"),
    "probing": ("Probing", "labels predicted from tokens"),
    "systems": ("Systems", "other encoders behind the same interface"),
    "estimators": ("Estimators", "fine-tuning, scikit-learn, online"),
    "benchmark": ("Benchmark", "every system on the same recordings"),
    "experiments": ("Experiments", "run notebooks, sweeps, clusters"),
    "runs": ("Run notebooks", "a notebook with parameters as a program"),
    "explorer": ("Explorer", "the app in JupyterLab, its views, the report"),
    "commands": ("Commands", "what each command of spotr does"),
    "benchmarks": ("Results", "measured, with the cells that measured it"),
}
open_sections = "tutorials", "how_to", "explanations", "benchmarks"  # listed at the side; the others are the reference
guides = {"tutorials": 8, "how_to": 8, "explanations": 2}  # how much more their pages weigh in the search
data_folder = re.compile(r"(?:\.\./)*shared/data")  # where the authors' copies lie, which is nobody else's business
moved = {"CHANGELOG.md": "changelog.md", "LICENSE": "license.md"}  # files of the repository that are pages
# the gallery: (title, page, picture in nbs/images/gallery)
gallery = (
    ("A night of sleep", "tutorials/a_night_of_sleep", "sleep"),
    ("Arrhythmia: probe your labels", "tutorials/probe_your_labels", "arrhythmia"),
    ("What is alike? Explore", "tutorials/explore", "alike"),
    ("Your own file", "tutorials/your_own_file", "file"),
    ("Labels from a CSV", "how_to/labels_from_a_table", "labels"),
    ("Label with one key", "how_to/label_in_the_app", "label"),
    ("A BIDS folder", "how_to/a_bids_folder", "bids"),
    ("MNE Raw and Epochs", "how_to/from_mne", "mne"),
    ("A table for scikit-learn, R", "how_to/tokens_as_a_table", "table"),
    ("Pretrain on your own folder", "tutorials/your_own_folder", "pretrain"),
    ("Fine-tuning and few labels", "probing/protocols", "fine_tuning"),
    ("A sweep on Slurm", "tutorials/sweep_on_slurm", "sweep"),
    ("Export to ONNX", "how_to/export_onnx", "export"),
    ("ECG from PPG", "tutorials/ecg_from_ppg", "ecg_from_ppg"),
)
directive = re.compile(r"^\s*#\s*\|.*\n?", re.MULTILINE)


def page_path(path):
    "Where a notebook's page goes: nbdev drops the number that orders the files (`00_signal` is the page `signal`)."
    from nbdev.config import nbpath2html

    return nbpath2html(path).with_suffix(".ipynb")


# ---- before nbdev: a copy of the notebooks in which exported definitions stay readable


def only_imports(source):
    "Whether a cell imports and does nothing else."
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return False
    return all(isinstance(line, (ast.Import, ast.ImportFrom)) for line in body)


def show_source(cell):
    "nbdev leaves out `export` cells and shows `exports` cells: an essay shows its code, but not its imports."
    if cell.cell_type == "code" and not only_imports(cell.source):
        cell.source = re.sub(r"^#\|\s*export\b", "#| exports", cell.source, flags=re.MULTILINE)


def split_title(cells):
    "nbdev reads title and subtitle from the first cell and drops its other lines: give those a cell of their own."
    if not cells or cells[0].cell_type != "markdown" or not cells[0].source.startswith("# "):
        return cells
    lines = cells[0].source.splitlines()
    n_title = next((i for i, line in enumerate(lines) if line and not line.startswith(("# ", "> "))), len(lines))
    title, rest = "\n".join(lines[:n_title]), "\n".join(lines[n_title:])
    return [nbformat.v4.new_markdown_cell(part) for part in (title, rest) if part.strip()] + cells[1:]


def copy_notebooks(source, destination):
    "Copy nbs/, its pictures included, ready for nbdev."
    # the bundled models are no pages
    shutil.copytree(source, destination, ignore=shutil.ignore_patterns(".*", "__pycache__", "models"))
    for path in destination.rglob("*.ipynb"):
        notebook = nbformat.read(path, 4)
        notebook.cells = split_title(notebook.cells)
        notebook.cells.append(nbformat.v4.new_markdown_cell("<!-- end -->"))  # nbdev looks at the cell after an exported one
        for cell in notebook.cells:
            show_source(cell)
        nbformat.write(notebook, path)


# ---- after nbdev: what Quarto would read becomes what MyST reads


def title_cell(front_matter):
    "The page's heading and subtitle."
    subtitle = f"\n\n*{front_matter['description']}*" if front_matter.get("description") else ""
    return nbformat.v4.new_markdown_cell(f"# {front_matter['title']}{subtitle}")


def is_reference(cell):
    "Whether nbdev documented an exported name here."
    return (
        cell.cell_type == "code"
        and "output: asis" in cell.source
        and any("text/markdown" in output.get("data", {}) for output in cell.outputs)
    )


def is_protocol(cell):
    "Whether nbdev documented what only Python or this package calls, such as `__getattr__` or `_Cutter.windows`."
    return re.search(r"^show_doc\((?:\w+\.)*_\w*(?:\.\w+)*[,)]", cell.source, re.MULTILINE)


def reference_cell(cell):
    "A documented name as text, as tools/reference.py wrote it; nbdev made its heading a link to itself."
    text = "".join(cell.outputs[0]["data"]["text/markdown"])
    return nbformat.v4.new_markdown_cell(re.sub(r"^### \[(`[^`]*`)\]\(.*\)$", r"### \1", text, flags=re.MULTILINE))


def link_target(link, page):
    "Where an author's relative link leads: to another notebook's page, to a file of the repository, or where it says."
    target, fragment = link[1], link[2] or ""
    if Path(target).name in moved:
        return f"]({'../' * (len(page.parts) - 1)}{moved[Path(target).name]})"
    if not (root / "nbs" / page.parent / target).resolve().is_relative_to(root / "nbs"):
        from nbdev.config import get_config

        inside = (root / "nbs" / page.parent / target).resolve().relative_to(root)
        return f"]({get_config().git_url}/blob/main/{inside.as_posix()}{fragment})"
    return f"]({page_path(Path(target)).as_posix() if target.endswith('.ipynb') else target}{fragment})"


def relative_links(text, page):
    "Links between pages, relative to this one: nbdev's are from the site's root, the authors' name notebooks."
    up = "../" * (len(page.parts) - 1)
    # private names have no entry
    text = re.sub(r"\[(`(?:\w+\.)*_[^`]*`)\]\(/[^)\s]+\.html#[^)]*\)", r"\1", text)
    text = re.sub(
        r"\[`([^`]*)`\]\(/([^)\s]+\.html#[^)]*)\)",
        rf'<a class="reference internal" href="{up}\2"><code>\1</code></a>',
        text,
    )
    return re.sub(r"\]\((?!\w+:|#|/)([^)#\s]+)(#[^)]*)?\)", lambda link: link_target(link, page), text)


def plotly_html(figure, script):
    "A stored plotly figure, rendered by the site's own copy of plotly."
    import plotly.graph_objects as go
    import plotly.io

    return plotly.io.to_html(
        go.Figure(figure, skip_invalid=True),
        include_plotlyjs=script,
        full_html=False,
        config={"responsive": True},
        default_width="100%",
    )


def is_widget(output):
    "Whether an output needs a kernel, and scripts from elsewhere, to be seen."
    return "application/vnd.jupyter.widget-view+json" in output.get("data", {})


def is_private(source):
    "Whether a cell defines private names only: it is folded, and a reader may open it."
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return False
    names = [line.name for line in body if isinstance(line, (ast.FunctionDef, ast.ClassDef))]
    return bool(names) and len(names) == len(body) and all(name.startswith("_") for name in names)


def documented_name(cell):
    "The name that nbdev documents in a cell; methods that were added later (`@patch`) have a dot in theirs."
    return re.search(r"^show_doc\(([\w.]+)", cell.source, re.MULTILINE)[1]


def first_use(cells, name):
    "Number of the first cell that calls `name` and shows a result."
    for k, cell in enumerate(cells):
        calls = cell.cell_type == "code" and re.search(rf"(?<![\w.]){re.escape(name)}\(", cell.source)
        if calls and not is_reference(cell) and cell.outputs and "export" not in cell.source:
            return k
    return None


class Page:
    "One notebook on its way from nbdev's output to Sphinx's input."

    def __init__(self, path, within):
        self.notebook, self.path = nbformat.read(path, 4), page_path(within)
        self.folded = within.parts[0] == "benchmarks"  # results first, their code on demand
        self.plotly = "../" * (len(within.parts) - 1) + "_static/plotly.min.js"

    def convert_output(self, output):
        "Replace a plotly output by HTML; the first of a page brings the script."
        figure = output.get("data", {}).get("application/vnd.plotly.v1+json")
        if figure:
            output["data"] = {"text/html": plotly_html(figure, self.plotly), "text/plain": "a plotly figure"}
            self.plotly = False
        return output

    def code(self, cell, documented):
        "A code cell without its directives; the source of what is documented just above is folded."
        tags = [
            *cell.metadata.get("tags", []),
            *["remove-input"] * ("echo: false" in cell.source),
            *["hide-input"] * (documented and "code-fold" in cell.source or self.folded or is_private(cell.source)),
        ]
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        cell.source = data_folder.sub("data", directive.sub("", cell.source))
        cell.outputs = [self.convert_output(output) for output in cell.outputs if not is_widget(output)]
        return cell

    def public_names(self):
        "The documentation of what this page adds to `spotr_nb`, taken out of its place: it comes first."
        from spotr_nb import __all__ as public

        taken, links = [], {}
        cells = self.notebook.cells
        for cell in cells:
            if is_reference(cell) and not is_protocol(cell) and documented_name(cell) in public:
                name = documented_name(cell)
                use = first_use(cells, name)
                if use is not None:
                    links[use] = [*links.get(use, ()), name]
                taken.append((cell, f'<a href="#example-{name.lower()}">Example</a>' if use is not None else ""))
        for use in sorted(links, reverse=True):
            anchors = "".join(f'<span id="example-{name.lower()}"></span>' for name in links[use])
            cells.insert(use, nbformat.v4.new_markdown_cell(anchors))
        return taken

    def cells(self):
        "The cells for Sphinx."
        first = self.public_names()
        moved_up = [id(cell) for cell, _ in first]
        documented, n_texts = False, 0
        for cell in self.notebook.cells:
            cell.pop("has_sd", None)  # nbdev's note to itself, which is no part of the format
            if cell.cell_type == "raw":
                cell = title_cell(yaml.safe_load(cell.source.strip().strip("-")))
            elif is_protocol(cell):
                documented = True
                continue
            elif id(cell) in moved_up:
                documented = True
                continue
            elif is_reference(cell):
                cell, documented = reference_cell(cell), True
            elif cell.cell_type == "code":
                cell, documented = self.code(cell, documented), False
            else:
                documented = False
            if cell.cell_type == "markdown":
                if cell.source.startswith("<!-- WARNING"):
                    continue
                cell.source = relative_links(data_folder.sub("data", cell.source), self.path)
            if first and n_texts and (n_texts == 2 or cell.cell_type == "code" or cell.source.startswith("## ")):
                yield from self.reference(first)
                first = []
            n_texts += cell.cell_type == "markdown"
            yield cell

    def reference(self, found):
        "Public names with signature, parameters, and the way to an example."
        yield nbformat.v4.new_markdown_cell("## Public names\n\n`from spotr_nb import …`")
        for cell, example in sorted(found, key=lambda one: documented_name(one[0])[0].isupper()):  # functions first
            cell = reference_cell(cell)
            cell.source = relative_links(f"{cell.source}\n\n{example}", self.path)
            yield cell

    def write(self, folder):
        "Write the page below `folder`."
        destination = folder / self.path
        destination.parent.mkdir(parents=True, exist_ok=True)
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(nbformat.v4.new_notebook(cells=list(self.cells()), metadata=kernel), destination)


# ---- the site


def toctree(caption, pages):
    "One group of the table of contents."
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"])


def headline(path):
    "Title and subtitle of a notebook."
    cells = nbformat.read(path, 4).cells
    lines = cells[0].source.splitlines() if cells and cells[0].cell_type == "markdown" else []
    title, subtitle = (
        next((line.removeprefix(mark).strip() for line in lines if line.startswith(mark)), "") for mark in ("# ", "> ")
    )
    if not title or not subtitle:
        raise ValueError(
            f"{path.relative_to(root)}: its first cell must be a title and a subtitle, `# Title` and `> what it is about`"
        )
    return title, subtitle


def listing(source):
    "{folder: [(page without its ending, title, subtitle)]} of everything in nbs/, in the order of its folders and of the files' numbers."

    def pages(folder):
        for path in sorted((source / folder).glob("*.ipynb")):
            if path != source / "index.ipynb":
                yield (page_path(path.relative_to(source)).with_suffix("").as_posix(), *headline(path))

    found = {folder: list(pages(folder)) for folder in sections}
    return {folder: listed for folder, listed in found.items() if listed}


def entries(pages, up=""):
    "A list of pages with their subtitles."
    return [f"- [{title}]({up}{page}.ipynb): {subtitle}" for page, title, subtitle in pages]


def gallery_text():
    "Pictures that lead to pages."
    cards = []
    for title, page, picture in gallery:
        cards += [f":::{{grid-item-card}} {title}", f":link: {page}", ":link-type: doc"]
        there = (root / "nbs" / "images" / "gallery" / f"{picture}.png").is_file()
        cards += [f":img-top: images/gallery/{picture}.png"] * there + [":::", ""]
    return "\n".join(["## Gallery", "", "::::{grid} 2 3 3 4", ":gutter: 2", ":class-container: gallery", "", *cards, "::::"])


def reference_page(folder):
    "Name of the page of a group of the reference."
    return f"reference/{folder or 'model'}"


def contents_cell(listed):
    "The gallery, and the table of contents at the side."
    trees = [toctree(sections[folder][0], [page for page, *_ in listed[folder]]) for folder in open_sections]
    groups = [reference_page(folder) for folder in listed if folder not in open_sections]
    trees.insert(3, toctree("Reference", ["names", *groups]))
    trees.append(toctree("Models and data", ["models/index", "cards/index"]))
    trees.append(toctree("Project", ["changelog", "license"]))
    return nbformat.v4.new_markdown_cell(gallery_text() + "\n\n" + "\n\n".join(trees))


def write_groups(pages, listed):
    "A page for each group of the reference: what it is for, and its pages."
    for folder in listed:
        if folder not in open_sections:
            name, purpose = sections[folder]
            tree = toctree(name, [f"/{page}" for page, *_ in listed[folder]]).replace(f":caption: {name}\n", "")
            text = [f"# {name}", f"*{purpose[0].upper()}{purpose[1:]}*", *entries(listed[folder], "../"), "", tree]
            write_page(pages / f"{reference_page(folder)}.md", "\n".join([*text[:1], "", text[1], "", *text[2:]]))


def write_page(path, text):
    "Write one page."
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def first_sentence(symbol):
    "What a name is, in a few words."
    import inspect

    if not (inspect.isclass(symbol) or callable(symbol)):
        return ""
    text = " ".join((inspect.getdoc(symbol) or "").split())
    return "" if text.startswith("dict(") else re.split(r"(?<=[.:;])\s", text)[0].rstrip(".:;")


def is_property(module, name):
    "Whether `Class.name` of a module is a property: it has no entry of its own on a page."
    import importlib
    import inspect

    owner, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module), owner, None) if owner else None
    return inspect.isclass(found) and isinstance(inspect.getattr_static(found, attribute, None), property)


def write_names(pages):
    "The index: what `spotr_nb` offers, then everything that has a page, from A to Z."
    import spotr_nb
    from spotr_nb._modidx import d as index

    places = {}
    for module, symbols in index["syms"].items():
        for full, (place, _) in symbols.items():
            name = full.removeprefix(f"{module}.")
            if not any(part.startswith("_") for part in name.split(".")):
                places[name, module] = place
    for name, module in places:
        if is_property(module, name):  # described with its class
            places[name, module] = places[name.rpartition(".")[0], module]
    lines = ["# Index of names", "", "*What to import, and everything else from A to Z*", "", "## From `spotr_nb`", ""]
    lines += ["| name | |", "|---|---|"]
    for name in sorted(spotr_nb.__all__, key=str.lower):
        place = places.get((name, f"spotr_nb.{spotr_nb._home[name]}"))
        about = first_sentence(getattr(spotr_nb, name)).replace("|", "\\|").replace("<", "&lt;")
        shown = f'<a href="{place}"><code>{name}</code></a>' if place else f"`{name}`"
        lines.append(f"| {shown} | {about} |")
    letter = ""
    for (name, module), place in sorted(places.items(), key=lambda one: (one[0][0].lower(), one[0][1])):
        if name[0].upper() != letter:
            letter = name[0].upper()
            lines += ["", f"## {letter}", ""]
        lines.append(f'- <a href="{place}"><code>{name}</code></a> in `{module}`')
    write_page(pages / "names.md", "\n".join(lines))


def write_cards(pages):
    "Pages of the models that ship, and of the datasets of the catalogue."
    from spotr_nb import bundled_models, datasets

    models = sorted(bundled_models())
    for name in models:
        card = (root / "nbs" / "models" / name / "README.md").read_text(encoding="utf-8")
        write_page(pages / "models" / f"{name}.md", data_folder.sub("data", card))
    text = ["# Model cards", "", "*The models that ship: what they were trained on, and what they are worth*", ""]
    text += [f"- [{name}]({name}.md): `SPOTR.from_pretrained('{name}')`" for name in models]
    write_page(pages / "models" / "index.md", "\n".join([*text, "", tree_of(models)]))
    catalogue = sorted(datasets(), key=lambda entry: entry.name.lower())
    for entry in catalogue:
        write_page(pages / "cards" / f"{entry.name}.md", dataset_card(entry))
    text = ["# Dataset cards", "", f"*{len(catalogue)} public datasets of the catalogue*", ""]
    text += ["The [catalogue](../datasets/catalogue.ipynb) reads a copy on your disk; nothing is downloaded unasked.", ""]
    text += ["| dataset | signal | subjects | licence | access |", "|---|---|---|---|---|"]
    for entry in catalogue:
        signals = ", ".join(name if name == "iEEG" else name.upper() for name in entry.modalities).replace("IEEG", "iEEG")
        facts = (f"[{entry.name}]({entry.name}.md): {entry.title}", signals, entry.n_subjects or "–")
        text.append("| " + " | ".join(str(fact).replace("|", "\\|") for fact in (*facts, entry.licence, entry.access)) + " |")
    write_page(pages / "cards" / "index.md", "\n".join([*text, "", tree_of([entry.name for entry in catalogue])]))


def tree_of(pages):
    "A table of contents of pages in the same folder."
    return "\n".join(["```{toctree}", ":hidden:", "", *pages, "```"])


def dataset_card(entry):
    "One dataset: what the catalogue says of it."
    lines = [f"# {entry.name}", "", f"*{entry.title}*", "", "| | |", "|---|---|"]
    for line in repr(entry).splitlines()[1:]:
        head, text = line[:13].strip(), line[13:].strip()
        if head:
            lines.append(f"| **{head}** | {linked(text)} |")
        elif text:
            lines[-1] = lines[-1].removesuffix(" |") + f" {linked(text)} |"
    code = ["```python", "from spotr_nb import dataset", "", f"entry = dataset({entry.name!r})"]
    code += ["recordings = entry.recordings('folder/of/your/copy')", "```"]
    return "\n".join([*lines, "", *code, "", "[All datasets](index.md) · [how to add one](../how_to/add_a_dataset.ipynb)"])


def linked(text):
    "Text of the catalogue as Markdown."
    text = text.replace("|", "\\|").replace("*", "\\*").replace("_", "\\_").replace("<", "&lt;")
    return re.sub(r"https?://\S+[\w/]", lambda link: f"<{link[0].replace(chr(92), '')}>", text)


def write_project(pages):
    "Changes and licence."
    write_page(pages / "changelog.md", (root / "CHANGELOG.md").read_text(encoding="utf-8"))
    licence = (root / "LICENSE").read_text(encoding="utf-8")
    about = "The code is under Apache-2.0. [How to cite, and whose recordings ship](how_to/cite.ipynb)"
    write_page(pages / "license.md", f"# Licence\n\n{about}\n\n```text\n{licence}```")


def llms_text(listed):
    "The site in one text, a line a page, for programs that read (llmstxt.org)."
    title, subtitle = headline(root / "nbs" / "index.ipynb")
    groups = []
    for folder, pages in listed.items():
        lines = [f"- [{name}]({page}.html): {about}" for page, name, about in pages]
        groups.append("\n".join([f"## {sections[folder][0]}", "", *lines]))
    return "\n\n".join([f"# {title}", f"> {subtitle}", *groups]) + "\n"


def write_sources(project, pages, listed):
    "Everything that is written in nbs/, as Sphinx reads it; `project` is an empty folder where nbdev may work."
    from nbdev.serve import proc_nbs

    settings = (root / "pyproject.toml").read_text(encoding="utf-8")
    (project / "pyproject.toml").write_text(
        settings.replace("[tool.nbdev]\n", '[tool.nbdev]\nrenderer = "reference.Reference"\n'), encoding="utf-8"
    )
    os.environ["PYTHONPATH"] = os.pathsep.join([str(root / "tools"), str(root)])  # for nbdev's processes
    copy_notebooks(root / "nbs", project / "nbs")
    os.chdir(project / "nbs")
    processed = Path(proc_nbs(str(project / "nbs"), n_workers=2, force=True))
    os.chdir(root)
    for path in processed.rglob("*"):
        within = path.relative_to(processed)
        if path.suffix == ".ipynb":
            Page(path, within).write(pages)
        elif path.is_file():
            (pages / within).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, pages / within)
    index = nbformat.read(pages / "index.ipynb", 4)
    index.cells.append(contents_cell(listed))
    nbformat.write(index, pages / "index.ipynb")


def write_theme(pages):
    "Sphinx's configuration, our style sheet, and plotly's script beside the pages."
    import plotly

    shutil.copytree(root / "docs", pages, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(Path(plotly.__file__).parent / "package_data" / "plotly.min.js", pages / "_static")


def build(site):
    "Build the site; True when Sphinx had nothing to complain about."
    listed = listing(root / "nbs")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder).resolve()
        (work / "project").mkdir()
        write_sources(work / "project", work / "pages", listed)
        write_groups(work / "pages", listed)
        write_names(work / "pages")
        write_cards(work / "pages")
        write_project(work / "pages")
        write_theme(work / "pages")
        command = [
            sys.executable,
            "-m",
            "sphinx",
            "-q",
            "-W",
            "--keep-going",
            "-b",
            "html",
            "-d",
            "doctrees",
            "pages",
            "html",
        ]
        done = subprocess.run(command, cwd=work)
        shutil.rmtree(site, ignore_errors=True)
        if (work / "html").exists():
            shutil.move(work / "html", site)
            (site / "llms.txt").write_text(llms_text(listed), encoding="utf-8")
            write_search(site)
    return done.returncode == 0


def write_search(site):
    "What the search page looks through: each page's headings and prose, without code."
    import json

    found = []
    for path in sorted(site.rglob("*.html")):
        page = path.relative_to(site).as_posix()
        if page not in ("search.html", "genindex.html"):
            weight = guides.get(page.split("/")[0], 1)
            found += [[page, weight, parts] for parts in [page_text(path)] if parts]
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    (site / "_static" / "search_text.js").write_text(f"window.SEARCH_TEXT={text};\n", encoding="utf-8")


def page_text(path):
    "[[anchor, heading, prose]] of a page's sections; code and its output are left out."
    from bs4 import BeautifulSoup

    article = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").find("article")
    if article is None:
        return []
    for unwanted in article.select("script, style, pre, .cell_output, .headerlink, summary"):
        unwanted.decompose()
    headings = "h1", "h2", "h3", "h4"
    parts = []
    for section in article.find_all("section"):
        heading = section.find(headings, recursive=False)
        own = [part for part in section.find_all(True, recursive=False) if part.name not in ("section", *headings)]
        words = " ".join(part.get_text(" ") for part in own)
        parts.append([section.get("id", ""), _one_line(heading.get_text()) if heading else "", _one_line(words)])
    return parts


def _one_line(text):
    return " ".join(text.split())


def unmade_tables(site):
    "Pages on which a table is still the text it was written as: `| a | b |`, a line of dashes."
    rule = re.compile(r"<p>\|[^<]*\n\|(?:[-—–:]+\|)+")
    return [
        str(page.relative_to(site))
        for page in sorted(site.rglob("*.html"))
        if rule.search(page.read_text(encoding="utf-8"))
    ]


def complaints(site):
    "What is wrong with a built site: what it would fetch, tables that are none, links that lead nowhere, misspellings."
    from nbdev.config import get_config

    yield from (f"{page} would fetch {address}" for page, address in external_requests(site))
    yield from (f"{page}: a table is shown as text" for page in unmade_tables(site))
    yield from (
        f"{path.relative_to(site)} shows where the authors keep their data: shared/data"
        for path in sorted(site.rglob("*.html"))
        if "shared/data" in path.read_text(encoding="utf-8")
    )
    yield from (f"{page}: link {link}: {cause}" for page, link, cause in broken_links(site, get_config().git_url))
    yield from (
        f"spelling: {line} (tools/spelling.txt contains the accepted words)" for line in misspellings(documents())
    )


def prove_checks():
    "A check that cannot fail is none: links and words that are wrong on purpose must be found, right ones not."
    with tempfile.TemporaryDirectory() as folder:
        site, texts = Path(folder) / "site", Path(folder) / "texts"
        (site / "a").mkdir(parents=True)
        (site / "a" / "index.html").write_text('<p id="here"></p><a href="../index.html#top">', encoding="utf-8")
        right = '<h1 id="top"></h1><a href="a/"><a href="a/index.html#here"><a href="#top"><a href="https://example.org"><a href="git/blob/main/LICENSE">'
        wrong = '<a href="no.html"><a href="a/index.html#gone"><a href="#gone"><a href="git/blob/main/no"><img src="no.png">'
        (site / "index.html").write_text(right + wrong, encoding="utf-8")
        found = [link for _, link, _ in broken_links(site, "git")]
        assert found == ["no.html", "a/index.html#gone", "#gone", "git/blob/main/no", "no.png"], (
            f"the link check found {found}"
        )
        (site / "a" / "table.html").write_text("<p>| | x |\n|—|—|\n| y | 1 |</p>", encoding="utf-8")
        assert unmade_tables(site) == ["a/table.html"], f"the check of tables found {unmade_tables(site)}"
        (texts / "nbs").mkdir(parents=True)
        sentence, output = (
            "infarction is a word, re" + "cieve is none",
            nbformat.v4.new_output("stream", text="se" + "perate"),
        )
        nbformat.write(
            nbformat.v4.new_notebook(
                cells=[nbformat.v4.new_markdown_cell(sentence), nbformat.v4.new_code_cell("x = 1", outputs=[output])]
            ),
            texts / "nbs" / "a.ipynb",
        )
        found = misspellings(documents(texts), texts)
        assert len(found) == 1 and "receive" in found[0], f"the spelling check found {found}"


if __name__ == "__main__":
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--site", type=Path, default=root / "_site")
    site = args.parse_args().site.resolve()
    prove_checks()
    clean = build(site)
    found = list(complaints(site))
    print("\n".join(found), end="\n" * bool(found))
    if not clean or found:
        sys.exit("The documentation is not as it should be: see above.")
    print(f"The documentation: {os.path.relpath(site / 'index.html')}")
