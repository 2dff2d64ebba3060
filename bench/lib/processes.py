"""Processes of a benchmark: started in a folder of their own, watched in /proc, ended by their ids.

What a process used is read from /proc/PID/stat (CPU time, in ticks of 10 ms: rounds must be long against that) and
/proc/PID/status (memory). Children of what was started count too, each under the name of its kind.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """Something that the benchmark needs did not work; the text says what and where to look."""


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Process:
    """One program, its log, and how to end it."""

    def __init__(self, name, command, folder, env=None):
        self.name, self.log = name, folder / f"{name}.log"
        with open(self.log, "wb") as log:
            self.popen = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
                env={**os.environ, **(env or {})}, start_new_session=True,
            )
        self.pid = self.popen.pid

    def wait_for_file(self, path, seconds=20):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if path.exists() and path.stat().st_size:
                return path
            if self.popen.poll() is not None:
                raise Failed(f"{self.name} ended with {self.popen.returncode}:\n{self.tail()}")
            time.sleep(0.02)
        raise Failed(f"{self.name} is not ready after {seconds} s:\n{self.tail()}")

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def stop(self, seconds=10):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                say(f"{self.name} does not end by SIGTERM; killed")
                self.popen.kill()
                self.popen.wait()


def start_broker(name, folder):
    """A nats-server on a free port with a store of its own. Gives (process, url)."""
    folder = folder / name
    (folder / "ports").mkdir(parents=True)
    (folder / "nats.conf").write_text(
        f'listen: "127.0.0.1:-1"\nserver_name: "{name}"\nmax_payload: 1MB\n'
        f'ports_file_dir: "{folder}/ports"\njetstream {{ store_dir: "{folder}/store" }}\n'
    )
    process = Process(name, [find("nats-server"), "-c", folder / "nats.conf"], folder)
    ports = process.wait_for_file(folder / "ports" / f"nats-server_{process.pid}.ports")
    time.sleep(0.2)  # it writes the file before it is whole
    return process, json.loads(ports.read_text())["nats"][0]


def find(program):
    for folder in [*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/usr/local/sbin"]:
        path = Path(folder) / program
        if folder and os.access(path, os.X_OK):
            return path
    raise Failed(f"{program} is not installed (ci/setup run)")


def _stat(pid):
    """(parent, ticks of CPU, thread's or process's name) or None if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
    return int(rest[1]), int(rest[11]) + int(rest[12]), name


def _memory_kb(pid):
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def family(pid):
    """The process and all that descend from it."""
    parents = {}
    for entry in os.listdir("/proc"):
        stat = _stat(entry) if entry.isdigit() else None
        if stat:
            parents.setdefault(stat[0], []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += parents.get(one, [])
    return found


def usage(roots, kind_of):
    """{pid: (kind, CPU in us, memory in KB)} of the families of `roots`: {kind: pid}."""
    found = {}
    for kind, root in roots.items():
        for pid in family(root):
            stat = _stat(pid)
            if stat:
                name = kind if pid == root else kind_of(kind, stat[2])
                found[pid] = (name, stat[1] * TICK_US, _memory_kb(pid))
    return found


def cpu_between(before, after):
    """{kind: us} used between two usages; a process that is new counts from its start."""
    spent = {}
    for pid, (kind, cpu_us, _) in after.items():
        spent[kind] = spent.get(kind, 0) + cpu_us - before.get(pid, (kind, 0, 0))[1]
    return spent


def memory_of(usage_now):
    """{kind: (processes, KB of all)}"""
    total = {}
    for kind, _, memory_kb in usage_now.values():
        count, sum_kb = total.get(kind, (0, 0))
        total[kind] = (count + 1, sum_kb + memory_kb)
    return total


def machine_busy_us():
    """CPU time that the whole machine has used."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq, steal = (int(field) for field in fields[:8])
    return (user + nice + system + irq + softirq + steal) * TICK_US
