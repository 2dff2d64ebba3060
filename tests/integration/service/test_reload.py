"""SIGHUP: what a running service takes from its changed file, what it only names, and what it refuses."""
import json
import signal
import time

from stead_world import WorldCase, event_of, main, wait_for

FAILS = {
    "main.py": "import stead\n\n@stead.function\ndef f(event, ctx):\n"
    "    raise RuntimeError('attempt')\n"
}
SLEEPS = {
    "main.py": "import stead\nimport time\n\n@stead.function\ndef f(event, ctx):\n"
    "    time.sleep(20)\n    return {}\n"
}
FIRST = "functions: {maxRetries: 1, retry: {base: 20ms, jitter: none}}\n"
SUCCESSFUL, TIMESTAMP = "stead_config_last_reload_successful", "stead_config_last_reload_success_timestamp_seconds"


class Reload(WorldCase):
    @classmethod
    def setUpClass(cls):
        pass

    def setUp(self):
        self.world = self.new_world()
        self.world.start_broker()
        self.write(FIRST)
        self.one = self.world.serve(env={"STEAD_CONFIG": self.world.path("stead.yaml")})

    def write(self, text):
        with open(self.world.path("stead.yaml"), "w", encoding="utf-8") as file:
            file.write(text)

    def records(self, message):
        """The log's records with this message."""
        found = []
        for line in self.one.log().splitlines():
            if line.startswith("{"):
                record = json.loads(line)
                if record["msg"] == message:
                    found.append(record)
        return found

    def hang_up(self, message="configuration reloaded"):
        """Sends SIGHUP and returns the record that tells how it ended."""
        before = len(self.records(message))
        self.one.signal(signal.SIGHUP)
        wait_for(lambda: len(self.records(message)) > before, message, 20)
        return self.records(message)[-1]

    def metric(self, name):
        for line in self.one.http("/metrics")[1].splitlines():
            if line.startswith(name + " ") or line.startswith(name + "{"):
                return float(line.split()[-1])
        raise AssertionError("no metric " + name)

    def test_live_keys(self):
        self.world.deploy(self.one, FAILS, "first")
        self.write("functions: {maxRetries: 1, retry: {base: 3s, jitter: none}}\ngrpc: {maxDeadline: 4s}\n")
        told = self.hang_up()
        self.assertEqual((told["changed"], told["needs_restart"]), (2, 0))
        changes = {record["key"]: (record["from"], record["to"]) for record in self.records("setting changed")}
        self.assertEqual(changes, {"functions.retry.base": ("20ms", "3s"), "grpc.maxDeadline": ("1m30s", "4s")})
        began = time.monotonic()
        answer = self.one.client.execute("first", event_of())
        self.assertIn("attempt", repr(answer))
        self.assertGreaterEqual(time.monotonic() - began, 2.9, "one retry, after the new wait")
        self.world.deploy(self.one, SLEEPS, "sleeps")
        self.assertEqual(self.one.client.execute("sleeps", event_of()).status.name, "DEADLINE_EXCEEDED")

    def test_defaults_of_later_deploys(self):
        first = self.world.deploy(self.one, FAILS, "first")
        self.write(FIRST + "queue: {groups: [{name: function.python, timeout: 7s, maxRetries: 0}]}\n")
        self.assertEqual(self.hang_up()["changed"], 1)
        self.assertEqual(self.one.client.get("first").response.function.version, first.version)
        again = self.world.deploy(self.one, FAILS, "first")
        self.assertNotEqual(again.version, first.version, "the same code with other settings is another version")
        self.assertEqual(self.one.stop(), 0)

    def test_log_level(self):
        self.write(FIRST + "log: {level: error}\n")
        self.hang_up()
        before = self.metric(TIMESTAMP)
        self.one.signal(signal.SIGHUP)
        wait_for(lambda: self.metric(TIMESTAMP) > before, "a reload that says nothing", 20)
        self.assertEqual(len(self.records("configuration reloaded")), 1)
        self.write(FIRST)
        self.assertEqual(self.hang_up()["changed"], 1)
        self.assertEqual(self.records("setting changed")[-1]["to"], "info")

    def test_keys_that_need_a_restart(self):
        self.write(FIRST + "service: {slots: 8, shutdownGrace: 5s}\nnats: {name: other}\n")
        told = self.hang_up()
        self.assertEqual((told["changed"], told["needs_restart"]), (1, 2))
        self.assertEqual(self.records("needs a restart")[-1]["keys"], "nats.name, service.slots")
        self.assertEqual(self.metric("stead_instance_slots"), 64)
        again = self.hang_up()
        self.assertEqual((again["changed"], again["needs_restart"]), (0, 2), "it is told until it is done")
        self.assertEqual(self.one.stop(), 0)

    def test_broken_file_changes_nothing(self):
        self.assertEqual(self.metric(SUCCESSFUL), 1)
        started = self.metric(TIMESTAMP)
        self.write("functions: {maxRetries: many, timeout: 5s}\nlog: {levle: debug}\n")
        self.hang_up("configuration not reloaded")
        problems = "\n".join(record["problem"] for record in self.records("configuration not reloaded"))
        self.assertIn('stead.yaml:1:25: functions.maxRetries: "many" is not a whole number', problems)
        self.assertIn('stead.yaml:2:7: unknown key "log.levle"; did you mean "log.level"?', problems)
        self.assertEqual((self.metric(SUCCESSFUL), self.metric(TIMESTAMP)), (0, started))
        self.write("functions: {maxRetries: 1, timeout: 5s, retry: {base: 20ms, jitter: none}}\n")
        self.assertEqual(self.hang_up()["changed"], 1, "the broken file left nothing behind")
        self.assertEqual(self.metric(SUCCESSFUL), 1)
        self.assertGreater(self.metric(TIMESTAMP), started)

    def test_mixture_that_breaks_a_rule(self):
        self.write(FIRST + "grpc: {maxDeadline: 5m}\nresults: {retention: 10m}\n")
        told = self.hang_up("configuration not reloaded")
        self.assertEqual(told["why"], "needs a restart")
        self.assertIn("grpc.maxDeadline may not exceed results.retention", told["problem"])
        self.assertEqual(self.metric(SUCCESSFUL), 0)
        self.assertEqual(self.one.stop(), 0)


if __name__ == "__main__":
    main()
