"""The world of a run: brokers, links, instances and functions in one folder, started, kept alive and ended together."""
import os
import queue
import shutil
import tempfile
import threading
import time

from stead_world import calls
from stead_world.bus import Bus
from stead_world.process import children, wait_for
from stead_world.world import ROOT

from . import space
from .history import History
from .links import Link, Loop
from .machines import GRACE_S, Broker, Instance

FUNCTIONS = os.path.join(ROOT, "tests", "chaos", "functions")
SMALL_MIB = 192  # of the tmpfs that holds a broker's store
TIMEOUT_S = 3
RETRIES = 3
RETENTION_S = 7200
_BUSES = 3
SETTINGS = {
    "STEAD_QUEUE_ACK_WAIT": "2s",
    "STEAD_FUNCTIONS_RETRY_BASE": "20ms",
    "STEAD_FUNCTIONS_RETRY_MAX": "1s",
    "STEAD_RESULTS_RETENTION": "%ds" % RETENTION_S,
    "STEAD_SERVICE_SHUTDOWN_GRACE": "%ds" % GRACE_S,
    "STEAD_SERVICE_SLOTS": "16",
    "STEAD_JOURNAL_SIZE": "64Mi",
    "STEAD_LOG_FORMAT": "logfmt",
}
# name: (folder, language, maxRetries)
DEPLOYED = {
    "work": ("witness", "c", RETRIES),
    "script": ("witness-python", "python", RETRIES),
    "fragile": ("witness", "c", 1),
}
_MANIFEST = """
spec:
  timeout: {timeout}s
  maxRetries: {retries}
  maxWorkers: 4
  memory: 128Mi
  env: {{WITNESS: {witness}, WITNESS_FUNCTION: {name}}}
"""


class Place:
    def __init__(self, options, program):
        self.options, self.server_version = options, os.popen("%s --version" % program).read().strip()
        self.folder = options.keep or tempfile.mkdtemp(prefix="stead-chaos-")
        os.makedirs(self.folder, exist_ok=True)
        self.witness = self.path("witness.jsonl")
        open(self.witness, "w", encoding="utf-8").close()
        self.history = History(self.path("history.jsonl"))
        calls.generate(os.path.join(ROOT, "proto"), self.path("stubs"))
        self.loop, self.links, self.routes = Loop(), [], []
        self.brokers = [Broker(self, "b%d" % (at + 1), program) for at in range(options.brokers)]
        self.small = space.mount_small(self.brokers[0].store, SMALL_MIB)
        self._connect_brokers()
        settings = dict(SETTINGS, STEAD_STORAGE_REPLICAS=str(options.brokers))
        self.instances = [
            Instance(self, "n%d" % (at + 1), [self._link("n%d" % (at + 1), broker.port, broker.name) for broker in self.brokers],
                     settings)
            for at in range(options.instances)
        ]
        self.spawners, self.versions, self.deployed, self.buses, self.troubles = {}, {}, {}, [], []
        self.deploys = queue.Queue()

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def _link(self, who, port, to):
        link = Link(self.loop, "%s-%s" % (who, to), port, self.options.seed)
        self.links.append(link)
        return link

    def _connect_brokers(self):
        for one in self.brokers:
            for other in self.brokers:
                if one is not other:
                    link = Link(self.loop, "%s-%s" % (one.name, other.name), other.cluster_port, self.options.seed)
                    self.routes.append(link)
                    one.routes.append(link.port)

    def links_of(self, instance):
        return [link for link in self.links if link.name.startswith(instance.name + "-")]

    def routes_between(self, one, other):
        """The link from one broker to another, and the one back."""
        named = {link.name: link for link in self.routes}
        return named["%s-%s" % (one.name, other.name)], named["%s-%s" % (other.name, one.name)]

    def machines(self):
        return self.brokers + self.instances

    def start(self):
        for broker in self.brokers:
            broker.start()
        for instance in self.instances:
            instance.start()
        for instance in self.instances:
            wait_for(instance.ready, "the ports file of " + instance.name, 90)
        for name in DEPLOYED:
            answer = self.deploy(name, "A")
            if answer.status.name != "OK":
                raise AssertionError("deploy of %s: %r" % (name, answer))
        for instance in self.instances:
            for name in DEPLOYED:
                version = self.versions[name, "A"]
                wait_for(lambda: self._runs(instance, name, version), "%s on %s" % (name, instance.name), 90)
        for name in DEPLOYED:
            self.history.write("driver", "ok", "deploy", fn=name, ver=self.versions[name, "A"])
        threading.Thread(target=self._deploy_all, daemon=True).start()

    @staticmethod
    def _runs(instance, name, version):
        """True if the instance says that it runs that version."""
        client = calls.Client(instance.address)
        try:
            answer = client.get(name)
        finally:
            client.close()
        return answer.status.name == "OK" and (answer.response.function.version, answer.response.function.state) == (version, "READY")

    def bus(self):
        bus = Bus([broker.url for broker in self.brokers])
        self.buses.append(bus)
        return bus

    def bus_for(self, number):
        """One of a few connections that callers share."""
        while len(self.buses) < _BUSES:
            self.bus()
        return self.buses[number % _BUSES]

    def deploy(self, name, tag, begun_ns=None):
        """Deploys a function, its code marked with the tag; the answer of the last instance that was asked. `begun_ns` is when
        it was tried first: an attempt without an answer may have put the version in force."""
        folder, language, retries = DEPLOYED[name]
        files = {}
        for file in os.listdir(os.path.join(FUNCTIONS, folder)):
            if file.startswith("main."):
                with open(os.path.join(FUNCTIONS, folder, file), encoding="utf-8") as source:
                    files[file] = source.read().replace('TAG "A"', 'TAG "%s"' % tag).replace('TAG = "A"', 'TAG = "%s"' % tag)
        manifest = _MANIFEST.format(timeout=TIMEOUT_S, retries=retries, witness=self.witness, name=name)
        begun_ns = begun_ns or time.monotonic_ns()
        client = calls.Client(next(one for one in self.instances if one.ready()).address)
        try:
            answer = client.deploy(name, files, manifest, language)
        finally:
            client.close()
        if answer.status.name != "OK":
            return answer
        version = answer.response.function.version
        self.history.write("driver", "info", "deploy", t=begun_ns, fn=name, ver=version)
        self.versions[name, tag] = version
        self.deployed.setdefault(name, tag)
        return answer

    def deploy_later(self, name):
        """Has another version deployed by a thread of its own, which may take time in a hurt world; what is deployed."""
        tag = chr(ord(self.deployed[name]) + 1)
        if tag > "Z" or not self.deploys.empty():
            return None
        self.deployed[name] = tag
        self.deploys.put((name, tag))
        return "%s %s" % (name, tag)

    def _deploy_all(self):
        while True:
            name, tag = self.deploys.get()
            begun_ns = time.monotonic_ns()
            while not self._deployed(name, tag, begun_ns):
                time.sleep(1)
            while not all(self._runs(instance, name, self.versions[name, tag]) for instance in self.instances):
                time.sleep(0.5)
            self.history.write("driver", "ok", "deploy", fn=name, ver=self.versions[name, tag])
            self.deploys.task_done()

    def deploys_done(self):
        """Whether every instance runs what was deployed last."""
        return self.deploys.unfinished_tasks == 0

    def _deployed(self, name, tag, begun_ns):
        try:
            return self.deploy(name, tag, begun_ns).status.name == "OK"
        except StopIteration:  # no instance serves just now
            return False

    def leader_of(self, stream):
        """The name of the broker that leads a stream, or None if nobody says."""
        try:
            return self.buses[0].leader(stream)
        except Exception:  # no answer in time, no leader, not connected
            return None

    def note_spawners(self):
        """Remembers whose spawner a process is, so that executions can be told apart by instance."""
        for instance in self.instances:
            if instance.running():
                for pid in children(instance.pid):
                    self.spawners[pid] = instance.name

    def note_ends(self):
        for instance in self.instances:
            instance.note_end()

    def unexpected(self):
        return [trouble for trouble in (machine.unexpected() for machine in self.machines()) if trouble]

    def revive(self):
        """Everything runs, nothing sleeps, all links are whole."""
        for link in self.links + self.routes:
            link.heal()
        for machine in self.machines():
            machine.wake()
            machine.start()

    def close(self):
        """Ends all processes; instances are asked to leave, so that their journals are whole."""
        for bus in self.buses:
            bus.close()
        for instance in self.instances:
            instance.leave()
        deadline = time.monotonic() + 30
        while any(instance.running() for instance in self.instances) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.note_ends()
        late = [instance.name for instance in self.instances if instance.running()]
        troubles = self.unexpected() + ["%s did not leave within 30 s" % name for name in late]
        for machine in self.instances + self.brokers:
            if machine.running():
                machine.kill()
        return troubles

    def keep_small(self):
        """Copies what the tmpfs holds, which goes with the space."""
        if not self.small:
            shutil.copytree(self.brokers[0].store, self.path("nats-%s-copy" % self.brokers[0].name), dirs_exist_ok=True)

    def remove(self):
        if not self.options.keep:
            if not self.small:
                os.system("umount %s" % self.brokers[0].store)
            shutil.rmtree(self.folder, ignore_errors=True)
