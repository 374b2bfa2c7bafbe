"""Sweeps on a real Slurm of one machine: `make slurm-test`, or python tools/slurm_test.py.

Needs Debian's packages (apt-get install slurm-wlm munge) and nothing else: munged, slurmctld and slurmd run as the
user who calls this, on free ports, with their keys and states in a temporary folder, and end with it. No root, no
service, no /etc. With --install, as root, missing packages are installed first; `make slurm-test` does so.
"""

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import nbformat
from tally import Tally

programs = "munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "sinfo", "scancel", "scontrol"
packages = "slurm-wlm", "munge"
configuration = """
ClusterName=spotr
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_min_interval=100000
MpiDefault=none
ReturnToService=2
KillWait=10
MessageTimeout=30
SlurmdTimeout=0
InactiveLimit=0
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
"""


def free_ports(n):
    "Ports that nobody listens on."
    sockets = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for(condition, what, seconds=60):
    "Return what `condition` gives once it is true."
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"no {what} within {seconds} s")


class Slurm:
    "A Slurm of one machine, in a folder."

    def __init__(self, folder):
        self.folder, self.daemons = Path(folder), []
        self.environment = {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def __enter__(self):
        import getpass

        host = socket.gethostname().split(".")[0]
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        (self.folder / "munge.key").write_bytes(os.urandom(128))
        (self.folder / "munge.key").chmod(0o600)
        (self.folder / "slurm.conf").write_text(
            configuration.format(
                host=host, user=getpass.getuser(), ports=free_ports(2), folder=self.folder, cpus=os.cpu_count()
            )
        )
        os.environ.update(self.environment)
        munge = [
            "munged",
            "--foreground",
            f"--socket={self.folder}/munge.socket",
            f"--key-file={self.folder}/munge.key",
            f"--pid-file={self.folder}/munge.pid",
            f"--log-file={self.folder}/munge.log",
            f"--seed-file={self.folder}/munge.seed",
            "--num-threads=2",
            "--force",
        ]
        try:
            self.start("munged", munge)
            wait_for((self.folder / "munge.socket").exists, "munge socket")
            self.start("slurmctld", ["slurmctld", "-D"])
            self.start("slurmd", ["slurmd", "-D", "-N", host])
            wait_for(lambda: "idle" in self.ask("sinfo", "-h", "-o", "%T"), "idle node")
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self, name, command):
        "Start a daemon; its output goes to a file."
        with open(self.folder / f"{name}.out", "wb") as out:
            self.daemons.append(subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True))

    def ask(self, *command):
        "What one of Slurm's commands prints."
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout

    def logs(self):
        "The last lines of every log, for errors."
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-1500:]}"
            for path in sorted(self.folder.glob("*.log")) + sorted(self.folder.glob("*.out"))
        )

    def __exit__(self, *error):
        self.ask("scancel", "--me")
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in reversed(self.daemons):
            try:
                daemon.wait(15)
            except subprocess.TimeoutExpired:
                daemon.kill()


toy = """
import json, os, time
from pathlib import Path
if lr > 1: raise ValueError(f"lr {lr} is too high")
file = Path(out, "step.txt")
begin = int(file.read_text()) if file.exists() else 0
for step in range(begin, 3):
    file.write_text(str(step + 1))
    while gate and not Path(gate).exists(): time.sleep(.1)
slurm = dict(job=os.environ.get("SLURM_JOB_ID"), threads=os.environ.get("OMP_NUM_THREADS"))
Path(out, "toy.json").write_text(json.dumps(dict(loss=10*lr, began_at=begin, **slurm)))
"""


waiting_sweep = """
import spotr_nb.experiments.clusters as clusters
from spotr_nb.experiments.sweeps import sweep
look = clusters.slurm_queue
def looked():
    found = look(); print("looked", flush=True); return found
clusters.slurm_queue = looked
settings = dict(out={out!r}, engine="slurm", every=.5, progress=False)
try: print(list(sweep({toy!r}, parameters=dict(gate={gate!r}), **settings).state))
except KeyboardInterrupt as stop: print(stop)"""


def write_toy(path):
    "A run notebook that waits for a file, fails for a high lr, and goes on where it was."
    cells = [
        nbformat.v4.new_code_cell("lr = 0.1\ngate = ''\nout = 'toy'", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(toy),
    ]
    nbformat.write(
        nbformat.v4.new_notebook(
            cells=cells, metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
        ),
        path,
    )
    return path


class Watched:
    "An executor in whose tasks the calls of a function are noted."

    def __init__(self, pool, log, watched):
        self.pool, self.log, self.watched = pool, log, watched

    def submit(self, function, *arguments):
        return self.pool.submit(noting, self.log, self.watched, function, *arguments)


def noting(log, watched, function, *arguments):
    "A task; a watched function is slow enough to be killed in its course."
    import importlib
    from unittest import mock

    module, _, name = watched.rpartition(".")
    real = getattr(importlib.import_module(module), name)

    def note(state, given):
        with open(log, "a") as file:
            file.write(f"{state} {re.search('[0-9a-f]{32}', str(given[:2]))[0]} {os.getpid()}\n")

    def call(*given):
        note("begun", given)
        time.sleep(0.5)
        result = real(*given)
        note("done", given)
        return result

    with mock.patch(watched, call):
        return function(*arguments)


def at_work(log):
    "(key, process) of what was begun, and of what was done."
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [[(key, int(pid)) for state, key, pid in lines if state == wanted] for wanted in ("begun", "done")]


def kill_two(log, killed):
    "Kill a process that is at work at once, and another after the second recording."
    for n_done in 0, 2:
        while True:
            begun, done = at_work(log)
            working = [pid for key, pid in begun if (key, pid) not in done and pid not in killed]
            if len(done) >= n_done and working:
                break
            time.sleep(0.05)
        killed.append(working[-1])
        os.kill(killed[-1], signal.SIGKILL)


def check_once(log, n, killed):
    "Each recording is done once; only those whose worker was killed were begun twice."
    begun, done = at_work(log)
    assert len(done) == len({key for key, _ in done}) == n, done
    assert sorted(pid for key, pid in begun if (key, pid) not in done) == sorted(killed), (begun, done, killed)
    assert len(begun) == n + 2 and len(killed) == 2


class Checks:
    "What a sweep must do on Slurm."

    def __init__(self, slurm, folder):
        self.slurm, self.folder = slurm, Path(folder)
        self.toy = write_toy(self.folder / "toy.ipynb")

    def sweep(self, *arguments, **settings):
        "A sweep that waits for its jobs."
        from spotr_nb.experiments.sweeps import sweep

        return sweep(*arguments, engine="slurm", every=0.5, progress=False, **settings)

    def begin(self, out, gate):
        "A process that sweeps one run, which waits at a gate, and has looked at the queue; and the folder of the run."
        process = subprocess.Popen(
            [sys.executable, "-c", waiting_sweep.format(toy=str(self.toy), gate=str(gate), out=str(out))],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in iter(process.stdout.readline, "looked\n"):
            assert line, "the sweep ended before it looked at the queue"
        return process, wait_for(lambda: next(out.glob("*/step.txt"), None), "step of the run", 120).parent

    def array(self):
        "an array of at most n_jobs at a time: finished and failed runs, and one table"
        gate, most, out = self.folder / "gate", 0, self.folder / "array"
        settings = dict(parameters={"gate": str(gate)}, out=out, n_jobs=2, cpus_per_task=1)
        import threading

        found = []
        waiting = threading.Thread(
            target=lambda: found.append(self.sweep(self.toy, {"lr": [0.1, 0.2, 0.3, 10.0]}, **settings)), daemon=True
        )
        waiting.start()
        wait_for(lambda: len(list(out.glob("*/step.txt"))) == 2, "two runs under way", 120)
        for _ in range(10):
            most = max(
                most, len(self.slurm.ask("squeue", "--noheader", "--array", "--states=RUNNING", "--format=%i").split())
            )
            time.sleep(0.2)
        gate.touch()
        waiting.join(240)
        table = found[0]
        assert sorted(table.state) == ["failed"] + 3 * ["finished"] and list(table.error.dropna()) == [
            "ValueError: lr 10.0 is too high"
        ], table.T
        assert most == 2, f"{most} jobs at a time instead of 2"
        assert set(table["result.threads"].dropna()) == {"1"} and table["result.job"].nunique() == 3, table.T
        assert "array=0-3%2" in next((out / "slurm").glob("*submission.sh")).read_text().replace(" ", ""), (
            "no bounded array in the batch script"
        )
        again = self.sweep(self.toy, {"lr": [0.1, 0.2, 0.3]}, **settings)
        assert list(again.attempts) == [1, 1, 1], "finished runs were executed again"

    def waits_again(self):
        "an interrupted call leaves its jobs in the queue, and the next one waits for them"
        from spotr_nb.experiments.execution import read_run

        gate, out = self.folder / "gate-a", self.folder / "again"
        process, folder = self.begin(out, gate)
        process.send_signal(signal.SIGINT)
        printed = process.communicate(timeout=60)[0]
        job = json.loads((folder / "job.json").read_text())["job"]
        assert f"scancel {job}" in printed and "the same call resumes" in printed, printed
        assert read_run(folder)["state"] == "running", "the job did not go on"
        process, _ = self.begin(out, gate)
        gate.touch()
        printed = process.communicate(timeout=120)[0]
        run = read_run(folder)
        assert (
            "['finished']" in printed
            and run["attempts"] == 1
            and json.loads((folder / "job.json").read_text())["job"] == job
        ), f"{printed}\n{run}"

    def cancelled(self):
        "a cancelled job stops its run after the step; the same call resumes it in another job"
        from spotr_nb.experiments.execution import read_run

        gate, out = self.folder / "gate-b", self.folder / "cancelled"
        process, folder = self.begin(out, gate)
        job = json.loads((folder / "job.json").read_text())["job"]
        self.slurm.ask("scancel", job)
        printed = process.communicate(timeout=120)[0]
        assert "['interrupted']" in printed and read_run(folder)["state"] == "interrupted", f"{printed}\n{read_run(folder)}"
        gate.touch()
        table = self.sweep(self.toy, parameters={"gate": str(gate)}, out=out)
        assert (table.state[0], table.attempts[0], table["result.began_at"][0]) == ("finished", 2, 1), table.T

    def requeued(self):
        "a job that is preempted, or out of time, goes back into the queue and goes on from its step"
        from spotr_nb.experiments.execution import read_run

        gate, out = self.folder / "gate-c", self.folder / "requeued"
        process, folder = self.begin(out, gate)
        job = json.loads((folder / "job.json").read_text())["job"]
        self.slurm.ask("scancel", "--signal=USR2", job)
        wait_for(lambda: read_run(folder)["state"] == "interrupted", "interrupted run", 60)
        wait_for(
            lambda: "PENDING" in self.slurm.ask("squeue", "--noheader", "--format=%T", f"--jobs={job}"),
            "job in the queue again",
            60,
        )
        self.slurm.ask("scontrol", "update", f"JobId={job}", "StartTime=now")  # Slurm would wait two minutes
        gate.touch()
        printed = process.communicate(timeout=400)[0]
        run = read_run(folder)
        assert (
            "['finished']" in printed
            and run["attempts"] == 2
            and json.loads((folder / "toy.json").read_text())["began_at"] == 1
        ), f"{printed}\n{run}"
        assert json.loads((folder / "job.json").read_text())["job"] == job, "another job was submitted"

    def pretrains(self):
        "the shipped pretraining runs in a job"
        table = self.sweep(
            "pretrain", parameters={"steps": 2, "batch_size": 4, "device": "cpu"}, out=self.folder / "pretrain"
        )
        assert table.state[0] == "finished", table.T
        assert table["result.steps"][0] == 2

    def recordings(self):
        "a corpus, a table of tokens and a probe's windows, a job a recording: two killed each time, nothing lost or twice"
        import threading
        from dataclasses import replace

        import spotr_nb
        from spotr_nb.benchmark.recording_tasks import windows_of_all
        from spotr_nb.corpus.build import build_corpus
        from spotr_nb.experiments.executors import executor
        from spotr_nb.files import sha256
        from spotr_nb.signals.recordings import Recordings, as_recordings
        from spotr_nb.signals.samples import load_sample
        from spotr_nb.tokens import embed_recordings

        raw, quiet = self.folder / "raw", dict(progress=False, line_freq=60)
        for k in range(4):
            spotr_nb.write_npz(load_sample("ecg_mitbih_100").crop(30 * k, 30 * k + 60), raw / f"r{k}.npz")
        sources = sorted(raw.iterdir())
        items = Recordings([replace(item, label="normal") for item in as_recordings(sources)])

        def corpus(pool, name):
            build_corpus({"heart": sources}, self.folder / name, n_workers=pool, **quiet)
            return {path.name: sha256(path) for path in sorted((self.folder / name).iterdir())}

        def table(pool, name):
            out = self.folder / f"{name}.csv"
            found = embed_recordings(sources, out, window_seconds=3, jobs=pool, **quiet)
            return found.read().recording.tolist(), found.tokens.round(4).tolist()

        def windows(pool, name):
            found = windows_of_all(items, 5.0, {}, pool, self.folder / f"{name}-parts")
            return [(item.name, one.x.tobytes(), list(one.labels), cause) for item, one, cause in found]

        works = {
            corpus: "spotr_nb.corpus.workers.prepare_recording",
            table: "spotr_nb.tokens._embed_part",
            windows: "spotr_nb.benchmark.recording_tasks.save_windows",
        }
        for make, watched in works.items():
            log, killed = self.folder / f"{make.__name__}.log", []
            threading.Thread(target=kill_two, args=(log, killed), daemon=True).start()
            with executor("slurm", 2, folder=self.folder / "jobs", cpus_per_task=1, every=0.5) as pool:
                there = make(Watched(pool, log, watched), "there")
            check_once(log, len(sources), killed)
            assert there == make(1, "here"), make.__name__


def missing():
    "Programs of Slurm that are not here; daemons are often outside of a user's path."
    os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [name for name in programs if shutil.which(name) is None]


def set_up(install):
    "Make sure that Slurm is here: install it on request if possible, or exit with instructions."
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if missing() and install and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"{' '.join(command)} …", flush=True)
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update"], stdout=subprocess.DEVNULL, env=environment)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
        if done.returncode:
            sys.exit(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stdout[-2000:]}")
    if missing():
        sys.exit(
            f"There is no {', '.join(missing())} here. "
            f"On Debian and Ubuntu, as root: apt-get install {' '.join(packages)}"
        )


def quietly(check):
    "Call a check without what its sweeps print."
    with contextlib.redirect_stdout(io.StringIO()):
        check()


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [
        name for name, check in vars(Checks).items() if not name.startswith("_") and name not in ("sweep", "begin")
    ]
    args.add_argument("checks", nargs="*", metavar="check", help=f"of {', '.join(names)}; all of them unless given")
    args.add_argument(
        "--install",
        action="store_true",
        help=f"install {' and '.join(packages)} where they are missing; as root, on Debian and Ubuntu",
    )
    args = args.parse_args()
    unknown = [name for name in args.checks if name not in names]
    if unknown:
        sys.exit(f"There is no check {unknown[0]!r}: there are {', '.join(names)}.")
    set_up(args.install)
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as runs, Slurm(folder) as slurm:
        print(f"Slurm {slurm.ask('scontrol', '--version').split()[-1]}, {os.cpu_count()} CPUs", flush=True)
        checks = Checks(slurm, runs)
        for name in args.checks or names:
            tally.check(getattr(Checks, name).__doc__, partial(quietly, getattr(checks, name)))
        if tally.failed:
            print(slurm.logs())
    print(tally)
    sys.exit(bool(tally.failed or not tally.passed))


if __name__ == "__main__":
    main()
