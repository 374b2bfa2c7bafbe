"""Damage files in random ways and look at what becomes of them: recordings, model folders, corpora, checkpoints.

A damaged file must be read right as far as it goes, or be refused in one sentence that names it. It must not crash or
hang the process, take memory out of proportion, end in a traceback, or give impossible values. Every input is a pure
function of its kind, format and number, so `python tools/fuzz.py --again recordings edf 4711` makes it again.
"""

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from pathlib import Path

root = Path(__file__).resolve().parents[1]
seconds_allowed = 5.0
megabytes_allowed = 500  # beside ten times the size of the file
numbers = [b"0", b"-1", b"1", b"2147483648", b"99999999999", b"1e308", b"nan", b"inf", b"1e-300", b"", b"x", b"\xff"]


# ---- damage

def damage(content, rng):
    "Bytes with one to four faults."
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        if not content:
            break
        at = rng.randrange(len(content)) if rng.random() < 0.5 else rng.randrange(min(len(content), 600))
        kind = rng.randrange(7)
        if kind == 0:
            content[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            size = rng.choice([1, 2, 4, 8])
            content[at : at + size] = rng.choice([b"\x00", b"\xff", b"\x7f", b"\x80", b" ", b"9"]) * size
        elif kind == 2:
            del content[at : at + rng.choice([1, 2, 16, 256])]
        elif kind == 3:
            content[at:at] = rng.randbytes(rng.choice([1, 4, 64]))
        elif kind == 4:
            del content[at:]
        elif kind == 5:
            content[at:at] = content[at : at + rng.choice([8, 64, 512])]
        else:
            found = list(re.finditer(rb"-?\d+(\.\d+)?", bytes(content[:4000])))
            if found:
                where = rng.choice(found)
                content[where.start() : where.end()] = rng.choice(numbers)
    return bytes(content)


# ---- seeds: small whole files of every format

def seed_recordings(folder):
    "{format: (file to read, files that belong to it)}; formats whose writer is not installed are left out."
    import mne
    import numpy as np
    import pandas as pd
    import scipy.io
    import wfdb

    from spotr_nb import Signal, write_npz

    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 600)) * 20
    info = mne.create_info(["C3", "C4"], 100, "eeg")
    raw = mne.io.RawArray(x * 1e-6, info, verbose="error")
    raw.set_annotations(mne.Annotations([1.0, 3.0], [0.5, 0.0], ["left", "right"]))
    found = {}

    def add(name, *files):
        if all((folder / file).is_file() for file in files):
            found[name] = (files[0], files)

    for name in ("edf", "bdf"):
        try:
            mne.export.export_raw(folder / f"a.{name}", raw, verbose="error")
        except Exception:  # a version of MNE without it
            continue
        add(name, f"a.{name}")
    raw.save(folder / "a_raw.fif", verbose="error")
    add("fif", "a_raw.fif")
    raw.save(folder / "z_raw.fif.gz", verbose="error")
    add("fif.gz", "z_raw.fif.gz")
    (folder / "a.gdf").write_bytes(gdf(x))
    add("gdf", "a.gdf")
    (folder / "a.eeg").write_bytes((x.T * 10).astype("<i2").tobytes())
    (folder / "a.vmrk").write_text(BRAINVISION_MARKERS)
    (folder / "a.vhdr").write_text(BRAINVISION_HEADER)
    add("vhdr", "a.vhdr", "a.eeg", "a.vmrk")
    eeg = dict(srate=100.0, nbchan=2, pnts=600, trials=1, xmin=0.0, xmax=5.99, data=x.astype("f4"), setname="a")
    eeg["chanlocs"] = np.array([("C3",), ("C4",)], dtype=[("labels", object)])
    eeg["event"] = np.array([(100.0, "left"), (300.0, "boundary")], dtype=[("latency", object), ("type", object)])
    scipy.io.savemat(folder / "a.set", dict(EEG=eeg), appendmat=False)
    add("set", "a.set")
    scipy.io.savemat(folder / "z.set", dict(EEG=eeg), appendmat=False, do_compression=True)
    add("set-packed", "z.set")
    scipy.io.savemat(folder / "m.mat", dict(data=x, fs=100.0, labels=np.array(["C3", "C4"], object)))
    add("mat", "m.mat")
    scipy.io.savemat(folder / "m4.mat", dict(data=x, fs=100.0), format="4")
    add("mat4", "m4.mat")
    wfdb.wrsamp("w", fs=100, units=["mV"] * 2, sig_name=["I", "II"], p_signal=x.T / 20, fmt=["16"] * 2, write_dir=str(folder))
    wfdb.wrann("w", "atr", np.array([50, 150]), symbol=["N", "V"], aux_note=["", "(AFIB"], write_dir=str(folder))
    add("hea", "w.hea", "w.dat", "w.atr")
    for part, k in (("s1", 0), ("s2", 300)):
        piece = x.T[k : k + 300] / 20
        wfdb.wrsamp(part, fs=100, units=["mV"] * 2, sig_name=["I", "II"], p_signal=piece, fmt=["212"] * 2, write_dir=str(folder))
    (folder / "s.hea").write_text("s/2 2 100 600\ns1 300\ns2 300\n")
    add("hea-parts", "s.hea", "s1.hea", "s1.dat", "s2.hea", "s2.dat")
    table = pd.DataFrame(dict(time=np.arange(600) / 100, C3=x[0], C4=x[1]))
    table.to_csv(folder / "a.csv", index=False)
    add("csv", "a.csv")
    table.to_csv(folder / "a.tsv", index=False, sep="\t")
    add("tsv", "a.tsv")
    table.to_csv(folder / "z.csv.gz", index=False)
    add("csv.gz", "z.csv.gz")
    table.to_excel(folder / "a.xlsx", index=False)
    add("xlsx", "a.xlsx")
    table.to_parquet(folder / "a.parquet")
    add("parquet", "a.parquet")
    write_npz(Signal(x, 100, ["C3", "C4"], "eeg", events=[(1.0, 0.5, "left")], line_freq=50), folder / "a.npz")
    add("npz", "a.npz")
    return found


def gdf(x):
    "Bytes of a GDF 2.20 of one record a second at 100 Hz, microvolts."
    import numpy as np

    n, records = len(x), x.shape[1] // 100
    start = (735_000 * 2**32).to_bytes(8, "little")
    head = b"GDF 2.20".ljust(168, b"\0") + start + bytes(8) + (n + 1).to_bytes(2, "little")
    head = head.ljust(236, b"\0") + records.to_bytes(8, "little") + (1).to_bytes(4, "little") * 2
    head += n.to_bytes(2, "little") + bytes(2)
    numbers = [np.full(n, value, "<f8").tobytes() for value in (-3276.8, 3276.7, -32768, 32767)]
    channels = b"".join(name.ljust(16, b"\0") for name in (b"C3", b"C4")) + bytes(80 * n) + b"uV".ljust(6, b"\0") * n
    channels += (4275).to_bytes(2, "little") * n + b"".join(numbers) + bytes(68 * n) + bytes(12 * n)
    channels += (100).to_bytes(4, "little") * n + (3).to_bytes(4, "little") * n + bytes(12 * n) + bytes(20 * n)
    samples = (x * 10).astype("<i2").reshape(n, records, 100).swapaxes(0, 1)
    return head + channels + samples.tobytes()


BRAINVISION_HEADER = """Brain Vision Data Exchange Header File Version 1.0
[Common Infos]
Codepage=UTF-8
DataFile=a.eeg
MarkerFile=a.vmrk
DataFormat=BINARY
DataOrientation=MULTIPLEXED
NumberOfChannels=2
SamplingInterval=10000
[Binary Infos]
BinaryFormat=INT_16
[Channel Infos]
Ch1=C3,,0.1,µV
Ch2=C4,,0.1,µV
"""
BRAINVISION_MARKERS = """Brain Vision Data Exchange Marker File, Version 1.0
[Common Infos]
DataFile=a.eeg
[Marker Infos]
Mk1=New Segment,,1,1,0,20200101120000000000
Mk2=Stimulus,S  1,100,1,0
"""


def seed_model(folder):
    "A small model folder."
    from spotr_nb import SPOTR, SpotrConfig

    SPOTR(SpotrConfig(dim=16, n_heads=2, n_blocks=1, render_dim=16, n_render_blocks=1)).save_pretrained(folder / "model")


def seed_corpus(folder):
    "A small corpus."
    import numpy as np

    from spotr_nb import Corpus, Signal

    x = np.random.default_rng(0).standard_normal((2, 4000)).cumsum(1)
    signals = [Signal(x * k, 200, ["C3", "C4"], "eeg", subject=f"s{k}", line_freq=50) for k in (1, 2)]
    Corpus.build(dict(made=signals), folder / "corpus", window_seconds=2, progress=False)


def seed_checkpoint(folder):
    "A finished run of a few steps."
    from spotr_nb import Corpus, Recipe, SpotrConfig, pretrain

    seed_corpus(folder)
    config = SpotrConfig(dim=16, n_heads=2, n_blocks=1, render_dim=16, n_render_blocks=1)
    recipe = Recipe(steps=2, batch_size=4)
    pretrain(config, Corpus(folder / "corpus"), folder / "run", recipe, device="cpu", progress=False)


# ---- what is done with a damaged input; each returns what is impossible about the result

tables = (".csv", ".tsv", ".parquet", ".gz", ".xlsx", ".mat")  # without a kind of signal of their own


def use_recording(path):
    import numpy as np

    from spotr_nb import prepare, read_signal

    options = dict(modality="eeg") if path.suffix in tables and not path.name.endswith(".fif.gz") else {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        signal = read_signal(path, **options)
    texts = [str(warning.message) for warning in caught]
    wrong = []
    if not 0 < signal.sfreq <= 1e6:
        wrong.append(f"sfreq {signal.sfreq}")
    with np.errstate(all="ignore"):
        if np.isinf(signal.x).any() or np.nanmax(np.abs(signal.x), initial=0) > 1e12:
            wrong.append("samples beyond 1e12")
    late = [event for event in signal.events if not -1 <= event.onset <= signal.duration + 1]
    if late and not any("outside of the recording" in text for text in texts):
        wrong.append(f"an event at {late[0].onset} s of {signal.duration} s")
    if signal.duration >= 2:
        prepare(signal, window_seconds=1)
    return wrong


def use_model(path):
    import numpy as np

    from spotr_nb import SPOTR

    token = SPOTR.from_pretrained(path).embed(np.random.default_rng(0).standard_normal((1, 2, 400)).astype("f4"))
    return [] if np.isfinite(token).all() else ["a token that is not finite"]


def use_corpus(path):
    import numpy as np

    from spotr_nb import Corpus

    corpus = Corpus(path)
    corpus.info()
    batch = corpus.batch(0, 4)
    return [] if np.isfinite(batch.x).all() else ["a batch that is not finite"]


def use_checkpoint(path):
    from spotr_nb import Corpus, Recipe, SpotrConfig, pretrain

    config = SpotrConfig(dim=16, n_heads=2, n_blocks=1, render_dim=16, n_render_blocks=1)
    corpus = Corpus(path.parent.parent / "corpus")
    run = pretrain(config, corpus, path, Recipe(steps=2, batch_size=4), device="cpu", progress=False)
    return [] if 0 <= run.step <= 2 else [f"a run of {run.step} steps"]


def true_checksums(file, rng):
    "Half of the damaged checkpoints get the right checksums, as those of somebody who means it have."
    import hashlib

    sums = file.parent / "sha256.json"
    if file != sums and sums.is_file() and rng.random() < 0.5:
        totals = json.loads(sums.read_text())
        totals[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
        sums.write_text(json.dumps(totals))


class Kind:
    "A kind of input: how its seeds are made, which files are damaged, and how it is used."

    def __init__(self, seed, use, folder=None, pattern="*"):
        self.seed, self.use, self.folder, self.pattern = seed, use, folder, pattern


kinds = {
    "recordings": Kind(seed_recordings, use_recording),
    "models": Kind(seed_model, use_model, "model"),
    "corpora": Kind(seed_corpus, use_corpus, "corpus"),
    "checkpoints": Kind(seed_checkpoint, use_checkpoint, "run", "checkpoints/*/*"),
}


def make_input(kind, name, number, seeds, folder):
    "Write damaged input `number` (None: undamaged); the path to use."
    import shutil

    rng = random.Random(f"{kind} {name} {number}")
    shutil.rmtree(folder, ignore_errors=True)
    if kind == "recordings":
        main, files = seeds["formats"][name]
        folder.mkdir(parents=True)
        for file in files:
            shutil.copy(Path(seeds["folder"]) / file, folder / file)
        hit = folder / rng.choice([main, *files])
        if number is not None:
            hit.write_bytes(damage(hit.read_bytes(), rng))
        return folder / main
    source = Path(seeds["folder"]) / kinds[kind].folder
    shutil.copytree(source, folder / source.name)
    candidates = sorted(path for path in (folder / source.name).glob(kinds[kind].pattern) if path.is_file())
    hit = rng.choice(candidates)
    if number is not None:
        hit.write_bytes(damage(hit.read_bytes(), rng))
        if kind == "checkpoints":
            true_checksums(hit, rng)
    return folder / source.name


# ---- the child, which may crash

def child():
    "Read `kind name number` lines, use each input, reply with one line of JSON."
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    seeds = json.loads(sys.stdin.readline())
    for kind, name in seeds["warm"]:  # libraries are imported before anything is timed
        outcome(kind, make_input(kind, name, None, seeds, Path(seeds["folder"]) / f"case-{os.getpid()}"))
    replies.write(json.dumps(dict(megabytes=peak())) + "\n")
    replies.flush()
    for line in sys.stdin:
        kind, name, number = json.loads(line)
        path = make_input(kind, name, number, seeds, Path(seeds["folder"]) / f"case-{os.getpid()}")
        replies.write(json.dumps(dict(outcome(kind, path), megabytes=peak())) + "\n")
        replies.flush()


def peak():
    "Most memory this process has had, MB."
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


refusals = ("ReadError", "SignalError", "PreparationError", "ValueError", "FileNotFoundError", "ImportError")


def outcome(kind, path):
    "What became of one input."
    try:
        wrong = kinds[kind].use(path)
    except Exception as error:
        name, text = type(error).__name__, str(error)
        if name not in refusals:
            return dict(result="traceback", text=f"{name}: {text[:200]}")
        if "\n" in text or len(text) > 1000:
            return dict(result="message", text=text[:200])
        return dict(result="refused")
    return dict(result="impossible", text="; ".join(wrong)) if wrong else dict(result="read")


# ---- the parent

class Watch(threading.Thread):
    "Stops a process that computes for too long; time in which other programs ran does not count."

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process, self.late, self.done = process, False, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def run(self):
        import psutil

        try:
            seen = psutil.Process(self.process.pid)
            before, started = sum(seen.cpu_times()[:2]), time.monotonic()
            while not self.done.wait(0.25):
                computed, waited = sum(seen.cpu_times()[:2]) - before, time.monotonic() - started
                if computed > seconds_allowed or waited > 12 * seconds_allowed:
                    self.late = True
                    self.process.kill()
        except psutil.NoSuchProcess:
            pass

    def __exit__(self, *_):
        self.done.set()


class Runner:
    "Feeds a child, replaces it when it dies, and stops it when it takes too long."

    def __init__(self, seeds):
        self.seeds, self.process, self.before = seeds, None, 0.0

    def start(self):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *filter(None, sys.path)])}
        environment |= {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        command = [sys.executable, __file__, "--child"]
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.process = subprocess.Popen(command, text=True, env=environment, **pipes)
        self.process.stdin.write(json.dumps(self.seeds) + "\n")
        self.process.stdin.flush()
        self.before = json.loads(self.process.stdout.readline())["megabytes"]

    def run(self, kind, name, number):
        "What became of one input, crashes and hangs included."
        if self.process is None or self.process.poll() is not None:
            self.start()
        self.process.stdin.write(json.dumps([kind, name, number]) + "\n")
        self.process.stdin.flush()
        with Watch(self.process) as watch:
            line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            self.process = None
            return dict(result="hang" if watch.late else "crash", text=f"status {status}")
        reply = json.loads(line)
        grown, self.before = reply["megabytes"] - self.before, reply["megabytes"]
        if grown > megabytes_allowed and reply["result"] in ("read", "refused"):
            return dict(result="memory", text=f"{grown:.0f} MB")
        return reply

    def close(self):
        if self.process is not None:
            self.process.kill()


def make_seeds(kind, folder):
    "Write the seeds of a kind; what the child must know of them."
    formats = kinds[kind].seed(folder)
    formats = formats if kind == "recordings" else {kinds[kind].folder: None}
    return dict(folder=str(folder), formats=formats, warm=[[kind, name] for name in formats])


def fuzz(kind, n, seconds, first=0, only=()):
    "Counts of outcomes, and what went wrong: (format, number, reply)."
    with tempfile.TemporaryDirectory() as folder:
        seeds = make_seeds(kind, Path(folder))
        names = [name for name in seeds["formats"] if not only or name in only]
        runner, counts, found, started = Runner(seeds), Counter(), [], time.monotonic()
        for k in range(n):
            name, number = names[k % len(names)], first + k // len(names)
            reply = runner.run(kind, name, number)
            counts[reply["result"]] += 1
            if reply["result"] not in ("read", "refused"):
                found.append((name, number, reply))
            if time.monotonic() - started > seconds:
                break
        runner.close()
    return counts, found


def report(kind, counts, found):
    "Print what came of one kind; whether all was well."
    print(f"{kind}: {sum(counts.values()):,} inputs: {', '.join(f'{n:,} {what}' for what, n in sorted(counts.items()))}")
    shown = {}
    for name, number, reply in found:
        shown.setdefault((name, reply["result"], re.sub(r"\d+", "#", reply.get("text", ""))[:80]), []).append((number, reply))
    for (name, result, _), cases in sorted(shown.items(), key=lambda item: -len(item[1])):
        number, reply = cases[0]
        print(f"  {len(cases):5} × {name}: {result}: {reply.get('text', '')[:150]}  (--again {kind} {name} {number})")
    return not found


def again(kind, name, number):
    "Make one input again and use it in this process, with its traceback."
    with tempfile.TemporaryDirectory() as folder:
        seeds = make_seeds(kind, Path(folder))
        path = make_input(kind, name, number, seeds, Path(folder) / "case")
        print(path, kinds[kind].use(path) or "nothing impossible")


if __name__ == "__main__":
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("kinds", nargs="*", default=list(kinds), help=f"of {', '.join(kinds)}; all of them unless given")
    args.add_argument("-n", type=int, default=1000, help="inputs of each kind (1,000)")
    args.add_argument("--seconds", type=float, default=600, help="longest time for each kind (600)")
    args.add_argument("--first", type=int, default=0, help="number of the first input")
    args.add_argument("--only", nargs="*", default=(), help="formats of recordings")
    args.add_argument("--again", nargs=3, metavar=("KIND", "FORMAT", "NUMBER"), help="make and use one input")
    args.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = args.parse_args()
    if args.child:
        child()
        sys.exit()
    sys.path.insert(0, str(root))
    if args.again:
        again(args.again[0], args.again[1], int(args.again[2]))
        sys.exit()
    unknown = [kind for kind in args.kinds if kind not in kinds]
    if unknown:
        sys.exit(f"There is no kind {unknown[0]!r}: there are {', '.join(kinds)}.")
    good = [report(kind, *fuzz(kind, args.n, args.seconds, args.first, args.only)) for kind in args.kinds]
    print(f"{sum(good)} passed, {len(good) - sum(good)} failed")
    sys.exit(not all(good))
