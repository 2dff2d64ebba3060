"""Queues: paused and resumed, listed and drained, with limits; and the sweeper, which ends what no instance takes."""
import json
import signal
import subprocess
import threading
import time

import grpc

from stead_world import WorldCase, calls, event_of, main, wait_for
from stead_world.process import free_port
from stead_world.world import PROGRAM

ECHO = {"main.py": 'import stead\n\n@stead.function\ndef f(event, ctx):\n    return {"of": str(event.data)}\n'}
SLOW = {"main.py": ECHO["main.py"].replace("    return", "    import time\n    time.sleep(0.3)\n    return")}
QUICK = {"queue_sweep_interval": "1s"}


def stead(serve, *arguments):
    """The command line against that instance."""
    return subprocess.run(
        [PROGRAM, *arguments, "--addr", serve.ports["grpc"]], capture_output=True, text=True, timeout=60, check=False
    )


class QueueCase(WorldCase):
    settings = QUICK

    def publish(self, name, request_id, budget_ms=None, language="python"):
        headers = {"stead-request-id": request_id}
        if budget_ms is not None:
            headers["stead-budget-ms"] = str(budget_ms)
        self.bus.publish("function.%s.%s" % (language, name), b"{}", headers)

    def queue(self, name, serve=None):
        answer = (serve or self.one).client.ask("Queues")
        self.assertEqual(answer.status.name, "OK", repr(answer))
        return next((queue for queue in answer.response.queues if queue.name == name), None)

    def ended(self, request_id, outcome, reason=None, seconds=60):
        headers = self.bus.result(request_id, seconds).headers
        self.assertEqual(headers["stead-outcome"], outcome, str(headers))
        if reason is not None:
            self.assertEqual(headers["stead-reason"], reason)


class Paused(QueueCase):
    def test_pause_outlives_the_instance(self):
        self.world.deploy(self.one, ECHO, "held")
        two = self.world.serve("two", **QUICK)
        self.assertEqual(stead(self.one, "queue", "pause", "held").stdout, "paused held\n")
        wait_for(lambda: self.queue("held").paused and self.queue("held").takers == 0, "everybody to pause")
        for number in range(5):
            self.publish("held", "held-%d" % number)
        submitted = self.one.client.functions.SubmitFunction(
            calls.module("function_service_pb2").ExecuteFunctionRequest(name="held", event=event_of({})), timeout=10
        )
        self.assertFalse(submitted.duplicate)
        two.kill()
        two = self.world.serve("two", **QUICK)
        time.sleep(2)
        self.assertEqual(self.bus.last("function-results", "function.result.held-0"), None)
        wait_for(lambda: self.queue("held", two).messages == 6, "six in the queue")
        listed = json.loads(stead(two, "queue", "ls", "--json").stdout)["queues"]
        held = next(queue for queue in listed if queue["name"] == "held")
        self.assertTrue(held["paused"])
        self.assertGreater(held["oldestMs"], 1000)
        left = stead(two, "queue", "drain", "held", "--timeout", "500ms")
        self.assertEqual(left.returncode, 75, left.stderr)
        self.assertIn("6", left.stderr)
        self.assertEqual(stead(two, "queue", "resume", "held").stdout, "resumed held\n")
        drained = stead(two, "queue", "drain", "held", "--timeout", "30s")
        self.assertEqual((drained.returncode, drained.stdout), (0, "held: nothing is queued\n"), drained.stderr)
        for number in range(5):
            self.ended("held-%d" % number, "succeeded")
        two.kill()

    def test_paused_requests_expire(self):
        self.world.deploy(self.one, ECHO, "expiring")
        self.assert_done("PauseQueue", name="expiring", paused=True)
        wait_for(lambda: self.queue("expiring").takers == 0, "the pause")
        self.publish("expiring", "short", 1500)
        self.publish("expiring", "long", 60000)
        self.ended("short", "expired", "QUEUE_TIMEOUT")
        self.assertIsNone(self.bus.last("function-results", "function.result.long"))
        self.assert_done("PauseQueue", name="expiring", paused=False)
        self.ended("long", "succeeded")

    def test_deploy_keeps_the_pause(self):
        self.world.deploy(self.one, ECHO, "redeployed")
        self.assert_done("PauseQueue", name="redeployed", paused=True)
        self.world.deploy(self.one, SLOW, "redeployed")
        wait_for(lambda: self.queue("redeployed").paused, "the pause")

    def assert_done(self, method, **fields):
        answer = self.one.client.ask(method, **fields)
        self.assertEqual(answer.status.name, "OK", repr(answer))

    def test_unknown(self):
        answer = self.one.client.ask("PauseQueue", name="nowhere", paused=True)
        self.assert_status(answer, "NOT_FOUND", "FUNCTION_NOT_FOUND")
        self.assertEqual(stead(self.one, "queue", "drain", "nowhere").returncode, 2)


class Limits(QueueCase):
    def test_no_more_than_a_function_may_have(self):
        self.world.deploy(self.one, ECHO, "small", "spec: {maxPending: 3}\n")
        self.world.deploy(self.one, ECHO, "other")
        self.assertEqual(self.one.client.ask("PauseQueue", name="small", paused=True).status.name, "OK")
        wait_for(lambda: self.queue("small").takers == 0, "the pause")
        submit = calls.module("function_service_pb2").ExecuteFunctionRequest
        for _ in range(3):
            self.one.client.functions.SubmitFunction(submit(name="small", event=event_of({})), timeout=10)
        refused = self.one.client.execute("small", event_of({}))
        self.assert_status(refused, "RESOURCE_EXHAUSTED", "QUEUE_FULL")
        self.assert_ok(self.one.client.execute("other", event_of({})))
        self.assertEqual(self.queue("small").max_pending, 3)
        self.assertEqual(self.one.client.ask("PauseQueue", name="small", paused=False).status.name, "OK")
        wait_for(lambda: self.one.client.execute("small", event_of({})).ok, "room again")


class Sweeper(QueueCase):
    def test_mail_for_nobody(self):
        self.publish("nobody", "stray-1")
        self.publish("nobody", "stray-2", language="go")
        self.ended("stray-1", "failed", "FUNCTION_NOT_FOUND")
        self.ended("stray-2", "failed", "FUNCTION_NOT_FOUND")
        self.bus.queue_empty()
        wait_for(lambda: self.queue("nobody") is None, "the stray to be forgotten")
        names = [one.name for one in self.bus.run(self.bus.stream.consumers_info("functions"))]
        self.assertNotIn("python-nobody", names)

    def test_mail_that_came_before_the_deploy(self):
        """What waited for a sweep period is nobody's; what came just now runs."""
        self.world.deploy(self.one, ECHO, "late")
        self.publish("late", "late-1")
        self.ended("late-1", "succeeded")

    def test_a_deploy_while_its_mail_is_looked_at(self):
        self.publish("early", "early-1", budget_ms=1)
        wait_for(lambda: self.queue("early") is not None, "the stray", 30, 0.01)
        self.assertEqual(self.one.client.deploy("early", ECHO).status.name, "OK")

    def test_nobody_serves_it(self):
        self.world.deploy(self.one, ECHO, "lonely")
        two = self.world.serve("only-c", function_languages_python_enabled="false", **QUICK)
        self.one.signal(signal.SIGTERM)
        self.one.wait()
        self.publish("lonely", "lonely-short", 2000)
        self.publish("lonely", "lonely-long", 300000)
        self.ended("lonely-short", "expired", "LANGUAGE_NOT_SUPPORTED", 90)
        self.assertIsNone(self.bus.last("function-results", "function.result.lonely-long"))
        type(self).one = self.world.serve(**QUICK)
        self.ended("lonely-long", "succeeded")
        two.kill()

    def test_the_next_one_takes_over(self):
        two, three = self.world.serve("two", **QUICK), self.world.serve("three", **QUICK)
        holder = wait_for(lambda: self.bus.last("KV_function-lease", "$KV.function-lease.sweeper"), "a sweeper").data
        by_name = {b"two": two, b"three": three}
        killed = next((serve for name, serve in by_name.items() if holder.startswith(name)), self.one)
        killed.kill()
        self.publish("nobody-now", "stray-after-kill")
        self.ended("stray-after-kill", "failed", "FUNCTION_NOT_FOUND", 90)
        if killed is self.one:
            type(self).one = self.world.serve(**QUICK)
        for serve in (two, three):
            serve.kill()


class Rolling(QueueCase):
    """Three instances are restarted one after the other under load. Clients retry UNAVAILABLE as gRPC's own service
    configuration lets them: nothing else."""

    CONFIG = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 5,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
    }

    @classmethod
    def setUpClass(cls):
        pass

    def instance(self, number):
        return self.world.serve(
            "roll%d" % number, grpc_listen="127.0.0.1:%d" % self.ports[number], service_shutdown_grace="20s", **QUICK
        )

    def call_many(self, stub, request):
        number = 0
        while not self.stop.is_set():
            number += 1
            event = event_of({"n": number, "t": threading.get_ident()})
            try:
                stub.ExecuteFunction(request(name="rolled", event=event), timeout=30)
                self.done.append(time.monotonic())
            except grpc.RpcError as error:
                self.failures.append("%s %s" % (error.code().name, error.details()))

    def test_no_failed_call(self):
        self.world = self.new_world()
        self.world.start_broker()
        self.bus = self.world.bus()
        self.ports = [free_port() for _ in range(3)]
        serves = [self.instance(number) for number in range(3)]
        self.world.deploy(serves[0], SLOW, "rolled", "spec: {maxWorkers: 4}\n")
        for serve in serves:
            wait_for(lambda serve=serve: serve.client.get("rolled").response.function.state == "READY", "the function")
        options = [("grpc.service_config", json.dumps(self.CONFIG)), ("grpc.enable_retries", 1)]
        target = "ipv4:" + ",".join("127.0.0.1:%d" % port for port in self.ports)
        channel = grpc.insecure_channel(target, options=options)
        stub = calls.module("function_service_pb2_grpc").FunctionServiceStub(channel)
        request = calls.module("function_service_pb2").ExecuteFunctionRequest
        self.stop, self.done, self.failures = threading.Event(), [], []
        threads = [threading.Thread(target=self.call_many, args=(stub, request), daemon=True) for _ in range(12)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(self.done) > 30, "the load")
        for number in range(3):
            serves[number].signal(signal.SIGTERM)
            self.assertEqual(serves[number].wait(), 0)
            serves[number] = self.instance(number)
            before = len(self.done)
            wait_for(lambda before=before: len(self.done) > before + 30, "calls to go on")
        self.stop.set()
        for thread in threads:
            thread.join(60)
        channel.close()
        self.assertEqual(self.failures, [])
        self.bus.queue_empty()
        stored = self.bus.messages("function-results", "function.result.*")
        self.assertEqual({one.headers["stead-outcome"] for one in stored}, {"succeeded"})
        self.assertEqual({one.headers.get("stead-attempts", "1") for one in stored}, {"1"}, "nobody was charged")


if __name__ == "__main__":
    main()
