"""The kinds of faults: what each needs, does and undoes.

A fault is drawn by the schedule with a kind, a random source of its own and a length. `begin()` hurts and returns at once
with the target's name, or None if there is nothing to hurt just now; `end()` heals. Both run on the driver's main
thread. `KINDS` is the one table; a kind that can't be had here names the reason and is left out of the draw.
"""
import os
import resource
import shutil
import signal
import time

from . import space
from .machines import FAKETIME, GRACE_S


class Fault:
    longest_s = 5.0  # of the span between begin() and end()

    def __init__(self, place, rng):
        self.place, self.random = place, rng

    @staticmethod
    def refusal(_place):
        """Why this kind can't be had here; "" if it can."""
        return ""

    def begin(self):
        raise NotImplementedError

    def end(self):
        pass

    def tick(self):
        """Ten times a second while it lasts."""

    def instance(self):
        """One of those that serve, or None."""
        up = [one for one in self.place.instances if one.ready() and not one.asleep]
        return self.random.choice(up) if up else None

    def broker(self):
        up = [one for one in self.place.brokers if one.running() and not one.asleep]
        return self.random.choice(up) if len(up) == len(self.place.brokers) else None


def _only_one(place):
    return "only with three brokers" if len(place.brokers) < 3 else ""


class Kill(Fault):
    """SIGKILL to a machine; started again at the end."""

    machine = None

    def hurt(self):
        self.machine.kill()

    def begin(self):
        self.machine = self.pick()
        if self.machine is None:
            return None
        self.hurt()
        return self.machine.name

    def pick(self):
        return self.instance()

    def end(self):
        self.machine.wake()
        self.machine.start()


class InstanceStop(Kill):
    longest_s = 8.0

    def hurt(self):
        self.machine.sleep()


class InstanceDrain(Kill):
    """SIGTERM: it must finish, save and exit with 0 within its grace."""

    longest_s = 16.0

    def hurt(self):
        self.left_s, self.process = time.monotonic(), self.machine.process
        self.machine.leave()

    def tick(self):
        late = time.monotonic() - self.left_s > GRACE_S + 3
        if late and not self.machine.asleep and self.process is self.machine.process and self.process.running():
            self.place.troubles.append("%s did not leave within its grace" % self.machine.name)
            self.machine.kill()

    def end(self):
        if self.process.running() and self.process is self.machine.process:
            self.machine.kill()  # in the middle of its drain
        super().end()


class RollingRestart(Fault):
    """Every instance in turn: SIGTERM, started again when it has left, the next when it is ready."""

    longest_s = 20.0

    @staticmethod
    def refusal(place):
        return "only with several instances" if len(place.instances) < 2 else ""

    def begin(self):
        self.left = [one for one in self.place.instances if one.running() and not one.asleep]
        self.current = None
        return "all" if len(self.left) == len(self.place.instances) else None

    def tick(self):
        if self.current is None:
            if self.left:
                self.current = self.left.pop(0)
                self.current.leave()
                self.gone = False
        elif not self.gone and not self.current.running():
            self.gone = True
            self.current.start()
        elif self.gone and (self.current.ready() or not self.current.running()):
            self.current = None

    def end(self):
        if self.current is not None:
            if not self.gone and self.current.running():
                self.current.kill()  # in the middle of its drain: it would leave later, and nobody would start it
            self.current.start()


class WorkerKill(Fault):
    longest_s = 0.0

    def begin(self):
        instance = self.instance()
        workers = instance.workers() if instance else []
        if not workers:
            return None
        try:
            os.kill(self.random.choice(workers), signal.SIGKILL)
        except ProcessLookupError:
            return None
        return instance.name


class WorkerStop(Fault):
    def begin(self):
        instance = self.instance()
        workers = instance.workers() if instance else []
        self.pid = self.random.choice(workers) if workers else None
        return instance.name if self.pid and self._send(signal.SIGSTOP) else None

    def end(self):
        self._send(signal.SIGCONT)

    def _send(self, number):
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


class WorkerMemory(WorkerStop):
    """RLIMIT_AS of a running worker just above what it uses."""

    def begin(self):
        instance = self.instance()
        workers = instance.workers() if instance else []
        self.pid = self.random.choice(workers) if workers else None
        if self.pid is None:
            return None
        try:
            with open("/proc/%d/statm" % self.pid, encoding="ascii") as file:
                used = int(file.read().split()[0]) * 4096
            resource.prlimit(self.pid, resource.RLIMIT_AS, (used + (1 << 20), used + (1 << 20)))
        except OSError:
            return None
        return instance.name

    def end(self):
        pass  # the limit stays with the process; later ones start without it


class SpawnerKill(Kill):
    """The instance can start nothing any more, says so and ends by itself."""

    longest_s = 8.0

    def hurt(self):
        spawner = self.machine.spawner()
        if spawner is not None:
            self.machine.expect_end_without_spawner()
            os.kill(spawner, signal.SIGKILL)


class SpawnerStop(WorkerStop):
    def begin(self):
        instance = self.instance()
        self.pid = instance.spawner() if instance else None
        return instance.name if self.pid and self._send(signal.SIGSTOP) else None


class BrokerKill(Kill):
    longest_s = 4.0

    def pick(self):
        return self.broker()


class BrokerRestart(BrokerKill):
    def hurt(self):
        self.machine.leave()
        self.machine.exits.add(1)  # nats-server ends so on SIGTERM


class BrokerStop(BrokerKill):
    longest_s = 8.0

    def hurt(self):
        self.machine.sleep()


class LeaderKill(BrokerKill):
    """The broker that leads a stream that matters."""

    longest_s = 8.0
    refusal = staticmethod(_only_one)

    def pick(self):
        if self.broker() is None:
            return None
        stream = self.random.choice(["functions", "function-results", "KV_function-attempts"])
        leader = self.place.leader_of(stream)
        return next((one for one in self.place.brokers if one.name == leader and one.running()), None)


class LinkFault(Fault):
    links = ()

    def begin(self):
        instance = self.instance()
        if instance is None:
            return None
        self.links = self.place.links_of(instance)
        self.hurt()
        return instance.name

    def end(self):
        for link in self.links:
            link.heal()


class LinkCut(LinkFault):
    """All connections to the broker are reset; new ones are refused until the end."""

    def hurt(self):
        for link in self.links:
            link.refuse(self.random.random() < 0.5)
            link.cut()


class LinkHold(LinkFault):
    """A partition of one direction or both; at its end the connections go on, or are reset."""

    longest_s = 8.0

    def hurt(self):
        way = self.random.choice([(True, False), (False, True), (True, True)])
        self.resets = self.random.random() < 0.5
        for link in self.links:
            link.hold(*way)

    def end(self):
        for link in self.links if self.resets else ():
            link.cut()
        super().end()


class LinkSlow(LinkFault):
    """Each piece is late by something else, and pieces are small."""

    longest_s = 10.0

    def hurt(self):
        most = self.random.choice([0.005, 0.02, 0.1])
        for link in self.links:
            link.slow(0, most, self.random.choice([17, 512, 65536]))


class RouteHold(Fault):
    """Two of three brokers don't hear each other, or only one hears the other."""

    longest_s = 10.0
    refusal = staticmethod(_only_one)

    def begin(self):
        one, other = self.random.sample(self.place.brokers, 2)
        self.links = self.place.routes_between(one, other)
        there, back = self.random.choice([(True, False), (False, True), (True, True)])
        self.links[0].hold(there, back)
        self.links[1].hold(back, there)
        return "%s %s" % (one.name, other.name)

    def end(self):
        for link in self.links:
            link.cut()
            link.heal()


class Netem(Fault):
    """Delay and loss on the whole loopback."""

    longest_s = 8.0

    @staticmethod
    def refusal(_place):
        return space.netem_refusal()

    def begin(self):
        space.netem(["delay", "%dms" % self.random.randint(1, 20), "5ms", "loss", "%d%%" % self.random.randint(0, 5)])
        return "lo"

    def end(self):
        space.netem_clear()


class DiskFull(Fault):
    """The file system below one broker's store has no room. A broker that noticed is restarted, as an operator would."""

    @staticmethod
    def refusal(place):
        return place.small

    def begin(self):
        self.broker = self.place.brokers[0]
        if not self.broker.running() or self.broker.asleep:
            return None
        self.path = os.path.join(self.broker.store, "filler")
        if os.path.exists(self.path):
            return None  # it is full already
        if not os.path.ismount(self.broker.store):
            raise RuntimeError("%s is no file system of its own any more: somebody removed the folder" % self.broker.store)
        spare = self.random.choice([0, 65536])
        with open(self.path, "wb") as file:
            for _ in range(100):  # the broker writes meanwhile, so what was free a moment ago may not be
                left = shutil.disk_usage(self.broker.store).free - spare
                try:
                    os.posix_fallocate(file.fileno(), 0, max(4096, left))
                    break
                except OSError:
                    spare += 4096
        return self.broker.name

    def end(self):
        os.unlink(self.path)
        if self.broker.running() and not self.broker.asleep:
            self.broker.kill()
        self.broker.start()


class Descriptors(Fault):
    """An instance may open hardly any more files."""

    short = set()  # process ids; a second limit would be lifted to the first

    def begin(self):
        self.machine = self.instance()
        if self.machine is None or self.machine.pid in self.short:
            return None
        self.pid = self.machine.pid
        self.short.add(self.pid)
        self.before = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        used = len(os.listdir("/proc/%d/fd" % self.pid))
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (used + self.random.randint(0, 4), self.before[1]))
        return self.machine.name

    def end(self):
        self.short.discard(self.pid)
        try:
            resource.prlimit(self.pid, resource.RLIMIT_NOFILE, self.before)
        except ProcessLookupError:
            pass  # it was killed meanwhile


def _no_faketime(_place):
    return "" if os.path.exists(FAKETIME) else "libfaketime is not installed"


class ClockJump(Fault):
    """The wall clock of an instance is an hour or some seconds off, then right again."""

    longest_s = 10.0
    refusal = staticmethod(_no_faketime)

    def begin(self):
        self.machine = self.instance()
        if self.machine is None:
            return None
        self.machine.set_clock(self.random.choice([-3600, 3600, -90, 90, -3, 3]))
        return self.machine.name

    def end(self):
        self.machine.set_clock(0)


class ClockDrift(Kill):
    """An instance whose clocks and timers all run too fast or too slow; it is restarted for that, and at the end."""

    longest_s = 15.0
    refusal = staticmethod(_no_faketime)

    def hurt(self):
        self.machine.kill()
        self.machine.rate = self.random.choice(["0.8", "0.95", "1.05", "1.25"])
        self.machine.start()

    def end(self):
        self.machine.rate = None
        if self.machine.running():
            self.machine.kill()
        super().end()


class Deploy(Fault):
    """A new version of a function takes over under load."""

    longest_s = 0.0

    def begin(self):
        name = self.random.choice(["work", "script"])
        return self.place.deploy_later(name)


# kind: (class, weight)
KINDS = {
    "instance-kill": (Kill, 6),
    "instance-stop": (InstanceStop, 4),
    "instance-drain": (InstanceDrain, 4),
    "rolling-restart": (RollingRestart, 2),
    "worker-kill": (WorkerKill, 8),
    "worker-stop": (WorkerStop, 4),
    "worker-memory": (WorkerMemory, 3),
    "spawner-kill": (SpawnerKill, 2),
    "spawner-stop": (SpawnerStop, 3),
    "broker-kill": (BrokerKill, 6),
    "broker-restart": (BrokerRestart, 4),
    "broker-stop": (BrokerStop, 4),
    "leader-kill": (LeaderKill, 6),
    "link-cut": (LinkCut, 6),
    "link-hold": (LinkHold, 6),
    "link-slow": (LinkSlow, 5),
    "route-hold": (RouteHold, 5),
    "netem": (Netem, 4),
    "disk-full": (DiskFull, 3),
    "descriptors": (Descriptors, 3),
    "clock-jump": (ClockJump, 5),
    "clock-drift": (ClockDrift, 2),
    "deploy": (Deploy, 3),
}
