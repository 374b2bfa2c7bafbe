"""Check what is written in the notebooks for common misspellings: codespell, with the words of tools/spelling.txt allowed.

codespell knows misspellings, not words: what it does not know, it lets pass.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

root = Path(__file__).resolve().parents[1]
allowed = Path(__file__).with_name("spelling.txt")


def written(path):
    "What a person wrote in a file, line by line: of a notebook its cells, not their outputs."
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    return "\n\n".join(cell.source for cell in nbformat.read(path, 4).cells)


def documents(folder=root):
    "The notebooks and the texts of the repository."
    chosen = [
        *folder.glob("*.md"),
        *(folder / "docs").rglob("*.py"),
        *(folder / "tools").glob("*.py"),
        *(folder / "nbs").rglob("*.ipynb"),
    ]
    return sorted(path for path in chosen if ".ipynb_checkpoints" not in path.parts)


def misspellings(paths, folder=root):
    "A line for each: file, line of its text, word, what may be meant."
    with tempfile.TemporaryDirectory() as copies:
        for path in paths:
            copy = Path(copies) / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(re.sub(r"https?://\S+", "", written(path)), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "codespell_lib", "--ignore-words", allowed, "--builtin", "clear,rare", "."],
            cwd=copies,
            capture_output=True,
            text=True,
        )
    if done.returncode not in (0, 65) or done.stderr.strip():
        raise RuntimeError(f"codespell: {done.stderr.strip() or f'status {done.returncode}'}")
    return [line.removeprefix("./") for line in done.stdout.splitlines() if "==>" in line]


if __name__ == "__main__":
    found = misspellings([Path(name).resolve() for name in sys.argv[1:]] or documents())
    print("\n".join(found), end="\n" * bool(found))
    sys.exit(bool(found))
