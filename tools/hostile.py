"""Names that try to run as code, through every view, report, table, plot and message; what is made is left in a folder.

`python tools/hostile.py FOLDER` writes pages that `tools/browser_test.py` opens in Chromium, and checks the rest here.
"""

import contextlib
import csv
import io
import re
import sys
import warnings
from pathlib import Path

root = Path(__file__).resolve().parents[1]
names = [
    "<img src=x onerror=window.hacked=1>",
    "</script><script>window.hacked=2</script>",
    "'\"><svg onload=window.hacked=3>",
    "<a href='javascript:window.hacked=4'>go</a>",
    "[go](javascript:window.hacked=5)",
    "=cmd()|'/c calc'!A0",
    "\x1b[2J\x1b[31mred\x07",
    "two\nlines\r\n",
    "$\\frac{1}{0",
    "`id`|$(id)",
]
shown = ["onerror=window.hacked=1", "window.hacked=2", "onload=window.hacked=3", "=cmd()"]  # visible on every page


def hostile_signal(name):
    "A recording with these names wherever a file can put one."
    import numpy as np

    from spotr_nb import Signal

    x = np.random.default_rng(0).standard_normal((len(names), 8000)).cumsum(1)
    events = [(k, 0.5, text) for k, text in enumerate(names)]
    return Signal(x, 200, names, "eeg", subject=name, recording=name, events=events, unit="uV", line_freq=50)


def representations(signal, corpus):
    "HTML of everything that notebooks show."
    import numpy as np

    from spotr_nb import prepare
    from spotr_nb.datasets.catalogue import Dataset, LabelledSet
    from spotr_nb.signals.samples import Labelled

    windows = prepare(signal, 2)
    labels, split = np.arange(len(windows)) % 2, np.array(["train", "test"] * len(windows))[: len(windows)]
    tasks = [
        kind(names[0], windows, labels, names[1:3], split, np.arange(len(windows)), names[3])
        for kind in (Labelled, LabelledSet)
    ]
    entry = Dataset(names[0], names[1], ("eeg",), names[2], names[3], names[0], "open", names[4], names[5], names[6])
    return [thing._repr_html_() for thing in (signal, windows, corpus.info(), *tasks, entry)]


def explorer_page(signal, model):
    "Every text that the explorer's widgets show, as they show it."
    import ipywidgets

    from spotr_nb.explorer.app import explore

    app = explore({signal.recording: signal}, str(model), 3.0)
    app.wait()
    app.channels.value = app.channels.value[:1]
    app.path.value = names[0]  # no such file, says the status line
    app.wait()
    shown_as_html = [
        widget.value for widget in _widgets(app.widget) if isinstance(widget, (ipywidgets.HTML, ipywidgets.HTMLMath))
    ]
    return "<hr>".join(shown_as_html)


def _widgets(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _widgets(child)


def write_pages(folder, model):
    "Pages for a browser; {file: texts that must be visible on it}."
    import mistune
    import numpy as np
    import pandas as pd

    from spotr_nb import Corpus
    from spotr_nb.benchmark.tables import markdown_table
    from spotr_nb.explorer.report import recording_report
    from spotr_nb.explorer.session import Session
    from spotr_nb.explorer.static_figures import write_figure
    from spotr_nb.figures import plot_reconstruction, plot_signal
    from spotr_nb.text import markdown

    signal = hostile_signal(names[0])
    Corpus.build({names[0]: [signal, hostile_signal(names[1])]}, folder / "corpus", progress=False)
    page = "<!doctype html><meta charset=utf-8><title>page</title><body>{}</body>"
    pages = {"representations.html": "<hr>".join(representations(signal, Corpus(folder / "corpus")))}
    pages["explorer.html"] = explorer_page(signal, model)
    table = pd.DataFrame([names] * 2, index=names[:2], columns=names)
    pages["markdown.html"] = mistune.html(markdown_table(pd.DataFrame([["0.5"] * len(names)] * 2, table.index, names)))
    pages["text.html"] = mistune.html("\n\n".join(map(markdown, names)))
    for name, content in pages.items():
        (folder / name).write_text(page.format(content), encoding="utf-8")
    session = Session(str(model), {signal.recording: signal}, 3.0)
    session.open(signal.recording)
    recording_report(session, folder / "report.html")
    write_figure(plot_signal(signal), folder / "signal.html")
    x = signal.x[:, :600]
    write_figure(plot_reconstruction(x, x * 0.9, sfreq=200, ch_names=signal.ch_names, unit="uV"), folder / "reconstruction.html")
    for kind in "svg", "png":
        write_figure(plot_signal(signal), folder / f"signal.{kind}")
    assert np.isfinite(x).all()
    return pages


def check_terminal(folder):
    "No command, message or warning sends a control character to a terminal, and no cell of a table is a formula."
    from spotr_nb import write_npz
    from spotr_nb.cli import main

    write_npz(hostile_signal(names[6]), folder / "strange.npz")
    commands = [
        ["info", str(folder / "strange.npz")],
        ["info", str(folder / "no\x1b[2J.csv")],
        ["info", str(folder / "strange.npz"), "--channels", "x\x1b[2J\nspotr: all is well"],
        ["embed", str(folder / "strange.npz"), "-o", str(folder / "tokens.csv")],
        ["corpus", "info", str(folder / "corpus")],
        ["corpus", "build", str(folder / "strange.npz"), "-o", str(folder / "one")],
    ]
    for command in commands:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(command)
        found = re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", re.sub(r"\r(?=recordings|shards|$)", "", out.getvalue()))
        assert not found, (command, out.getvalue()[-300:])
        assert "\x1b[2J" not in err.getvalue() and "\x1b[31m" not in err.getvalue(), (command, err.getvalue()[-300:])
        assert not err.getvalue().startswith("Traceback"), err.getvalue()
    for path in folder.rglob("*.csv"):
        with open(path, newline="", encoding="utf-8") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        formulas = [cell for cell in cells if cell[:1] in ("=", "@", "\t", "\r") or re.match(r"[+-][^\d.]", cell)]
        assert not formulas, (path, formulas[:3])


def check_latex():
    "No command of LaTeX comes from a name."
    import pandas as pd

    from spotr_nb.benchmark.tables import latex_table

    text = latex_table(pd.DataFrame([["0.5"]], index=[r"\input{/etc/passwd}"], columns=[r"a\\b & c $x^2$ ~"]))
    assert r"\input" not in text and text.count("&") - text.count(r"\&") == 2, text


if __name__ == "__main__":
    sys.path.insert(0, str(root))
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_pages(folder, sys.argv[2] if len(sys.argv) > 2 else root / "nbs" / "models" / "spotr-tiny")
    check_terminal(folder)
    check_latex()
    print(*sorted(path.name for path in folder.glob("*.html")), sep="\n")
