"How the documentation shows an exported name: heading, signature, table of parameters, a class's methods, link to the source."

import ast
import inspect
import operator
import re
import textwrap
from importlib import import_module

from fastcore.basics import AttrDict
from fastcore.docments import docments
from nbdev.doclinks import NbdevLookup
from nbdev.showdoc import BasicMarkdownRenderer


def exported(symbol):
    "The same name in the package: a class that was only run in a notebook has lost the comments beside its fields."
    from spotr_nb._modidx import d as index

    name = symbol.__qualname__
    for module in index["syms"]:
        if symbol.__module__ == "__main__" and f"{module}.{name}" in index["syms"][module]:
            return operator.attrgetter(name)(import_module(module))
    return symbol


def type_name(annotation):
    "An annotation as a reader would write it."
    if annotation in (None, inspect.Parameter.empty):
        return ""
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__name__
    text = annotation if isinstance(annotation, str) else str(annotation)
    return text.rsplit(".", 1)[-1] if text.startswith("spotr_nb.") and "[" not in text else text.replace("typing.", "")


def default_text(value):
    "A default value, nothing where there is none."
    return "" if value is inspect.Parameter.empty else f"`{' '.join(repr(value).split())}`"


def cell_text(text):
    "Text that cannot end a table's cell or row."
    return " ".join(str(text or "").split()).replace("|", "\\|")


def fields(symbol):
    "What the comments beside the fields of a NamedTuple say, which fastcore does not read."
    try:
        source = inspect.getsource(symbol)
    except (OSError, TypeError):
        return {}
    found = re.findall(r"^ {4}(\w+) *: *([^=#\n]+?) *(?:= *([^#\n]+?) *)?# *(.+)$", source, re.MULTILINE)
    return {
        name: AttrDict(
            anno=kind, default=ast.literal_eval(default) if default else inspect.Parameter.empty, docment=meaning
        )
        for name, kind, default, meaning in found
        if name in getattr(symbol, "_fields", ())
    }


def parameters(symbol):
    "Name, type, default and meaning of each parameter, as the comments beside it say; the last is what is returned."
    try:
        documented = docments(symbol, full=True)
    except Exception:
        return {}
    if inspect.isclass(symbol) and not any(part.docment for part in documented.values()):
        documented = fields(symbol) or documented
    return {name: part for name, part in documented.items() if name not in ("self", "cls")}


def table(parts):
    "Parameters as a table; nothing where none has a meaning written down."
    if not any(part.docment for part in parts.values()):
        return ""
    rows = []
    for name, part in parts.items():
        if name == "return" and not part.docment:
            continue
        kind = type_name(part.anno)
        label = "**returns**" if name == "return" else f"`{name}`"
        rows.append(
            f"| {label} | {f'`{cell_text(kind)}`' if kind else ''} | {'' if name == 'return' else cell_text(default_text(part.default))} | {cell_text(part.docment)} |"
        )
    return "\n".join(["| | type | default | |", "|---|---|---|---|", *rows])


def signature(symbol, name):
    "The call without types: on one line where it fits."
    try:
        found = inspect.signature(symbol)
    except (TypeError, ValueError):
        return ""
    kept = [p.replace(annotation=p.empty) for p in found.parameters.values() if p.name not in ("self", "cls")]
    if kept and all(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in kept):
        return ""
    result, parts = type_name(found.return_annotation), [str(p) for p in kept]
    first_keyword = next((i for i, p in enumerate(kept) if p.kind == p.KEYWORD_ONLY), None)
    if first_keyword is not None and not any(p.kind == p.VAR_POSITIONAL for p in kept):
        parts.insert(first_keyword, "*")
    returns = f" -> {result}" if result and not inspect.isclass(symbol) and result != "None" else ""
    line = f"{name}({', '.join(parts)}){returns}"
    return (
        line
        if len(line) <= 96
        else f"{name}(\n{textwrap.fill(', '.join(parts), 92, initial_indent='    ', subsequent_indent='    ')}\n){returns}"
    )


def public_methods(symbol):
    "The methods and properties that a class itself defines, with a word on each."
    if not inspect.isclass(symbol):
        return {}
    own = {name: value for name, value in vars(symbol).items() if not name.startswith("_")}
    members = {
        name: value.fget if isinstance(value, property) else inspect.unwrap(getattr(symbol, name))
        for name, value in own.items()
        if isinstance(value, property) or inspect.isroutine(getattr(symbol, name))
    }
    return {name: (value, isinstance(own[name], property)) for name, value in members.items() if inspect.getdoc(value)}


def methods(symbol):
    "The public methods of a class as a table."
    members = public_methods(symbol)
    rows = [
        f"| `.{cell_text(name if is_property else signature(value, name))}` | {cell_text(inspect.getdoc(value))} |"
        for name, (value, is_property) in members.items()
    ]
    return "\n".join(["| method | |", "|---|---|", *rows]) if rows else ""


class Reference(BasicMarkdownRenderer):
    "nbdev's `show_doc`, for a site that Sphinx builds."

    def _repr_markdown_(self):
        symbol = exported(self.sym) if hasattr(self.sym, "__qualname__") else self.sym
        call = signature(symbol, self.nm)
        kind = "class " if inspect.isclass(symbol) else ""
        source = NbdevLookup().code(self.fn)
        own = (
            [
                name
                for name, value in vars(symbol).items()
                if not name.startswith("_") and callable(getattr(symbol, name, None))
            ]
            if inspect.isclass(symbol)
            else []
        )
        anchors = [self.nm, *(f"{self.nm}.{name}" for name in own)]  # where links to `Corpus` and `Corpus.build` lead
        parts = [
            "".join(f'<span id="{anchor.lower()}"></span>' for anchor in anchors),
            f"### `{self.nm}`",
            f'<a class="source-link" href="{source}">source</a>' if source else "",
            f"```python\n{kind}{call}\n```" if call else "",
            self.docs,
            table(parameters(symbol)),
            methods(symbol),
        ]
        return "\n\n".join(part for part in parts if part)
