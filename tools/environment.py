"""Create or refresh the virtual environment that the Makefile's commands run in, and report the progress.

Runs on the system's Python before anything is installed: standard library only, and old enough syntax to tell
an old Python what is wrong. Nothing happens while the environment matches settings.ini and the constraints.
"""

from __future__ import print_function

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
described_by = ["settings.ini", "setup.py", "pyproject.toml", os.path.join("tools", "environment.py")]


def check_python():
    "End with one clear sentence where this Python cannot serve."
    found = "%d.%d (%s)" % (sys.version_info[0], sys.version_info[1], sys.executable)
    if sys.version_info < (3, 11):
        sys.exit("spotr-nb needs Python 3.11 or newer; this is %s. Choose another: make PYTHON=python3.12 ..." % found)
    try:
        import ensurepip  # noqa: F401  Debian packages them separately
        import venv  # noqa: F401
    except ImportError:
        sys.exit(
            "Python %s cannot create virtual environments. On Debian and Ubuntu: apt-get install python3-venv" % found
        )


def fingerprint(constraints):
    "Everything that decides what gets installed, in one hash."
    digest = hashlib.sha256((sys.version + root).encode())
    for name in described_by + ([constraints] if constraints else []):
        with open(os.path.join(root, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def pinned(constraints):
    "How many packages the constraints name: about what will be installed."
    with open(constraints, encoding="utf-8") as file:
        return sum("==" in line.split("#")[0] for line in file)


class Progress:
    "One line with the elapsed time whenever a stage changes, and every few seconds within one."

    def __init__(self, site_packages, expected):
        self.site_packages, self.expected = site_packages, expected
        self.start, self.printed = time.time(), 0.0
        self.resolved, self.installing = set(), False

    def report(self, text):
        self.printed = time.time()
        print("[%4.0f s] %s" % (self.printed - self.start, text), flush=True)

    def of(self):
        return " of %d" % self.expected if self.expected else ""

    def read(self, line):
        "Follow one line of pip's output."
        collecting = re.match(r"Collecting ([\w.-]+)", line)
        download = re.match(r"\s+Downloading (\S+) \(([\d.]+ [MG]B)\)", line)
        if collecting:
            self.resolved.add(collecting[1])
        if download and (download[2].endswith("GB") or float(download[2].split()[0]) > 20):
            self.report("downloading %s, %s" % (download[1].split("/")[-1], download[2]))
        if line.startswith("Installing collected packages"):
            self.installing = True
            self.expected = line.count(",") + 1
            self.report("installing %d packages" % self.expected)

    def beat(self, every=5.0):
        "Print something when nothing was printed for a while."
        if time.time() - self.printed < every:
            return
        if self.installing:
            done = sum(name.endswith(".dist-info") for name in os.listdir(self.site_packages))
            self.report("installing: %d%s packages" % (min(done, self.expected or done), self.of()))
        else:
            self.report("fetching: %d%s packages" % (len(self.resolved), self.of()))


def run_pip(command, log, progress):
    "Run pip with its output in `log` and its progress on the screen; end with the log's tail when it fails."
    with open(log, "w", encoding="utf-8") as file:
        pip = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

        def follow():
            for line in pip.stdout:
                file.write(line)
                progress.read(line)

        reader = threading.Thread(target=follow)
        reader.start()
        while reader.is_alive():
            reader.join(0.5)
            progress.beat()
    if pip.wait():
        with open(log, encoding="utf-8") as file:
            sys.stderr.write("".join(file.readlines()[-25:]))
        sys.exit(
            "Installing failed; the output of pip is in %s. Other versions: make CONSTRAINTS=FILE ..., none pinned: make CONSTRAINTS= ..."
            % log
        )


def same_python(folder):
    "Whether `folder` contains a working environment of this very Python."
    try:
        found = subprocess.check_output(
            [os.path.join(folder, "bin", "python"), "-c", "import sys; print(sys.version)"],
            text=True,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return found.strip() == sys.version


def install(folder, constraints, extras):
    "Create the environment unless it is there, and install the package with its requirements into it."
    started = time.time()
    fresh = not same_python(folder)
    print(
        "%s %s with Python %s."
        % ("Setting up" if fresh else "Updating", os.path.relpath(folder), sys.version.split()[0]),
        flush=True,
    )
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.check_call([sys.executable, "-m", "venv", folder])
    python = os.path.join(folder, "bin", "python")
    site = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    command = [
        python,
        "-m",
        "pip",
        "install",
        "--progress-bar=off",
        "--no-compile",
        "--disable-pip-version-check",
        "-e",
        ".[%s]" % extras,
    ]
    progress = Progress(site, pinned(constraints) if constraints else None)
    progress.report("asking the package index")
    run_pip(command + (["-c", constraints] if constraints else []), os.path.join(folder, "pip.log"), progress)
    print("[%4.0f s] environment ready" % (time.time() - started), flush=True)


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--folder", default=".venv")
    args.add_argument("--constraints", default="constraints.txt", help="file with pinned versions; empty for none")
    args.add_argument("--extras", default="lab,dev")
    args = args.parse_args()
    check_python()
    folder = os.path.join(root, args.folder)
    constraints = os.path.join(root, args.constraints) if args.constraints else ""
    if constraints and not os.path.exists(constraints):
        sys.exit("There is no constraints file %s." % constraints)
    stamp, now = os.path.join(folder, "installed-" + args.extras.replace(",", "-")), fingerprint(constraints)
    if os.path.exists(stamp) and open(stamp).read() == now:
        return
    if os.path.exists(stamp):
        os.remove(stamp)
    install(folder, constraints, args.extras)
    with open(stamp, "w") as file:
        file.write(now)


if __name__ == "__main__":
    main()
