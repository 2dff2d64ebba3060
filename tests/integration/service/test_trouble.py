"""Changes of versions while something goes wrong: instances killed at every stage of a deploy, a rollback or a removal,
and a broker that is killed, away or without its buckets."""
import json
import signal
import time

from stead_world import event_of, main, wait_for
from stead_world.change import SPEC, ChangeCase, behind, source


class Killed(ChangeCase):
    """The instance that carries a change is killed at each stage; `one` stays."""

    def carrier(self):
        self.count = getattr(type(self), "count", 0) + 1
        type(self).count = self.count
        return self.world.serve("carrier%d" % self.count)

    def test_deploy_that_is_killed(self):
        for stage, subject in (
            ("object", "$O.function-code.M.>"),
            ("version", "$KV.function-versions.>"),
            ("record", "$KV.function-config.python.%s"),
        ):
            with self.subTest(stage):
                name = "deploy-" + stage
                first, carrier = self.deploy(name, 1), self.carrier()
                killed = self.on_write(subject % name if "%s" in subject else subject, carrier.kill)
                answer = carrier.client.deploy(name, source(2))
                self.assert_status(answer, "UNAVAILABLE")
                self.assertTrue(killed.wait(5))
                stored = self.bus.last("KV_function-config", "$KV.function-config.python." + name)
                second = json.loads(stored.data)["version"]
                if stage == "record":
                    self.assertNotEqual(second, first.version)
                wait_for(lambda: self.get(name).version == second, "the record")
                self.agree(name, self.one, {second: 2, first.version: 1})
                again = self.deploy(name, 2)
                self.assertEqual(self.agree(name, self.one, {again.version: 2}), 2)

    def test_rollback_that_is_killed(self):
        first, second, carrier = self.deploy("rolled", 1), self.deploy("rolled", 2), self.carrier()
        self.known("rolled", carrier)
        self.on_write("$KV.function-config.python.rolled", carrier.kill)
        self.assert_status(carrier.client.ask("Rollback", name="rolled", version=first.version), "UNAVAILABLE")
        wait_for(lambda: self.get("rolled").version == first.version, "the record")
        self.assertEqual(self.agree("rolled", self.one, {first.version: 1}), 1)
        self.assert_done(self.one.client.ask("Rollback", name="rolled"))
        self.assertEqual(self.agree("rolled", self.one, {second.version: 2}), 2)

    def test_removal_that_is_killed(self):
        for stage, number in (("closing", 1), ("deleting", 1), ("deleted", 2)):
            with self.subTest(stage):
                name = "remove-" + stage
                self.deploy(name, 1, seconds=0.1, manifest=SPEC)
                carrier = self.carrier()
                self.known(name, carrier)
                ids = ["%s-%d" % (name, i) for i in range(10 if stage == "closing" else 0)]
                for request_id in ids:
                    self.bus.publish("function.python." + name, b"{}", {"stead-request-id": request_id})
                subject = "$KV.function-config.python." if stage != "deleting" else "$KV.function-versions.python."
                self.on_write(subject + name + (".>" if stage == "deleting" else ""), carrier.kill, number)
                answer = carrier.client.remove(name)
                if stage != "deleted":  # its last write: the kill may come a moment after the answer
                    self.assertNotEqual(answer.status.name, "OK")
                self.gone(name)
                for request_id in ids:
                    self.assertEqual(self.bus.result(request_id, 5).headers["stead-outcome"], "succeeded")
                self.assert_status(self.one.client.execute(name, event_of({})), "NOT_FOUND", "FUNCTION_NOT_FOUND")
                self.deploy(name, 2)
                self.assertEqual(self.call(name), 2)
                answer = self.one.client.ask("Versions", name=name)
                self.assertEqual(len(answer.response.versions), 1, "versions of before the removal are gone")


class Broker(ChangeCase):
    """The broker goes away in the middle of all changes at once."""

    def begin(self):
        self.world = self.new_world()
        self.world.start_broker()
        self.bus = self.world.bus()
        self.one, self.two = self.world.serve("one"), self.world.serve("two")
        self.versions = {}
        for name in ("deployed", "rolled", "removed"):
            self.versions[name] = [self.deploy(name, number).version for number in (1, 2)]
            self.rolled_out(name, 2)

    def change_all(self, act):
        """Deploys, rolls back and removes from both instances; the broker is gone once the first record is written."""
        away = self.on_write("$KV.function-config.python.*", act)
        finish = {
            "deployed": behind(lambda: self.one.client.deploy("deployed", source(3))),
            "rolled": behind(lambda: self.two.client.ask("Rollback", name="rolled")),
            "removed": behind(lambda: self.two.client.remove("removed")),
        }
        self.assertTrue(away.wait(20))
        return finish

    def settle(self, finish):
        """Whatever was answered is true, and what was refused can be done again."""
        answers = {name: finish[name]() for name in finish}
        for answer in answers.values():
            self.assertIn(answer.status.name, ("OK", "UNAVAILABLE", "UNKNOWN"), repr(answer))
        first, second = self.versions["rolled"]
        if answers["rolled"].status.name == "OK":
            self.assertEqual(self.agree("rolled", self.one, {first: 1}), 1)
        again = wait_for(lambda: self.tried(lambda: self.one.client.deploy("deployed", source(3))), "a deploy", 30)
        self.assertEqual(self.agree("deployed", self.two, {again.response.function.version: 3}), 3)
        if answers["removed"].status.name == "OK":
            self.assertNotIn("removed", self.two.client.list())
        elif "removed" in self.two.client.list():
            self.two.client.remove("removed")
        self.gone("removed", self.two)
        wait_for(lambda: self.tried(lambda: self.one.client.ask("Rollback", name="rolled", version=second)), "it", 30)
        for serve in (self.one, self.two):
            self.rolled_out("rolled", 2, serve)
            self.assertEqual(self.agree("rolled", serve, {second: 2}), 2)
        return answers

    @staticmethod
    def tried(work):
        answer = work()
        return answer if answer.status.name == "OK" else None

    def test_broker_that_is_killed(self):
        self.begin()
        finish = self.change_all(self.world.broker.kill)
        time.sleep(1)
        self.world.start_broker()
        self.settle(finish)

    def test_broker_that_is_away(self):
        self.begin()
        finish = self.change_all(lambda: self.world.broker.signal(signal.SIGSTOP))
        time.sleep(5)
        self.world.broker.signal(signal.SIGCONT)
        answers = self.settle(finish)
        names = [answer.status.name for answer in answers.values()]
        self.assertIn("OK", names, "what was being written was written: that is found out")

    def test_buckets_that_are_deleted(self):
        self.begin()
        delete = lambda bucket: self.bus.run(self.bus.stream.delete_stream("KV_" + bucket))
        delete("function-instances")
        self.rolled_out("rolled", 2)
        wait_for(lambda: "KV_function-instances" in self.one.log() + self.two.log(), "it in a log")
        delete("function-versions")
        self.assertEqual(self.call("rolled"), 2)
        refused = self.one.client.ask("Rollback", name="rolled")
        self.assertIn(refused.status.name, ("UNAVAILABLE", "NOT_FOUND"), repr(refused))
        wait_for(self.versions_there, "the bucket to be there again", 20)
        self.deploy("deployed", 3)
        self.rolled_out("deployed", 2)
        self.assertEqual(self.call("deployed", self.two), 3)
        self.bus.run(self.bus.stream.delete_stream("OBJ_function-code"))
        wait_for(lambda: self.tried(lambda: self.one.client.deploy("deployed", source(3))), "the archive", 20)
        self.world.serve("three")
        self.rolled_out("deployed", 3)
        delete("function-config")
        self.gone("rolled", self.one)
        self.gone("rolled", self.two)
        self.assert_status(self.one.client.execute("rolled", event_of({})), "NOT_FOUND", "FUNCTION_NOT_FOUND")
        self.one.says("KV_function-config")
        self.deploy("rolled", 4)
        self.known("rolled", self.two)
        self.assertEqual(self.call("rolled", self.two), 4)

    def versions_there(self):
        try:
            return self.bus.info("KV_function-versions") is not None
        except Exception:  # not there
            return False


if __name__ == "__main__":
    main()
