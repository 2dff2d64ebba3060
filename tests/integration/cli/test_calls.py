"""What the commands make of answers: exit codes, stdout and stderr, JSON, waiting. The service is a fake that says what the
test wants, so that rare answers and many instances are as easy as common ones."""

import json
import os
import pty
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
import grpc
from fake_stead import Fake, admin, refuse, service
from stead_program import STEAD, environment, stead

NOT_FOUND, PRECONDITION = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION


def function(revision=7, **aliases):
    shown = [admin.Alias(name=name, routes=[admin.Route(version=version, weight=weight) for version, weight in routes.items()])
             for name, routes in aliases.items()]
    return admin.Function(name="stats", language="python", version="v2", state="READY", digest="d" * 64, revision=revision,
                          aliases=shown)


class Case(unittest.TestCase):
    def setUp(self):
        self.fake = Fake()
        self.addCleanup(self.fake.close)

    def answer(self, **answers):
        for method, given in answers.items():
            self.fake.answers[method] = given if callable(given) else lambda request, context, given=given: given

    def refusal(self, code, reason, message="no"):
        return lambda request, context: refuse(context, code, reason, message)

    def expect(self, code, *arguments, says="", data=b""):
        found, out, err = stead(*arguments, data=data, STEAD_ADDR=self.fake.address)
        self.assertEqual(found, code, f"stead {' '.join(map(str, arguments))}: {out} {err}")
        self.assertIn(says, err)
        return out, err


class Requests(Case):
    def test_submit(self):
        self.answer(SubmitFunction=service.SubmitFunctionResponse(request_id="r-1"))
        out, err = self.expect(0, "submit", "stats@beta", "-d", "[1]", "--id", "mine", "--type", "a.b")
        self.assertEqual(out, b"r-1\n")
        self.assertEqual(err, "next     stead result r-1 --wait\n")
        sent = self.fake.last("SubmitFunction")
        self.assertEqual((sent.name, sent.event.id, sent.event.type), ("stats@beta", "mine", "a.b"))
        self.answer(SubmitFunction=service.SubmitFunctionResponse(request_id="r-1", duplicate=True))
        out, _ = self.expect(0, "submit", "stats", "--json", says="accepted before")
        self.assertEqual(json.loads(out), {"ok": True, "function": "stats", "id": "r-1", "duplicate": True})

    def test_submit_refused(self):
        self.answer(SubmitFunction=self.refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL"))
        out, err = self.expect(75, "submit", "stats", says="QUEUE_FULL")
        self.assertEqual(out, b"")
        self.assertRegex(err, r"next +the same with --id [0-9a-f]{32}\n")
        self.answer(SubmitFunction=self.refusal(NOT_FOUND, "FUNCTION_NOT_FOUND"))
        self.expect(2, "submit", "nobody", says="stead function ls")

    def test_result(self):
        event = {"id": "e", "source": "s", "spec_version": "1.0", "type": "t.v1",
                 "attributes": {"datacontenttype": {"ce_string": "application/json"}}}
        self.answer(GetResult=service.GetResultResponse(request_id="r-1", outcome="succeeded", data=b'{"a":1}', event=event,
                                                        attempts=2, function="python/stats", version="v1"))
        self.assertEqual(self.expect(0, "result", "r-1"), (b'{"a":1}', ""))
        self.assertFalse(self.fake.last("GetResult").wait)
        shown = json.loads(self.expect(0, "result", "r-1", "--json", "--wait")[0])
        self.assertEqual(shown, {"ok": True, "id": "r-1", "outcome": "succeeded", "function": "python/stats", "version": "v1",
                                 "attempts": 2, "type": "t.v1", "content_type": "application/json", "data": {"a": 1}})
        self.assertTrue(self.fake.last("GetResult").wait)

    def test_result_of_a_failure(self):
        for outcome in ("failed", "expired", "dead-lettered", "cancelled"):
            with self.subTest(outcome):
                self.answer(GetResult=service.GetResultResponse(request_id="r", outcome=outcome, error="told\x1b[31m to",
                                                                reason="FUNCTION_ERROR", function="c/up", attempts=2,
                                                                causes="error=1,crash=1", cause="crash"))
                out, err = self.expect(1, "result", "r")
                told = f"c/up {outcome}: told?[31m to (FUNCTION_ERROR)\n2 attempts: error=1,crash=1\n"
                told += "next     stead dead show r\n" if outcome == "dead-lettered" else ""
                self.assertEqual((out, err), (b"", told))
                shown = json.loads(self.expect(1, "result", "r", "--json")[0])
                self.assertEqual((shown["ok"], shown["outcome"], shown["reason"], shown["error"]["message"]),
                                 (False, outcome, "FUNCTION_ERROR", "told\x1b[31m to"))
                self.assertEqual((shown["cause"], shown["causes"]), ("crash", "error=1,crash=1"))

    def test_no_result_yet(self):
        self.answer(GetResult=self.refusal(NOT_FOUND, "RESULT_NOT_FOUND"))
        out, _ = self.expect(75, "result", "r", says="stead result ID --wait")
        self.assertEqual(out, b"")
        self.expect(2, "result", "r", "--timeout", "soon", says="write a time")

    def test_waiting_longer_than_a_call_may_last(self):
        begin = time.monotonic()

        def not_yet(request, context):
            if time.monotonic() - begin < 0.9:
                time.sleep(0.3)
                refuse(context, grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "not yet")
            return service.GetResultResponse(request_id="r", outcome="succeeded", data=b"ok")

        self.answer(GetResult=not_yet)
        self.assertEqual(self.expect(0, "result", "r", "--wait", "--timeout", "20s")[0], b"ok")
        self.assertGreaterEqual(self.fake.count("GetResult"), 3)

    def test_waiting_ends(self):
        self.answer(GetResult=self.refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"))
        begin = time.monotonic()
        self.expect(75, "result", "r", "--wait", "--timeout", "1s", says="it has not ended yet")
        self.assertLess(time.monotonic() - begin, 10)
        self.assertLess(self.fake.count("GetResult"), 8, "it asks without a pause")

    def test_cancel(self):
        self.answer(Cancel=service.CancelResponse(request_id="r"))
        self.answer(GetResult=self.refusal(NOT_FOUND, "RESULT_NOT_FOUND"))
        self.expect(0, "cancel", "r", says="cancelled  r")
        self.assertEqual(json.loads(self.expect(0, "cancel", "r", "--json")[0]), {"ok": True, "id": "r"})
        self.answer(GetResult=service.GetResultResponse(request_id="r", outcome="cancelled", function="c/up", attempts=2,
                                                        causes="error=1,crash=1", cause="cancelled"))
        self.assertEqual(self.expect(0, "cancel", "r")[1], "cancelled  r\n2 attempts: error=1,crash=1\n")
        self.assertEqual(json.loads(self.expect(0, "cancel", "r", "--json")[0]),
                         {"ok": True, "id": "r", "function": "c/up", "attempts": 2, "causes": "error=1,crash=1"})
        self.answer(Cancel=self.refusal(PRECONDITION, "ALREADY_ENDED"))
        self.expect(1, "cancel", "r", says="stead result ID")
        self.answer(Cancel=self.refusal(NOT_FOUND, "REQUEST_NOT_FOUND"))
        self.expect(2, "cancel", "r", says="no longer kept, or was never accepted")


class Versions(Case):
    def test_versions(self):
        versions = [admin.Version(version="v2", digest="ab" * 32, aliases=["live=90", "beta=100"]),
                    admin.Version(version="v1", digest="cd" * 32, aliases=["live=10"])]
        versions[1].created.FromSeconds(1_700_000_000)
        self.answer(Versions=admin.VersionsResponse(versions=versions))
        lines = [line.split() for line in self.expect(0, "function", "versions", "stats")[0].decode().splitlines()]
        self.assertEqual(lines[0], ["VERSION", "CREATED", "DIGEST", "ALIASES"])
        self.assertEqual(lines[1], ["v2", "abababababab", "live=90", "beta"])
        self.assertEqual(lines[2], ["v1", "2023-11-14T22:13:20Z", "cdcdcdcdcdcd", "live=10"])
        shown = json.loads(self.expect(0, "function", "versions", "stats", "--json")[0])
        self.assertEqual([(v["version"], v["aliases"]) for v in shown["versions"]],
                         [("v2", ["live=90", "beta=100"]), ("v1", ["live=10"])])
        self.answer(Versions=self.refusal(NOT_FOUND, "FUNCTION_NOT_FOUND"))
        self.expect(2, "function", "versions", "nobody", says="stead function ls")

    def test_aliases(self):
        self.answer(Get=admin.GetResponse(function=function(live={"v2": 90, "v1": 10}, beta={"v1": 100})),
                    SetAlias=admin.SetAliasResponse(function=function(live={"v1": 100})))
        out, _ = self.expect(0, "function", "alias", "stats")
        self.assertEqual(out, b"live      v2=90 v1=10\nbeta      v1\n")
        shown = json.loads(self.expect(0, "function", "get", "stats", "--json")[0])
        self.assertEqual((shown["aliases"], shown["revision"]), ({"live": {"v2": 90, "v1": 10}, "beta": {"v1": 100}}, 7))
        self.expect(0, "function", "alias", "stats", "live", "v2=90", "v1=10")
        sent = self.fake.last("SetAlias")
        self.assertEqual((sent.name, sent.alias, [(r.version, r.weight) for r in sent.routes]),
                         ("stats", "live", [("v2", 90), ("v1", 10)]))
        self.expect(0, "function", "alias", "stats", "beta", "v1")
        self.assertEqual([(r.version, r.weight) for r in self.fake.last("SetAlias").routes], [("v1", 100)])
        self.expect(0, "function", "alias", "stats", "--rm", "beta")
        sent = self.fake.last("SetAlias")
        self.assertEqual((sent.alias, list(sent.routes)), ("beta", []))

    def test_aliases_that_make_no_sense_stay_here(self):
        for words, says in ((["live"], "name 1 to 4 versions"), (["live", "v1=60", "v2=30"], "sum up to 90"),
                            (["live", "v1=0"], "a weight from 1 to 100"), (["live", "v1=x"], "a weight from 1 to 100"),
                            (["live", "=5"], "a weight from 1 to 100"), (["live", "v1", "v2"], "sum up to 0"),
                            (["live", "v1=101"], "a weight from 1 to 100"), (["live", *["v=20"] * 5], "name 1 to 4 versions"),
                            (["live", "v1", "--rm", "beta"], "one at a time")):
            with self.subTest(words):
                self.expect(2, "function", "alias", "stats", *words, says=says)
        self.assertEqual(self.fake.calls, [])

    def test_remove(self):
        self.answer(Remove=admin.RemoveResponse(function=function()))
        self.expect(0, "function", "rm", "stats", says="removed  stats")
        self.assertFalse(self.fake.last("Remove").now)
        self.expect(0, "function", "rm", "stats", "--now")
        self.assertTrue(self.fake.last("Remove").now)

    def test_instances(self):
        instance = admin.Instance(name="a1", state="AVAILABLE", version="0.1.0", languages=["c", "go"], slots=64, running=3,
                                  functions=2)
        self.answer(Instances=admin.InstancesResponse(instances=[instance]))
        rows = [line.split() for line in self.expect(0, "instance", "ls")[0].decode().splitlines()]
        self.assertEqual(rows[1], ["a1", "AVAILABLE", "3/64", "2", "0.1.0", "c", "go", "not", "known"])  # its durability
        shown = json.loads(self.expect(0, "instance", "ls", "--json")[0])["instances"][0]
        self.assertEqual((shown["languages"], shown["slots"], shown["running"]), (["c", "go"], 64, 3))


class Rollouts(Case):
    """Three instances that get ready one after another."""

    def rollout(self, ready, revision=7, **states):
        instances = [admin.InstanceRollout(instance=name, state=state, message="no cc here" if state == "failed" else "",
                                           outdated=2 if state == "ready" else 0) for name, state in states.items()]
        return admin.RolloutResponse(name="stats", version="v2", revision=revision, instances=instances, ready=ready,
                                     total=len(instances))

    def play(self, *steps):
        left = list(steps)
        self.answer(Rollout=lambda request, context: left.pop(0) if len(left) > 1 else left[0],
                    Rollback=admin.RollbackResponse(function=function(live={"v1": 100})),
                    Deploy=admin.DeployResponse(function=function(live={"v2": 100})))

    def test_rollback_waits_for_every_instance(self):
        self.play(self.rollout(3, revision=6, a="ready", b="ready", c="ready"),  # about the record before
                  self.rollout(0, a="building", b="unseen", c="fetching"), self.rollout(1, a="ready", b="probing", c="building"),
                  self.rollout(3, a="ready", b="ready", c="ready"))
        out, err = self.expect(0, "function", "rollback", "stats", "v1", "--wait")
        self.assertEqual(out, b"live      v1\n")
        self.assertEqual([line for line in err.splitlines() if line.startswith("rollout")],
                         ["rollout  ready on 3 of 3 instances",
                          "rollout  1 not there yet, 1 fetching, 1 building, ready on 0 of 3 instances",
                          "rollout  1 building, 1 starting, ready on 1 of 3 instances",
                          "rollout  ready on 3 of 3 instances"])
        self.assertEqual(self.fake.count("Rollout"), 4)
        self.assertEqual((self.fake.last("Rollback").name, self.fake.last("Rollback").version), ("stats", "v1"))

    def test_a_terminal_has_one_line(self):
        self.play(self.rollout(0, a="building"), self.rollout(1, a="ready"))
        master, terminal = pty.openpty()
        done = subprocess.run([STEAD, "function", "rollback", "stats", "--wait"], stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.DEVNULL, stderr=terminal, timeout=60,
                              env=environment(STEAD_ADDR=self.fake.address, TERM="xterm", NO_COLOR="1"))
        os.close(terminal)
        said = os.read(master, 4096).decode()
        os.close(master)
        self.assertEqual(done.returncode, 0)
        self.assertTrue(said.startswith("\r\x1b[Krollout  1 building, ready on 0 of 1 instance"
                                        "\r\x1b[Krollout  ready on 1 of 1 instance\r\n"), repr(said))

    def test_without_wait_nothing_is_asked(self):
        self.play(self.rollout(0, a="building"))
        self.expect(0, "function", "rollback", "stats")
        self.assertEqual((self.fake.count("Rollout"), self.fake.last("Rollback").version), (0, ""))

    def test_an_instance_that_fails(self):
        self.play(self.rollout(1, a="ready", b="failed", c="building"), self.rollout(2, a="ready", b="failed", c="ready"))
        out, _ = self.expect(1, "function", "rollback", "stats", "--wait", says="b: no cc here")
        self.assertEqual(out, b"")

    def test_time_is_up(self):
        self.play(self.rollout(1, a="ready", b="building"))
        _, err = self.expect(75, "function", "rollback", "stats", "--wait", "--timeout", "1s", says="ready on 1 of 2 instances")
        self.assertIn("2 calls still run on versions before", err)
        self.assertLess(self.fake.count("Rollout"), 20, "it asks without a pause")

    def test_deploy(self):
        with tempfile.TemporaryDirectory() as root:
            (Path(root) / "stats").mkdir()
            (Path(root) / "stats" / "main.py").write_text("")
            self.play(self.rollout(0, a="building"), self.rollout(1, a="ready"))
            shown = json.loads(self.expect(0, "deploy", f"{root}/stats", "--wait", "--canary", "10%", "--alias", "beta",
                                           "--json", says="uploaded stats (python) version v2 in ")[0])
            self.assertEqual((shown["version"], shown["ready"], shown["instances"], shown["aliases"]),
                             ("v2", 1, 1, {"live": {"v2": 100}}))
            sent = self.fake.last("Deploy")
            self.assertEqual((sent.canary_percent, sent.alias, sent.no_wait), (10, "beta", True))
            self.expect(0, "deploy", f"{root}/stats", says="ready    stats (python) version v2")
            sent = self.fake.last("Deploy")
            self.assertEqual((sent.canary_percent, sent.alias, sent.no_wait), (0, "", False))
            for bad in ("0", "100", "x", "5x", "-3"):
                self.expect(2, "deploy", f"{root}/stats", f"--canary={bad}", says="1 to 99")


if __name__ == "__main__":
    unittest.main(verbosity=1)
