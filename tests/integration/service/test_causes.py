"""What went wrong, and who pays: causes in results and dead letters, retries by cause, a function in quarantine."""
import json
import signal
import subprocess
import time
import urllib.parse

from stead_world import WorldCase, event_of, main, request_id_of, wait_for
from stead_world.world import PROGRAM

JSON = {"datacontenttype": "application/json"}
# Does what the event says, and writes down that it ran.
WAYS = """
import os
import signal
import sys
import time
import stead

@stead.function
def ways(event, ctx):
    for way in event.data["ways"][ctx.attempt - 1 : ctx.attempt] or ["ok"]:
        if way == "error":
            raise stead.Retry("not yet")
        if way == "throttle":
            raise stead.Throttle("too many", after=0.05)
        if way == "permanent":
            raise stead.Reject("never")
        if way == "exit":
            print("about to exit", file=sys.stderr, flush=True)
            os._exit(3)
        if way == "segv":
            print("about to \\xe9crash", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        if way == "hungry":
            print("fatal error: out of memory", file=sys.stderr, flush=True)
            os._exit(2)
        if way == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if way == "hang":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(1000)
        if way == "sleep":
            time.sleep(event.data["seconds"])
    return {"attempt": ctx.attempt}
"""
CRASHES = """
import os
import sys
import stead

@stead.function
def crashes(event, ctx):
    if event.data == "well":
        return "well"
    print("x" * 6000 + "\\nlast words", file=sys.stderr, flush=True)
    os._exit(7)
"""
# Writes down which process runs it, and goes on when it may.
LASTS = """
import os
import time
import stead

@stead.function
def lasts(event, ctx):
    with open(event.data["log"], "a") as log:
        log.write("%d\\n" % os.getpid())
    while not os.path.exists(event.data["go"]):
        time.sleep(0.02)
    return "well"
"""
DICE = """
import random
import stead

@stead.function
def dice(event, ctx):
    return {"thrown": random.random()}
"""


class Causes(WorldCase):
    settings = {
        "functions_timeout": "30s",
        "functions_retry_base": "20ms",
        "functions_stoptimeout": "500ms",
        "functions_quarantine_crashes": "4",
        "functions_quarantine_base": "30s",
        "queue_ack_wait": "1s",
    }

    @property
    def client(self):
        return self.one.client

    def deploy(self, name, source=WAYS, manifest=""):
        self.world.deploy(self.one, {"main.py": source.encode()}, name, manifest)

    def run_ways(self, name, ways, **more):
        """Calls it and returns (answer, stored result)."""
        event = event_of(json.dumps({"ways": ways, **more}), **JSON)
        answer = self.client.execute(name, event)
        return answer, self.bus.result(request_id_of(name, event)), request_id_of(name, event)

    def dead(self, language, name, request_id):
        subject = "function.dead.%s.%s.%s" % (language, name, request_id)
        return wait_for(lambda: self.bus.last("function-dead", subject), "the dead letter " + subject)

    def metric(self, text):
        status, page = self.one.http("/metrics")
        self.assertEqual(status, 200)
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(text))

    def test_each_failure_has_its_cause(self):
        """Charged attempts by cause, in the stored result; the metric counts them too."""
        self.deploy("ways-many", manifest="spec: {maxRetries: 8, retries: {outOfMemory: 3}}\n")
        ways = ["error", "throttle", "segv", "hungry", "killed", "exit"]
        answer, result, _ = self.run_ways("ways-many", ways)
        self.assertEqual(json.loads(answer.response.data), {"attempt": len(ways) + 1})
        self.assertEqual(result.headers["stead-attempts"], str(len(ways) + 1))
        self.assertEqual(result.headers["stead-causes"], "error=1,throttled=1,crash=3,out-of-memory=1")
        self.assertNotIn("stead-cause", result.headers, "it succeeded")
        for cause, count in (("error", 1), ("throttled", 1), ("crash", 3), ("out-of-memory", 1)):
            name = 'stead_function_causes_total{language="python",function="ways-many",cause="%s"}' % cause
            wait_for(lambda name=name, count=count: self.metric(name) == count, name)

    def test_permanent(self):
        self.deploy("ways-permanent", manifest="spec: {maxRetries: 3}\n")
        _, result, _ = self.run_ways("ways-permanent", ["permanent"])
        self.assertEqual(result.headers["stead-outcome"], "failed")
        self.assertEqual((result.headers["stead-cause"], result.headers["stead-causes"]), ("permanent", "permanent=1"))

    def test_own_retries_of_a_cause(self):
        """Out of memory is tried once more by default, and may be tried not at all."""
        self.deploy("ways-hungry", manifest="spec: {maxRetries: 5}\n")
        _, result, request_id = self.run_ways("ways-hungry", ["hungry"] * 9)
        self.assertEqual(result.headers["stead-outcome"], "dead-lettered")
        self.assertEqual(result.headers["stead-reason"], "OUT_OF_MEMORY")
        self.assertEqual(result.headers["stead-causes"], "out-of-memory=2")
        self.assertEqual(self.dead("python", "ways-hungry", request_id).headers["stead-cause"], "out-of-memory")
        self.deploy("ways-brittle", manifest="spec: {maxRetries: 5, retries: {crash: 0}}\n")
        _, result, request_id = self.run_ways("ways-brittle", ["exit"] * 9)
        self.assertEqual((result.headers["stead-attempts"], result.headers["stead-causes"]), ("1", "crash=1"))
        self.assertIn(b"ended with status 3: about to exit", result.data)

    def test_dead_letter_of_a_crash(self):
        """Exit status or signal, and the end of what it wrote to stderr."""
        self.deploy("ways-dead", manifest="spec: {maxRetries: 0}\n")
        _, result, request_id = self.run_ways("ways-dead", ["segv"])
        dead = self.dead("python", "ways-dead", request_id)
        self.assertEqual(dead.headers["stead-exit-signal"], str(int(signal.SIGSEGV)))
        self.assertIn("about to écrash", urllib.parse.unquote(dead.headers["stead-stderr"]))
        self.assertIn(b"signal 11", result.data)
        _, _, request_id = self.run_ways("ways-dead", ["exit"])
        dead = self.dead("python", "ways-dead", request_id)
        self.assertEqual(dead.headers["stead-exit-status"], "3")

    def test_back_off_of_its_own(self):
        self.deploy("ways-slow", manifest="spec: {maxRetries: 3, retry: {base: 700ms, max: 700ms, jitter: none}}\n")
        began = time.monotonic()
        self.run_ways("ways-slow", ["error", "error"])
        self.assertGreater(time.monotonic() - began, 1.35, "two waits of 700 ms each")

    def test_long_call_runs_once(self):
        """Several ack waits long: its lease is extended, and it is not given to anybody else."""
        self.deploy("ways-long", manifest="spec: {maxRetries: 0, timeout: 25s}\n")
        answer, result, _ = self.run_ways("ways-long", ["sleep"], seconds=4.5)
        self.assertEqual(json.loads(answer.response.data), {"attempt": 1})
        self.assertEqual(result.headers["stead-attempts"], "1")
        self.assertNotIn("stead-causes", result.headers)

    def test_what_ended_in_time_is_heard_after_a_sleep(self):
        """The instance is stopped for longer than the timeout; the function was ready long before."""
        self.deploy("ways-slept", manifest="spec: {maxRetries: 0, timeout: 2s}\n")
        self.bus.request("function.python.ways-slept", b'{"ways": ["sleep"], "seconds": 1}', {"stead-request-id": "slept"})
        wait_for(self.one.workers, "a process")
        time.sleep(0.3)
        self.one.signal(signal.SIGSTOP)
        time.sleep(4)
        self.one.signal(signal.SIGCONT)
        result = self.bus.result("slept")
        self.assertEqual((result.headers["stead-outcome"], result.headers["stead-attempts"]), ("succeeded", "1"))
        self.assertNotIn("stead-causes", result.headers)

    def test_hang_is_ended_and_its_slot_comes_back(self):
        """Cancelled, then killed; the next attempt runs, and so do others, on the same single slot."""
        self.deploy("ways-hang", manifest="spec: {maxRetries: 1, timeout: 1s, maxWorkers: 1}\n")
        answer, result, _ = self.run_ways("ways-hang", ["hang"])
        self.assertEqual(json.loads(answer.response.data), {"attempt": 2})
        self.assertEqual(result.headers["stead-causes"], "timeout=1")
        answer, _, _ = self.run_ways("ways-hang", [])
        self.assertEqual(json.loads(answer.response.data), {"attempt": 1})

    def test_quarantine(self):
        """A function that always crashes: dead letters with its last words, others go on, and how it gets out."""
        heard = self.bus.listen("function.status.>")
        manifest = "spec: {maxRetries: 1, maxWorkers: 2}\n"
        self.deploy("crashes-always", CRASHES, manifest)
        self.deploy("ways-beside")
        calls = [self.client.start("crashes-always", event_of('"ill"', **JSON)) for _ in range(6)]
        for number in range(30):
            answer, _, _ = self.run_ways("ways-beside", [])
            self.assertEqual(json.loads(answer.response.data), {"attempt": 1}, number)
        for call in calls:
            self.assertIn(call.code().name, ("INTERNAL", "FAILED_PRECONDITION"))
        function = self.client.get("crashes-always").response.function
        self.assertEqual(function.state, "QUARANTINED")
        self.assertIn("last words", function.message)
        self.assertEqual(self.metric('stead_function_quarantined{language="python",function="crashes-always"}'), 1)
        wait_for(lambda: [m for m in heard if m.headers["ce-type"] == "dev.stead.function.quarantined.v1"], "the event")
        # At the door it is refused, and what a publisher puts into the queue becomes a dead letter.
        answer = self.client.execute("crashes-always", event_of('"ill"', **JSON))
        self.assertEqual((answer.status.name, answer.reason), ("FAILED_PRECONDITION", "QUARANTINED"))
        self.bus.request("function.python.crashes-always", b'"well"', {"stead-request-id": "from-outside"})
        result = self.bus.result("from-outside")
        self.assertEqual((result.headers["stead-outcome"], result.headers["stead-reason"]), ("dead-lettered", "QUARANTINED"))
        dead = self.dead("python", "crashes-always", "from-outside")
        self.assertEqual((dead.headers["stead-cause"], dead.headers["stead-exit-status"]), ("crash", "7"))
        said = urllib.parse.unquote(dead.headers["stead-stderr"])
        self.assertLessEqual(len(said), 4096)
        self.assertTrue(said.endswith("last words\n"), said[-40:])
        # A new version is let out at once.
        self.deploy("crashes-always", CRASHES + "\n# better\n", manifest)
        answer = self.client.execute("crashes-always", event_of('"well"', **JSON))
        self.assertEqual(answer.response.data, b'"well"', repr(answer))
        self.assertEqual(self.client.get("crashes-always").response.function.state, "READY")
        wait_for(lambda: [m for m in heard if m.headers["ce-type"] == "dev.stead.function.released.v1"], "the event")
        self.assertEqual(self.metric('stead_function_quarantined{language="python",function="crashes-always"}'), 0)
        # Somebody's word does the same, by core NATS on every instance.
        calls = [self.client.start("crashes-always", event_of('"ill"', **JSON)) for _ in range(6)]
        for call in calls:
            call.code()
        self.assertEqual(self.client.get("crashes-always").response.function.state, "QUARANTINED")
        self.bus.publish("function.release.crashes-always")
        wait_for(lambda: self.client.get("crashes-always").response.function.state == "READY", "the release")

    def test_quarantined_stays_dead_lettered(self):
        """Its letter finds no room, its result is gone, its function is well again: it does not run, and ends as before."""
        manifest = "spec: {maxRetries: 1, maxWorkers: 2}\n"
        self.deploy("crashes-full", CRASHES, manifest)
        for call in [self.client.start("crashes-full", event_of('"ill"', **JSON)) for _ in range(6)]:
            call.code()
        self.assertEqual(self.client.get("crashes-full").response.function.state, "QUARANTINED")
        self.bus.limit("function-dead", self.bus.info("function-dead").messages)
        self.bus.request("function.python.crashes-full", b'"well"', {"stead-request-id": "no-room"})
        self.bus.result("no-room")
        self.deploy("crashes-full", CRASHES + "\n# better\n", manifest)
        answer = self.client.execute("crashes-full", event_of('"well"', **JSON))
        self.assertEqual(answer.response.data, b'"well"', repr(answer))
        self.bus.run(self.bus.stream.purge_stream("function-results", subject="function.result.no-room"))
        result = self.bus.result("no-room")
        self.assertEqual((result.headers["stead-outcome"], result.headers["stead-reason"]), ("dead-lettered", "QUARANTINED"))
        self.assertEqual(result.headers["stead-cause"], "crash")
        self.bus.limit("function-dead", -1)
        self.dead("python", "crashes-full", "no-room")

    def test_poisonous_request_alone(self):
        """Its own crashes, however many, put nobody into quarantine."""
        self.deploy("ways-poison", manifest="spec: {maxRetries: 7}\n")
        _, result, _ = self.run_ways("ways-poison", ["exit"] * 9)
        self.assertEqual(result.headers["stead-causes"], "crash=8")
        self.assertEqual(self.client.get("ways-poison").response.function.state, "READY")

    def test_instance_killed_mid_call(self):
        """Nobody is charged for a lost instance; the ledger remembers the start."""
        two = self.world.serve("two", **self.settings)
        self.deploy("ways-lost", manifest="spec: {maxRetries: 0, timeout: 20s}\n")
        wait_for(lambda: self.state_at(two, "ways-lost") == "READY", "the other instance")
        self.bus.request("function.python.ways-lost", b'{"ways": ["sleep"], "seconds": 2.5}', {"stead-request-id": "lost"})
        victim = wait_for(lambda: next((one for one in (self.one, two) if one.workers()), None), "a process")
        time.sleep(0.5)
        if victim is two:
            two.kill()
        result = self.bus.result("lost")
        self.assertEqual((result.headers["stead-outcome"], result.headers["stead-attempts"]), ("succeeded", "1"))
        two.kill()

    def test_cancel_tells_what_was_charged(self):
        """Between two attempts: the result of the cancel has those before, with their causes; so does who asked for it."""
        self.deploy("ways-cancelled", manifest="spec: {maxRetries: 3, retry: {base: 200s, max: 200s, jitter: none}}\n")
        self.bus.request("function.python.ways-cancelled", b'{"ways": ["exit"]}', {"stead-request-id": "charged"})
        wait_for(lambda: self.metric('stead_function_causes_total{language="python",function="ways-cancelled",cause="crash"}'),
                 "the charge")
        done = subprocess.run([PROGRAM, "cancel", "charged", "--json", "--addr", self.one.ports["grpc"]],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        told = {"ok": True, "id": "charged", "function": "python/ways-cancelled", "attempts": 1, "causes": "crash=1"}
        self.assertEqual(json.loads(done.stdout), told)
        result = self.bus.result("charged")
        self.assertEqual((result.headers["stead-outcome"], result.headers["stead-cause"]), ("cancelled", "cancelled"))
        self.assertEqual((result.headers["stead-attempts"], result.headers["stead-causes"]), ("1", "crash=1"))
        self.bus.queue_empty()

    def test_resubmission_after_a_broker_restart(self):
        """The broker has forgotten the id: whatever runs, who asks again gets the first result, by every door."""
        self.deploy("ways-dice", DICE)
        event = event_of('"roll"', **JSON)
        first = self.client.execute("ways-dice", event).response.data
        request_id = request_id_of("ways-dice", event)
        stored = self.bus.result(request_id).seq
        self.world.broker.kill()
        self.world.start_broker()
        again = wait_for(lambda: self._answer("ways-dice", event), "an answer")
        self.assertEqual(again, first)
        self.bus.request("function.python.ways-dice", b'"roll"', {"stead-request-id": request_id})
        self.bus.queue_empty()
        self.assertEqual(self.bus.result(request_id).seq, stored, "nothing was stored over it")

    def _answer(self, name, event):
        answer = self.client.execute(name, event)
        return answer.response.data if answer.ok else None

    def state_at(self, serve, name):
        answer = serve.client.get(name)
        return answer.response.function.state if answer.response is not None else ""


class InstanceLost(WorldCase):
    """The instance that runs the request is killed, then the one that took it over: the third tells of it."""

    settings = {"queue_ack_wait": "1s", "queue_sweep_interval": "1s"}

    def holder(self, number):
        """The instance whose process wrote the line of the function's own log with that number."""
        def lines():
            try:
                with open(self.world.path("began"), encoding="ascii") as file:
                    return [line for line in file.read().split("\n")[:-1]]
            except FileNotFoundError:
                return []

        wait_for(lambda: len(lines()) > number, "execution %d" % (number + 1), 60)
        process = int(lines()[number])
        return next(one for one in self.instances if one.running() and process in one.workers())

    def test_instance_lost(self):
        self.instances = [self.one] + [self.world.serve(name, **self.settings) for name in ("two", "three")]
        self.world.deploy(self.one, {"main.py": LASTS.encode()}, "lasts", "spec: {maxRetries: 0, timeout: 60s}\n")
        for one in self.instances:
            wait_for(lambda one=one: self.ready(one), "the function everywhere")
        body = {"log": self.world.path("began"), "go": self.world.path("go")}
        self.bus.request("function.python.lasts", json.dumps(body).encode(), {"stead-request-id": "lost-twice"})
        for number in range(2):
            self.holder(number).kill()
        last = self.holder(2)
        with open(self.world.path("go"), "w", encoding="ascii"):
            pass
        result = self.bus.result("lost-twice")
        self.assertEqual((result.headers["stead-outcome"], result.headers["stead-attempts"]), ("succeeded", "1"))
        # The first loss left no trace but a delivery that was no longer fresh; the second had claimed its start.
        self.assertEqual(result.headers["stead-causes"], "instance-lost=1")
        self.assertEqual([one for one in self.instances if one.running()], [last])

    def ready(self, serve):
        answer = serve.client.get("lasts")
        return answer.response is not None and answer.response.function.state == "READY"


if __name__ == "__main__":
    main()
