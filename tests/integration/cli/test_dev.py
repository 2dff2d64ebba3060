"""`stead dev` and the commands against it: deploys, calls, refusals, restarts, and children that die."""

import json
import os
import signal
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
from stead_program import Dev, ROOT, alive, family, wait_for

ECHO = """import stead
@stead.function
def echo(event, ctx):
    data = event.data
    if data == {"fail": True}:
        raise stead.Reject("told to fail")
    if isinstance(data, dict) and "sleep" in data:
        import time
        time.sleep(data["sleep"])
    return data
"""
C_BROKEN = "int main(void) { return undeclared_thing; }\n"


def functions(root, **sources):
    """Folders name -> source; the suffix tells the language."""
    for name, text in sources.items():
        folder = Path(root) / name
        folder.mkdir(parents=True)
        (folder / ("main.c" if text is C_BROKEN else "main.py")).write_text(text)


class Session(unittest.TestCase):
    """One dev for all: an echo in Python, the example in C, and a function that does not compile."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="stead-cli-")
        functions(cls.folder.name, echo=ECHO, broken=C_BROKEN)
        cls.dev = Dev(cls.folder.name, ROOT / "examples" / "checksum").ready()

    @classmethod
    def tearDownClass(cls):
        with cls.dev:
            code, left = cls.dev.stop()
        cls.folder.cleanup()
        assert code == 0, f"dev ended with {code}: {cls.dev}"
        assert not left, f"left: {left}"

    def expect(self, code, *arguments, says="", data=b""):
        found, out, err = self.dev.stead(*arguments, data=data)
        self.assertEqual(found, code, f"stead {' '.join(map(str, arguments))}: {err}")
        self.assertIn(says, err)
        return out, err

    def test_banner(self):
        said = self.dev.said()
        for part in (self.dev.ports["grpc"], self.dev.ports["http"], self.dev.ports["nats"], str(self.dev.store), "kept for the next time",
                     "checksum", " c, ready in ", "function.python.echo", "broken", "undeclared_thing", "Ctrl-C stops",
                     f"export STEAD_ADDR={self.dev.ports['grpc']}", "next     stead invoke echo -d '{}'"):
            self.assertIn(part, said)

    def test_the_body_alone_is_on_stdout(self):
        out, err = self.expect(0, "invoke", "echo", "-d", '{"a": 1}')
        self.assertEqual(json.loads(out), {"a": 1})
        self.assertFalse(out.endswith(b"\n"))
        self.assertIn("id ", err)
        self.assertIn(" ms", err)

    def test_data_by_file_and_stdin(self):
        text = json.dumps(["x" * 1000] * 700).encode()
        path = Path(self.folder.name) / "data.json"
        path.write_bytes(text)
        self.assertEqual(json.loads(self.expect(0, "invoke", "echo", "-d", f"@{path}")[0]), json.loads(text))
        self.assertEqual(json.loads(self.expect(0, "invoke", "echo", "--data=-", data=text)[0]), json.loads(text))
        out, _ = self.expect(0, "invoke", "checksum", "-d", "-", data=bytes(range(256)))
        self.assertEqual(json.loads(out)["bytes"], 256)

    def test_json(self):
        answer = json.loads(self.expect(0, "invoke", "echo", "--json", "-d", '{"big": 12345678901234567890}')[0])
        self.assertEqual((answer["ok"], answer["data"]["big"], answer["content_type"]),
                         (True, 12345678901234567890, "application/json"))
        answer = json.loads(self.expect(1, "invoke", "echo", "--json", "-d", '{"fail": true}')[0])
        self.assertEqual((answer["ok"], answer["error"]["message"], answer["error"]["class"]),
                         (False, "told to fail", "permanent"))
        answer = json.loads(self.expect(2, "invoke", "nobody", "--json")[0])
        self.assertEqual((answer["status"], answer["reason"]), ("NOT_FOUND", "FUNCTION_NOT_FOUND"))

    def test_what_the_function_says_is_exit_code_1(self):
        out, _ = self.expect(1, "invoke", "echo", "-d", '{"fail": true}', says="echo failed: told to fail")
        self.assertEqual(out, b"")

    def test_refusals(self):
        self.expect(2, "invoke", "nobody", says="stead function ls")
        self.expect(2, "invoke", "Bad.Name")
        self.expect(2, "function", "get", "nobody", says="NOT_FOUND")
        self.expect(2, "function", "rm", "nobody", says="NOT_FOUND")
        self.expect(2, "invoke", "echo", "-d", "-", data=b"x" * 2_000_000, says="limits.eventSize")
        self.expect(75, "invoke", "echo", "-d", '{"sleep": 2}', "--timeout", "200ms", says="--id ")

    def test_an_id_is_answered_once(self):
        first, _ = self.expect(0, "invoke", "echo", "--id", "one", "-d", "[1]")
        self.assertEqual(self.expect(0, "invoke", "echo", "--id", "one", "-d", "[1]")[0], first)
        self.expect(2, "invoke", "echo", "--id", "one", "-d", "[2]", says="ID_CONFLICT")
        self.expect(0, "invoke", "echo", "--id", "one", "--source", "elsewhere", "-d", "[2]")

    def test_deploy_list_get_remove(self):
        with tempfile.TemporaryDirectory() as root:
            functions(root, hello='import stead\n@stead.function\ndef f(event, ctx):\n    return "one"\n')
            answer = json.loads(self.expect(0, "deploy", f"{root}/hello", "--json", says="next     stead invoke hello")[0])
            self.assertEqual((answer["name"], answer["language"], answer["state"]), ("hello", "python", "READY"))
            self.assertEqual(self.expect(0, "invoke", "hello")[0], b'"one"')
            (Path(root) / "hello" / "main.py").write_text('import stead\n@stead.function\ndef f(event, ctx):\n    return "two"\n')
            again = json.loads(self.expect(0, "deploy", f"{root}/hello", "--json")[0])
            self.assertNotEqual(again["version"], answer["version"])
            self.assertEqual(self.expect(0, "invoke", "hello")[0], b'"two"')
            (Path(root) / "hello" / "main.py").write_text("def f(:\n")
            self.expect(1, "deploy", f"{root}/hello", says="main.py")
            self.assertEqual(self.expect(0, "invoke", "hello")[0], b'"two"')
        self.assertIn(b"hello", self.expect(0, "function", "ls")[0])
        listed = json.loads(self.expect(0, "function", "ls", "--json", "--language", "python")[0])["functions"]
        self.assertEqual({"python"}, {function["language"] for function in listed})
        self.assertEqual(json.loads(self.expect(0, "function", "get", "hello", "--json")[0])["version"], again["version"])
        self.expect(0, "function", "rm", "hello", says="removed  hello")
        self.expect(2, "invoke", "hello")

    def test_a_build_that_fails_shows_the_compiler(self):
        out, _ = self.expect(1, "deploy", f"{self.folder.name}/broken", says="undeclared_thing")
        self.assertEqual(out, b"")
        refusal = json.loads(self.dev.stead("deploy", f"{self.folder.name}/broken", "--json")[1])
        self.assertEqual(refusal["reason"], "BUILD_FAILED")

    def test_doctor(self):
        arguments = ["doctor", "--nats", self.dev.ports["nats"], "--store", str(self.dev.store / "serve")]
        report = json.loads(self.expect(0, *arguments, "--json")[0])
        levels = {finding["about"]: finding["level"] for finding in report["findings"]}
        for about in ("nats-server", "jetstream", "max_payload", "functions", "function-results", "clock", "stead"):
            self.assertEqual(levels[about], "ok", report)
        self.assertEqual(levels["durability"], "WARN")
        self.assertIn(b"ok    jetstream", self.expect(0, *arguments)[0])

    def test_a_store_has_one_dev(self):
        with Dev(store=self.dev.store) as second:
            self.assertEqual(second.process.wait(20), 69)
            self.assertIn("in use by another stead dev", second.said())

    def test_a_port_in_use(self):
        with Dev(extra=["--grpc", self.dev.ports["grpc"]]) as second:
            self.assertEqual(second.process.wait(30), 69)
            self.assertIn(self.dev.ports["grpc"], second.said())
            self.assertIn("--grpc 127.0.0.1:0", second.said())
        with socket.create_server(("127.0.0.1", 0)) as taken:
            with Dev(extra=["--http", f"127.0.0.1:{taken.getsockname()[1]}"]) as second:
                self.assertEqual(second.process.wait(30), 69)
                self.assertIn("--http 127.0.0.1:0", second.said())

    def test_a_folder_that_is_not_there(self):
        with Dev("/nonexistent") as second:
            self.assertEqual(second.process.wait(20), 2)
            self.assertIn("/nonexistent", second.said())


class Life(unittest.TestCase):
    def test_functions_are_kept_for_the_next_time(self):
        with tempfile.TemporaryDirectory() as root:
            functions(root, echo=ECHO)
            with Dev(root, store=f"{root}/store") as dev:
                dev.ready()
                code, left = dev.stop(signal.SIGINT)
                self.assertEqual((code, left, dev.ports_file.exists()), (0, [], False), dev.said())
            empty = Path(root) / "empty"
            empty.mkdir()
            with Dev(empty, store=f"{root}/store") as dev:
                dev.ready()
                self.assertIn("no function in", dev.said())
                self.assertEqual(dev.stead("invoke", "echo", "-d", "[7]")[:2], (0, b"[7]"))
                self.assertEqual(dev.stop()[0], 0)

    def lose(self, words, says):
        with tempfile.TemporaryDirectory() as root:
            functions(root, echo=ECHO)
            with Dev(root) as dev:
                dev.ready()
                members = list(family(dev.process.pid))
                os.kill(dev.child(words), signal.SIGKILL)
                self.assertEqual(dev.process.wait(60), 69)
                self.assertIn(says, dev.said())
                self.assertIn("signal 9", dev.said())
                self.assertFalse(dev.ports_file.exists())
                self.assertTrue(wait_for(lambda: not any(alive(pid) for pid in members)))

    def test_serve_is_killed(self):
        self.lose(" serve --grpc", "stead serve (process")

    def test_the_broker_is_killed(self):
        self.lose("nats-server", "nats-server (process")

    def test_dev_itself_is_killed(self):
        with tempfile.TemporaryDirectory() as root:
            functions(root, echo=ECHO)
            with Dev(root) as dev:
                dev.ready()
                members = list(family(dev.process.pid))
                self.assertGreaterEqual(len(members), 5)
                dev.process.kill()
                dev.process.wait()
                self.assertTrue(wait_for(lambda: not any(alive(pid) for pid in members)))

    def test_stopped_at_any_moment(self):
        for delay_s in (0.02, 0.1, 0.2, 0.4, 0.8):
            with self.subTest(delay_s), Dev(ROOT / "examples") as dev:
                time.sleep(delay_s)
                code, left = dev.stop()
                # Before its handlers stand, the signal's own effect is right too.
                self.assertIn(code, (0, -signal.SIGTERM), dev.said())
                self.assertEqual(left, [], dev.said())
                self.assertFalse(dev.ports_file.exists())

    def test_no_broker_is_installed(self):
        if any(Path(folder, "nats-server").exists() for folder in ("/usr/sbin", "/usr/local/sbin")):
            self.skipTest("nats-server lies in a folder that is always searched")
        with Dev(PATH="/nonexistent") as dev:
            self.assertEqual(dev.process.wait(20), 69)
            self.assertIn("apt-get install nats-server", dev.said())
            self.assertIn("ci/setup run", dev.said())

    def test_a_broker_of_others(self):
        with tempfile.TemporaryDirectory() as root:
            functions(root, echo=ECHO)
            with Dev() as first:
                first.ready()
                with Dev(root, extra=["--nats", first.ports["nats"]]) as dev:
                    dev.ready()
                    self.assertEqual(dev.ports["nats"], first.ports["nats"])
                    self.assertFalse([line for line in family(dev.process.pid).values() if "nats-server" in line])
                    self.assertEqual(dev.stead("invoke", "echo", "-d", "[7]")[:2], (0, b"[7]"))
                    self.assertEqual(dev.stop()[0], 0)
                self.assertEqual(first.stop()[0], 0)

    def test_what_a_function_prints_is_shown(self):
        with tempfile.TemporaryDirectory() as root:
            functions(root, talk='import stead\n@stead.function\ndef f(event, ctx):\n    print("said so", flush=True)\n    return 1\n')
            with Dev(root) as dev:
                dev.ready()
                self.assertEqual(dev.stead("invoke", "talk")[0], 0)
                self.assertTrue(wait_for(lambda: "talk     said so\n" in dev.said()), dev.said())
                self.assertNotIn("level=info", dev.said())
                self.assertEqual(dev.stop()[0], 0)


if __name__ == "__main__":
    unittest.main(verbosity=1)
