"""What one GPU can do for this package, in one call of under eight minutes: `make gpu`, or python tools/gpu.py.

Environment, correctness against the CPU, speed and memory (float32, bfloat16, CUDA graphs, torch.compile), then
pretraining of spotr-tiny and spotr-small. Results are written to --out as they come; a part that fails is named in
the summary and does not stop the others. `python tools/gpu.py --pack CORPUS PACKED --megabytes 60` makes the corpus to
take along (windows are stored as 16-bit numbers already; one that is larger is refused with its size); `--device cpu --tiny` tries everything in about a minute.
"""

import argparse
import json
import platform
import shutil
import sys
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
TOLERANCE = 1e-3  # of tokens on the GPU, relative to the largest on the CPU
SHAPES = {"1 channel": (64, 1, 2000), "12 channels": (32, 12, 2000), "64 channels": (8, 64, 2000)}
CHECKPOINTS = 30.0  # seconds between copies of a run


def write(path, content):
    "Write text or JSON, all or nothing."
    from spotr_nb.files import write_json, writing

    if isinstance(content, str):
        with writing(path) as new:
            new.write_text(content, encoding="utf-8")
    else:
        write_json(path, content)


def pack(corpus, out, megabytes):
    "Verify a corpus, copy it if it is small enough, and return its size in MB."
    from spotr_nb.corpus.corpus import Corpus

    source = Path(corpus)
    size = sum(path.stat().st_size for path in source.iterdir() if path.is_file()) / 1e6
    Corpus(source).verify()
    if size > megabytes:
        sys.exit(
            f"{source} has {size:.1f} MB, and at most {megabytes:g} are taken: build it of fewer recordings "
            "(spotr corpus build), or give --megabytes"
        )
    shutil.copytree(source, out)
    return size


def environment(args, torch):
    "what is here"
    found = dict(python=platform.python_version(), torch=torch.__version__, device=args.device)
    if args.device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        found |= dict(gpu=properties.name, memory_gb=properties.total_memory / 1e9, cuda=torch.version.cuda)
        found |= dict(bf16=torch.cuda.is_bf16_supported(), capability=list(torch.cuda.get_device_capability()))
    return found


def config_of(size):
    "The configuration of spotr-tiny, or of a spotr-small whose weights have less than 16 MB."
    from spotr_nb.model import SIZES

    narrower = dict(dim=160, n_heads=8, render_dim=160) if size == "small" else {}
    return replace(SIZES[size], statistics=True, statistics_weight=0.3, **narrower)


def model_of(size):
    "spotr-tiny or spotr-small with random weights."
    import torch

    from spotr_nb.model import SPOTR

    torch.manual_seed(0)
    return SPOTR(config_of(size)).eval()


def correctness(args, torch):
    "tokens and reconstructions beside those of the CPU"
    found = {}
    for size in ("tiny", "small"):
        model, x = model_of(size), torch.randn(4, 4, 800)
        with torch.inference_mode():
            here = model(x)
            there = model.to(args.device)(x.to(args.device))
        for name in ("token", "reconstruction"):
            one, other = getattr(here, name), getattr(there, name).cpu()
            found[f"{size} {name}"] = float((one - other).abs().max() / one.abs().max())
    wrong = {name: error for name, error in found.items() if not error <= TOLERANCE}
    if wrong:
        raise AssertionError(f"differs from the CPU by more than {TOLERANCE}: {wrong}")
    return found


def graphed(torch, call, x):
    "A call captured as a CUDA graph."
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            call(x)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call(x)
    return lambda _: graph.replay()


def timed(args, torch, call, x):
    "Windows a second, and peak memory in MB."
    synchronise = torch.cuda.synchronize if args.device == "cuda" else lambda: None
    if args.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    for _ in range(2):
        call(x)
    synchronise()
    start, n = time.perf_counter(), 0
    while n < 3 or time.perf_counter() - start < (0.2 if args.tiny else 1.0):
        call(x)
        n += 1
        synchronise()
    memory = torch.cuda.max_memory_allocated() / 1e6 if args.device == "cuda" else None
    return dict(windows_per_second=n * len(x) / (time.perf_counter() - start), peak_mb=memory)


def speed(args, torch, keep):
    "windows a second and peak memory of the encoder"
    rows, end = [], time.monotonic() + 60 * args.speed_minutes
    ways = ["float32", "bf16"] + ["graphs"] * (args.device == "cuda") + ["compile"] * (not args.tiny)
    for size in ("tiny",) if args.tiny else ("tiny", "small"):
        for shape_name, shape in SHAPES.items():
            for way in ways:
                if time.monotonic() > end:
                    rows.append(dict(size=size, shape=shape_name, how=way, error="no time left"))
                    continue
                row = dict(size=size, shape=shape_name, how=way)
                try:
                    row |= one_speed(args, torch, size, shape, way)
                except Exception as error:
                    row["error"] = f"{type(error).__name__}: {error}"[:300]
                rows.append(row)
                keep(rows)
    if all("error" in row for row in rows):
        raise RuntimeError(f"nothing could be measured: {rows[0]['error']}")
    return rows


def one_speed(args, torch, size, shape, way):
    "A row of the table."
    model = model_of(size).to(args.device)
    x = torch.randn(*(2, *shape[1:2], 400) if args.tiny else shape, device=args.device)
    valid = torch.ones_like(x, dtype=torch.bool)
    forward = torch.compile(model.encode) if way == "compile" else model.encode

    def call(x):
        kind = torch.bfloat16 if way == "bf16" else torch.float32
        with torch.inference_mode(), torch.autocast(args.device, kind, enabled=way == "bf16"):
            return forward(x, valid)

    return timed(args, torch, graphed(torch, call, x) if way == "graphs" else call, x)


def pretraining(args, torch, size):
    "pretraining by the recipe of spotr-tiny"
    import numpy as np

    from spotr_nb.training.optimizers import make_recipe
    from spotr_nb.training.pretraining import pretrain

    corpus = args.corpus or build_samples(args)
    work, out = Path(args.work) / size, Path(args.out) / f"spotr-{size}"
    ended = threading.Event()

    def copy():
        "What is in the run's folder, now and every half minute."
        while True:
            last = ended.wait(CHECKPOINTS)
            copy_run(work, out)
            if last:
                return

    copying = threading.Thread(target=copy)
    copying.start()
    every = 20 if args.tiny else 100
    try:
        recipe = make_recipe("muon", minutes=args.minutes, seed=0, lr=1e-3, matrix_lr=3e-3, batch_size=args.batch_size)
        run = pretrain(config_of(size), corpus, work, recipe, device=args.device, checkpoint_every=every, progress="text")
    finally:
        ended.set()
        copying.join()
    last = {name: values[-1] for name, values in run.metrics.items() if len(values) and np.isfinite(values[-1])}
    size_mb = (work / "model" / "model.safetensors").stat().st_size / 1e6
    return dict(steps=run.step, finished=run.finished, megabytes=size_mb, last=last)


def copy_run(work, out):
    "Copy files of a run that changed; each under its name only once it is whole."
    from spotr_nb.files import writing

    for path in sorted(work.rglob("*")) if work.exists() else ():
        target = out / path.relative_to(work)
        try:
            if not path.is_file() or path.name.startswith(".") or path.suffix == ".lock":
                continue
            there = target.stat() if target.exists() else None
            if there and (there.st_size, there.st_mtime) == (path.stat().st_size, path.stat().st_mtime):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with writing(target) as new:
                shutil.copy2(path, new)
        except FileNotFoundError:
            continue  # a checkpoint that was replaced in the meantime


def build_samples(args):
    "The corpus of the recordings that ship, where none is given."
    from spotr_nb.training.pretraining import open_corpus

    return open_corpus("samples", Path(args.work) / "corpus", progress=False)


def markdown(summary):
    "The summary, to read."
    lines = ["# One GPU", "", "| part | outcome | seconds |", "|---|---|---|"]
    for name, part in summary.items():
        lines.append(f"| {name} | {part.get('error', 'done').splitlines()[0]} | {part['seconds']:.0f} |")
    rows = summary.get("speed", {}).get("result") or []
    if rows:
        lines += ["", "| size | shape | how | windows a second | peak MB |", "|---|---|---|---|---|"]
    for row in rows:
        speed = f"{row['windows_per_second']:.0f}" if "windows_per_second" in row else row["error"].splitlines()[0]
        memory = f"{row['peak_mb']:.0f}" if row.get("peak_mb") else ""
        lines.append(f"| {row['size']} | {row['shape']} | {row['how']} | {speed} | {memory} |")
    for name in [name for name in summary if name.startswith("pretraining") and "result" in summary[name]]:
        lines += ["", f"{name}: {json.dumps(summary[name]['result'])}"]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    option = parser.add_argument
    option("--corpus", help="packed corpus; without it, the recordings that ship")
    option("--out", default="gpu", help="folder for results (default: gpu)")
    option("--work", help="folder for runs while they go on (default: work, in --out)")
    option("--device", default="cuda", choices=("cuda", "cpu"))
    option("--minutes", type=float, default=2.2, help="of pretraining, for each of the two sizes (default: 2.2)")
    option("--speed-minutes", type=float, default=1.5, help="at most, for the table of speed (default: 1.5)")
    option("--batch-size", type=int, default=128, help="windows in a batch (default: 128)")
    option("--tiny", action="store_true", help="everything at a size that a CPU does in a minute")
    option("--pack", nargs=2, metavar=("CORPUS", "PACKED"), help="check a corpus, copy it, say its size, and end")
    option("--megabytes", type=float, default=60.0, help="for --pack: most that is allowed (default: 60)")
    args = parser.parse_args()
    if args.pack:
        print(f"{args.pack[1]}: {pack(*args.pack, args.megabytes):.1f} MB")
        return
    if args.tiny:
        args.minutes, args.batch_size = 0.04, 4
    args.work = args.work or str(Path(args.out) / "work")
    import torch

    if args.device == "cuda" and not torch.cuda.is_available():
        sys.exit("There is no CUDA device here: `python tools/gpu.py --device cpu --tiny` tries the script on the CPU.")
    out, summary = Path(args.out), {}
    out.mkdir(parents=True, exist_ok=True)

    def keep(rows):
        write(out / "speed.json", rows)

    parts = {"environment": environment, "correctness": correctness, "speed": lambda *a: speed(*a, keep)}
    parts |= {f"pretraining {size}": lambda *a, size=size: pretraining(*a, size) for size in ("tiny", "small")}
    for name, part in parts.items():
        start = time.monotonic()
        try:
            entry = dict(result=part(args, torch))
        except Exception as error:
            traceback.print_exc()
            entry = dict(error=f"{type(error).__name__}: {error}")
        summary[name] = entry | dict(seconds=time.monotonic() - start)
        write(out / "summary.json", summary)
        write(out / "summary.md", markdown(summary))
        print(f"{name}: {entry.get('error', 'done')} ({summary[name]['seconds']:.0f} s)", flush=True)
    sys.exit(any("error" in part for part in summary.values()))


if __name__ == "__main__":
    main()
