"""Runs the `stead` of $STEAD_BUILD in an environment of its own, and `stead dev` with what it starts."""

import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
STEAD = str(Path(os.environ.get("STEAD_BUILD") or ROOT / "build" / "release") / "stead")
KEPT = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS")
READY_S = 60


def environment(**more):
    """Nothing of this shell's STEAD_ and NATS_ variables, and a home of nobody."""
    return {**{key: os.environ[key] for key in KEPT if key in os.environ}, "HOME": "/nonexistent", **more}


def stead(*arguments, data=b"", **variables):
    """Gives (exit code, stdout, stderr) of one command."""
    done = subprocess.run([STEAD, *map(str, arguments)], input=data, capture_output=True, timeout=90, check=False,
                          env=environment(**variables))
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def family(root):
    """The descendants of a process: pid -> command line."""
    everyone = {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit():
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
                everyone[int(folder.name)] = (parent, (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except (OSError, IndexError):
            pass
    found, parents = {}, {root}
    while parents:
        children = {pid: line for pid, (parent, line) in everyone.items() if parent in parents}
        found.update(children)
        parents = set(children)
    return found


def alive(pid):
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class Dev:
    """One `stead dev` in a temporary folder; use it with `with`."""

    def __init__(self, *directories, store=None, extra=(), **variables):
        self.folder = tempfile.TemporaryDirectory(prefix="stead-cli-")
        self.path = Path(self.folder.name)
        self.store = Path(store or self.path / "store")
        self.ports_file = self.path / "ports"
        self.log = self.path / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [STEAD, "dev", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--store", str(self.store), "--ports-file",
                 str(self.ports_file), *extra, *map(str, directories)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(**variables))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        members = list(family(self.process.pid))
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        wait_for(lambda: not any(alive(pid) for pid in members))
        self.folder.cleanup()

    def said(self):
        return self.log.read_text(errors="replace")

    def ready(self):
        wait_for(lambda: self.ports_file.exists() or self.process.poll() is not None, READY_S)
        assert self.process.poll() is None and self.ports_file.exists(), self.said()
        self.ports = json.loads(self.ports_file.read_text())
        return self

    def stead(self, *arguments, data=b""):
        return stead(*arguments, data=data, STEAD_ADDR=self.ports["grpc"])

    def child(self, words):
        """The process id of the child whose command line holds `words`."""
        return next(pid for pid, line in family(self.process.pid).items() if words in line)

    def stop(self, number=signal.SIGTERM):
        """Gives the exit code and the processes that are left."""
        members = list(family(self.process.pid))
        self.process.send_signal(number)
        code = self.process.wait(60)
        wait_for(lambda: not any(alive(pid) for pid in members), 5)
        return code, [pid for pid in members if alive(pid)]
