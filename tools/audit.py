"""Compare the pinned versions with known faults: `python tools/audit.py`, without a network.

It knows what `advisories.json` beside it lists, and nothing that was published later or is not listed there. With a
network, `pip-audit -r constraints.txt` asks the databases.
"""

import json
import sys
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

root = Path(__file__).resolve().parents[1]


def pinned(path):
    "{package: version} of a file of constraints."
    lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    pairs = [line.split(";")[0].split("==") for line in lines if "==" in line]
    return {canonicalize_name(name.strip()): Version(version.strip()) for name, version in pairs}


def known_faults(versions, faults):
    "A sentence for each pinned version that has a known fault."
    found = []
    for fault in faults:
        version = versions.get(canonicalize_name(fault["package"]))
        if version is not None and Version(fault.get("from", "0")) <= version < Version(fault["below"]):
            found.append(f"{fault['package']} {version}: {fault['id']}, {fault['what']}: pin {fault['below']} or newer")
    return found


def audit(constraints=root / "constraints.txt"):
    "(faults found, packages pinned, packages that the list knows, date of the list)"
    listed = json.loads((Path(__file__).parent / "advisories.json").read_text(encoding="utf-8"))
    versions = pinned(constraints)
    known = {canonicalize_name(fault["package"]) for fault in listed["faults"]}
    return known_faults(versions, listed["faults"]), len(versions), len(known & versions.keys()), listed["written"]


if __name__ == "__main__":
    assert known_faults({"torch": Version("2.5.1")}, [dict(package="Torch", below="2.6.0", id="x", what="y")])
    found, n_pinned, n_known, written = audit()
    print(*found, sep="\n", end="\n" * bool(found))
    print(f"{n_pinned} pinned packages, {n_known} of them in the list of {written}: {len(found)} with a known fault")
    print("not known: faults of other packages, and what was published later; with a network: pip-audit -r constraints.txt")
    sys.exit(bool(found))
