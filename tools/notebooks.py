"""Run notebooks as nbdev-test does, each in a process of its own that needs to import no heavy library.

To import torch, SciPy, scikit-learn, pandas and MNE takes longer than what most notebooks do with them. One process,
multiprocessing's fork server, imports them once; every notebook runs in a copy of it. The package itself is not among
them: a notebook imports it as a reader would.
"""

import contextlib
import os
import resource
import sys
import tempfile
import types
from multiprocessing import get_context
from pathlib import Path

import psutil

preloaded = [
    "nbdev.test",
    "numpy.testing",
    "scipy.signal",
    "scipy.stats",
    "pandas",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "sklearn.pipeline",
    "torch",
    "torch._dynamo",
    "torch.utils.data",
    "lightning.fabric",
    "lightning_fabric",
    "mne",
    "mne.io",
    "wfdb",
    "neurokit2",
    "plotly.graph_objects",
    "plotly.io",
    "ipywidgets",
    "anywidget",
    "nbclient",
    "papermill",
]


def processor_seconds():
    "What this process and those that it has waited for have used."
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _run(path, flags, printed, answer):
    "In the copy: nbdev-test of one notebook, with all that it prints in a file."
    with open(printed, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["nbdev-test", str(path)]
    sys.modules["__main__"] = types.ModuleType("__main__")  # as in Jupyter: processes that a notebook starts run no script
    from nbdev.test import nbdev_test

    passed, started = True, processor_seconds()
    try:
        nbdev_test(str(path), flags=flags, n_workers=0)
    except SystemExit as end:
        passed = not end.code
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        server = psutil.Process(os.getppid()).cpu_times()
        answer.send((passed, processor_seconds() - started, server.user + server.system))


class Runner:
    "Runs notebooks; each in a fork of one process."

    def __init__(self, flags="", seconds=600):
        self.flags, self.seconds = flags, seconds
        self.used = self.imports = 0.0  # s of processor time: of the notebooks, of the process that they are copies of
        self.context = get_context("forkserver")
        self.context.set_forkserver_preload(preloaded)

    def run(self, path):
        "Run one; a cell that fails, or no end in time, is an AssertionError with the end of what was printed."
        with tempfile.TemporaryDirectory() as folder:
            printed, (ours, theirs) = Path(folder) / "printed", self.context.Pipe(duplex=False)
            process = self.context.Process(target=_run, args=(path, self.flags, printed, theirs))
            process.start()
            theirs.close()
            process.join(self.seconds)
            late = process.is_alive()
            if late:
                process.kill()
                process.join()
            try:
                passed, used, self.imports = ours.recv()
            except EOFError:  # it ended on the way
                passed, used = False, 0.0
            self.used += used
            text = printed.read_text(errors="replace") if printed.exists() else ""
        assert not late, f"no end after {self.seconds} s:\n{text[-4000:]}"
        done = passed and not process.exitcode and text.rstrip().endswith("Success.")
        assert done, f"{text[-8000:]}\nended with status {process.exitcode}"
