"""Versions, aliases, rollbacks, removals, and what instances tell about them.

The function answers with the version that its source says, so an answer shows which version gave it.
"""
import json
import subprocess
import threading
import time

from stead_world import WorldCase, event_of, main, wait_for
from stead_world.world import PROGRAM
from stead_world.calls import answer_of, request_id_of

SOURCE = """
import os
import time
import stead

@stead.function
def work(event, ctx):
    time.sleep(%(seconds)s)
    return {"version": %(version)d}
"""


def source(version, seconds=0.0):
    return {"main.py": SOURCE % {"version": version, "seconds": seconds}}


def version_of(answer):
    return json.loads(answer.data)["version"]


class Paced:
    """So many calls a second, each on time whatever became of those before it, by clients in turn."""

    def __init__(self, clients, name, per_second):
        self.clients, self.name, self.pause = clients, name, 1 / per_second
        self.calls, self.running = [], True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        due = time.monotonic()
        while self.running:
            client = self.clients[len(self.calls) % len(self.clients)]
            event = event_of({"number": len(self.calls)})
            self.calls.append((time.monotonic(), request_id_of(self.name, event), client.start(self.name, event)))
            due += self.pause
            time.sleep(max(0.0, due - time.monotonic()))

    def answered(self, until):
        """Waits for the answers of all calls that began before."""
        for began, _, future in list(self.calls):
            if began < until and not future.done():
                answer_of(future)

    def finish(self):
        """Of each call: when it began, its id, its answer."""
        self.running = False
        self.thread.join()
        return [(began, request_id, answer_of(future)) for began, request_id, future in self.calls]


class VersionCase(WorldCase):
    def deploy(self, name, version, seconds=0.0, manifest="", **more):
        answer = self.one.client.deploy(name, source(version, seconds), manifest, **more)
        self.assert_ok_status(answer)
        return answer.response.function

    def assert_ok_status(self, answer):
        self.assertEqual(answer.status.name, "OK", repr(answer))

    def versions(self, name):
        answer = self.one.client.ask("Versions", name=name)
        self.assert_ok_status(answer)
        return answer.response.versions

    def aliases(self, name):
        function = self.one.client.get(name).response.function
        return {alias.name: {route.version: route.weight for route in alias.routes} for alias in function.aliases}

    def call(self, name):
        answer = self.one.client.execute(name, event_of({}))
        self.assert_ok(answer)
        return version_of(answer)

    def rolled_out(self, name, seconds=20):
        """Waits as `--wait` does: until every instance serves what the record says and runs nothing else."""

        def ready():
            answer = self.one.client.ask("Rollout", name=name)
            self.assert_ok_status(answer)
            return answer.response.total > 0 and answer.response.ready == answer.response.total

        wait_for(ready, "all instances to be ready", seconds, 0.02)


class Versions(VersionCase):
    settings = {"env": {"STEAD_FUNCTIONS_VERSIONS_KEPT": "2"}}

    def test_rollback_and_back(self):
        first, second = self.deploy("back", 1), self.deploy("back", 2)
        self.assertEqual([version.version for version in self.versions("back")], [second.version, first.version])
        self.assertEqual([list(version.aliases) for version in self.versions("back")], [["live=100"], []])
        self.assert_ok_status(self.one.client.ask("Rollback", name="back"))
        self.assertEqual(self.call("back"), 1)
        self.assert_ok_status(self.one.client.ask("Rollback", name="back"))
        self.assertEqual(self.call("back"), 2, "the version before is the one that was live before the rollback")
        self.assert_ok_status(self.one.client.ask("Rollback", name="back", version=first.version))
        self.assertEqual(self.call("back"), 1)

    def test_rollback_to_nothing(self):
        self.deploy("first", 1)
        self.assert_status(self.one.client.ask("Rollback", name="first"), "FAILED_PRECONDITION", "VERSION_NOT_FOUND")
        answer = self.one.client.ask("Rollback", name="first", version="0123456789abcdef")
        self.assert_status(answer, "NOT_FOUND", "VERSION_NOT_FOUND")
        self.assert_status(self.one.client.ask("Rollback", name="first", version="../etc"), "INVALID_ARGUMENT")
        self.assert_status(self.one.client.ask("Rollback", name="nobody"), "NOT_FOUND", "FUNCTION_NOT_FOUND")

    def test_deploy_of_what_is_live(self):
        first = self.deploy("same", 1)
        again = self.deploy("same", 1)
        self.assertEqual((first.version, first.revision), (again.version, again.revision), "nothing was written")
        self.assertEqual(len(self.versions("same")), 1)

    def test_deploy_of_an_older_version(self):
        first = self.deploy("older", 1)
        self.deploy("older", 2)
        again = self.deploy("older", 1)
        self.assertEqual(first.version, again.version)
        self.assertEqual(self.call("older"), 1)
        self.assertEqual(len(self.versions("older")), 2)

    def test_canary(self):
        first = self.deploy("canary", 1)
        second = self.deploy("canary", 2, canary_percent=30)
        self.assertEqual(second.version, first.version, "live is what most requests go to")
        weights = self.aliases("canary")["live"]
        self.assertEqual(sorted(weights.values()), [30, 70])
        seen = [self.call("canary") for _ in range(200)]
        self.assertTrue(30 <= seen.count(2) <= 90, "%d of 200 went to the canary of 30 %%" % seen.count(2))
        newer = next(version for version in weights if weights[version] == 30)
        self.assert_ok_status(self.one.client.set_alias("canary", "live", **{"v" + newer: 100}))
        self.assertEqual({self.call("canary") for _ in range(20)}, {2})
        self.assert_ok_status(self.one.client.ask("Rollback", name="canary"))
        self.assertEqual({self.call("canary") for _ in range(20)}, {1})

    def test_rollback_ends_a_canary(self):
        self.deploy("ended", 1)
        self.deploy("ended", 2, canary_percent=50)
        self.assert_ok_status(self.one.client.ask("Rollback", name="ended"))
        self.assertEqual(list(self.aliases("ended")["live"].values()), [100])
        self.rolled_out("ended")
        self.assertEqual({self.call("ended") for _ in range(20)}, {1})

    def test_canary_beside_nothing(self):
        answer = self.one.client.deploy("alone", source(1), canary_percent=10)
        self.assert_status(answer, "FAILED_PRECONDITION", "NO_VERSION_BESIDE")

    def test_canary_that_does_not_start(self):
        first = self.deploy("lame", 1)
        answer = self.one.client.deploy("lame", {"main.py": "raise SystemExit(3)\n"}, canary_percent=50)
        self.assert_status(answer, "FAILED_PRECONDITION", "PLUGIN_NOT_STARTED")
        wait_for(lambda: self.aliases("lame") == {"live": {first.version: 100}}, "the record before", 10)
        self.assertEqual({self.call("lame") for _ in range(10)}, {1})

    def test_alias(self):
        first, second = self.deploy("named", 1), self.deploy("named", 2)
        self.assert_ok_status(self.one.client.set_alias("named", "beta", **{"v" + first.version: 100}))
        self.assertEqual(self.call("named"), 2)
        self.assertEqual(self.call("named@live"), 2)
        self.assertEqual({self.call("named@beta") for _ in range(5)}, {1})
        self.assertEqual(self.aliases("named"), {"live": {second.version: 100}, "beta": {first.version: 100}})
        unknown = self.one.client.execute("named@gamma", event_of({}))
        self.assert_status(unknown, "NOT_FOUND", "ALIAS_NOT_FOUND")
        self.assert_ok_status(self.one.client.set_alias("named", "beta"))
        self.assert_status(self.one.client.execute("named@beta", event_of({})), "NOT_FOUND", "ALIAS_NOT_FOUND")

    def test_alias_by_nats(self):
        first = self.deploy("raw", 1)
        self.deploy("raw", 2)
        self.assert_ok_status(self.one.client.set_alias("raw", "beta", **{"v" + first.version: 100}))
        for request_id, alias, outcome in (
            ("raw-beta", "beta", "succeeded"),
            ("raw-live", "live", "succeeded"),
            ("raw-none", "nobody", "failed"),
        ):
            self.bus.publish("function.python.raw", b"{}", {"stead-request-id": request_id, "stead-alias": alias})
            headers = self.bus.result(request_id).headers
            self.assertEqual(headers["stead-outcome"], outcome)
        self.assertEqual(json.loads(self.bus.result("raw-beta").data), {"version": 1})
        self.assertEqual(json.loads(self.bus.result("raw-live").data), {"version": 2})
        self.assertEqual(self.bus.result("raw-none").headers["stead-reason"], "ALIAS_NOT_FOUND")
        self.assertEqual(self.bus.result("raw-beta").headers["stead-version"], first.version)

    def test_bad_aliases(self):
        version = "v" + self.deploy("strict", 1).version
        other = "v0123456789abcdef"
        for alias, weights, status in (
            ("live", {}, "INVALID_ARGUMENT"),
            ("live", {version: 50}, "INVALID_ARGUMENT"),
            ("Live!", {version: 100}, "INVALID_ARGUMENT"),
            ("live", {version: 60, other: 60}, "INVALID_ARGUMENT"),
            ("beta", {other: 100}, "NOT_FOUND"),
        ):
            self.assert_status(self.one.client.set_alias("strict", alias, **weights), status)
        for alias in ("a", "b", "c"):
            self.assert_ok_status(self.one.client.set_alias("strict", alias, **{version: 100}))
        self.assert_status(self.one.client.set_alias("strict", "d", **{version: 100}), "RESOURCE_EXHAUSTED")

    def test_old_versions_are_dropped(self):
        made = [self.deploy("pruned", number).version for number in range(1, 7)]
        kept = [version.version for version in self.versions("pruned")]
        self.assertEqual(kept, made[:1:-1], "live, the one before for a rollback, and two more")
        answer = self.one.client.ask("Rollback", name="pruned", version=made[0])
        self.assert_status(answer, "NOT_FOUND", "VERSION_NOT_FOUND")


class Removal(VersionCase):
    def queue(self, name, count):
        """Raw requests: nobody waits for them."""
        ids = ["%s-%d" % (name, number) for number in range(count)]
        for request_id in ids:
            self.bus.publish("function.python." + name, b"{}", {"stead-request-id": request_id})
        return ids

    def remove_behind(self, name, now):
        """Starts the removal; returns how to wait for it."""
        ended = []
        thread = threading.Thread(target=lambda: ended.append(self.one.client.remove(name, now=now)), daemon=True)
        thread.start()

        def closing():
            # One that came before the removal waits behind what is queued.
            return self.one.client.execute(name, event_of({}), timeout=0.3).reason == "FUNCTION_REMOVED"

        wait_for(closing, "new calls to be refused", 5, 0.01)

        def finish():
            thread.join(60)
            self.assert_ok_status(ended[0])
            self.assertEqual(ended[0].response.function.state, "REMOVED")

        return finish

    def test_queued_requests_run(self):
        self.deploy("slow", 1, 0.1, "spec: {maxWorkers: 1}\n")
        ids = self.queue("slow", 20)
        finish = self.remove_behind("slow", now=False)
        finish()
        for request_id in ids:
            self.assertEqual(self.bus.result(request_id, 1).headers["stead-outcome"], "succeeded")
        answer = self.one.client.execute("slow", event_of({}))
        self.assert_status(answer, "NOT_FOUND", "FUNCTION_NOT_FOUND")
        self.assertEqual(self.bus.messages("KV_function-versions", "$KV.function-versions.python.slow.>")[1:], [])

    def test_queued_requests_end_now(self):
        self.deploy("ending", 1, 0.5, "spec: {maxWorkers: 1}\n")
        ids = self.queue("ending", 30)
        wait_for(lambda: self.bus.last("function-results", "function.result." + ids[0]), "the first one", 10)
        self.remove_behind("ending", now=True)()
        outcomes = [self.bus.result(request_id, 1).headers for request_id in ids]
        ran = [headers for headers in outcomes if headers["stead-outcome"] == "succeeded"]
        ended = [headers for headers in outcomes if headers["stead-outcome"] == "failed"]
        self.assertEqual(len(ran) + len(ended), 30)
        self.assertEqual({headers["stead-reason"] for headers in ended}, {"FUNCTION_REMOVED"})
        self.assertTrue(len(ended) >= 20, "%d ended" % len(ended))
        self.bus.queue_empty()

    def test_deploy_again(self):
        self.deploy("again", 1)
        self.assert_ok_status(self.one.client.remove("again"))
        self.deploy("again", 2)
        self.assertEqual(self.call("again"), 2)
        self.assertEqual(len(self.versions("again")), 1)


class Lifecycle(VersionCase):
    def test_plugin_phases(self):
        heard = self.bus.listen("function.status." + self.instance_name())
        self.deploy("alive", 1)
        self.call("alive")
        self.assert_ok_status(self.one.client.remove("alive"))

        def ours():
            return [message for message in heard if message.headers.get("ce-subject") == "python/alive"]

        expected = ["registered", "initialising", "ready", "active", "unregistered", "shutdown"]
        wait_for(lambda: len(ours()) >= len(expected), "all phases", 10)
        self.assertEqual([json.loads(message.data)["phase"] for message in ours()], expected)
        for message in ours():
            self.assertEqual(message.headers["ce-specversion"], "1.0")
            self.assertTrue(message.headers["ce-type"].startswith("dev.stead.plugin."))
            self.assertTrue(message.headers["ce-id"] and message.headers["ce-time"])

    def instance_name(self):
        wait_for(lambda: self.one.client.ask("Instances").response.instances, "an instance", 10)
        return self.one.client.ask("Instances").response.instances[0].name

    def test_instances(self):
        self.instance_name()
        (only,) = self.one.client.ask("Instances").response.instances
        self.assertEqual((only.state, only.slots), ("AVAILABLE", 64))
        self.assertIn("python", only.languages)


class Rollback(VersionCase):
    """Two instances, 200 calls a second, a rollback in the middle."""

    def test_rollback_under_load(self):
        world = self.world
        two = world.serve("two")
        old, new = self.deploy("loaded", 1, 0.002), self.deploy("loaded", 2, 0.002)
        self.rolled_out("loaded")
        clients = [self.one.client, two.client]
        load = Paced(clients, "loaded", 200)
        time.sleep(2)
        command = [PROGRAM, "function", "rollback", "loaded", old.version, "--wait", "--addr", self.one.ports["grpc"]]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        returned = time.monotonic()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("ready on 2 of 2 instances", done.stderr)
        time.sleep(2)
        ended = load.finish()
        bad = [answer for _, _, answer in ended if not answer.ok]
        self.assertEqual(bad, [], "%d of %d calls failed" % (len(bad), len(ended)))
        self.assertTrue(len(ended) > 600, "only %d calls" % len(ended))
        late = {version_of(answer) for began, _, answer in ended if began > returned}
        self.assertEqual(late, {1}, "a call that began after the rollback had returned ran on the old version")
        self.assertEqual({version_of(answer) for _, _, answer in ended}, {1, 2})
        self.assertNotEqual(old.version, new.version)
        stored = {message.subject.rpartition(".")[2]: message for message in self.bus.messages(
            "function-results", "function.result.*")}
        versions = {1: old.version, 2: new.version}
        for _, request_id, answer in ended:
            self.assertEqual(stored[request_id].headers["stead-version"], versions[version_of(answer)])


if __name__ == "__main__":
    main()
