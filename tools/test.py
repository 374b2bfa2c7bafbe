"""The checks of the project: `make test`, or some stages of it: make test STAGES="drift notebooks".

The stages that are slow by nature run when they are named, or all with STAGES=all; CI runs them too. A stage that
fails does not stop the others. The last line counts what was really run: N passed, N failed.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import nbformat
from notebooks import Runner, processor_seconds
from tally import Skip, Tally, root, succeed

commands = Path(sys.executable).parent
# one thread each: several run at a time
environment = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")


def notebooks():
    "The notebooks that carry checks; those in runs/ are run with parameters instead, those in benchmarks/ by `make bench`."
    return [
        path
        for path in sorted((root / "nbs").rglob("*.ipynb"))
        if not {"runs", "benchmarks", ".ipynb_checkpoints"} & set(path.relative_to(root).parts)
    ]


def code(path):
    "All code of a notebook."
    return "\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code")


def flagged(source):
    "The flag of every cell that is not run without it."
    return re.findall(r"^#\|\s*(slow|gpu|browser|moabb)\b", source, re.MULTILINE)


# ---- stages


def stage_drift(tally, args):
    "notebooks are clean and small, and spotr_nb/ is their exact export"
    import drift
    import stored

    found = {}

    def clean():
        found["unclean"], found["drifted"] = drift.drift()
        assert not found["unclean"], f"not clean: {', '.join(found['unclean'])}; make export"

    def exported():
        if "drifted" not in found:
            raise Skip("the export failed above")
        assert not found["drifted"], (
            f"spotr_nb/ is not what the notebooks export: {', '.join(found['drifted'])}; make export"
        )

    def kept():
        complaints = stored.all_complaints()
        assert not complaints, "\n".join(complaints)

    tally.check("notebooks are clean", clean)
    tally.check("spotr_nb/ is the notebooks' export", exported)
    tally.check("outputs stored in notebooks are small and name no machine", kept)


def stage_lint(tally, args):
    "ruff is content, imports run one way, lines are short, links between notebooks work"
    import structure

    def proved():
        with tempfile.TemporaryDirectory() as folder:
            structure.prove(Path(folder))

    tally.check(
        "ruff finds nothing in notebooks, package and tools",
        lambda: succeed([commands / "ruff", "check", "nbs", "spotr_nb", "tools"]),
    )
    tally.check("imports run one way", structure.check_imports)
    tally.check("exported lines can be read", structure.check_lines)
    tally.check("links between notebooks lead somewhere", structure.check_links)
    tally.check("cells are small, and imports have their own", structure.check_cells)
    tally.check("these checks can fail", proved)
    tally.check("no pinned version has a known fault", lambda: succeed([sys.executable, "tools/audit.py"]))


def stage_readme(tally, args):
    "README.md matches nbs/index.ipynb"
    tally.check("README.md is nbs/index.ipynb", lambda: args.runner.run_script(root / "tools" / "readme.py", "--check"))


def stage_notebooks(tally, args):
    "every notebook runs and its assertions hold"
    flags, sources = args.flags.split(), {path: code(path) for path in notebooks()}
    if flags:
        sources = {path: source for path, source in sources.items() if {*flags} & {*flagged(source)}}
    if args.only:
        only = args.only.split()
        sources = {path: source for path, source in sources.items() if any(part in path.as_posix() for part in only)}
        if not sources:
            raise SystemExit(f"no notebook has cells with {args.flags or 'code'!r} and {args.only!r} in its path")
    left_out = Counter(flag for source in sources.values() for flag in flagged(source) if flag not in flags)
    print("cells left out:", ", ".join(f"{n} {flag}" for flag, n in sorted(left_out.items())) or "none", flush=True)

    def run(path):
        tally.check(path.relative_to(root).as_posix(), lambda: args.runner.run(path))

    # those with most code first: they take longest, and no worker waits for one of them at the end
    return [args.pool.submit(run, path) for path in sorted(sources, key=lambda path: -len(sources[path]))]


def stage_docs(tally, args):
    "the documentation builds without a warning and fetches nothing from another host"
    from offline import external_requests


    def offline():
        if not (site / "index.html").exists():
            raise Skip("there is no site to look at")
        fetches = external_requests(site)
        assert not fetches, "\n".join(f"{page} would fetch {address}" for page, address in fetches)

    site = root / "_site"  # which the browser's checks look at
    tally.check(
        "documentation builds without a warning",
        lambda: succeed([sys.executable, "tools/docs.py", "--site", site], seconds=1800),
    )
    tally.check("no page fetches anything from another host", offline)


# Each run notebook at a tiny size, in this order: its parameters, and the files it must write. {out} is a temporary folder.
tiny_runs = {
    "pretrain": (
        dict(
            size="tiny",
            statistics=True,
            statistics_weight=0.5,
            steps=4,
            batch_size=4,
            out="{out}/pretrain",
            device="cpu",
        ),
        ["pretrain/pretrain.json", "pretrain/metrics.csv", "pretrain/model/model.safetensors"],
    ),
    "probe": (dict(model="{out}/pretrain/model", out="{out}/probe", device="cpu"), ["probe/probe.json"]),
    "finetune": (
        dict(model="{out}/pretrain/model", method="lora", epochs=1, out="{out}/finetune", device="cpu"),
        ["finetune/finetune.json", "finetune/model/head.safetensors", "finetune/model/model.safetensors"],
    ),
    "benchmark": (
        dict(
            root="{out}/datasets",
            out="{out}/benchmark",
            modalities="ppg",
            datasets="ppg56",
            systems="SPOTR",
            seeds=1,
            steps=2,
        ),
        ["benchmark/table.md", "benchmark/table.tex", "benchmark/table.parquet"],
    ),
}


def write_synthetic_ppg(folder):
    "A synthetic dataset in the layout of one of the archives: two classes of subjects with different pulse rates."
    import numpy as np

    order, seconds = np.random.default_rng(0), np.arange(4000) / 100
    folder.mkdir(parents=True)
    rate = 1 + 0.25 * (np.arange(24) % 2) + 0.05 * order.normal(size=24)
    waves = np.stack(
        [np.sin(2 * np.pi * r * seconds + order.uniform(0, 6)) + 0.2 * order.normal(size=4000) for r in rate]
    ).astype(np.float32)
    facts = dict(
        n_samples=np.full(24, 4000),
        record=np.array([f"r{k}" for k in range(24)]),
        age=np.full(24, 40),
        sex=np.array(["M"] * 24),
        diagnosed=np.array(["N"] * 24),
        sbp=np.full(24, 120),
        dbp=np.full(24, 80),
        hr=np.round(60 * rate).astype(int),
        jnc=np.array(["N", "H"] * 12),
        aha=np.array(["N", "H"] * 12),
        fs=np.array(100.0),
    )
    np.savez(folder / "ppg56.npz", x=waves, **facts)


def tiny_parameters(name, out):
    "Of one run notebook; they must be those that its tagged cell declares."
    import papermill

    path = root / "nbs" / "runs" / f"{name}.ipynb"
    parameters = {
        key: value.format(out=out) if isinstance(value, str) else value for key, value in tiny_runs[name][0].items()
    }
    unknown = sorted(set(parameters) - set(papermill.inspect_notebook(str(path))))
    assert not unknown, f"{path.name} declares no parameter {', '.join(unknown)}"
    return path, parameters


def run_with_papermill(path, out, parameters):
    "As a user does: papermill's command, in a kernel of its own."
    given = [part for key, value in parameters.items() for part in ("-p", key, str(value))]
    command = [sys.executable, "-m", "papermill", path, out / path.name, "--cwd", path.parent, "--no-progress-bar"]
    succeed([*command, *given])


def run_without_kernel(path, out, parameters, runner):
    "The notebook that papermill would run, with its cell of parameters injected, in a process that has imported all."
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    notebook = parameterize_notebook(load_notebook_node(str(path)), parameters)
    nbformat.write(notebook, out / path.name)
    runner.run(out / path.name)


def run_tiny(name, out, runner):
    "Execute one run notebook, which must write what it should."
    path, parameters = tiny_parameters(name, out)
    if name == "benchmark":  # one through papermill itself
        run_with_papermill(path, out, parameters)
    else:
        run_without_kernel(path, out, parameters, runner)
    missing = [file for file in tiny_runs[name][1] if not (out / file).exists()]
    assert not missing, f"{path.name} ran, but did not write {', '.join(missing)}"


def stage_runs(tally, args):
    "the run notebooks run at a tiny size, one of them through papermill"

    def tagged(path):
        tags = [tag for cell in nbformat.read(path, 4).cells for tag in cell.metadata.get("tags", [])]
        assert tags.count("parameters") == 1, (
            "one cell must be tagged `parameters`: papermill would silently use the defaults"
        )

    for path in sorted((root / "nbs" / "runs").glob("*.ipynb")):
        tally.check(f"runs/{path.name} has its parameters cell", partial(tagged, path))
    with tempfile.TemporaryDirectory() as folder:
        write_synthetic_ppg(Path(folder) / "datasets" / "ppg56_small")
        for name in tiny_runs:
            tally.check(f"runs/{name}.ipynb runs at a tiny size", partial(run_tiny, name, Path(folder), args.runner))


def stage_gpu(tally, args):
    "the script of `make gpu` goes through on the CPU at a tiny size"

    def tiny():
        with tempfile.TemporaryDirectory() as folder:
            arguments = ["--device", "cpu", "--tiny", "--out", folder]
            args.runner.run_script(root / "tools" / "gpu.py", *arguments)
            summary = json.loads((Path(folder) / "summary.json").read_text(encoding="utf-8"))
            assert len(summary) == 5 and not any("error" in part for part in summary.values()), summary
            assert summary["pretraining small"]["result"]["megabytes"] < 16, summary["pretraining small"]
            assert all("error" not in row for row in summary["speed"]["result"]), summary["speed"]

    tally.check("tools/gpu.py --device cpu --tiny", tiny)


def stage_wheel(tally, args):
    "the wheel contains what it should, and works outside of the checkout"
    import wheel

    with tempfile.TemporaryDirectory() as folder:
        build = wheel.Build(folder)
        for check in wheel.checks:
            tally.check(check.__doc__, partial(check, build))


def stage_fuzz(tally, args):
    "damaged files are read right or refused in a sentence: a short run of `make fuzz`"
    import fuzz

    def unharmed(kind, n):
        counts, found = fuzz.fuzz(kind, n, seconds=60)
        assert sum(counts.values()) >= min(n, 50), f"only {sum(counts.values())} inputs in a minute"
        assert not found, "\n".join(f"{name} {number}: {reply}" for name, number, reply in found)

    sys.path.insert(0, str(root))
    for kind, n in dict(recordings=300, models=100, corpora=100, checkpoints=50).items():
        tally.check(f"{kind} damaged at random", partial(unharmed, kind, n))


# Command lines that must be refused with status 2 and a message that names what is wrong.
refused = [
    (["no-such-command"], "no-such-command"),
    (["embed"], "required"),
    (["embed", "no-such-file.edf"], "no-such-file.edf"),
    (["demo", "--no-such-option"], "--no-such-option"),
]


def refuse(arguments, named):
    "The `spotr` command must end with status 2, name the cause, and show no traceback."
    done = subprocess.run(
        [commands / "spotr", *arguments], cwd=tempfile.gettempdir(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2, f"status {done.returncode} instead of 2:\n{done.stderr[-2000:]}"
    assert named in done.stderr and "Traceback" not in done.stderr, (
        f"the message does not say what is wrong with {named!r}:\n{done.stderr[-2000:]}"
    )


def stage_cli(tally, args):
    "wrong arguments of the spotr command end with one clear sentence and status 2"
    for arguments, named in refused:
        tally.check(f"refused: spotr {' '.join(arguments)}", partial(refuse, arguments, named))


stages = {
    "drift": stage_drift,
    "lint": stage_lint,
    "readme": stage_readme,
    "cli": stage_cli,
    "wheel": stage_wheel,
    "notebooks": stage_notebooks,
    "docs": stage_docs,
    "runs": stage_runs,
    "gpu": stage_gpu,
    "fuzz": stage_fuzz,
}
slow = ("docs",)  # minutes each; only where they are named


def main():
    args = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {name:<10} {stage.__doc__}" for name, stage in stages.items()),
    )
    args.add_argument("stages", nargs="*", metavar="stage", help=f"of {', '.join(stages)}, or all; unless given, all but {', '.join(slow)}")
    args.add_argument(
        "--flags", default="", help='run cells with these flags too, in the notebooks that have any: --flags "slow gpu"'
    )
    args.add_argument("--workers", type=int, default=2, help="notebooks at a time")
    args.add_argument("--only", default="", help='notebooks with one of these in their path: --only "training/04 corpus/"')
    args.add_argument(
        "--seconds", type=int, default=None, help="longest time a notebook may take (600, with flags 3600)"
    )
    args, started, tally = args.parse_args(), time.time(), Tally()
    unknown = [name for name in args.stages if name not in stages and args.stages != ["all"]]
    if unknown:
        sys.exit(f"There is no stage {unknown[0]!r}: there are {', '.join(stages)}.")
    args.seconds = args.seconds or (3600 if args.flags else 600)
    os.environ.update(environment)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or every process compiles torch anew

    args.runner = Runner(args.flags, args.seconds)

    def do(name):
        print(f"\n{name}: {stages[name].__doc__}", flush=True)
        return stages[name](tally, args)

    chosen = list(stages) if args.stages == ["all"] else args.stages or [name for name in stages if name not in slow]
    with ThreadPoolExecutor(args.workers) as args.pool:  # stages side by side, and the notebooks one by one after them
        waiting = [args.pool.submit(do, name) for name in chosen if name != "notebooks"]
        if "notebooks" in chosen:
            waiting += do("notebooks")
    for each in waiting:
        each.result()
    tally.used += processor_seconds() + args.runner.used + args.runner.imports
    print(f"\n{time.time() - started:.0f} s, {tally.used:.0f} s of processor time\n{tally}")
    sys.exit(bool(tally.failed or not tally.passed))


if __name__ == "__main__":
    main()
