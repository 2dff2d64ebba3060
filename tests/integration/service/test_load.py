"""What bounds the load of a function: its queue at the door, how much of it runs at once; and deploys that can't work."""
import json
import os
import subprocess
import time

import grpc

from stead_world import WorldCase, calls, event_of, main, wait_for
from stead_world.world import PROGRAM

ECHO = {"main.py": 'import stead\n\n@stead.function\ndef f(event, ctx):\n    return {"of": str(event.data)}\n'}
# Takes up to two at a time, and says so.
NARROW = {
    "main.py": """import os
import time

import stead

FOLDER = os.environ["INSIDE"]

@stead.function
def f(event, ctx):
    mine = os.path.join(FOLDER, str(os.getpid()))
    open(mine, "w").close()
    try:
        if len(os.listdir(FOLDER)) > 2:
            raise stead.Throttle("two at a time", after=0.1)
        time.sleep(0.05)
        return "done"
    finally:
        os.unlink(mine)
"""
}


class LoadCase(WorldCase):
    settings = {"functions_retry_base": "20ms"}

    def queue(self, name):
        answer = self.one.client.ask("Queues")
        self.assertEqual(answer.status.name, "OK", repr(answer))
        return next((queue for queue in answer.response.queues if queue.name == name), None)

    def stead(self, *arguments):
        command = [PROGRAM, *arguments, "--addr", self.one.ports["grpc"]]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    def pause(self, name, paused=True):
        self.assertEqual(self.one.client.ask("PauseQueue", name=name, paused=paused).status.name, "OK")
        wait_for(lambda: (self.queue(name).takers == 0) == paused, "the pause, or its end")

    def submit(self, name, data="x"):
        """The reason of the refusal; None: accepted."""
        submit = calls.module("function_service_pb2").ExecuteFunctionRequest
        try:
            self.one.client.functions.SubmitFunction(submit(name=name, event=event_of(data)), timeout=10)
        except grpc.RpcError as error:
            self.assertEqual(error.code().name, "RESOURCE_EXHAUSTED", error.details())
            self.assertIn("QUEUE_FULL", str(error.trailing_metadata()))
            return error
        return None


class Door(LoadCase):
    def test_no_longer_than_a_function_may_wait(self):
        self.world.deploy(self.one, ECHO, "aged", "spec: {maxAge: 1s}\n")
        self.pause("aged")
        self.assertIsNone(self.submit("aged"))
        wait_for(lambda: self.submit("aged"), "the door to close")
        self.assertEqual(self.queue("aged").max_age_ms, 1000)
        self.bus.publish("function.python.aged", b"{}", {"stead-request-id": "aged-raw"})
        self.pause("aged", False)
        self.assertEqual(self.bus.result("aged-raw", 60).headers["stead-outcome"], "succeeded")
        wait_for(lambda: self.submit("aged") is None, "the door to open")

    def test_what_runs_does_not_wait(self):
        """One that runs for long is old, and nobody waits for it."""
        slow = {"main.py": ECHO["main.py"].replace("    return", "    import time\n    time.sleep(6)\n    return")}
        self.world.deploy(self.one, slow, "long", "spec: {maxAge: 1s}\n")
        self.assertIsNone(self.submit("long"))
        for _ in range(4):
            time.sleep(1)
            self.assertIsNone(self.submit("long"), "while the first runs and others find a process")

    def test_no_more_bytes_than_a_function_may_have(self):
        self.world.deploy(self.one, ECHO, "heavy", "spec: {maxSize: 100k}\n")
        self.pause("heavy")
        accepted = 0
        while self.submit("heavy", "x" * 30000) is None:
            accepted += 1
            self.assertLess(accepted, 20)
        self.assertIn(accepted, (3, 4))
        queue = self.queue("heavy")
        self.assertEqual((queue.max_size, queue.messages), (100000, accepted))
        self.assertGreater(queue.bytes, 100000)
        self.assertLess(queue.bytes, 160000)
        self.pause("heavy", False)
        wait_for(lambda: self.submit("heavy") is None, "room again")


class Adaptive(LoadCase):
    def narrow(self, name, spec):
        """Its processes see each other in a folder."""
        folder = os.path.join(self.world.folder, name)
        os.makedirs(folder)
        manifest = "spec: {maxRetries: 100, timeout: 10s, env: {INSIDE: %s}, %s}\n" % (folder, spec)
        self.world.deploy(self.one, NARROW, name, manifest)

    def test_gets_less_at_once_while_it_says_that_it_is_too_much(self):
        self.narrow("narrow", "adaptiveConcurrency: true, minConcurrency: 2, maxWorkers: 6")
        queue = self.queue("narrow")
        self.assertEqual((queue.concurrency_limit, queue.concurrency_max), (6, 6))
        for number in range(200):
            self.bus.publish("function.python.narrow", b"{}", {"stead-request-id": "narrow-%d" % number})
        wait_for(lambda: self.queue("narrow").concurrency_limit < 4, "the limit to fall")
        page = self.one.http("/metrics")[1]
        limits = [line for line in page.splitlines() if line.startswith("stead_function_concurrency_limit{")]
        self.assertTrue(any('"narrow"' in line for line in limits), limits)
        listed = json.loads(self.stead("queue", "ls", "--json"))["queues"]
        narrow = next(queue for queue in listed if queue["name"] == "narrow")
        self.assertGreaterEqual(narrow["concurrencyLimit"], 2)
        self.assertEqual(narrow["concurrencyMax"], 6)
        for number in range(200):
            self.assertEqual(self.bus.result("narrow-%d" % number, 60).headers["stead-outcome"], "succeeded")

    def test_is_as_configured_unless_asked(self):
        self.narrow("fixed", "maxWorkers: 3")
        for number in range(40):
            self.bus.publish("function.python.fixed", b"{}", {"stead-request-id": "fixed-%d" % number})
        for number in range(40):
            self.assertEqual(self.bus.result("fixed-%d" % number, 60).headers["stead-outcome"], "succeeded")
            self.assertEqual(self.queue("fixed").concurrency_limit, 3)


class Renewals(LoadCase):
    def test_nothing_is_renewed_that_hears(self):
        """Answers and hints come by themselves, and no connection is made anew for want of them."""
        two = self.world.serve("two", service_languages="[bin]")
        for number in range(8):
            self.world.deploy(self.one, {"main.py": ECHO["main.py"] + "# %d\n" % number}, "heard")
            wait_for(lambda: two.client.execute("heard", event_of("x")).ok, "an answer through the other instance")
        time.sleep(2)
        for serve in (self.one, two):
            page = serve.http("/metrics")[1]
            renewed = [line for line in page.splitlines() if line.startswith("stead_nats_renewals_total{")]
            self.assertEqual([line for line in renewed if not line.endswith(" 0")], [])
            self.assertNotIn("the connection is renewed", serve.log())


class Deploys(LoadCase):
    def test_attempts_that_outlive_the_queue(self):
        answer = self.one.client.deploy("forever", dict(ECHO), "spec: {timeout: 30m}\n")
        self.assert_status(answer, "INVALID_ARGUMENT", "INVALID_MANIFEST")
        self.assertIn("queue.maxAge", repr(answer))

    def taken(self, name, consumer):
        began = time.monotonic()
        answer = self.one.client.deploy(name, dict(ECHO), "")
        self.assert_status(answer, "FAILED_PRECONDITION", "CONSUMER_TAKEN")
        self.assertIn(consumer, repr(answer))
        self.assertLess(time.monotonic() - began, 30, "it did not wait for the deadline")
        self.bus.run(self.bus.stream.delete_consumer("functions", consumer))
        self.world.deploy(self.one, ECHO, name)

    def test_somebody_elses_consumer_of_the_name(self):
        self.bus.run(self.bus.stream.add_consumer("functions", durable_name="python-mine", ack_policy="explicit",
                                                  filter_subject="function.python.mine", max_deliver=3))
        self.taken("mine", "python-mine")

    def test_somebody_elses_consumer_of_the_subject(self):
        self.bus.run(self.bus.stream.add_consumer("functions", durable_name="python-their", ack_policy="explicit",
                                                  filter_subject="function.python.ours"))
        answer = self.one.client.deploy("ours", dict(ECHO), "")
        self.assert_status(answer, "FAILED_PRECONDITION", "CONSUMER_TAKEN")
        self.bus.run(self.bus.stream.delete_consumer("functions", "python-their"))
        self.world.deploy(self.one, ECHO, "ours")


if __name__ == "__main__":
    main()
