"Run checks one by one, print a line for each, and count."

import os
import re
import subprocess
import threading
import time
import traceback
from pathlib import Path

root = Path(__file__).resolve().parents[1]
colours = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Skip(Exception):
    "A check that cannot be made here, and why."


class Tally:
    "Runs checks, prints a line for each, and counts."

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.used = 0.0  # s of processor time
        self.printing = threading.Lock()

    def report(self, outcome, seconds, name, detail=""):
        with self.printing:
            print(f"{outcome:<7} {seconds:6.1f} s  {name}", flush=True)
            if detail:
                print("    " + detail.strip().replace("\n", "\n    "), flush=True)

    def check(self, name, test):
        "Call `test`; whatever it raises is this check's failure, and nobody else's."
        started, outcome, detail = time.time(), "ok", ""
        try:
            test()
        except Skip as why:
            outcome, detail = "skipped", str(why)
        except AssertionError as error:
            outcome, detail = "FAILED", str(error) or traceback.format_exc()
        except Exception:
            outcome, detail = "FAILED", traceback.format_exc()
        with self.printing:
            self.passed += outcome == "ok"
            self.failed += outcome == "FAILED"
            self.skipped += outcome == "skipped"
        self.report(outcome, time.time() - started, name, detail)
        return outcome == "ok"

    def __str__(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def succeed(command, seconds=600, folder=root, without=(), **environment):
    "Run a command that must end with status 0; otherwise the end of what it printed is the failure."
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={name: value for name, value in os.environ.items() if name not in without} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as late:
        raise AssertionError(
            f"no end after {seconds} s:\n{(late.stdout or b'')[-4000:].decode(errors='replace')}"
        ) from None
    printed = colours.sub("", done.stdout.decode(errors="replace"))
    assert done.returncode == 0, printed[-8000:]
    return printed
