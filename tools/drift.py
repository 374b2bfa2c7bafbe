"""Check that spotr_nb/ is the exact export of clean notebooks.

nbdev cleans and exports a copy of the tree in which spotr_nb/ starts empty, so nothing here changes, uncommitted
work does not matter, and a module whose notebook is gone is found too.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

root = Path(__file__).resolve().parents[1]
leave_out = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__", ".last_checked")


def nbdev(command, folder):
    "Run one of nbdev's commands in `folder`; what it prints is part of the error."
    environment = {key: value for key, value in os.environ.items() if key != "IN_TEST"}
    done = subprocess.run(
        [Path(sys.executable).parent / command], cwd=folder, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{command} failed:\n{done.stdout}{done.stderr}")


def contents(folder, pattern):
    "Every file of `folder` that matches, by its path within."
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob(pattern))
        if path.is_file() and not {".ipynb_checkpoints", "__pycache__"} & set(path.parts)
    }


def differences(before, after):
    "The paths whose contents are not the same on both sides."
    return [path for path in sorted({*before, *after}) if before.get(path) != after.get(path)]


def drift():
    "Lists of notebooks that are not clean, and of modules that are not what their notebook exports."
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder).resolve() / "tree"
        shutil.copytree(root / "nbs", copy / "nbs", ignore=leave_out)
        for name in ("pyproject.toml", "settings.ini"):
            shutil.copy(root / name, copy)
        nbdev("nbdev-clean", copy)
        nbdev("nbdev-export", copy)
        return (
            differences(contents(root / "nbs", "*.ipynb"), contents(copy / "nbs", "*.ipynb")),
            differences(contents(root / "spotr_nb", "*.py"), contents(copy / "spotr_nb", "*.py")),
        )


if __name__ == "__main__":
    unclean, drifted = drift()
    for path in unclean:
        print(f"nbs/{path} is not clean")
    for path in drifted:
        print(f"spotr_nb/{path} is not what the notebooks export")
    if unclean or drifted:
        sys.exit("To put this right: make export")
