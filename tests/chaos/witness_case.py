"""A test world whose functions are witnesses (tests/chaos/functions): each execution of a request is known from the
function itself, whatever Stead says about it."""
import json
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(_HERE, "..", "integration", "service"))

from stead_world import WorldCase, event_of, main, request_id_of, wait_for
from stead_world.world import read_folder

FUNCTIONS = os.path.join(_HERE, "functions")
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
_FOLDERS = {"work": "witness", "script": "witness-python"}
__all__ = ["WitnessCase", "event_of", "main", "request_id_of", "wait_for"]


class WitnessCase(WorldCase):
    """Each test begins its own world by begin()."""

    world = bus = None

    @classmethod
    def setUpClass(cls):
        pass

    def begin(self, instances=1, **settings):
        """A broker and that many instances `n1`, …; the instances."""
        self.world = self.new_world()
        self.world.start_broker()
        self.bus = self.world.bus()
        self.witness = self.world.path("witness.jsonl")
        open(self.witness, "w", encoding="utf-8").close()
        return [self.serve("n%d" % (at + 1), **settings) for at in range(instances)]

    def serve(self, name, env=None, **settings):
        settings = {"queue_ack_wait": "1s", "functions_retry_base": "20ms", **settings}
        variables = {"STEAD_" + key.upper(): value for key, value in settings.items()}
        return self.world.serve(name, env={**variables, **(env or {})})

    def deploy(self, serve, name="work", folder="work", spec=""):
        """Deploys a witness under that name."""
        files = {path: body for path, body in read_folder(os.path.join(FUNCTIONS, _FOLDERS[folder])).items() if path.startswith("main")}
        manifest = "spec:\n  env: {WITNESS: %s, WITNESS_FUNCTION: %s}\n%s" % (self.witness, name, spec)
        return self.world.deploy(serve, files, name, manifest)

    def await_ready(self, serves, name="work"):
        for serve in serves:
            wait_for(lambda one=serve: name in one.client.list() and one.client.list()[name].state == "READY",
                     "%s on %s" % (name, serve.name))

    def seen_by_functions(self, request_id=None):
        """What the functions wrote, in order: of one request or of all."""
        with open(self.witness, encoding="utf-8") as file:
            lines = [json.loads(text) for text in file]
        return [line for line in lines if request_id in (None, line["id"])]

    def runs(self, request_id):
        """The tries of which a request's executions were told."""
        return [line["try"] for line in self.seen_by_functions(request_id) if line["op"] == "invoke"]

    def await_run(self, request_id, count=1):
        return wait_for(lambda: len(self.runs(request_id)) >= count and self.seen_by_functions(request_id), "its execution")

    def publish(self, request_id, data, name="work", language="c"):
        """A raw NATS publish, repeated until the broker has it."""
        headers = {"Nats-Msg-Id": request_id, "stead-request-id": request_id}
        self.bus.run(self.bus.accept("function.%s.%s" % (language, name), data, headers))

    def submit(self, serve, data, name="work", **fields):
        """Through the door; the request id."""
        event = event_of(data, **fields)
        answer = serve.client.call("SubmitFunction", name=name, event=event)
        self.assertEqual(answer.status.name, "OK", repr(answer))
        return answer.response.request_id

    def result(self, serve, request_id, seconds=60):
        answer = serve.client.call("GetResult", seconds, request_id=request_id, wait=True)
        self.assertEqual(answer.status.name, "OK", repr(answer))
        return answer.response

    def assert_ran_once(self, ids):
        tries = {request_id: self.runs(request_id) for request_id in ids}
        self.assertEqual({key: value for key, value in tries.items() if value != [1]}, {})
