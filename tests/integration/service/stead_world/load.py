"""Many calls by gRPC and by NATS while something is killed, and the judgement at the end.

Every call is repeated under its own id until it is accepted and answered, as a careful client does: a publish without
PubAck is published again, and a gRPC call that ends in one of AGAIN is made again (CANCELLED is how gRPC ends a call
that meets a server which is just closing). The function answers with something new at each run, so that two runs of one
request can't pass as one answer.
"""
import asyncio
import threading

from . import calls
from .case import WorldCase
from .process import wait_for

FUNCTION = """
import os
import time
import stead

@stead.function
def work(event, ctx):
    time.sleep(0.004)
    return {"run": os.urandom(8).hex(), "of": str(event.data)}
"""
MANIFEST = "spec: {maxRetries: 20, maxWorkers: 4}\n"
AGAIN = ("UNAVAILABLE", "UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "CANCELLED")
SETTINGS = {"STEAD_QUEUE_ACK_WAIT": "3s", "STEAD_FUNCTIONS_RETRY_BASE": "10ms"}
_THREADS = 16
_SECONDS = 100


class Load:
    """`by_grpc` calls through the clients in turn and `by_nats` raw publishes."""

    def __init__(self, bus, clients, by_grpc, by_nats, function="work"):
        self.bus, self.clients, self.function = bus, clients, function
        self.events = [calls.event_of({"number": number}) for number in range(by_grpc)]
        self.published = ["raw-%d" % number for number in range(by_nats)]
        self.answers, self.statuses, self.failures = {}, {}, []
        self.accepted = 0
        self.lock = threading.Lock()
        self.next = 0
        self.threads = [threading.Thread(target=self._call_many, daemon=True) for _ in range(_THREADS)]
        self.publishing = None

    def start(self):
        for thread in self.threads:
            thread.start()
        self.publishing = asyncio.run_coroutine_threadsafe(self._publish_many(), self.bus.loop)
        return self

    def done(self):
        return len(self.answers) + self.accepted

    def total(self):
        return len(self.events) + len(self.published)

    def wait_until(self, part):
        """Until this part of the calls is through."""
        self._wait(lambda: self.done() >= part * self.total(), "%d %% of the calls" % (100 * part))

    def _wait(self, condition, what):
        wait_for(lambda: self.failures or condition(), what, _SECONDS, 0.01)
        if self.failures:
            raise AssertionError("; ".join(self.failures[:3]))

    def finish(self):
        self._wait(lambda: self.done() == self.total(), "all calls to be answered")

    def _take(self):
        with self.lock:
            if self.next == len(self.events):
                return None
            self.next += 1
            return self.next - 1

    def _call_many(self):
        number = self._take()
        while number is not None and not self.failures:
            self._call(number)
            number = self._take()

    def _call(self, number):
        event = self.events[number]
        for attempt in range(1000):
            client = self.clients[(number + attempt) % len(self.clients)]
            answer = client.execute(self.function, event, timeout=30)
            self.statuses[answer.status.name] = self.statuses.get(answer.status.name, 0) + 1
            if answer.ok:
                self.answers[number] = (answer.response.request_id, answer.data)
                return
            if answer.status.name not in AGAIN:
                self.failures.append("call %d: %r" % (number, answer))
                return
            threading.Event().wait(0.1)
        self.failures.append("call %d never got through" % number)

    async def _publish_many(self):
        async def publish(request_id):
            headers = {"Nats-Msg-Id": request_id, "stead-request-id": request_id}
            await self.bus.accept("function.python." + self.function, request_id.encode(), headers)
            self.accepted += 1

        for start in range(0, len(self.published), _THREADS):
            await asyncio.gather(*(publish(request_id) for request_id in self.published[start : start + _THREADS]))

    def judge(self, case):
        """Every accepted request has exactly one result, its readers saw the same bytes, and the queue is empty."""
        ids = [calls.request_id_of(self.function, event) for event in self.events] + self.published
        wait_for(lambda: self.bus.info("function-results").messages >= len(ids), "all results", _SECONDS, 0.2)
        self.bus.queue_empty()
        stored = self.bus.messages("function-results", "function.result.*")
        by_id = {message.subject.rpartition(".")[2]: message for message in stored}
        state = self.bus.info("function-results")
        case.assertEqual(sorted(by_id), sorted(ids))
        case.assertEqual(len(stored), len(ids))
        case.assertEqual((state.first_seq, state.last_seq), (1, len(ids)), "nothing was stored twice or taken away")
        bad = {key: dict(one.headers) for key, one in by_id.items() if one.headers["stead-outcome"] != "succeeded"}
        case.assertEqual(len(bad), 0, str(bad)[:2000])
        for request_id, data in self.answers.values():
            case.assertEqual(by_id[request_id].data, data)
        for request_id in ids[:: max(1, len(ids) // 50)]:
            case.assertEqual(self.bus.result(request_id).data, by_id[request_id].data)
        for number in range(0, len(self.events), 40):
            again = self.clients[0].execute(self.function, self.events[number])
            case.assert_ok(again)
            case.assertEqual(again.data, by_id[again.response.request_id].data)
        case.assertEqual(self.bus.messages("function-dead", "function.dead.>"), [])


class LoadCase(WorldCase):
    """Each test has a world of its own, so that the streams hold its results only."""

    world = bus = serves = None

    @classmethod
    def setUpClass(cls):
        pass

    def begin(self, instances):
        """That many instances, all of which serve the function `work`."""
        self.world = self.new_world()
        self.world.start_broker()
        self.bus = self.world.bus()
        self.serves = [self.world.serve("serve%d" % number, env=SETTINGS) for number in range(instances)]
        self.world.deploy(self.serves[0], {"main.py": FUNCTION}, "work", MANIFEST)
        for serve in self.serves:
            wait_for(lambda serve=serve: state_of(serve, "work") == "READY", "the function on " + serve.name)

    def load(self, serves, by_grpc=1000, by_nats=1000):
        return Load(self.bus, [serve.client for serve in serves], by_grpc, by_nats).start()


def state_of(serve, name):
    functions = serve.client.list()
    return functions[name].state if name in functions else None
