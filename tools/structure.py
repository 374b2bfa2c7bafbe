"""Check how the package is built: imports run one way, lines can be read, links between notebooks lead somewhere.

Imports inside functions count as much as those at the top of a module. What is found by name at run time (a system,
an engine, the loaders of the catalogue) is a registry, not an import.
"""

import ast
import re
import sys
from pathlib import Path
from urllib.parse import unquote

import nbformat

root = Path(__file__).resolve().parents[1]
package = "spotr_nb"
# characters of a line of exported code, and the share that may be over `usual`
longest, usual, allowed_share = 140, 120, 0.03
# lines of an exported cell, and the share that may have more
cell_lines, allowed_cells = 25, 0.06
inline_link = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
code_block = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


# ---- imports


def modules(folder):
    "{dotted name: path} of every module of the package below `folder`."
    found = {}
    for path in sorted((folder / package).rglob("*.py")):
        if path.name == "_modidx.py" or "__pycache__" in path.parts:
            continue
        name = ".".join(path.relative_to(folder).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imported(name, path, known):
    "The modules of the package that a module imports, anywhere in its code."
    parent = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = parent.split(".")[: len(parent.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            targets = [inner if (inner := f"{base}.{alias.name}") in known else base for alias in node.names]
        else:
            continue
        yield from (target for target in targets if target in known and target not in (name, package))


def import_graph(folder):
    "{module: the modules it imports}."
    known = modules(folder)
    return {name: sorted(set(imported(name, path, known))) for name, path in known.items()}


def by_package(graph):
    "The same between packages; a module beside the packages stands for itself."

    def top(name):
        return name.split(".")[1] if "." in name else name

    found = {}
    for name, targets in graph.items():
        found.setdefault(top(name), set()).update(top(target) for target in targets if top(target) != top(name))
    return {name: sorted(targets) for name, targets in found.items()}


def circle(graph):
    "One circle of imports as a list that ends where it began; an empty list if there is none."
    state, trail = {}, []

    def visit(name):
        state[name] = "open"
        trail.append(name)
        for target in graph.get(name, ()):
            if state.get(target) == "open":
                return [*trail[trail.index(target) :], target]
            if target not in state and (found := visit(target)):
                return found
        state[name] = "done"
        trail.pop()
        return []

    return next((found for name in graph if name not in state and (found := visit(name))), [])


def reading_order(graph):
    "The packages from the lowest to the highest: each only imports what stands before it."
    order = []

    def visit(name):
        for target in graph.get(name, ()):
            visit(target)
        if name not in order:
            order.append(name)

    for name in sorted(graph):
        visit(name)
    return order


# ---- lines


def long_lines(folder):
    "Exported lines over the limit as `file:line: n characters`, and the share of lines over the usual length."
    too_long, over, total = [], 0, 0
    for path in modules(folder).values():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            total += 1
            over += len(line) > usual
            if len(line) > longest:
                too_long.append(f"{path.relative_to(folder)}:{number}: {len(line)} characters")
    return too_long, over / max(total, 1)


# ---- links between notebooks, as JupyterLab and a code-hosting site follow them


def markdown_texts(path):
    "What a file says in Markdown."
    if path.suffix == ".md":
        return [path.read_text(encoding="utf-8")]
    return [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown"]


def anchors(path):
    "The headings of a page, as anchors: GitHub's and Sphinx's in lower case, JupyterLab's with capitals."
    headings = [
        line.lstrip("#").strip() for text in markdown_texts(path) for line in text.splitlines() if line.startswith("#")
    ]
    plain = [re.sub(r"[^\w\- ]", "", heading.replace("`", "")).strip().replace(" ", "-") for heading in headings]
    return {*plain, *(heading.lower() for heading in plain)}


def dead_links(folder):
    "`page: link: what is wrong` of every relative link in notebooks and texts that leads nowhere."
    pages = [*folder.glob("*.md"), *(folder / "nbs").rglob("*.ipynb"), *(folder / "nbs").rglob("*.md")]
    for page in sorted(path for path in pages if ".ipynb_checkpoints" not in path.parts):
        for text in markdown_texts(page):
            for link in inline_link.findall(code_block.sub("", text)):
                if re.match(r"\w+:|#", link):
                    continue
                target, _, fragment = link.partition("#")
                there = page.parent / unquote(target)
                if not there.exists():
                    yield f"{page.relative_to(folder)}: {link}: no such file"
                elif fragment and there.suffix in (".ipynb", ".md") and unquote(fragment) not in anchors(there):
                    yield f"{page.relative_to(folder)}: {link}: no heading {fragment!r} there"


# ---- import cells: nbdev runs a cell that imports when it builds the pages, without the cells before it


def mixed_cells(folder):
    "`notebook: cell n` of every test or example that imports and does something else too."
    for page in sorted((folder / "nbs").rglob("*.ipynb")):
        if ".ipynb_checkpoints" in page.parts or page.parent.name == "runs":
            continue
        for number, cell in enumerate(nbformat.read(page, 4).cells):
            if cell.cell_type != "code" or re.match(r"#\| ?export|%%", cell.source):
                continue
            code = "\n".join(line for line in cell.source.splitlines() if not line.lstrip().startswith(("%", "!")))
            kinds = {isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.parse(code).body}
            if kinds == {True, False}:
                yield f"{page.relative_to(folder)}: cell {number}"


def large_cells(folder):
    "`notebook: lines` of every exported cell with more than `cell_lines`, and their share of all."
    large, n = [], 0
    for page in sorted((folder / "nbs").rglob("*.ipynb")):
        if ".ipynb_checkpoints" in page.parts:
            continue
        for cell in nbformat.read(page, 4).cells:
            if cell.cell_type != "code" or not re.search(r"^#\| ?export\b", cell.source, re.MULTILINE):
                continue
            n += 1
            lines = [line for line in cell.source.splitlines() if line.strip() and not line.startswith("#|")]
            if len(lines) > cell_lines:
                large.append(f"{page.relative_to(folder)}: {len(lines)} lines, {lines[0][:60]}")
    return large, len(large) / max(1, n)


# ---- the checks


def check_imports(folder=root):
    graph = import_graph(folder)
    found = circle(graph) or circle(by_package(graph))
    assert not found, f"imports run in a circle: {' → '.join(found)}"


def check_lines(folder=root):
    too_long, share = long_lines(folder)
    assert not too_long, "\n".join([f"lines over {longest} characters:", *too_long])
    assert share <= allowed_share, (
        f"{share:.1%} of the exported lines are over {usual} characters, {allowed_share:.0%} may be"
    )


def check_links(folder=root):
    found = list(dead_links(folder))
    assert not found, "\n".join(found)


def check_cells(folder=root):
    found = list(mixed_cells(folder))
    assert not found, "\n".join(["imports in cells of their own, please:", *found])
    large, share = large_cells(folder)
    assert share <= allowed_cells, "\n".join(
        [f"{share:.1%} of the exported cells have over {cell_lines} lines, {allowed_cells:.0%} may:", *large]
    )


def prove(folder):
    "What is wrong on purpose must be found: two circles, a long line, links that lead nowhere, a mixed cell, a large one; `folder` is empty."
    (folder / package / "a").mkdir(parents=True)
    (folder / package / "b").mkdir()
    files = {
        "a/one.py": "from .two import x",
        "a/two.py": "x = 1",
        "b/three.py": f"def f():\n    from {package}.a.one import x",
    }
    for name, code in files.items():
        (folder / package / name).write_text(code, encoding="utf-8")
    check_imports(folder)
    check_lines(folder)
    assert reading_order(by_package(import_graph(folder))) == ["a", "b"]
    wrong = {
        "a/two.py": "def f():\n    from . import one",
        "b/three.py": f"import {package}.a.one\nx = '{'-' * longest}'",
    }
    for check, name in ((check_imports, "a/two.py"), (check_lines, "b/three.py")):
        (folder / package / name).write_text(wrong[name], encoding="utf-8")
        expect_failure(check, folder)
    (folder / package / "a" / "two.py").write_text(f"from {package}.b import three", encoding="utf-8")
    expect_failure(check_imports, folder)
    right, dead = "[a](nbs/a.ipynb#A-heading) `[b](no.md)` ![c](no.png)", "[d](no.md) [e](nbs/a.ipynb#no)"
    (folder / "nbs").mkdir()
    page = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("## A heading")])
    nbformat.write(page, folder / "nbs" / "a.ipynb")
    (folder / "README.md").write_text(right, encoding="utf-8")
    check_links(folder)
    (folder / "README.md").write_text(right + dead, encoding="utf-8")
    found = list(dead_links(folder))
    assert len(found) == 2, f"the check of links found {found}"
    page.cells += [nbformat.v4.new_code_cell(code) for code in ("import ast", "x = 1", "#| export\nimport ast\nx = 1")]
    nbformat.write(page, folder / "nbs" / "a.ipynb")
    check_cells(folder)
    page.cells[-1].source = "import ast\nx = 1"
    nbformat.write(page, folder / "nbs" / "a.ipynb")
    expect_failure(check_cells, folder)
    page.cells[-1].source = "#| export\n" + "x = 1\n" * (cell_lines + 1)
    nbformat.write(page, folder / "nbs" / "a.ipynb")
    expect_failure(check_cells, folder)


def expect_failure(check, folder):
    "The check must fail."
    try:
        check(folder)
    except AssertionError:
        return
    raise AssertionError(f"{check.__name__} cannot fail")


if __name__ == "__main__":
    for check in (check_imports, check_lines, check_links, check_cells):
        try:
            check()
        except AssertionError as error:
            sys.exit(str(error))
    print("From the lowest to the highest:", ", ".join(reading_order(by_package(import_graph(root)))))
