"""The broker's side of Stead as operators see it with `nats`, the command line client of NATS."""
import hashlib
import json
import os
import re

from foreign_case import ForeignCase, main, program

HELLO = 'import stead\n\n@stead.function\ndef hello(event, ctx):\n    return {"text": "Hello, " + event.data["name"]}\n'
ADA = '{"name": "Ada"}'
ANSWER = '{"text":"Hello, Ada"}'


class NatsCli(ForeignCase):
    @classmethod
    def set_up_functions(cls):
        cls.hello = cls.world.deploy(cls.one, {"main.py": HELLO}, "hello")
        cls.nats_program = program("nats")

    def nats(self, *arguments):
        return self.run_program(self.nats_program, *arguments, NATS_URL=self.world.nats_url, HOME=self.folder)

    def listed(self, *arguments):
        return self.nats(*arguments).split()

    def test_request_tells_that_it_is_accepted(self):
        answer = self.nats("request", "--raw", "function.python.hello", ADA, "-H", "stead-request-id:cli-1")
        self.assertEqual(json.loads(answer)["stream"], "functions")
        self.assertEqual(self.bus.result("cli-1").data.decode(), ANSWER)
        shown = self.nats("stream", "get", "function-results", "--last-for", "function.result.cli-1")
        self.assertIn(ANSWER, shown)
        self.assertRegex(shown, r"stead-outcome: succeeded")

    def test_publish(self):
        for number, options in enumerate(((), ("--jetstream",))):
            request_id = "cli-pub-%d" % number
            self.nats("publish", *options, "function.python.hello", ADA, "-H", "Nats-Msg-Id:" + request_id)
            self.assertEqual(self.bus.result(request_id).data.decode(), ANSWER)

    def test_subscribe(self):
        """Every stored result, from the beginning of the stream."""
        self.nats("request", "function.python.hello", ADA, "-H", "stead-request-id:cli-sub")
        self.bus.result("cli-sub")
        arguments = ("subscribe", "--stream", "function-results", "--all", "--terminate-at-end", "--raw")
        self.assertIn(ANSWER, self.nats(*arguments, "function.result.cli-sub"))

    def test_streams_and_consumers(self):
        names = self.listed("stream", "ls", "--all", "--names")
        for name in ("functions", "function-results", "function-dead", "KV_function-config", "OBJ_function-code"):
            self.assertIn(name, names)
        info = json.loads(self.nats("stream", "info", "functions", "--json"))
        self.assertEqual(info["config"]["retention"], "workqueue")
        self.assertIn("function.python.*", info["config"]["subjects"])
        self.assertEqual(self.listed("consumer", "ls", "functions", "--names"), ["python-hello"])
        consumer = json.loads(self.nats("consumer", "info", "functions", "python-hello", "--json"))
        self.assertEqual(consumer["config"]["filter_subject"], "function.python.hello")

    def test_buckets(self):
        buckets = self.listed("kv", "ls", "--names")
        for bucket in ("config", "versions", "attempts", "instances", "lease", "state"):
            self.assertIn("function-" + bucket, buckets)
        self.assertEqual(self.listed("kv", "ls", "function-config"), ["python.hello"])
        record = json.loads(self.nats("kv", "get", "function-config", "python.hello", "--raw"))
        self.assertEqual((record["version"], record["digest"]), (self.hello.version, self.hello.digest))
        version = "python.hello." + self.hello.version
        self.assertEqual(self.listed("kv", "ls", "function-versions"), [version])
        stored = json.loads(self.nats("kv", "get", "function-versions", version, "--raw"))
        self.assertEqual(stored["digest"], self.hello.digest)
        instance = [key for key in self.listed("kv", "ls", "function-instances") if key.startswith("state.")]
        state = json.loads(self.nats("kv", "get", "function-instances", instance[0], "--raw"))
        self.assertEqual(state["functions"]["hello"]["state"], "READY")

    def test_objects(self):
        name = "python/hello/%s.tar" % self.hello.version
        self.assertIn("function-code", self.listed("object", "ls", "--names"))
        self.assertIn(name, self.nats("object", "ls", "function-code"))
        path = os.path.join(self.folder, "hello.tar")
        self.nats("object", "get", "function-code", name, "--output", path, "--force", "--no-progress")
        with open(path, "rb") as file:
            self.assertEqual(hashlib.sha256(file.read()).hexdigest(), self.hello.digest)
        self.assertEqual(self.run_program("tar", "-xOf", path, "main.py"), HELLO)


class Removing(ForeignCase):
    def test_what_the_operators_page_says_removes_everything(self):
        nats = program("nats")
        self.world.deploy(self.one, {"main.py": HELLO}, "hello")
        self.assertEqual(self.one.stop(), 0)
        for command in (
            *(("stream", "rm", "--force", name) for name in ("functions", "function-results", "function-dead")),
            *(("kv", "del", "--force", "function-" + name) for name in
              ("config", "versions", "attempts", "instances", "lease", "state")),
            ("object", "del", "--force", "function-code"),
        ):
            self.run_program(nats, *command, NATS_URL=self.world.nats_url, HOME=self.folder)
        left = self.run_program(
            nats, "stream", "ls", "--all", "--names", NATS_URL=self.world.nats_url, HOME=self.folder
        )
        self.assertFalse(re.findall(r"\b(?:functions|function-\w+|KV_\S+|OBJ_\S+)", left), left)
        two = self.world.serve("two")
        self.assertEqual(two.client.list(), {})
        self.world.deploy(two, {"main.py": HELLO}, "hello")


if __name__ == "__main__":
    main()
