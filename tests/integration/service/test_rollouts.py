"""Rollouts under load and in conflict: instances that join, leave, hang or fail, changes that meet, callers who go
away, more functions than there is room for."""
import json
import os
import signal
import threading
import time

import grpc

from stead_world import calls, event_of, main, wait_for
from stead_world.change import SPEC, ChangeCase, behind, source, version_of
from test_versions import Paced

SLOW_COMPILER = """#!/bin/sh
case "$*" in *--version*) ;; *) test -e %(folder)s/slow && sleep 6; while test -e %(folder)s/stuck; do sleep 0.1; done ;; esac
exec /usr/bin/gcc "$@"
"""
NOTED = """
import stead

@stead.function
def work(event, ctx):
    with open(%r, "a") as file:
        file.write(ctx.request_id + "\\n")
    return {}
"""
C_SOURCE = {"main.c": open(os.path.join(os.path.dirname(__file__), "../../plugins/echo/main.c"), "rb").read()}


class Load(ChangeCase):
    """200 calls a second through two gateways; each call is answered, by a version that was in force."""

    @classmethod
    def set_up_functions(cls):
        cls.two = cls.world.serve("two")

    def begin(self):
        self.versions = {}
        for number in (1, 2):
            self.versions[number] = self.deploy("loaded", number, seconds=0.002).version
        self.all_follow()
        self.load = Paced([self.one.client, self.two.client], "loaded", 200)
        self.in_force = []  # (from, to, versions)

    def all_follow(self):
        def ready():
            rollout = self.rollout("loaded")
            return rollout.total > 0 and rollout.ready == rollout.total

        wait_for(ready, "all instances to follow", 30, 0.01)

    def change(self, expected, work, seconds=0.1):
        """Makes the change, waits for everybody, and notes what had to hold for a while."""
        self.assert_done(work())
        self.all_follow()
        began = time.monotonic()
        time.sleep(seconds)
        until = time.monotonic()
        self.load.answered(until)  # on a busy machine the last of them would run after the next change
        self.in_force.append((began, until, expected))

    def rollback(self, number):
        work = lambda: self.one.client.ask("Rollback", name="loaded", version=self.versions[number])
        self.change({number}, work)

    def judge(self):
        ended = self.load.finish()
        bad = [answer for _, _, answer in ended if not answer.ok]
        self.assertEqual(bad[:3], [], "%d of %d calls failed" % (len(bad), len(ended)))
        checked = 0
        for began, until, expected in self.in_force:
            seen = {version_of(answer) for start, _, answer in ended if began < start < until}
            checked += bool(seen)
            self.assertLessEqual(seen, expected)
        self.assertEqual(checked, len(self.in_force), "calls in each of them")
        rollout = self.rollout("loaded")
        self.assertEqual(sum(instance.outdated for instance in rollout.instances), 0)

    def test_rollbacks_while_instances_come_and_go(self):
        self.begin()
        leaving = self.world.serve("leaving")
        for turn in range(10):
            if turn == 3:
                joining = self.world.serve("joining", ready=False)
            if turn == 6:
                leaving.signal(signal.SIGTERM)
            self.rollback(turn % 2 + 1)
        self.assertEqual(leaving.wait(), 0)
        joining.ready()
        self.rollback(1)
        self.judge()

    def test_canary_to_the_end_and_back(self):
        self.begin()
        old, new = self.versions[1], self.versions[2]
        self.rollback(1)
        for share in (10, 50):
            weights = {"v" + old: 100 - share, "v" + new: share}
            self.change({1, 2}, lambda: self.one.client.set_alias("loaded", "live", **weights), 0.5)
        self.change({2}, lambda: self.one.client.set_alias("loaded", "live", **{"v" + new: 100}), 0.3)
        self.change({1}, lambda: self.one.client.ask("Rollback", name="loaded"), 0.3)
        self.judge()


class Conflict(ChangeCase):
    """Two instances are told different things at the same time."""

    @classmethod
    def set_up_functions(cls):
        cls.two = cls.world.serve("two")

    def both(self, left, right):
        finish = behind(left), behind(right)
        return [wait() for wait in finish]

    def assert_settled(self, answers, allowed=("ABORTED",)):
        for answer in answers:
            self.assertIn(answer.status.name, ("OK",) + allowed, repr(answer))
            if answer.status.name == "ABORTED":
                self.assertEqual(answer.reason, "CONCURRENT_DEPLOY")
        self.assertIn("OK", [answer.status.name for answer in answers] + ["OK"] * ("FAILED_PRECONDITION" in allowed))

    def same_everywhere(self, name, numbers):
        """Both instances serve one and the same version."""
        def told():
            left, right = self.get(name), self.get(name, self.two)
            return left.revision == right.revision and left.state == right.state == "READY"

        wait_for(told, "both instances to agree", 20)
        self.assertIn(self.agree(name, self.one, numbers), numbers.values())
        self.assertEqual(self.get(name).version, self.get(name, self.two).version)

    def test_two_deploys(self):
        self.deploy("both", 0)
        self.known("both", self.two)
        for turn in range(1, 21):
            left, right = turn * 2, turn * 2 + 1
            answers = self.both(lambda: self.one.client.deploy("both", source(left)),
                                lambda: self.two.client.deploy("both", source(right)))
            self.assert_settled(answers)
            listed = self.assert_done(self.one.client.ask("Versions", name="both")).versions
            live = [version.version for version in listed if version.aliases]
            self.assertEqual(len(live), 1)
            self.rolled_out("both", 2)
            self.assertEqual(self.get("both").version, live[0])
            self.assertIn(self.call("both"), (left, right))

    def test_two_deploys_that_do_not_start(self):
        first = self.deploy("bad", 0)
        self.known("bad", self.two)
        for turn in range(8):
            self.both(lambda: self.one.client.deploy("bad", {"main.py": "raise SystemExit(%d)\n" % (turn * 2 + 1)}),
                      lambda: self.two.client.deploy("bad", {"main.py": "raise SystemExit(%d)\n" % (turn * 2 + 2)}))
            wait_for(lambda: self.get("bad").version == first.version, "the version before", 30)
            self.same_everywhere("bad", {first.version: 0})

    def test_deploy_and_rollback(self):
        versions = {self.deploy("moved", number).version: number for number in (1, 2)}
        self.known("moved", self.two)
        for turn in range(3, 23):
            answers = self.both(lambda: self.one.client.deploy("moved", source(turn)),
                                lambda: self.two.client.ask("Rollback", name="moved"))
            self.assert_settled(answers)
            for version in self.assert_done(self.one.client.ask("Versions", name="moved")).versions:
                versions.setdefault(version.version, turn)
            self.same_everywhere("moved", versions)

    def test_deploy_and_removal_and_calls(self):
        for turn in range(20):
            self.deploy("leaves", 1)
            self.known("leaves", self.two)
            pending = [serve.client.start("leaves", event_of({})) for serve in (self.one, self.two) for _ in range(5)]
            answers = self.both(lambda: self.two.client.deploy("leaves", source(turn + 2)),
                                lambda: self.one.client.remove("leaves"))
            pending += [serve.client.start("leaves", event_of({})) for serve in (self.one, self.two) for _ in range(5)]
            self.assert_settled(answers, ("ABORTED", "FAILED_PRECONDITION"))
            for call in pending:
                answer = calls.answer_of(call)
                if not answer.ok:  # NOT_DEPLOYED: the deploy came after the removal, and builds
                    reasons = ("FUNCTION_REMOVED", "FUNCTION_NOT_FOUND", "NOT_DEPLOYED")
                    self.assertIn(answer.reason, reasons, repr(answer))
            if answers[1].status.name == "OK" and answers[0].status.name != "OK":
                self.gone("leaves")
        self.bus.queue_empty()


    def test_removal_that_a_gateway_has_not_heard_of(self):
        self.deploy("unheard", 1)
        self.known("unheard", self.two)
        self.assertEqual(self.call("unheard", self.two), 1)
        os.kill(self.two.pid, signal.SIGSTOP)
        try:
            removing = behind(lambda: self.one.client.remove("unheard"))
            pending = [self.two.client.start("unheard", event_of({}), timeout=20) for _ in range(20)]
            time.sleep(2)
        finally:
            os.kill(self.two.pid, signal.SIGCONT)
        for call in pending:
            answer = calls.answer_of(call)
            if not answer.ok:
                self.assertIn(answer.reason, ("FUNCTION_REMOVED", "FUNCTION_NOT_FOUND"), repr(answer))
        self.assert_done(removing())
        self.gone("unheard", self.two)
        self.bus.queue_empty()

    def test_removal_waits_for_whoever_may_let_calls_in(self):
        self.deploy("awaited", 1)

        def ghost(**facts):
            value = {"schema": 1, "instance": "ghost", "state": "AVAILABLE", **facts}
            self.bus.run(self.bus.stream.publish("$KV.function-instances.state.ghost", json.dumps(value).encode()))

        def still_there():
            time.sleep(0.7)
            self.assertEqual(self.get("awaited").state, "READY")

        ghost(records=0, functions={})
        removing = behind(lambda: self.one.client.remove("awaited"))
        still_there()
        revision = self.bus.last("KV_function-config", "$KV.function-config.python.awaited").seq
        ghost(records=revision, functions={"awaited": {"revision": revision - 1, "state": "READY"}})
        still_there()
        ghost(records=revision, functions={"awaited": {"revision": revision, "state": "READY", "unconfirmed": 1}})
        still_there()
        ghost(records=revision, functions={"awaited": {"revision": revision, "state": "READY"}})
        self.assert_done(removing())
        self.gone("awaited")


class Partly(ChangeCase):
    """A version that starts on one instance and not on the other."""

    def test_version_that_starts_on_one_instance_only(self):
        two = self.world.serve("two")
        first = self.deploy("partly", 1)
        self.rolled_out("partly", 2)
        lines = "import sys; stat = open('/proc/%%d/stat' %% os.getppid()).read()\n%s"
        needs = "if stat.rpartition(')')[2].split()[1] != '%d': sys.exit('no room on this machine')" % self.one.pid
        answer = self.one.client.deploy("partly", source(2, first=lines % needs), no_wait=True)
        self.assert_done(answer)

        def failed():
            return [one for one in self.rollout("partly").instances if one.state == "failed"]

        (instance,) = wait_for(failed, "one to fail", 20)
        self.assertIn("no room on this machine", instance.message)
        self.assertIn("version %s goes on serving" % first.version, instance.message)
        wait_for(lambda: self.rollout("partly").ready == 1, "the other one", 10)
        self.assertIn(first.version, self.get("partly", two).message)
        self.assertEqual({self.call("partly", serve) for serve in (self.one, two) for _ in range(20)}, {1, 2})
        self.assert_done(self.one.client.ask("Rollback", name="partly"))
        self.rolled_out("partly", 2)
        self.assertEqual({self.call("partly", serve) for serve in (self.one, two) for _ in range(5)}, {1})


class Callers(ChangeCase):
    """Callers of slow changes."""

    @classmethod
    def set_up_functions(cls):
        compiler = cls.world.path("compiler")
        with open(compiler, "w", encoding="ascii") as file:
            file.write(SLOW_COMPILER % {"folder": cls.world.folder})
        os.chmod(compiler, 0o755)
        cls.slow = cls.world.serve("slow", env={"STEAD_CC": compiler})

    def make_slow(self, how="slow"):
        path = self.world.path(how)
        with open(path, "w", encoding="ascii"):
            pass
        self.addCleanup(lambda: os.path.exists(path) and os.unlink(path))
        return path

    def test_others_do_not_wait_for_a_slow_build(self):
        self.deploy("quick", 1)
        self.deploy("quick", 2)
        self.deploy("held", 1, seconds=2, manifest=SPEC)
        self.known("held", self.slow)
        self.make_slow()
        building = behind(lambda: self.slow.client.deploy("built", C_SOURCE))
        time.sleep(0.5)
        ids = [self.submit("held", event_of({"n": number})) for number in range(2)]
        began = time.monotonic()
        request = calls.module("function_service_pb2").CancelRequest(request_id=ids[1])
        self.slow.client.functions.Cancel(request, timeout=3)
        self.assert_done(self.slow.client.ask("Rollback", name="quick"))
        self.rolled_out("quick", 2)
        for method in ("Rollout", "Versions"):
            self.assert_done(self.slow.client.ask(method, name="quick"))
        self.assertEqual(self.slow.client.list()["quick"].state, "READY")
        self.assertEqual(self.call("quick", self.slow), 1)
        self.assertLess(time.monotonic() - began, 4, "the build takes 6 s")
        self.assert_done(self.slow.client.remove("quick"))
        self.assert_done(building())

    def test_how_far_each_instance_is(self):
        """Deployed at one: the other is still compiling what came before, and says so of both."""
        stuck = self.make_slow("stuck")
        files = {"main.c": C_SOURCE["main.c"] + b"/* nobody has compiled this before */\n"}
        self.assert_done(self.one.client.deploy("compiled", files, no_wait=True))
        self.deploy("behind", 1, no_wait=True)

        def states(name):
            seen = {instance.state for instance in self.rollout(name).instances}
            return seen if seen != {"ready"} else None

        wait_for(lambda: (states("compiled"), states("behind")) == ({"ready", "building"}, {"ready", "fetching"}),
                 "one to be compiled and the other to wait for its turn", 20, 0.02)
        os.unlink(stuck)
        for name in ("compiled", "behind"):
            self.rolled_out(name, 2)

    def submit(self, name, event):
        request = calls.module("function_service_pb2").SubmitFunctionRequest(name=name, event=event)
        return self.slow.client.functions.SubmitFunction(request, timeout=5).request_id

    def test_callers_who_go_away(self):
        first = self.deploy("left", 1)
        late = source(2, first="time.sleep(1.5); raise SystemExit('late')")
        request = calls.module("function_admin_pb2").DeployRequest(name="left")
        for path, content in late.items():
            request.files.add(path=path, content=content.encode())
        with self.assertRaises(grpc.RpcError):
            self.one.client.admin.Deploy(request, timeout=0.7)
        self.assertNotEqual(self.get("left").version, first.version)
        wait_for(lambda: self.get("left").version == first.version, "the version before", 10)
        self.agree("left", self.one, {first.version: 1})
        for work in (lambda: self.one.client.admin.Rollback(
                         calls.module("function_admin_pb2").RollbackRequest(name="left"), timeout=0.001),
                     lambda: self.one.client.admin.Remove(
                         calls.module("function_admin_pb2").RemoveRequest(name="left"), timeout=0.02)):
            try:
                work()
            except grpc.RpcError:
                pass
        self.assertIn(self.one.client.remove("left").status.name, ("OK", "NOT_FOUND"))
        self.gone("left")

    def test_more_callers_than_can_wait(self):
        self.deploy("crowd", 1)
        before = self.get("crowd").revision
        slow = source(2, first="time.sleep(2)")
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.one.client.deploy("crowd", slow)))
                   for _ in range(90)]
        for thread in threads:
            thread.start()
        self.assertEqual(self.call("crowd"), 1)
        for thread in threads:
            thread.join(60)
        names = [answer.status.name for answer in answers]
        self.assertEqual(len(names), 90)
        self.assertEqual(set(names), {"OK", "RESOURCE_EXHAUSTED"})
        self.assertGreaterEqual(names.count("OK"), 20)
        self.rolled_out("crowd", 2)
        self.assertEqual(self.call("crowd"), 2)
        self.assertEqual(self.get("crowd").revision, before + 1)


class Members(ChangeCase):
    """Who counts as an instance."""

    def test_instance_that_hangs(self):
        hanging = self.world.serve("hanging")
        self.deploy("seen", 1)
        self.rolled_out("seen", 2)
        os.kill(hanging.pid, signal.SIGSTOP)
        try:
            second = self.deploy("seen", 2)
            wait_for(lambda: self.rollout("seen").ready == 1, "the other one", 10)
            self.assertEqual(self.rollout("seen").total, 2)
            self.rolled_out("seen", 1, seconds=30)
        finally:
            os.kill(hanging.pid, signal.SIGCONT)
        self.rolled_out("seen", 2)
        self.assertEqual(self.get("seen", hanging).version, second.version)
        self.assertEqual(self.call("seen", hanging), 2)

    def test_who_joins_is_in_the_list_before_it_reads(self):
        """The broker has confirmed it: a rollback that does not find it there was written before it reads."""
        self.deploy("joined", 1)
        heard = self.bus.listen(">")
        self.known("joined", self.world.serve("joiner", service_name="joiner"))
        subjects = [message.subject for message in heard]
        listed = subjects.index("$KV.function-instances.state.joiner")
        self.assertTrue(heard[listed].reply, "nobody asked whether it is stored")
        read = [at for at, message in enumerate(heard)
                if message.subject == "$JS.API.STREAM.MSG.GET.KV_function-config" and b"next_by_subj" in message.data]
        stored = [at for at, subject in enumerate(subjects) if subject == heard[listed].reply]
        self.assertTrue(read and stored and listed < stored[0] < read[0], (listed, stored, read))

    def test_two_instances_of_one_name(self):
        first = self.world.serve("first", service_name="twin")
        second = self.world.serve("second", service_name="twin")

        self.world.deploy(first, {"main.py": NOTED % self.world.path("ran")}, "noted")
        self.known("noted", second)
        pending = []
        for number in range(300):
            event = event_of({"number": number})
            pending.append((first if number % 2 else second).client.start("noted", event))
        for call in pending:
            self.assert_ok(calls.answer_of(call))
        with open(self.world.path("ran"), encoding="ascii") as file:
            ran = file.read().split()
        self.assertEqual(len(ran), 300, "nothing ran twice")

        def said():
            return any("the same name" in serve.log() for serve in (first, second))

        wait_for(said, "one of them to say it", 20)


class RecordCase(ChangeCase):
    def put(self, bucket, key, value):
        return self.bus.run(self.bus.stream.publish("$KV.%s.%s" % (bucket, key), json.dumps(value).encode())).seq

    def read(self, bucket, key):
        return json.loads(self.bus.last("KV_" + bucket, "$KV.%s.%s" % (bucket, key)).data)


class Records(RecordCase):
    """Records that others wrote."""

    def test_versions_that_cannot_be_read(self):
        first, second = self.deploy("odd", 1), self.deploy("odd", 2)
        key = "python.odd." + first.version
        record = self.read("function-versions", key)
        self.put("function-versions", key, dict(record, colour="green"))
        self.assert_done(self.one.client.ask("Rollback", name="odd"))
        self.assertEqual(self.call("odd"), 1)
        self.assert_done(self.one.client.ask("Rollback", name="odd"))
        self.put("function-versions", key, dict(record, schema=2))
        answer = self.one.client.ask("Rollback", name="odd")
        self.assert_status(answer, "FAILED_PRECONDITION", "RECORD_UNREADABLE")
        self.assert_status(self.one.client.deploy("odd", source(1)), "FAILED_PRECONDITION", "RECORD_UNREADABLE")
        self.assertEqual(self.call("odd"), 2)
        listed = self.assert_done(self.one.client.ask("Versions", name="odd")).versions
        self.assertEqual([version.version for version in listed], [second.version])

    def test_alias_that_names_nothing(self):
        version = self.deploy("lost", 1).version
        record = self.read("function-config", "python.lost")
        routes = [{"version": version, "weight": 50}, {"version": "0123456789abcdef", "weight": 50}]
        record["aliases"] = [{"name": "live", "place": 0, "routes": routes}]
        self.put("function-config", "python.lost", record)
        wait_for(lambda: "0123456789abcdef" in self.one.log(), "the log to say so", 10)
        self.assertEqual({self.call("lost") for _ in range(10)}, {1})

    def test_function_record_that_cannot_be_read(self):
        self.deploy("newer", 1)
        self.put("function-config", "python.newer", dict(self.read("function-config", "python.newer"), schema=2))
        self.gone("newer")
        self.assert_status(self.one.client.deploy("newer", source(2)), "FAILED_PRECONDITION", "RECORD_UNREADABLE")


class Full(RecordCase):
    """1,024 rows. Those that fill it are of a language that is not served here, so nothing is built."""

    settings = {"service_languages": "python"}

    def test_more_functions_than_there_is_room_for(self):
        self.deploy("innocent", 1)
        record = self.read("function-config", "python.innocent")
        used = len(self.one.client.list())

        async def fill():
            for number in range(1024 - used):
                name = "f%04d" % number
                body = dict(record, name=name, language="go")
                await self.bus.stream.publish("$KV.function-config.go." + name, json.dumps(body).encode())

        self.bus.run(fill(), 60)
        wait_for(lambda: len(self.one.client.list()) == 1024, "1,024 functions", 60)
        self.assert_status(self.one.client.deploy("toomany", source(1)), "RESOURCE_EXHAUSTED", "FUNCTIONS_FULL")
        answer = self.one.client.deploy("innocent", source(2), canary_percent=50)
        self.assert_status(answer, "RESOURCE_EXHAUSTED", "FUNCTIONS_FULL")
        self.assertEqual(self.call("innocent"), 1)


if __name__ == "__main__":
    main()
