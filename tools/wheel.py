"""Check what `pip install` would install: build the source archive, a wheel from it, and use that wheel elsewhere.

A wheel contains the package, the sample recordings with their licences, the run notebooks and the bundled models.
"""

import fnmatch
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from configparser import ConfigParser
from functools import cached_property
from pathlib import Path

root = Path(__file__).resolve().parents[1]
not_light = ["torch", "mne", "wfdb", "neurokit2", "sklearn", "plotly"]
leave_out = shutil.ignore_patterns(".*", "__pycache__", "_*", "build", "dist", "demo", "runs_*", "*.egg-info")


def run(command, folder):
    "Run a command; what it printed is part of the error."
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "IN_TEST")}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{' '.join(command[:4])} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout.strip()


def expected_files():
    "The files of the checkout that a wheel must contain, under the names they have in it."
    package = {
        path.relative_to(root).as_posix()
        for path in (root / "spotr_nb").rglob("*.py")
        if "__pycache__" not in path.parts
    }
    samples = {
        f"spotr_nb/{path.relative_to(root).as_posix()}"
        for path in (root / "data_samples").rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    runs = {f"spotr_nb/runs/{path.name}" for path in (root / "nbs" / "runs").glob("*.ipynb")}
    models = {
        f"spotr_nb/{path.relative_to(root / 'nbs').as_posix()}"
        for path in (root / "nbs" / "models").rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    return package | samples | runs | models


FROM_WHEEL = """import sys
sys.path.insert(0, {site!r})
import spotr_nb
assert spotr_nb.__file__.startswith({site!r}), spotr_nb.__file__
{code}"""


class Build:
    "One build, made when it is first asked for."

    def __init__(self, folder):
        self.folder = Path(folder).resolve()

    @cached_property
    def sdist(self):
        "The source archive, built in a copy so that the checkout stays as it is."
        shutil.copytree(
            root,
            self.folder / "copy",
            ignore=lambda path, names: (
                leave_out(path, names)
                if Path(path) == root
                else {n for n in names if n in ("__pycache__", ".ipynb_checkpoints")}
            ),
        )
        run(["-c", "from setuptools import build_meta; build_meta.build_sdist('..')"], self.folder / "copy")
        return next(self.folder.glob("*.tar.gz"))

    @cached_property
    def wheel(self):
        "The wheel, built from the unpacked source archive alone."
        with tarfile.open(self.sdist) as archive:
            archive.extractall(self.folder / "unpacked", filter="data")
        source = next((self.folder / "unpacked").iterdir())
        run(["-c", "from setuptools import build_meta; build_meta.build_wheel('../..')"], source)
        return next(self.folder.glob("*.whl"))

    @cached_property
    def installed(self):
        "The wheel, installed without its requirements into a folder of its own."
        run(
            [
                "-m",
                "pip",
                "install",
                "-q",
                "--no-deps",
                "--no-index",
                "--no-compile",
                "--target",
                str(self.folder / "site"),
                str(self.wheel),
            ],
            self.folder,
        )
        return self.folder / "site"

    def python(self, code):
        "What `code` prints when only the wheel's package can be found, somewhere else on the disk."
        away = self.folder / "away"
        away.mkdir(exist_ok=True)
        return run(
            [
                "-c",
                FROM_WHEEL.format(site=str(self.installed), code=code),
            ],
            away,
        )


def check_contents(build):
    "wheel: package, samples and run notebooks, nothing else"
    names = {name for name in zipfile.ZipFile(build.wheel).namelist() if not fnmatch.fnmatch(name, "*.dist-info/*")}
    expected = expected_files()
    assert names == expected, (
        f"missing in the wheel: {sorted(expected - names)}; not expected there: {sorted(names - expected)}"
    )
    assert any("runs/" in name for name in names) and any("licen" in name.lower() for name in names), (
        "the wheel lacks run notebooks or the samples' licences"
    )


def check_metadata(build):
    "wheel: name, version, licence, requirements and command are those of settings.ini"
    settings = ConfigParser(delimiters=["="])
    settings.read(root / "settings.ini", encoding="utf-8")
    archive = zipfile.ZipFile(build.wheel)
    read = {Path(name).name: archive.read(name).decode() for name in archive.namelist() if ".dist-info/" in name}
    for line in (
        "Name: spotr-nb",
        f"Version: {settings['DEFAULT']['version']}",
        "License-Expression: Apache-2.0",
        "Requires-Python: >=3.11",
        "Provides-Extra: lab",
    ):
        assert line in read["METADATA"].splitlines(), f"the wheel's metadata lacks {line!r}"
    for requirement in settings["DEFAULT"]["requirements"].split():
        assert f"Requires-Dist: {requirement}\n" in read["METADATA"], f"the wheel does not require {requirement}"
    assert "spotr = spotr_nb.cli:console" in read["entry_points.txt"] and "LICENSE" in read, (
        "the wheel lacks the spotr command or the licence"
    )


def check_light(build):
    "wheel: import spotr_nb is light"
    loaded = build.python(f"print([name for name in {not_light} if name in sys.modules])")
    assert loaded == "[]", f"import spotr_nb loads {loaded}"


def check_samples(build):
    "wheel: spotr_nb.samples() and load_sample work outside of the checkout"
    found = build.python(
        "from spotr_nb import load_sample, samples\n"
        "print(sorted({load_sample(sample.name).modality for sample in samples()}))"
    )
    assert found == "['ecg', 'eeg', 'ieeg', 'ppg']", f"the samples are of the modalities {found}"


def check_runs(build):
    "wheel: the run notebooks can be found as resources"
    found = build.python(
        "from importlib.resources import files\n"
        "print(sorted(f.name for f in files('spotr_nb.runs').iterdir() if f.name.endswith('.ipynb')))"
    )
    assert "pretrain.ipynb" in found and "probe.ipynb" in found, f"spotr_nb.runs contains {found}"


def check_models(build):
    "wheel: the bundled model is found without a network, and reconstructs an ECG better than its mean"
    found = build.python(
        "from spotr_nb import SPOTR, load_sample, normalised_error, prepare\n"
        "import torch\n"
        "x = torch.from_numpy(prepare(load_sample('ecg_mitbih_208'), 3).x[-8:])\n"
        "out = SPOTR.from_pretrained('spotr-tiny')(x)\n"
        "error = normalised_error(out.reconstruction, out.target, out.valid).nanmean().item()\n"
        "print(out.token.shape[1], error < 0.5)"
    )
    assert found == "128 True", f"spotr-tiny gives tokens of {found}"


checks = [check_contents, check_metadata, check_light, check_samples, check_runs, check_models]

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        build = Build(folder)
        for check in checks:
            check(build)
            print(f"ok  {check.__doc__}")
