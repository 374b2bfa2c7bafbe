"Check what is stored in the notebooks: outputs that are small, and that contain nothing about the machine they were made on."

import re
import sys
from pathlib import Path

import nbformat

root = Path(__file__).resolve().parents[1]
largest_notebook = 1_500_000  # bytes
machine_path = re.compile(r"(?<![\w./])/(?:home|root|Users|tmp|opt|work|workspace|mnt|private|var/folders)/[\w.-]+")


def texts(notebook):
    "Every text that a notebook's outputs contain."
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            parts = [
                output.get("text", ""),
                *output.get("traceback", []),
                *(value for kind, value in output.get("data", {}).items() if kind.startswith("text/")),
            ]
            yield from (part if isinstance(part, str) else "".join(part) for part in parts)


def complaints(path):
    "What is wrong with the outputs stored in one notebook."
    notebook, size = nbformat.read(path, 4), path.stat().st_size
    if size > largest_notebook:
        yield f"is {size / 1e6:.1f} MB: show less in its outputs (largest: {largest_notebook / 1e6:.1f} MB)"
    if "widgets" in notebook.metadata:
        yield "stores the state of its widgets: clear their outputs before saving, or run it with nbconvert --ClearMetadataPreprocessor.enabled=True"
    for text in texts(notebook):
        found = machine_path.search(text)
        if found:
            yield f"has a path of this machine in an output: {found[0]}"
    if any(output.get("output_type") == "error" for cell in notebook.cells for output in cell.get("outputs", [])):
        yield "has an error among its outputs"


def all_complaints():
    "A line for everything that should not be stored."
    paths = [path for path in sorted((root / "nbs").rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts]
    return [f"{path.relative_to(root)} {complaint}" for path in paths for complaint in dict.fromkeys(complaints(path))]


if __name__ == "__main__":
    found = all_complaints()
    print("\n".join(found), end="\n" * bool(found))
    sys.exit(bool(found))
