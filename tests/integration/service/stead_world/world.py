"""The broker, the instances and their clients, in one temporary folder."""
import json
import os
import shutil
import socket
import tempfile
import urllib.error
import urllib.request

from . import calls
from .bus import Bus
from .process import Process, children, free_port, wait_for

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "..", ".."))
PLUGINS = os.path.join(ROOT, "tests", "plugins")
PROGRAM = os.path.join(os.environ.get("STEAD_BUILD", os.path.join(ROOT, "build", "release")), "stead")
_LOG_LINES = 60


def read_folder(folder):
    """The files of a function's folder, as deploy wants them."""
    files = {}
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            path = os.path.join(base, name)
            with open(path, "rb") as file:
                files[os.path.relpath(path, folder)] = file.read()
    return files


def _accepts(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


class Serve(Process):
    """One `stead serve`."""

    ports = None
    client = None

    def ready(self, seconds=60):
        """Waits for the ports file, which says that everything is."""

        def written():
            if not self.running():
                raise AssertionError("%s ended with %s" % (self.name, self.child.returncode))
            return os.path.exists(self.ports_path)

        wait_for(written, "the ports file of " + self.name, seconds)
        with open(self.ports_path, encoding="utf-8") as file:
            self.ports = json.load(file)
        self.connect(self.ports["grpc"])
        return self

    def connect(self, address):
        self.client = calls.Client(address)

    def http(self, path):
        """(status, body) of a GET."""
        try:
            with urllib.request.urlopen("http://%s%s" % (self.ports["http"], path), timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def workers(self):
        """Ids of the processes that its spawner started."""
        return [worker for spawner in children(self.pid) for worker in children(spawner)]


class World:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="stead-world-")
        self.processes, self.buses, self.kept_logs, self.troubles = [], [], "", []
        self.nats_port = free_port()
        self.nats_url = "nats://127.0.0.1:%d" % self.nats_port
        calls.generate(os.path.join(ROOT, "proto"), os.path.join(self.folder, "stubs"))
        path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin"
        program = os.environ.get("STEAD_NATS_SERVER") or shutil.which("nats-server", path=path)
        store = os.path.join(self.folder, "nats")
        command = [program, "-js", "-a", "127.0.0.1", "-p", str(self.nats_port), "-sd", store]
        self.broker = self._process(Process, "nats-server", command)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def _process(self, kind, name, command, env=None):
        process = kind(name, command, self.path("%s.%d.log" % (name, len(self.processes))), env)
        self.processes.append(process)
        return process

    def start_broker(self):
        self.broker.start()
        wait_for(lambda: _accepts(self.nats_port), "nats-server")

    def bus(self):
        bus = Bus(self.nats_url)
        self.buses.append(bus)
        return bus

    def serve(self, name="one", ready=True, env=None, program=PROGRAM, **settings):
        """Starts an instance; settings are variables without STEAD_, e.g. functions_timeout="2s"."""
        variables = dict(os.environ)
        variables.update({"STEAD_" + key.upper(): value for key, value in settings.items()})
        variables.update(env or {})
        ports_path = self.path("ports.%d" % len(self.processes))
        store = self.path("store-" + name)
        variables.setdefault("STEAD_GRPC_LISTEN", "127.0.0.1:0")
        variables.setdefault("STEAD_HTTP_LISTEN", "127.0.0.1:0")
        command = [program, "serve", "--nats", self.nats_url, "--store", store, "--ports-file", ports_path]
        serve = self._process(Serve, name, command, variables)
        serve.ports_path = ports_path
        serve.start()
        return serve.ready() if ready else serve

    def deploy(self, serve, folder, name=None, manifest=""):
        """Deploys a folder of tests/plugins or a dict of files; fails the test if that fails."""
        files = folder if isinstance(folder, dict) else read_folder(os.path.join(PLUGINS, folder))
        answer = serve.client.deploy(name or folder, files, manifest)
        if answer.status.name != "OK":
            raise AssertionError("deploy of %s: %r" % (name or folder, answer))
        return answer.response.function

    def close(self):
        self.troubles = [trouble for trouble in (process.trouble() for process in self.processes) if trouble]
        self.kept_logs = self.logs()
        for bus in self.buses:
            bus.close()
        for process in self.processes:
            if process is not self.broker:
                process.kill()
        self.broker.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def logs(self):
        """The end of every log, for a failed test."""
        parts = []
        for process in self.processes:
            lines = process.log().splitlines()[-_LOG_LINES:]
            state = "never started" if process.child is None else "exit code %s" % process.child.poll()
            parts.append("\n--- %s (%s)\n%s" % (process.name, state, "\n".join(lines)))
        return "".join(parts)

