"""The processes of a world: brokers and instances, each with what the driver knows of it and expects.

All processes are started and ended by the driver's main thread (the kernel kills a child when the *thread* that started
it ends). An exit that nobody caused is a failure of the run: `unexpected()` tells.
"""
import os
import shutil
import signal

from stead_world.process import Process, alive, children, free_port
from stead_world.world import PROGRAM, ROOT

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
GRACE_S = 10  # service.shutdownGrace
_STORE_BYTES = 1 << 34
_SPAWNER_GONE = 70  # exit code of an instance whose spawner was killed
_SETUP = os.path.join(ROOT, "ci", "setup")


def server_program(which):
    """The nats-server to run: Debian's (2.9) or the current one. None if it isn't installed."""
    if which == "current":
        path = os.popen("%s path nats-server-current" % _SETUP).read().strip()
        return path if os.access(path, os.X_OK) else None
    return shutil.which("nats-server", path="/usr/sbin:/usr/bin:/bin")


class Machine:
    """Something that is killed, stopped and started again. Each life is a Process with a log of its own."""

    def __init__(self, place, name):
        self.place, self.name = place, name
        self.process, self.lives, self.exits, self.asleep = None, [], set(), False

    def command(self):
        raise NotImplementedError

    def environment(self):
        return None

    def start(self):
        """Starts it unless it runs."""
        if self.running():
            return
        path = self.place.path("%s.%d.log" % (self.name, len(self.lives)))
        self.exits, self.asleep = set(), False
        self.process = Process(self.name, self.command(), path, self.environment()).start()
        self.lives.append(self.process)

    def running(self):
        return self.process is not None and self.process.running()

    @property
    def pid(self):
        return self.process.pid

    def kill(self):
        """SIGKILL to it; what it started dies by itself."""
        self.process.kill()

    def leave(self):
        """SIGTERM: it must end with 0."""
        self.exits.add(0)
        self.wake()
        if self.running():
            self.process.signal(signal.SIGTERM)

    def sleep(self):
        if self.running():
            self.process.signal(signal.SIGSTOP)
            self.asleep = True

    def wake(self):
        if self.running():
            self.process.signal(signal.SIGCONT)
        self.asleep = False

    def unexpected(self):
        """What ended without anybody's doing; "" if nothing did."""
        if self.process is None or self.running() or self.process.killed:
            return self.process.trouble() if self.process is not None else ""
        code = self.process.child.returncode
        return "" if code in self.exits else "%s ended with %s (log: %s)" % (self.name, code, self.process.log_path)


class Broker(Machine):
    """One nats-server; `routes` are the ports by which it reaches the others, its own cluster port is told to nobody."""

    def __init__(self, place, name, program):
        super().__init__(place, name)
        self.program, self.port, self.cluster_port, self.routes = program, free_port(), free_port(), []
        self.store = place.path("nats-" + name)
        os.makedirs(self.store, exist_ok=True)

    @property
    def url(self):
        return "nats://127.0.0.1:%d" % self.port

    def command(self):
        # By itself a broker takes no more than three quarters of what is free at its start: late in a long run that is
        # less than it holds already, and then it takes nothing ever again. Here only the file system says what is full.
        text = 'server_name: %s\nlisten: "127.0.0.1:%d"\njetstream { store_dir: "%s", max_file_store: %d }\n' % (
            self.name, self.port, self.store, _STORE_BYTES,
        )
        if self.routes:
            # no_advertise: clients are to know the broker by their link only. What is advertised to other servers leads
            # nowhere, so they keep to the links as well.
            routes = ", ".join('"nats-route://127.0.0.1:%d"' % port for port in self.routes)
            text += 'cluster { name: chaos, listen: "127.0.0.1:%d", no_advertise: true, advertise: "127.0.0.1:1"' % (
                self.cluster_port,
            )
            text += ", routes: [%s] }\n" % routes
        path = self.place.path(self.name + ".conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return [self.program, "-c", path]


class Instance(Machine):
    """One `stead serve` at addresses that it keeps over all its lives; `links` lead to the brokers."""

    def __init__(self, place, name, links, settings):
        super().__init__(place, name)
        self.links, self.settings, self.rate, self.up, self.leaving = links, settings, None, False, False
        self.address = "127.0.0.1:%d" % free_port()
        self.http = "127.0.0.1:%d" % free_port()
        self.store = place.path("store-" + name)
        os.makedirs(self.store, exist_ok=True)
        self.clock_path = place.path("clock-" + name)
        self.set_clock(0)

    def command(self):
        urls = ",".join("nats://127.0.0.1:%d" % link.port for link in self.links)
        ports = self.place.path("%s.%d.ports" % (self.name, len(self.lives)))
        return [PROGRAM, "serve", "--nats", urls, "--store", self.store, "--ports-file", ports]

    def environment(self):
        variables = dict(os.environ, STEAD_GRPC_LISTEN=self.address, STEAD_HTTP_LISTEN=self.http)
        variables["STEAD_SERVICE_NAME"] = self.name
        variables.update(self.settings)
        if os.path.exists(FAKETIME):
            variables["LD_PRELOAD"] = FAKETIME
            if self.rate is None:
                # A wall clock that can be set; the monotonic one and all timers stay true.
                variables["FAKETIME_TIMESTAMP_FILE"] = self.clock_path
                variables["FAKETIME_NO_CACHE"] = "1"
                variables["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
            else:
                variables["FAKETIME"] = "+0 x%s" % self.rate  # both clocks and the timers, all at this rate
        return variables

    def start(self):
        if not self.running():
            self.note_end()
            super().start()
            self.place.history.write(self.name, "info", "life", state="up")
            self.up = True

    def kill(self):
        super().kill()
        self.note_end()

    def leave(self):
        if self.running() and not self.leaving:
            self.leaving = True
            self.place.history.write(self.name, "info", "drain", grace_ns=GRACE_S * 10**9)
        super().leave()

    def note_end(self):
        """Writes down that it has ended, if it has."""
        if self.up and not self.running():
            self.up = False
            if self.leaving and self.process.child.returncode == 0:
                self.place.history.write(self.name, "ok", "drain")
            self.leaving = False
            self.place.history.write(self.name, "info", "life", state="down")

    def ports_path(self):
        return self.place.path("%s.%d.ports" % (self.name, len(self.lives) - 1))

    def ready(self):
        """True once it serves; it stays true when it is hurt afterwards."""
        return self.running() and os.path.exists(self.ports_path())

    def set_clock(self, seconds):
        """Steps its wall clock."""
        with open(self.clock_path + ".new", "w", encoding="ascii") as file:
            file.write("%+d\n" % seconds)
        os.replace(self.clock_path + ".new", self.clock_path)

    def spawner(self):
        """Its spawner's process id, or None."""
        found = children(self.pid) if self.running() else []
        return found[0] if found else None

    def workers(self):
        spawner = self.spawner()
        return [] if spawner is None else [pid for pid in children(spawner) if alive(pid)]

    def expect_end_without_spawner(self):
        self.exits.add(_SPAWNER_GONE)
