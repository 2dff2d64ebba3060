"""What /metrics says of what was done to the service, family by family."""
import json
import os
import signal
import subprocess
import time

from stead_world import WorldCase, event_of, main, wait_for
from stead_world.world import PROGRAM

WAYS = """
import stead

@stead.function
def ways(event, ctx):
    if ctx.attempt == 1 and event.data == "again":
        raise stead.Retry("not yet")
    return "well"
"""
JSON = {"datacontenttype": "application/json"}


class Metrics(WorldCase):
    settings = {"functions_retry_base": "20ms"}

    @classmethod
    def set_up_functions(cls):
        cls.world.deploy(cls.one, "echo")
        cls.world.deploy(cls.one, {"main.py": WAYS.encode()}, "ways")

    def value(self, family, **labels):
        """The sum over all series that have these labels."""
        status, page = self.one.http("/metrics")
        self.assertEqual(status, 200)
        total = 0.0
        for line in page.splitlines():
            name, _, rest = line.partition("{")
            if "{" not in line:
                name, rest = line.partition(" ")[0], ""
            if name == family and all('%s="%s"' % label in rest for label in labels.items()):
                total += float(line.rpartition(" ")[2])
        return total

    def grown(self, before, family, **labels):
        return wait_for(lambda: self.value(family, **labels) > before, "%s %r to grow" % (family, labels))

    def test_queues(self):
        python = {"group": "function.python"}
        before = [self.value(family, **python) for family in ("stead_queue_wait_seconds_count", "stead_queue_redeliveries_total")]
        self.assert_ok(self.one.client.execute("ways", event_of('"again"', **JSON)))
        self.grown(before[0], "stead_queue_wait_seconds_count", **python)
        self.grown(before[1], "stead_queue_redeliveries_total", **python)
        self.grown(0, "stead_queue_last_processed_timestamp_seconds", **python)

    def test_rejected(self):
        nobody = {"group": "function.unknown", "reason": "FUNCTION_NOT_FOUND"}
        before = self.value("stead_queue_rejected_total", **nobody)
        self.assertEqual(self.one.client.execute("nobody", event_of("x")).reason, "FUNCTION_NOT_FOUND")
        self.assertEqual(self.value("stead_queue_rejected_total", **nobody), before + 1)

    def test_events(self):
        bare = {"transport": "nats", "mode": "bare"}
        taken = self.value("stead_events_received_total", result="taken", **bare)
        self.bus.request("function.c.echo", b"bare", {"stead-request-id": "bare"})
        self.bus.result("bare")
        self.assertEqual(self.value("stead_events_received_total", result="taken", **bare), taken + 1)
        invalid = self.value("stead_events_invalid_total", transport="nats")
        self.bus.request("function.c.echo", b"", {"stead-request-id": "bad", "ce-specversion": "1.0"})
        self.assertEqual(self.bus.result("bad").headers["stead-outcome"], "failed")
        self.assertEqual(self.value("stead_events_invalid_total", transport="nats"), invalid + 1)
        taken = self.value("stead_events_received_total", transport="grpc", result="taken")
        self.assert_ok(self.one.client.execute("echo", event_of("x")))
        self.grown(taken, "stead_events_received_total", transport="grpc", result="taken")

    def test_the_broker(self):
        self.assert_ok(self.one.client.execute("echo", event_of("x")))
        self.assertEqual(self.value("stead_nats_connected"), 1)
        for direction in ("in", "out"):
            self.assertGreater(self.value("stead_nats_messages_total", direction=direction), 0)
            self.assertGreater(self.value("stead_nats_bytes_total", direction=direction), 0)
        for stream in ("functions", "function-results"):
            self.assertGreater(self.value("stead_nats_publish_duration_seconds_count", stream=stream), 0)
        self.assertGreater(self.value("stead_nats_rtt_seconds"), 0)
        self.grown(0, "stead_nats_pull_credits")
        reconnects, messages = self.value("stead_nats_reconnects_total"), self.value("stead_nats_messages_total")
        self.world.broker.kill()
        wait_for(lambda: self.value("stead_nats_connected") == 0, "the loss of the broker")
        self.assertEqual(self.value("stead_component_healthy", component="nats"), 0)
        self.world.start_broker()
        wait_for(lambda: self.value("stead_nats_connected") == 1, "the broker", 60)
        self.grown(reconnects, "stead_nats_reconnects_total")
        self.assertGreaterEqual(self.value("stead_nats_messages_total"), messages, "counted over all connections")
        self.assertEqual(self.value("stead_component_healthy", component="nats"), 1)

    def test_processes(self):
        self.assert_ok(self.one.client.execute("echo", event_of("x")))
        wait_for(lambda: self.value("stead_plugins", language="c", state="idle") == 1, "an idle process")
        before = self.value("stead_plugin_restarts_total", language="c", function="echo")
        for pid in self.one.workers():
            os.kill(pid, signal.SIGKILL)
        self.grown(before, "stead_plugin_restarts_total", language="c", function="echo")
        wait_for(lambda: self.value("stead_plugins", language="c") == 0, "the end of it")

    def test_grpc(self):
        before = self.value("stead_grpc_calls_total")
        self.assert_ok(self.one.client.execute("echo", event_of("x")))
        self.grown(before, "stead_grpc_calls_total")
        self.assertGreater(self.value("stead_grpc_connections_total"), 0)
        self.assertEqual(self.value("stead_build_info"), 1)

    def test_health(self):
        """Every few seconds, to whoever listens: how the instance is, and each queue group with what it has done."""
        self.assert_ok(self.one.client.execute("echo", event_of("x")))
        heard = self.bus.listen("function.health.*")
        self.one.client.execute("ways", event_of('"again"', **JSON))
        told = wait_for(lambda: next((data for data in map(self.health_of, heard) if data["queues"]), None), "its health", 30)
        self.assertEqual((told["healthy"], told["checks"]), (True, {"nats": True, "functions": True, "draining": True}))
        groups = {queue["group"]: queue for queue in told["queues"]}
        self.assertEqual(set(groups), {"function.c", "function.python"})
        group = groups["function.c"]
        self.assertEqual((group["functions"], group["limit"]), (1, 10000))
        self.assertGreater(group["processed"], 0)
        self.assertLess(abs(group["lastProcessedUnixMs"] / 1000 - time.time()), 600)
        self.assertEqual(heard[-1].headers["ce-type"], "dev.stead.instance.health.v1")

    def health_of(self, message):
        return json.loads(message.data)

    def test_queue_list(self):
        self.assert_ok(self.one.client.execute("echo", event_of("x")))
        done = subprocess.run([PROGRAM, "queue", "ls", "--json", "--addr", self.one.ports["grpc"]], capture_output=True,
                              text=True, timeout=60, check=False)
        queue = next(one for one in json.loads(done.stdout)["queues"] if one["name"] == "echo")
        self.assertEqual((queue["takers"], queue["inHand"], queue["maxPending"]), (1, 0, 10000))
        self.assertGreater(queue["lastProcessedUnixMs"], 0)


if __name__ == "__main__":
    main()
