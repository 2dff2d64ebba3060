"""Dead letters: listed, shown, redriven once and only once, dropped; and results that tell attempts and causes."""
import json
import os
import pty
import subprocess
import time

from stead_world import WorldCase, event_of, main, request_id_of, wait_for
from stead_world.world import PROGRAM

JSON = {"datacontenttype": "application/json"}
MOODY = """
import os
import sys
import stead

@stead.function
def moody(event, ctx):
    if os.path.exists(event.data["fixed"]):
        with open(event.data["fixed"], "a") as file:
            file.write(ctx.request_id + "\\n")
        return {"well": True}
    if event.data.get("crash"):
        print("last words of %s" % ctx.request_id, file=sys.stderr, flush=True)
        os._exit(5)
    raise ValueError("not today")
"""
FAST = "spec: {maxRetries: 1}\n"


class Dead(WorldCase):
    settings = {"functions_retry_base": "20ms", "functions_quarantine_crashes": "0"}

    def deploy(self, name):
        self.world.deploy(self.one, {"main.py": MOODY.encode()}, name, FAST)

    def stead(self, *words, code=0):
        """Runs the command; (stdout, stderr)."""
        env = dict(os.environ, STEAD_ADDR=self.one.ports["grpc"], NO_COLOR="1")
        done = subprocess.run([PROGRAM, *words], env=env, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout, done.stderr

    def letters(self, *words):
        return json.loads(self.stead("dead", "ls", "--json", *words)[0])["letters"]

    def die(self, name, request_id, **data):
        """A request by NATS that ends as a dead letter."""
        data.setdefault("fixed", self.world.path("fixed-" + name))
        self.bus.request("function.python." + name, json.dumps(data).encode(), {"stead-request-id": request_id})
        result = self.bus.result(request_id)
        self.assertEqual(result.headers["stead-outcome"], "dead-lettered")
        subject = "function.dead.python.%s.%s" % (name, request_id)
        wait_for(lambda: self.bus.last("function-dead", subject), "the dead letter")

    def mend(self, name):
        open(self.world.path("fixed-" + name), "w").close()

    def test_list_and_show(self):
        self.deploy("shown")
        self.die("shown", "shown-1")
        self.die("shown", "shown-2", crash=True)
        self.assertEqual([one["id"] for one in self.letters("-f", "shown")], ["shown-1", "shown-2"])
        self.assertEqual([one["id"] for one in self.letters("-f", "shown", "--cause", "crash")], ["shown-2"])
        self.assertEqual([one["id"] for one in self.letters("shown-1")], ["shown-1"])
        self.assertEqual(self.letters("no-such-id"), [])
        letter = json.loads(self.stead("dead", "show", "shown-2", "--json")[0])
        self.assertEqual((letter["cause"], letter["causes"], letter["attempts"]), ("crash", "crash=2", 2))
        self.assertEqual((letter["exit"], letter["stderr"]), ("status 5", "last words of shown-2\n"))
        self.assertEqual(letter["data"]["crash"], True)
        self.assertIn("ended with status 5: last words of shown-2", letter["error"])
        out, err = self.stead("dead", "show", "shown-1")
        self.assertIn("not today", out)
        self.assertIn("stead dead redrive shown-1", err)
        self.stead("dead", "show", "no-such-id", code=1)
        out, err = self.stead("dead", "ls", "-f", "shown")
        self.assertIn("shown-1", out)
        self.assertIn("stead dead show shown-1", err)

    def test_pages(self):
        self.deploy("paged")
        for number in range(5):
            self.die("paged", "paged-%d" % number)
        first = json.loads(self.stead("dead", "ls", "--json", "-f", "paged", "--limit", "2")[0])
        self.assertEqual([one["id"] for one in first["letters"]], ["paged-0", "paged-1"])
        rest = self.letters("-f", "paged", "--after", str(first["next"]))
        self.assertEqual([one["id"] for one in rest], ["paged-2", "paged-3", "paged-4"])

    def test_table_fits_a_terminal(self):
        self.deploy("wide")
        self.die("wide", "wide-" + "x" * 60)
        lead, follow = pty.openpty()
        env = dict(os.environ, STEAD_ADDR=self.one.ports["grpc"], COLUMNS="80", NO_COLOR="1")
        subprocess.run(["stty", "cols", "100"], stdin=follow, check=True)
        subprocess.run([PROGRAM, "dead", "ls", "-f", "wide"], env=env, stdout=follow, stderr=subprocess.DEVNULL, check=True)
        os.close(follow)
        text = os.read(lead, 65536).decode()
        os.close(lead)
        self.assertLessEqual(max(len(line) for line in text.splitlines()), 115, text)

    def test_redrive_once(self):
        """The new request is <id>~1; a second redrive is a no-op, also once the broker's memory of ids is over."""
        self.deploy("again")
        self.die("again", "again-1")
        self.mend("again")
        out, err = self.stead("dead", "redrive", "again-1", "--json")
        self.assertEqual(json.loads(out)["redriven_as"], "again-1~1")
        self.assertEqual(self.bus.result("again-1~1").headers["stead-outcome"], "succeeded")
        self.assertIn("stead result again-1~1", err)
        for _ in range(2):
            again = json.loads(self.stead("dead", "redrive", "again-1", "--json")[0])
            self.assertEqual((again["redriven_as"], again["duplicate"]), ("again-1~1", True))
            self.world.broker.kill()  # What it remembers of message ids goes with messages that are gone.
            self.world.start_broker()
            wait_for(lambda: self.one.http("/readyz")[0] == 200, "the instance")
        self.bus.queue_empty()
        with open(self.world.path("fixed-again")) as file:
            self.assertEqual(file.read().split(), ["again-1~1"], "it ran once")
        self.assertEqual(self.letters("again-1")[0]["redriven_as"], "again-1~1")
        self.assertEqual(self.bus.result("again-1").headers["stead-outcome"], "dead-lettered", "the first result stands")

    def test_redrive_that_dies_again(self):
        self.deploy("twice")
        self.die("twice", "twice-1")
        self.stead("dead", "redrive", "twice-1")
        self.assertEqual(self.bus.result("twice-1~1").headers["stead-outcome"], "dead-lettered")
        wait_for(lambda: self.letters("twice-1~1"), "the second letter")
        self.mend("twice")
        self.stead("dead", "redrive", "twice-1~1")
        self.assertEqual(self.bus.result("twice-1~2").headers["stead-outcome"], "succeeded")

    def test_redrive_cut_short(self):
        """Somebody died between the marker and the request: the next redrive publishes it."""
        self.deploy("short")
        self.die("short", "short-1")
        self.mend("short")
        marker = "function.dead.python.short.short-1.redriven"
        self.bus.request(marker, b"short-1~1", {"stead-redrive": "intended"})
        self.stead("dead", "redrive", "short-1")
        self.assertEqual(self.bus.result("short-1~1").headers["stead-outcome"], "succeeded")

    def test_redrive_of_many(self):
        """By function and cause, no faster than asked, each once."""
        self.deploy("many")
        for number in range(6):
            self.die("many", "many-%d" % number, crash=number % 2 == 0)
        self.stead("dead", "redrive", code=2)
        self.mend("many")
        began = time.monotonic()
        _, err = self.stead("dead", "redrive", "-f", "many", "--cause", "crash", "--rate", "5")
        self.assertGreater(time.monotonic() - began, 0.4, "three at five a second")
        self.assertIn("redriven  3", err)
        _, err = self.stead("dead", "redrive", "-f", "many")
        self.assertIn("redriven  3", err)
        self.assertIn("3 had been redriven before", err)
        for number in range(6):
            self.assertEqual(self.bus.result("many-%d~1" % number).headers["stead-outcome"], "succeeded")
        self.stead("dead", "drop", "-f", "many")
        self.assertEqual(self.letters("-f", "many"), [])
        self.stead("dead", "drop", "many-1", code=1)

    def test_redrive_of_nobodys(self):
        """A function that is gone gets no request that nobody would run."""
        self.deploy("gone")
        self.die("gone", "gone-1")
        self.one.client.remove("gone")
        _, err = self.stead("dead", "redrive", "gone-1", code=2)
        self.assertIn("FUNCTION_NOT_FOUND", err)

    def test_result_tells_attempts_and_causes(self):
        self.deploy("told")
        event = event_of(json.dumps({"fixed": self.world.path("never"), "crash": True}), **JSON)
        self.one.client.execute("told", event)
        request_id = request_id_of("told", event)
        told = json.loads(self.stead("result", request_id, "--json", code=1)[0])
        self.assertEqual((told["outcome"], told["cause"], told["causes"]), ("dead-lettered", "crash", "crash=2"))
        _, err = self.stead("result", request_id, code=1)
        self.assertIn("2 attempts: crash=2", err)
        self.assertIn("stead dead show " + request_id, err)


if __name__ == "__main__":
    main()
