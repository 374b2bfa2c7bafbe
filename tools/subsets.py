"""Install a part of what the package needs into an environment of its own, and check what should work with it.

    make subsets-test                          all subsets
    make subsets-test SUBSETS="reading"        one
    python tools/subsets.py --folder there     keeps the environments, and uses them again

The wheel is installed without its requirements. Prints seconds and megabytes of each environment, a line for each
check, and how many passed and failed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tally import Tally, root, succeed

ABSENT = """from importlib.util import find_spec
found = [name for name in {names!r} if find_spec(name)]
assert not found, f"{{', '.join(found)}} can be imported"
"""
IMPORT = """import pkgutil
from importlib import import_module, util
import spotr_nb
for name in {names!r}:
    import_module(f"spotr_nb.{{name}}")
    for found in pkgutil.iter_modules(util.find_spec(f"spotr_nb.{{name}}").submodule_search_locations or ()):
        if f"{{name}}.{{found.name}}" not in {without!r}:
            import_module(f"spotr_nb.{{name}}.{{found.name}}")
"""
# what a call says where its package is not installed
MISSING = """import spotr_nb
for call, line in {calls!r}.items():
    try:
        exec(call)
    except ImportError as error:
        assert str(error).endswith(line), f"{{call}}: {{error}}"
    else:
        raise AssertionError(f"{{call}}: did not ask for anything")
"""


EMBED = """import numpy as np
from spotr_nb import SPOTR
model = SPOTR.from_pretrained("spotr-tiny")
x = np.random.default_rng(0).standard_normal((2, 3, 600)).astype("f4").cumsum(-1)
token = model.embed(x)
model.save_pretrained("saved")
again = SPOTR.from_pretrained("saved").embed(x)
assert token.shape == (2, 128) and np.allclose(token, again, atol=1e-5)
assert model.reconstruct(x).shape == x.shape
"""
TRAIN = """import json
from spotr_nb import Corpus, Recipe, SPOTR, SpotrConfig, pretrain
corpus = Corpus(FOLDER / "corpus")
assert corpus.n_windows("train") >= 8 and len(corpus.info()) == 1, corpus
small = SpotrConfig(dim=16, n_heads=2, n_blocks=1, render_dim=16, n_render_blocks=1)
pretrain(small, FOLDER / "corpus", "run", Recipe(steps=2, batch_size=4), device="cpu", progress=False)
pretrain(small, FOLDER / "corpus", "run", Recipe(steps=2, batch_size=4), device="cpu", progress=False)
assert SPOTR.from_pretrained("run/model").config.dim == 16
"""
SYSTEMS = """from spotr_nb import Recipe, load_system, pretrain
from spotr_nb.systems.contrastive import SimCLRConfig
small = SimCLRConfig(dim=16, n_blocks=1)
pretrain(small, FOLDER / "corpus", "simclr", Recipe(steps=2, batch_size=4), device="cpu", progress=False)
assert type(load_system("simclr/model")).__name__ == "SimCLR"
"""
SAMPLES = """from spotr_nb import load_sample, prepare, read_signal, samples
for sample in samples():
    windows = prepare(load_sample(sample.name).crop(0, 5), 1)
    assert windows.x.shape[1:] == (load_sample(sample.name).n_channels, 200), sample.name
for name in ("ecg.edf", "ecg_raw.fif", "ecg.hea", "ecg.npz", "ecg.csv"):
    signal = read_signal(FOLDER / "files" / name, modality="ecg")
    assert (signal.unit, signal.n_samples) == ("mV", 21600) and len(prepare(signal, 3)) == 20, name
"""
FOLDERS = """import numpy as np
from spotr_nb import Recordings
recordings = Recordings.from_folder(FOLDER / "dataset", pattern="{subject}.npz", labels="labels.csv")
found = [(item.subject, windows.labels.tolist()) for item, windows in recordings.windows(10)]
assert found == [(f"s{k}", ["rest"] * 2 + ["task"] * 2) for k in range(2)], found
"""
OBJECTS = """import wfdb
from spotr_nb import load_sample, prepare, read_signal
raw = load_sample("eeg_cvep").crop(0, 20).to_mne()
assert read_signal(raw).n_channels == 8
epochs = prepare(raw, 2).to_epochs()
assert len(prepare(epochs)) == len(epochs) == 9
assert read_signal(wfdb.rdrecord(str(FOLDER / "files" / "ecg"))).modality == "ecg"
"""
COMMAND = """import io
from contextlib import redirect_stderr, redirect_stdout
from spotr_nb.cli import main
for line, code, said in {lines!r}:
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        status = main([str(FOLDER / "files" / word[1:]) if word[0] == "@" else word for word in line.split()])
    assert status == code and said in printed.getvalue(), (line, status, printed.getvalue())
"""
ARRAYS = """import numpy as np
from spotr_nb import Signal, load_sample, read_signal, write_npz
write_npz(load_sample("eeg_eyes_open_shut"), "eyes.npz")
assert np.array_equal(read_signal("eyes.npz").x, load_sample("eeg_eyes_open_shut").x, equal_nan=True)
"""

TRAINING = ("model", "conversion", "corpus", "training", "systems")
LIBRARIES = ("scipy", "pandas", "mne", "wfdb", "sklearn", "neurokit2", "plotly", "ipywidgets", "papermill", "torch")
SUBSETS = {
    "training": (
        "torch numpy safetensors lightning-fabric fastcore psutil tqdm",
        {
            "nothing else is there": ABSENT.format(names=LIBRARIES[:-1]),
            f"modules of {', '.join(TRAINING)}": IMPORT.format(names=TRAINING, without=["systems.fusion"]),
            "spotr-tiny embeds, reconstructs, is saved": EMBED,
            "pretraining on a corpus; again, it is finished": TRAIN,
            "another system": SYSTEMS,
            "what is missing is named": MISSING.format(
                calls={
                    "spotr_nb.prepare(spotr_nb.load_sample('ecg_mitbih_208'), 3)": "pip install scipy",
                    "spotr_nb.load_sample('ecg_mitbih_100')": "pip install wfdb",
                    "spotr_nb.SpotrTransformer": "pip install scikit-learn",
                    "spotr_nb.load_sample('eeg_cvep').to_mne()": "pip install mne",
                    "spotr_nb.finetune('spotr-tiny', [[[0.0, 1.0] * 300]] * 8, ['a', 'b'] * 4)": "pip install scikit-learn",
                    "spotr_nb.linear_probe([[0.0]] * 20, [0, 1] * 10)": "pip install scikit-learn",
                }
            ),
            "commands that need more say so": COMMAND.format(
                lines=[
                    ("info @ecg.edf", 1, "pip install"),
                    ("pretrain --steps 1", 1, "pip install papermill"),
                    ("embed @ecg.npz", 2, "scipy is not installed: pip install scipy"),
                ]
            ),
        },
    ),
    "reading": (
        "numpy mne wfdb fastcore tqdm",
        {
            "nothing else is there": ABSENT.format(names=LIBRARIES[3:][1:]),
            "modules of signals": IMPORT.format(names=("signals",), without=[]),
            "every sample and five formats become windows": SAMPLES,
            "a folder with a table of labels": FOLDERS,
            "to and from MNE and WFDB": OBJECTS,
            "spotr info; commands that need more say so": COMMAND.format(
                lines=[
                    ("info @ecg.edf", 0, "ecg in mV"),
                    ("embed @ecg.edf", 1, "torch is not installed: pip install torch"),
                ]
            ),
            "what is missing is named": MISSING.format(
                calls={
                    "spotr_nb.SPOTR": "pip install torch",
                    "spotr_nb.pretrain": "pip install torch",
                    "spotr_nb.embed_recordings('ecg_mitbih_208')": "pip install torch",
                    "spotr_nb.SpotrClassifier": "pip install scikit-learn",
                    "spotr_nb.find_peaks(spotr_nb.load_sample('ecg_mitbih_208'))": "pip install neurokit2",
                }
            ),
        },
    ),
    "least": (
        "numpy fastcore tqdm",
        {
            "nothing else is there": ABSENT.format(names=LIBRARIES),
            "import spotr_nb, NumPy files": ARRAYS,
            "what is missing is named": MISSING.format(
                calls={
                    "spotr_nb.SPOTR": "pip install torch",
                    "spotr_nb.load_sample('ecg_mitbih_100')": "100.hea: wfdb is not installed: pip install wfdb",
                    "spotr_nb.load_sample('ieeg_fedele_hfo')": "mne is not installed: pip install mne",
                    "spotr_nb.load_sample('ppg_watch')": "watch.csv: pandas is not installed: pip install pandas",
                    "spotr_nb.prepare(spotr_nb.load_sample('ecg_mitbih_208'), 3)": "pip install scipy",
                }
            ),
        },
    ),
}

DATA = """import sys, warnings
from pathlib import Path
import mne, numpy as np, pandas as pd, wfdb
from spotr_nb import Corpus, load_sample, write_npz
warnings.simplefilter("ignore")
folder = Path(sys.argv[1])
for name in ("files", "dataset"):
    (folder / name).mkdir(parents=True)
ecg = load_sample("ecg_mitbih_208").crop(0, 60)
Corpus.build(dict(mine=[ecg, ecg.crop(0, 60)]), folder / "corpus", window_seconds=3, progress=False)
mne.export.export_raw(folder / "files/ecg.edf", ecg.to_mne(), verbose=False)
ecg.to_mne().save(folder / "files/ecg_raw.fif", verbose=False)
write_npz(ecg, folder / "files/ecg.npz")
wfdb.wrsamp("ecg", ecg.sfreq, ["mV"], list(ecg.ch_names), ecg.x.T.astype(float), fmt=["16"], write_dir=str(folder / "files"))
times = np.arange(ecg.n_samples) / ecg.sfreq
pd.DataFrame({"time": times, "ECG (mV)": ecg.x[0]}).to_csv(folder / "files/ecg.csv", index=False)
lines = ["path,onset,duration,label"]
for k in range(2):
    write_npz(ecg.crop(10 * k, 10 * k + 40), folder / f"dataset/s{k}.npz")
    lines += [f"s{k}.npz,0,20,rest", f"s{k}.npz,20,20,task"]
(folder / "dataset/labels.csv").write_text("\\n".join(lines))
"""


# in an environment without the variables that say where packages are
run = partial(succeed, seconds=1800, without=("PYTHONPATH", "PYTHONHOME", "IN_TEST"))


def python_of(environment):
    "Its interpreter."
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def installed(environment, packages, wheel, constraints):
    "Make an environment with packages and the wheel unless it is there; seconds and megabytes."
    started, python = time.time(), python_of(environment)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--progress-bar=off"]
    if not python.exists():
        run([sys.executable, "-m", "venv", str(environment)])
        pinned = ["-c", str(constraints)] if constraints else []
        run([*pip, "--no-compile", *pinned, *packages.split()])
    run([*pip, "--no-compile", "--no-deps", "--no-index", "--force-reinstall", str(wheel)])
    size = sum(path.lstat().st_size for path in environment.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"{environment.name}: {packages}\n    {time.time() - started:.0f} s, {size / 1e6:.0f} MB", flush=True)


def check(environment, code, data):
    "Run code in an empty folder, with FOLDER where the data is."
    with tempfile.TemporaryDirectory() as away:
        before = f"import warnings\nfrom pathlib import Path\nwarnings.simplefilter('ignore')\nFOLDER = Path({str(data)!r})\n"
        run([str(python_of(environment)), "-c", before + code], folder=away)


@contextmanager
def place(folder):
    "A folder to keep, or a temporary one."
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        yield Path(folder).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="subsets-") as temporary:
        yield Path(temporary)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("subsets", nargs="*", help=f"of {', '.join(SUBSETS)}; all of them unless given")
    args.add_argument("--folder", help="where environments are kept; a temporary one unless given")
    args.add_argument("--constraints", default="constraints.txt", help="file with pinned versions; empty for none")
    args = args.parse_args()
    unknown = [name for name in args.subsets if name not in SUBSETS]
    if unknown:
        sys.exit(f"There is no subset {unknown[0]!r}: there are {', '.join(SUBSETS)}.")
    constraints = root / args.constraints if args.constraints else None
    from wheel import Build

    tally = Tally()
    with place(args.folder) as folder, tempfile.TemporaryDirectory() as other:
        data, build = Path(other) / "data", Build(Path(other))
        subprocess.run([sys.executable, "-c", DATA, str(data)], check=True, env=os.environ | dict(PYTHONPATH=str(root)))
        for name in args.subsets or SUBSETS:
            packages, checks = SUBSETS[name]
            if tally.check(
                f"{name} can be installed", partial(installed, folder / name, packages, build.wheel, constraints)
            ):
                for title, code in checks.items():
                    tally.check(f"{name}: {title}", partial(check, folder / name, code, data))
    print(f"\n{tally}")
    sys.exit(tally.failed > 0)


if __name__ == "__main__":
    main()
