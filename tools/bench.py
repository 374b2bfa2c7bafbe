"""Run the benchmark notebooks: `make bench`, or some of them: make bench BENCH="speed scaling".

Each is executed by papermill as a copy in bench/, with the tables it writes as JSON beside it. With --keep the outputs
also go into nbs/benchmarks/, where the documentation shows them. Recordings that do not ship are looked for in the
folder that the notebook's parameters name; a notebook whose recordings are not there is skipped, and reported.
"""

import argparse
import sys
from pathlib import Path

import nbformat
from tally import Skip, Tally, root, succeed

source = root / "nbs" / "benchmarks"


def data_of(notebook):
    "Paths of recordings among a notebook's parameters: those that begin with the folder of shared recordings."
    from papermill import inspect_notebook

    given = (parameter["default"].strip("'\"") for parameter in inspect_notebook(str(notebook)).values())
    return [value for value in given if value.startswith("../")]


def run(notebook, out, parameters, keep):
    "Execute one notebook in its own folder, so that relative paths are right; its files go to `out`."
    given = [part for key, value in parameters for part in ("-p", key, value)]
    executed = out / notebook.name
    succeed(
        [
            sys.executable,
            "-m",
            "papermill",
            notebook,
            executed,
            "--cwd",
            source,
            "--no-progress-bar",
            "-p",
            "out",
            out / f"{notebook.stem}.json",
            *given,
        ],
        seconds=7200,
    )
    if not keep:
        return
    fresh, kept = nbformat.read(executed, 4), nbformat.read(notebook, 4)
    outputs = {cell.source: cell.outputs for cell in fresh.cells if cell.cell_type == "code"}
    for cell in kept.cells:
        if cell.cell_type == "code":
            cell.outputs = [
                output
                for output in outputs.get(cell.source, [])
                if "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
                and output.get("name") != "stderr"
            ]
    nbformat.write(kept, notebook)
    succeed([Path(sys.executable).parent / "nbdev-clean", "--fname", notebook])


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("names", nargs="*", help="notebooks in nbs/benchmarks; all of them unless given")
    args.add_argument(
        "-p",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="a parameter, for every notebook that is run",
    )
    args.add_argument("--keep", action="store_true", help="store the outputs in nbs/benchmarks too")
    args.add_argument("--out", type=Path, default=root / "bench", help="folder of the executed notebooks (bench)")
    args, tally = args.parse_args(), Tally()
    notebooks = {path.stem: path for path in sorted(source.glob("*.ipynb"))}
    unknown = [name for name in args.names if name not in notebooks]
    if unknown:
        sys.exit(f"There is no benchmark {unknown[0]!r}: there are {', '.join(notebooks)}.")
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.names or notebooks:

        def benchmark(name=name):
            absent = [path for path in data_of(notebooks[name]) if not (source / path).exists()]
            if absent:
                raise Skip(f"there is no {absent[0]}; another folder: -p, see the notebook's parameters")
            run(notebooks[name], args.out.resolve(), args.p, args.keep)

        tally.check(name, benchmark)
    print(tally)
    sys.exit(bool(tally.failed))


if __name__ == "__main__":
    main()
