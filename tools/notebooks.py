"""Run notebooks as nbdev-test does, and scripts, each in a process of its own that needs to import no heavy library.

To import torch, SciPy, scikit-learn, pandas and MNE takes longer than what most notebooks do with them. One process,
multiprocessing's fork server, imports them once; every notebook runs in a copy of it, and so do
scripts that need the same libraries. The package itself is not among them: a notebook imports it as a reader would.
"""

import contextlib
import gc
import os
import resource
import runpy
import sys
import tempfile
import types
from multiprocessing import get_context
from pathlib import Path

import psutil

preloaded = [
    "nbdev.test",
    "fastcore.test",
    "matplotlib_inline.backend_inline",
    "sqlite3",
    "bdb",
    "IPython.core.oinspect",
    "IPython.core.magics.ast_mod",
    "IPython.core.logger",
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
    "mne.channels",
    "mne.export._edf_bdf",
    "mne.export._egimff",
    "edfio",
    "hypothesis.extra.numpy",
    "openpyxl",
    "pyarrow.dataset",
    "safetensors.torch",
    "wfdb",
    "neurokit2",
    "plotly.graph_objects",
    "plotly.io",
    "ipywidgets",
    "anywidget",
    "nbclient",
    "nbconvert",
    "papermill",
]


def processor_seconds():
    "What this process and those that it has waited for have used."
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _notebook(path, flags):
    "nbdev-test of one notebook."
    from nbdev.test import nbdev_test

    sys.argv = ["nbdev-test", path]
    sys.modules["__main__"] = types.ModuleType("__main__")  # as in Jupyter: processes that a notebook starts run no script
    nbdev_test(path, flags=flags, n_workers=0)


def _script(path, *arguments):
    "As `python path arguments` does."
    sys.argv = [path, *arguments]
    sys.path.insert(0, str(Path(path).parent))
    runpy.run_path(path, run_name="__main__")


def _run(function, arguments, printed, answer):
    "In the copy: call a function, with all that it prints in a file."
    with open(printed, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    gc.freeze()  # what was imported is not searched for garbage again and again, nor copied for it
    passed, started = True, processor_seconds()
    try:
        function(*arguments)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code)
        passed = not end.code
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        server = psutil.Process(os.getppid()).cpu_times()
        answer.send((passed, processor_seconds() - started, server.user + server.system))


class Runner:
    "Runs notebooks and scripts; each in a fork of one process."

    def __init__(self, flags="", seconds=600):
        self.flags, self.seconds = flags, seconds
        self.used = self.imports = 0.0  # s of processor time: of what it ran, of the process that they are copies of
        self.context = get_context("forkserver")
        self.context.set_forkserver_preload(preloaded)

    def run(self, path):
        "Run a notebook; a cell that fails, or no end in time, is an AssertionError with the end of what was printed."
        text = self._call(_notebook, str(path), self.flags)
        assert text.rstrip().endswith("Success."), text[-8000:]

    def run_script(self, path, *arguments):
        "Run a script, which must end with status 0."
        self._call(_script, *map(str, (path, *arguments)))

    def _call(self, function, *arguments):
        "What a function prints in a copy of the process."
        with tempfile.TemporaryDirectory() as folder:
            printed, (ours, theirs) = Path(folder) / "printed", self.context.Pipe(duplex=False)
            process = self.context.Process(target=_run, args=(function, arguments, printed, theirs))
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
        assert passed and not process.exitcode, f"{text[-8000:]}\nended with status {process.exitcode}"
        return text
