"""One child process with its log. It gets SIGKILL from the kernel when the test dies, so nothing is left behind."""
import ctypes
import os
import random
import re
import signal
import socket
import subprocess
import time

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_STOP_SECONDS = 40
_PORT_FIRST = 10000
_given = set()  # ports
_ALARMS = re.compile(r".*(?:ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|assertion failed).*")


def wait_for(condition, what, seconds=60, pause=0.05):
    """The first true value of condition(); AssertionError after `seconds`: generous, and no measure of speed."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited %d s in vain for %s" % (seconds, what))
        time.sleep(pause)


def free_port():
    """A port for a server that is started soon, again and again. It is none that the kernel gives to outgoing connections,
    one of which might have it when the server wants it."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        above = max(int(file.read().split()[0]), _PORT_FIRST + 1)
    while True:
        port = random.randrange(_PORT_FIRST, above)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port


def children(pid):
    """Process ids whose parent is `pid`, zombies left out."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, encoding="ascii", errors="replace") as stat:
                    state, parent = stat.read().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(parent) == pid and state != "Z":
                found.append(int(name))
    return found


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Process:
    def __init__(self, name, command, log_path, env=None):
        self.name, self.command, self.log_path, self.env = name, command, log_path, env
        self.child, self.killed = None, False

    def start(self):
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.env,
                preexec_fn=lambda: _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
            )
        return self

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child is not None and self.child.poll() is None

    def signal(self, number):
        self.child.send_signal(number)

    def kill(self):
        """kill -9."""
        if self.running():
            self.killed = True
            self.child.kill()
        if self.child is not None:
            self.child.wait()

    def stop(self):
        """SIGTERM; the exit code."""
        if self.running():
            self.child.terminate()
        return self.wait()

    def wait(self, seconds=_STOP_SECONDS):
        return self.child.wait(timeout=seconds)

    def trouble(self):
        """What must never happen, whatever the test is about: it crashed, or a sanitizer complained. "" if neither."""
        code = None if self.child is None else self.child.poll()
        if code is not None and code < 0 and not self.killed:
            return "%s was ended by signal %d" % (self.name, -code)
        found = _ALARMS.search(self.log())
        return "%s: %s" % (self.name, found.group(0)) if found else ""

    def says(self, text, seconds=30):
        """Waits until its log has the text: it may be written after what it tells of was seen elsewhere."""
        wait_for(lambda: text in self.log(), "%r in the log of %s" % (text, self.name), seconds)

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as log:
                return log.read()
        except OSError:
            return ""
