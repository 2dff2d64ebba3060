"""One table of scenarios for the client libraries of all languages, against one real `stead serve`.

    ci/python tests/integration/clients/test_clients.py LANGUAGE [Calls.test_x]

LANGUAGE is c, go, javascript, python or asyncio. The library is installed as a user would install it (languages.py),
and a driver program in that language does what the scenarios say (drivers/README.md).
"""
import base64
import os
import random
import re
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "service"))

import grpc

import languages
from stead_world import WorldCase, free_port, main

import proxy
import scripted

# Everything that the function sees of its event.
MIRROR = """
import base64
import stead

@stead.function
def mirror(event, ctx):
    return {"attributes": event.attributes, "base64": base64.b64encode(event.raw).decode(), "attempt": 1}
"""
SLEEPER = """
import time
import stead

@stead.function
def sleeper(event, ctx):
    time.sleep(event.data.get("ms", 0) / 1000)
    return {"n": event.data["n"]}
"""
SAME = """
import stead

@stead.function
def same(event, ctx):
    return event.reply("test.same.v1", event.data)
"""
STUBBORN = """
import stead

@stead.function
def stubborn(event, ctx):
    raise stead.Retry("not today")
"""
BIG_BYTES = 900 * 1024
UNAVAILABLE = scripted.Refusal(grpc.StatusCode.UNAVAILABLE, "NATS_UNAVAILABLE")
LANGUAGE = ""


class Calls(WorldCase):
    settings = {"functions_timeout": "20s", "functions_max_retries": "1", "grpc_min_ping_interval": "500ms"}
    driver = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="stead-client-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.made = languages.DRIVERS_BY_NAME[LANGUAGE](cls.folder.name)
        cls.settings = {**cls.settings, "grpc_listen": "127.0.0.1:%d" % free_port()}
        super().setUpClass()

    @classmethod
    def set_up_functions(cls):
        for plugin in ("echo", "rejects", "hangs"):
            cls.world.deploy(cls.one, plugin)
        for name, text in {"mirror": MIRROR, "same": SAME, "sleeper": SLEEPER, "stubborn": STUBBORN}.items():
            cls.world.deploy(cls.one, {"main.py": text}, name, "spec: {maxWorkers: 4}\n")
        cls.driver = languages.Driver(cls.made, cls.settings["grpc_listen"])
        cls.addClassCleanup(cls.driver.close)

    def ask(self, op, **command):
        return self.driver.ask(op, **command)

    def ok(self, op, **command):
        answer = self.ask(op, **command)
        self.assertEqual(answer["end"], "ok", answer)
        return answer

    def refused(self, status, reason, op, **command):
        answer = self.ask(op, **command)
        found = tuple(answer.get(key) for key in ("end", "status", "reason"))
        self.assertEqual(found, ("platform", status, reason), answer)
        return answer

    # execute

    def test_execute(self):
        answer = self.ok("execute", name="same", data={"text": "grüße, 世界 🌍", "numbers": [1, 2.5, None]})
        self.assertEqual(answer["parsed"], {"text": "grüße, 世界 🌍", "numbers": [1, 2.5, None]})
        self.assertEqual(answer["type"], "test.same.v1")
        self.assertRegex(answer["request_id"], "^[0-9a-f]{32}$")
        self.assertTrue(answer["source"])

    def test_execute_without_data(self):
        answer = self.ok("execute", name="mirror")
        attributes = answer["parsed"]["attributes"]
        self.assertEqual(answer["parsed"]["base64"], "")
        self.assertEqual((attributes["source"], attributes["type"]), ("stead:client", "stead.request.v1"))
        self.assertNotIn("datacontenttype", attributes)

    def test_attributes_of_all_types(self):
        given = {"id": "an id", "source": "/tests/s%C3%B6urce", "type": "test.v1", "subject": "grüße 100%"}
        given.update(dataschema="http://example.com/schema", note="a\"b\\c")
        answer = self.ok("execute", name="mirror", attributes=given, typed=True, data=[])
        seen = answer["parsed"]["attributes"]
        for name, value in given.items():
            self.assertEqual(seen[name], value)
        when = seen.pop("expirytime")
        self.assertRegex(when, r"^2030-01-02T03:04:05\.6780*Z$")
        wanted = {"flag": "true", "count": "-5", "blob": "AP8=", "link": "http://example.com/a", "path": "/a"}
        self.assertEqual({name: seen.get(name) for name in wanted}, wanted)
        self.assertEqual(seen["datacontenttype"], "application/json")

    def test_bytes(self):
        data = base64.b64encode(bytes(range(256))).decode()
        answer = self.ok("execute", name="mirror", data_base64=data)
        self.assertEqual(answer["parsed"]["base64"], data)
        self.assertEqual(answer["parsed"]["attributes"]["datacontenttype"], "application/octet-stream")

    def test_big_data(self):
        data = base64.b64encode(random.Random(1).randbytes(BIG_BYTES)).decode()
        answer = self.ok("execute", name="echo", data_base64=data)
        self.assertTrue(answer["data_base64"] == data, "%d characters came back" % len(answer["data_base64"]))

    def test_too_big(self):
        data = base64.b64encode(bytes(2 << 20)).decode()
        answer = self.ask("execute", name="echo", data_base64=data)
        self.assertEqual((answer["end"], answer["status"]), ("platform", "RESOURCE_EXHAUSTED"), answer)

    def test_function_error(self):
        for kind, wanted in {
            "reject": ("not with me", "Reject", "permanent", False, 1),
            "retry": ("later", "Retry", "retry", True, 2),
        }.items():
            with self.subTest(kind):
                answer = self.ask("execute", name="rejects", data=kind)
                self.assertEqual(answer["end"], "function", answer)
                found = tuple(answer[key] for key in ("message", "type", "error_class", "retryable", "attempts"))
                self.assertEqual(found, wanted)
                self.assertRegex(answer["request_id"], "^[0-9a-f]{32}$")

    def test_refusals(self):
        answer = self.refused("NOT_FOUND", "FUNCTION_NOT_FOUND", "execute", name="nobody", data=1)
        self.assertFalse(answer["not_started"])
        self.assertTrue(answer["message"])
        self.assertIsNone(answer.get("retry_after"))
        answer = self.ask("execute", name="echo", attributes={"time": "yesterday"}, data=1)
        self.assertEqual((answer["end"], answer["status"]), ("platform", "INVALID_ARGUMENT"), answer)
        self.assertTrue(any("time" in field for field, _ in answer["violations"]), answer)

    def test_deadline(self):
        start = time.monotonic()
        answer = self.ask("execute", name="hangs", timeout_ms=500)
        self.assertEqual((answer["end"], answer["status"]), ("platform", "DEADLINE_EXCEEDED"), answer)
        self.assertFalse(answer["not_started"])
        self.assertGreaterEqual(time.monotonic() - start, 0.45)

    def test_same_id_again(self):
        named = {"name": "sleeper", "attributes": {"id": "once", "source": "/tests/" + LANGUAGE}}
        first = self.ok("execute", data={"n": 7}, **named)
        second = self.ok("execute", data={"n": 7}, **named)
        self.assertEqual(first["request_id"], second["request_id"])
        self.assertEqual(first["data_base64"], second["data_base64"])
        self.refused("ALREADY_EXISTS", "ID_CONFLICT", "execute", data={"n": 8}, **named)

    def test_many_at_once(self):
        answer = self.ask("many", count=200, name="same")
        self.assertEqual(answer["ok"], 200, answer["failed"][:3])

    # submit, result, cancel

    def test_submit_and_result(self):
        named = {"name": "sleeper", "attributes": {"id": "submitted", "source": "/tests/" + LANGUAGE}}
        first = self.ok("submit", data={"n": 3, "ms": 300}, **named)
        self.assertFalse(first["duplicate"])
        self.assertTrue(self.ok("submit", data={"n": 3, "ms": 300}, **named)["duplicate"])
        answer = self.ok("result", id=first["request_id"], wait=True)
        self.assertEqual(answer["parsed"], {"n": 3})
        self.assertEqual((answer["function"], answer["attempts"]), ("python/sleeper", 1))
        self.assertTrue(answer["version"])
        self.assertEqual(self.ok("result", id=first["request_id"], wait=False)["data_base64"], answer["data_base64"])

    def test_result_of_nothing(self):
        self.refused("NOT_FOUND", "RESULT_NOT_FOUND", "result", id="no-such-request", wait=False)
        answer = self.ask("result", id="no-such-request", wait=True, timeout_ms=400)
        self.assertEqual((answer["end"], answer["status"]), ("platform", "DEADLINE_EXCEEDED"), answer)

    def test_result_of_a_function_error(self):
        answer = self.ask("result", id=self.ok("submit", name="rejects", data="reject")["request_id"])
        self.assertEqual((answer["end"], answer["outcome"]), ("function", "failed"), answer)
        self.assertEqual((answer["message"], answer["error_class"]), ("not with me", "permanent"))
        answer = self.ask("result", id=self.ok("submit", name="stubborn", data=1)["request_id"])
        found = tuple(answer.get(key) for key in ("end", "outcome", "attempts"))
        self.assertEqual(found, ("function", "dead-lettered", 2), answer)

    def test_cancel(self):
        request_id = self.ok("submit", name="hangs")["request_id"]
        self.ok("cancel", id=request_id)
        answer = self.ask("result", id=request_id)
        self.assertEqual((answer["end"], answer["outcome"]), ("outcome", "cancelled"), answer)
        self.refused("FAILED_PRECONDITION", "ALREADY_ENDED", "cancel", id=request_id)
        self.refused("NOT_FOUND", "REQUEST_NOT_FOUND", "cancel", id="no-such-request")

    # away

    def test_nobody_there(self):
        driver = self.own_driver("127.0.0.1:%d" % free_port())
        answer = driver.ask("execute", name="echo", data=1, timeout_ms=1500)
        self.assertEqual((answer["end"], answer["status"], answer["reason"]), ("platform", "UNAVAILABLE", ""), answer)
        self.assertFalse(answer["not_started"])

    def test_restart_in_the_middle(self):
        """Calls whose server is killed are tried again, under their ids, and all end well."""
        # On a busy machine it may be away for longer than the retries that are the default last.
        driver = self.own_driver(self.settings["grpc_listen"], retries=40)
        driver.send("many", count=120, name="sleeper", data={"ms": 100})
        time.sleep(0.5)
        self.one.kill()
        type(self).one = self.world.serve(**self.settings)
        answer = driver.receive()
        self.assertEqual(answer["ok"], 120, answer["failed"][:3])

    # connections

    def own_driver(self, address, **settings):
        driver = languages.Driver(self.made, address, **settings)
        self.addCleanup(driver.close)
        return driver

    def proxied(self, **settings):
        between = proxy.Proxy(self.settings["grpc_listen"])
        self.addCleanup(between.close)
        return between, self.own_driver(between.address, **settings)

    def test_calls_spread_over_the_pool(self):
        for settings, connections in (({}, 2), ({"connections": 5}, 5)):
            with self.subTest(connections):
                between, driver = self.proxied(**settings)
                answer = driver.ask("many", count=60, name="sleeper", data={"ms": 50})
                self.assertEqual(answer["ok"], 60, answer["failed"][:3])
                loads = between.loads()
                self.assertEqual(len(loads), connections)
                self.assertGreater(min(loads), sum(loads) / connections / 4, loads)

    def test_a_connection_that_falls_silent(self):
        """Nobody says that it is dead. It is probed, after any number of good probes, and the call goes on over another."""
        between, driver = self.proxied(keepalive_ms=1000)  # in Go it is 10 s at least
        named = {"name": "sleeper", "attributes": {"id": "silence", "source": "/tests/" + LANGUAGE}}
        driver.send("execute", data={"n": 5, "ms": 8000}, timeout_ms=60000, **named)
        time.sleep(4.5)
        between.silence()
        answer = driver.receive()
        self.assertEqual((answer["end"], answer.get("parsed")), ("ok", {"n": 5}), answer)
        again = self.ok("execute", data={"n": 5, "ms": 8000}, **named)
        self.assertEqual(again["request_id"], answer["request_id"], "it was one request all along")


class Retries(unittest.TestCase):
    """Against a server that refuses on command."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="stead-client-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.server = scripted.Server(cls.folder.name, os.path.join(languages.ROOT, "proto"))
        cls.addClassCleanup(cls.server.close)
        cls.driver = languages.Driver(languages.DRIVERS_BY_NAME[LANGUAGE](cls.folder.name), cls.server.address)
        cls.addClassCleanup(cls.driver.close)

    def play(self, *script, timeout_ms=20000):
        """The answer, and the seconds between the attempts; all of them had the same event id."""
        self.server.play(*script)
        answer = self.driver.ask("execute", name="any", timeout_ms=timeout_ms)
        self.assertEqual(len({event_id for _, event_id in self.server.seen}), 1)
        times = [at for at, _ in self.server.seen]
        return answer, [round(later - sooner, 3) for sooner, later in zip(times, times[1:])]

    def test_until_it_works(self):
        answer, gaps = self.play(UNAVAILABLE, UNAVAILABLE, UNAVAILABLE)
        self.assertEqual((answer["end"], answer.get("request_id")), ("ok", "r1"), answer)
        self.assertEqual(len(gaps), 3)
        for gap, step in zip(gaps, (0.1, 0.2, 0.4)):
            self.assertGreaterEqual(gap, step / 2 - 0.01)

    def test_the_server_says_when(self):
        answer, gaps = self.play(scripted.Refusal(grpc.StatusCode.UNAVAILABLE, "NATS_UNAVAILABLE", 700, 700))
        self.assertEqual(answer["end"], "ok", answer)
        self.assertGreaterEqual(gaps[0], 0.69)

    def test_never_again(self):
        answer, gaps = self.play(scripted.Refusal(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN", pushback=-1))
        self.assertEqual((answer["end"], answer["reason"], gaps), ("platform", "SHUTTING_DOWN", []), answer)
        self.assertEqual((answer["not_started"], answer["request_id"]), (True, "r1"))

    def test_nothing_else_is_tried_again(self):
        for status in ("RESOURCE_EXHAUSTED", "INTERNAL", "ABORTED", "DEADLINE_EXCEEDED", "NOT_FOUND"):
            with self.subTest(status):
                answer, gaps = self.play(scripted.Refusal(grpc.StatusCode[status], "ANY", 50, 50))
                self.assertEqual((answer["status"], answer["reason"], gaps), (status, "ANY", []), answer)
                self.assertEqual((answer["not_started"], answer["retry_after"]), (False, 50))

    def test_not_started_only_if_each_attempt_was_refused(self):
        quick = scripted.Refusal(grpc.StatusCode.UNAVAILABLE, "NATS_UNAVAILABLE", 1)
        lost = scripted.Refusal(grpc.StatusCode.UNAVAILABLE, "", 1)
        last = scripted.Refusal(grpc.StatusCode.UNAVAILABLE, "NATS_UNAVAILABLE", 60000)
        for script, wanted in {(quick, quick, last): True, (quick, lost, last): False, (lost,) * 8: False}.items():
            answer, gaps = self.play(*script)
            self.assertEqual((answer["status"], answer["not_started"]), ("UNAVAILABLE", wanted), answer)
            self.assertEqual(len(gaps), len(script) - 1)


if __name__ == "__main__":
    LANGUAGE = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    if LANGUAGE not in languages.DRIVERS_BY_NAME:
        sys.exit(re.sub(r"\n.*", "", __doc__) + "\nwhich language? " + ", ".join(languages.DRIVERS_BY_NAME))
    try:
        with tempfile.TemporaryDirectory() as probe:
            languages.DRIVERS_BY_NAME[LANGUAGE](probe)
    except languages.Missing as missing:
        print("skipped: %s" % missing)
        sys.exit(77)
    main()
