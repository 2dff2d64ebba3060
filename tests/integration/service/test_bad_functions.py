"""Functions that misbehave in every way: the caller learns why, nothing is lost, and the service goes on."""
import json

from stead_world import PLUGINS, WorldCase, event_of, main, read_folder, request_id_of, wait_for
from stead_world.process import alive

JSON = {"datacontenttype": "application/json"}
FAST = "spec: {maxRetries: 2, maxWorkers: 2}\n"
# Tells when it ran by a file, and does what the event says until it ran as often as the event says.
MOODY = """
import time
import stead

@stead.function
def moody(event, ctx):
    path, times, mood = event.data["path"], event.data["times"], event.data["mood"]
    with open(path, "a") as file:
        file.write("%f\\n" % time.monotonic())
    with open(path) as file:
        runs = len(file.readlines())
    if runs <= times:
        if mood == "retry":
            raise stead.Retry("not yet", after=event.data["after"])
        if mood == "throttle":
            raise stead.Throttle("too many", after=event.data["after"])
        raise ValueError("a bad day")
    return {"runs": runs}
"""
# Does in the middle of a call what the event says.
WILD = """
import os
import subprocess
import sys
import stead

@stead.function
def wild(event, ctx):
    what = event.data["what"]
    if what == "garbage":
        os.write(3, b"\\xff" * 64)
    elif what == "half a frame":
        os.write(3, b"\\x40\\0\\0\\0\\x11\\0")
        os._exit(0)
    elif what == "exit":
        os._exit(0)
    elif what == "close":
        os.close(3)
    elif what == "memory":
        bytearray(1 << 30)
    elif what == "flood":
        sys.stdout.write("x" * (8 << 20))
    elif what == "child":
        child = subprocess.Popen(["sleep", "1000"])
        return {"pid": child.pid}
    return {"what": what}
"""


class Bad(WorldCase):
    settings = {"functions_timeout": "2s", "functions_retry_base": "50ms", "functions_starttimeout": "5s"}

    @classmethod
    def set_up_functions(cls):
        cls.world.deploy(cls.one, "echo")
        cls.client = cls.one.client

    def tearDown(self):
        self.assert_ok(self.client.execute("echo", event_of("still there")))
        self.bus.queue_empty()

    def files(self, plugin):
        return read_folder("%s/%s" % (PLUGINS, plugin))

    def result_of(self, function, event):
        return self.bus.result(request_id_of(function, event))

    def check_refused(self, plugin, status, reason, *words):
        """A deploy fails, says why, and leaves nothing behind."""
        answer = self.client.deploy(plugin, self.files(plugin), FAST)
        self.assert_status(answer, status, reason)
        for word in words:
            self.assertIn(word, answer.text)
        wait_for(lambda: plugin not in self.client.list(), "the failed function to be gone")
        self.assert_status(self.client.execute(plugin, event_of("x")), "NOT_FOUND", "FUNCTION_NOT_FOUND")

    def check_old_version_stays(self, plugin, old):
        """A version that can't run replaces nothing."""
        name = plugin + "-later"
        before = self.world.deploy(self.one, old, name)
        answer = self.client.deploy(name, self.files(plugin), FAST)
        self.assertIn(answer.status.name, ("INVALID_ARGUMENT", "FAILED_PRECONDITION"), repr(answer))
        self.assert_ok(self.client.execute(name, event_of("old")))

        def restored():
            return self.client.get(name).response.function.version == before.version

        wait_for(restored, "the record of the old version")
        self.assertEqual(self.client.get(name).response.function.state, "READY")
        self.assert_ok(self.client.execute(name, event_of("old again")))

    def test_does_not_compile(self):
        self.check_refused("broken", "INVALID_ARGUMENT", "BUILD_FAILED", "main.c:6", "error:")
        self.check_old_version_stays("broken", "echo")

    def test_python_that_does_not_compile(self):
        answer = self.client.deploy("crooked", {"main.py": "import stead\n\ndef f(:\n"})
        self.assert_status(answer, "INVALID_ARGUMENT", "BUILD_FAILED")
        self.assertIn("main.py", answer.text)
        self.assertIn("line 3", answer.text)

    def test_exits_at_start(self):
        self.check_refused("exits", "FAILED_PRECONDITION", "PLUGIN_NOT_STARTED", "the moon is full")
        self.check_old_version_stays("exits", "echo-python")

    def test_writes_garbage(self):
        self.check_refused("garbage", "FAILED_PRECONDITION", "PLUGIN_NOT_STARTED")
        self.check_old_version_stays("garbage", "echo")

    def test_prints(self):
        self.world.deploy(self.one, "prints")
        answer = self.client.execute("prints", event_of("x"))
        self.assert_ok(answer)
        self.assertEqual(answer.data.replace(b" ", b""), b'{"printed":true}')
        for text in ("on stdout", "on stderr", "by the log", '"fields":"answer=42"'):
            wait_for(lambda text=text: text in self.one.log(), text + " in the log")

    def test_never_answers(self):
        self.world.deploy(self.one, "hangs", manifest="spec: {maxRetries: 0, timeout: 500ms, maxWorkers: 1}\n")
        workers = set(self.one.workers())
        event = event_of("x")
        answer = self.client.execute("hangs", event)
        self.assert_status(answer, "DEADLINE_EXCEEDED", "EXECUTION_TIMEOUT")
        self.assertEqual(self.result_of("hangs", event).headers["stead-reason"], "EXECUTION_TIMEOUT")
        wait_for(lambda: workers - set(self.one.workers()), "the end of the worker that hung")
        self.assert_status(self.client.execute("hangs", event_of("y")), "DEADLINE_EXCEEDED", "EXECUTION_TIMEOUT")

    def test_next_call_after_a_hang(self):
        manifest = "spec: {maxRetries: 0, timeout: 1s, maxWorkers: 1}\n"
        code = "import time\nimport stead\n\n@stead.function\ndef f(event, ctx):\n"
        code += "    while event.data == 'hang':\n        time.sleep(60)\n    return {}\n"
        self.world.deploy(self.one, {"main.py": code}, "sometimes", manifest)
        self.assert_ok(self.client.execute("sometimes", event_of('"work"', **JSON)))
        hung = self.client.execute("sometimes", event_of('"hang"', **JSON))
        self.assert_status(hung, "DEADLINE_EXCEEDED", "EXECUTION_TIMEOUT")
        self.assert_ok(self.client.execute("sometimes", event_of('"work"', **JSON)))

    def test_answers_too_much(self):
        self.world.deploy(self.one, "toomuch", manifest=FAST)
        event = event_of("x")
        answer = self.client.execute("toomuch", event)
        self.assertFalse(answer.ok, repr(answer)[:500])
        result = self.result_of("toomuch", event)
        self.assertEqual(result.headers["stead-outcome"], "failed")
        self.assertEqual(result.headers["stead-attempts"], "1", "it is as large the next time")

    def test_answer_just_over_the_limit(self):
        """Within the plugin's own limit, over what the broker takes together with its headers."""
        code = "import stead\n\n@stead.function\ndef f(event, ctx):\n    return b'x' * event.data['bytes']\n"
        self.world.deploy(self.one, {"main.py": code}, "sized", FAST)
        self.assert_ok(self.client.execute("sized", event_of({"bytes": 900 << 10})))
        event = event_of({"bytes": (1 << 20) - 100})
        self.assertFalse(self.client.execute("sized", event).ok)
        self.assertEqual(self.result_of("sized", event).headers["stead-outcome"], "failed")

    def test_crashes(self):
        self.world.deploy(self.one, "crashes", manifest=FAST)
        self.assert_ok(self.client.execute("crashes", event_of()))
        event = event_of("x")
        answer = self.client.execute("crashes", event)
        self.assert_status(answer, "INTERNAL", "PLUGIN_CRASHED")
        result = self.result_of("crashes", event)
        self.assertEqual(result.headers["stead-outcome"], "dead-lettered")
        self.assertEqual(result.headers["stead-attempts"], "3")
        self.assert_ok(self.client.execute("crashes", event_of()))

    def test_crash_takes_nobody_along(self):
        """Calls to others go on while workers crash."""
        self.world.deploy(self.one, "crashes", "crashes-beside", FAST)
        crashes = [self.client.start("crashes-beside", event_of("x")) for _ in range(10)]
        for number in range(100):
            self.assert_ok(self.client.execute("echo", event_of("%d" % number)))
        for call in crashes:  # the function itself ends in quarantine: see test_causes.py
            self.assertIn(call.code().name, ("INTERNAL", "FAILED_PRECONDITION"))

    def test_raises(self):
        """Retries with back-off, then the dead letter."""
        self.world.deploy(self.one, "rejects", manifest=FAST)
        event = event_of('"connection"', **JSON)
        answer = self.client.execute("rejects", event)
        self.assertIn("gone", answer.response.error, repr(answer))
        self.assertEqual(answer.response.error_detail.attempts, 3)
        result = self.result_of("rejects", event)
        self.assertEqual(result.headers["stead-outcome"], "dead-lettered")
        self.assertEqual(result.headers["stead-reason"], "FUNCTION_ERROR")
        self.assertIn(b"gone", result.data)
        subject = "function.dead.python.rejects." + request_id_of("rejects", event)
        dead = wait_for(lambda: self.bus.last("function-dead", subject), "the dead letter")
        self.assertEqual(dead.data, b'"connection"')
        self.assertEqual(dead.headers["stead-attempts"], "3")
        self.assertEqual(dead.headers["stead-reason"], "FUNCTION_ERROR")
        self.assertEqual(dead.headers["ce-id"], event.id)
        self.assertEqual(len(self.bus.messages("function-dead", subject)), 1)

    def test_rejects(self):
        """A permanent error is not tried again and no dead letter."""
        self.world.deploy(self.one, "rejects", "rejects-once", FAST)
        event = event_of('"reject"', **JSON)
        answer = self.client.execute("rejects-once", event)
        self.assertIn("not with me", answer.response.error)
        self.assertEqual(answer.response.error_detail.attempts, 1)
        self.assertEqual(self.result_of("rejects-once", event).headers["stead-outcome"], "failed")
        subject = "function.dead.python.rejects-once." + request_id_of("rejects-once", event)
        self.assertIsNone(self.bus.last("function-dead", subject))

    def test_wild_in_the_middle_of_a_call(self):
        """The protocol broken, or the process gone without a word: the call fails, the next one works."""
        self.world.deploy(self.one, {"main.py": WILD}, "wild", FAST)
        reasons = {
            "garbage": ("INVALID_RESULT", "PLUGIN_CRASHED"),
            "half a frame": ("INVALID_RESULT", "PLUGIN_CRASHED"),
            "exit": ("PLUGIN_CRASHED",),
            "close": ("INVALID_RESULT", "PLUGIN_CRASHED"),
        }
        for what, allowed in reasons.items():
            with self.subTest(what):
                event = event_of({"what": what})
                answer = self.client.execute("wild", event)
                self.assert_status(answer, "INTERNAL")
                self.assertIn(answer.reason, allowed)
                self.assertEqual(self.result_of("wild", event).headers["stead-outcome"], "dead-lettered")
                self.assert_ok(self.client.execute("wild", event_of({"what": "nothing"})))

    def test_memory(self):
        self.world.deploy(self.one, {"main.py": WILD}, "fat", "spec: {maxRetries: 0, memory: 256Mi}\n")
        self.assertFalse(self.client.execute("fat", event_of({"what": "memory"})).ok)
        self.assert_ok(self.client.execute("fat", event_of({"what": "nothing"})))

    def test_flood_of_output(self):
        self.world.deploy(self.one, {"main.py": WILD}, "flood", "spec: {maxRetries: 0, timeout: 20s}\n")
        self.assert_ok(self.client.execute("flood", event_of({"what": "flood"})))

    def test_processes_of_a_function_end_with_it(self):
        self.world.deploy(self.one, {"main.py": WILD}, "parent", "spec: {maxRetries: 0, maxWorkers: 1}\n")
        answer = self.client.execute("parent", event_of({"what": "child"}))
        self.assert_ok(answer)
        child = json.loads(answer.data)["pid"]
        self.assertTrue(alive(child))
        self.assertFalse(self.client.execute("parent", event_of({"what": "exit"})).ok)
        wait_for(lambda: not alive(child), "the end of the function's child")

    def moody(self, name, mood, times=1, after=None):
        """(answer, seconds between the runs)"""
        self.world.deploy(self.one, {"main.py": MOODY}, name, FAST)
        path = self.world.path(name)
        answer = self.client.execute(name, event_of({"path": path, "mood": mood, "times": times, "after": after}))
        with open(path, encoding="ascii") as file:
            runs = [float(line) for line in file]
        return answer, [later - sooner for sooner, later in zip(runs, runs[1:])]

    def test_raises_once(self):
        answer, pauses = self.moody("raises-once", "error")
        self.assert_ok(answer)
        self.assertEqual(len(pauses), 1)

    def test_attempts_of_a_late_success(self):
        self.world.deploy(self.one, {"main.py": MOODY}, "late", FAST)
        event = event_of({"path": self.world.path("late"), "mood": "error", "times": 2, "after": None})
        self.assert_ok(self.client.execute("late", event))
        self.assertEqual(self.result_of("late", event).headers["stead-attempts"], "3")

    def test_retry_after(self):
        """The function's own delay is kept; the timer may be late and is never early."""
        answer, pauses = self.moody("retry-after", "retry", after=0.7)
        self.assert_ok(answer)
        self.assertGreaterEqual(pauses[0], 0.69)

    def test_throttle_after(self):
        answer, pauses = self.moody("throttle-after", "throttle", after=0.7)
        self.assert_ok(answer)
        self.assertGreaterEqual(pauses[0], 0.69)

    def test_raw_publish_to_a_bad_function(self):
        """The same end for somebody who only reads results."""
        self.world.deploy(self.one, "rejects", "rejects-raw", FAST)
        headers = {"stead-request-id": "raw-reject"}
        self.bus.publish("function.python.rejects-raw", b'"connection"', headers)
        result = self.bus.result("raw-reject")
        self.assertEqual(result.headers["stead-outcome"], "dead-lettered")
        self.assertEqual(result.headers["Nats-Service-Error-Code"], "500")
        wait_for(
            lambda: self.bus.last("function-dead", "function.dead.python.rejects-raw.raw-reject"), "the dead letter"
        )


if __name__ == "__main__":
    main()
