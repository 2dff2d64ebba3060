"""The command line without a server: words, options, help, exit codes, configuration."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
from stead_program import STEAD, stead

NOWHERE = "127.0.0.1:1"  # tcpmux: nobody listens there


class Words(unittest.TestCase):
    def expect(self, code, *arguments, says="", **more):
        """Runs it; checks the exit code, that stdout is empty on an error, and what stderr says."""
        found, out, err = stead(*arguments, **more)
        self.assertEqual(found, code, f"stead {' '.join(map(str, arguments))}: {err}")
        self.assertIn(says, err)
        if code not in (0, 1):
            self.assertEqual(out, b"", "data on stdout although it failed")
        return out, err

    def test_unknown_commands_name_the_nearest(self):
        for words, nearest in ((["invok", "x"], "stead invoke"), (["function", "list"], "stead function ls"),
                               (["confg", "check"], "stead config check"), (["deply"], "stead deploy"), (["sbmit", "x"], "stead submit"),
                               (["function", "rolback"], "stead function rollback")):
            with self.subTest(words):
                self.expect(2, *words, says=f"did you mean: {nearest}\n")
        self.expect(2, "function", says="one of: stead function ls, function get, function versions")
        self.expect(2, "frobnicate", says="all commands: stead help")
        self.assertIn(b"usage: stead", stead()[1])
        self.assertEqual(stead()[0], 2)

    def test_unknown_and_malformed_options(self):
        self.expect(2, "invoke", "x", "--tiemout", "3s", says="did you mean: --timeout")
        self.expect(2, "invoke", "x", "--json=yes", says="takes no value")
        self.expect(2, "invoke", "x", "--data", says="--data needs a value")
        self.expect(2, "invoke", "x", "--", "--json", says='"--json" is too much')
        self.expect(2, "invoke", says="something is missing")
        self.expect(2, "function", "ls", "x", says='"x" is too much')
        self.expect(2, "deploy", *["x"] * 300, says="too many arguments")

    def test_times(self):
        for bad in ("5", "0s", "-1s", "5x", "s", "1e9h", "nans", "infs", ""):
            with self.subTest(bad):
                self.expect(2, "invoke", "x", f"--timeout={bad}", says="write a time")
        for good in ("5s", "250ms", "1.5s", "2m", "1h"):
            with self.subTest(good):
                self.expect(69, "invoke", "x", f"--timeout={good}", "--addr", NOWHERE)

    def test_help_everywhere(self):
        overview, _ = self.expect(0, "--help")
        commands = [line[2:21].strip() for line in overview.decode().splitlines() if line.startswith("  ")]
        self.assertIn("function ls", commands)
        for command in commands:
            with self.subTest(command):
                by_option, _ = self.expect(0, *command.split(), "--help")
                by_verb, _ = self.expect(0, "help", *command.split())
                self.assertEqual(by_option, by_verb)
                self.assertTrue(by_verb.decode().startswith(f"usage: stead {command}"))
        page, _ = self.expect(0, "help", "--markdown")
        self.assertEqual([f"## stead {command}" for command in commands],
                         [line for line in page.decode().splitlines() if line.startswith("## stead")])
        self.expect(2, "help", "nope", says="there is no command")

    def test_version(self):
        plain, _ = self.expect(0, "version")
        facts = json.loads(self.expect(0, "version", "--json")[0])
        self.assertEqual(plain.decode().splitlines()[0], f"stead {facts['stead']}")
        self.assertEqual(self.expect(0, "--version")[0], plain)
        self.assertIn("nats.c", facts)

    def test_nobody_there(self):
        for command in (["invoke", "x", "-d", "1"], ["submit", "x"], ["result", "x"], ["cancel", "x"], ["function", "ls"],
                        ["function", "rm", "x"], ["function", "versions", "x"], ["function", "rollback", "x"],
                        ["function", "alias", "x"], ["instance", "ls"]):
            with self.subTest(command):
                _, err = self.expect(69, *command, "--addr", NOWHERE, says=f"no Stead answers at {NOWHERE}")
                self.assertIn("stead dev", err)
        self.expect(69, "function", "ls", says=NOWHERE, STEAD_ADDR=NOWHERE)
        code, out, _ = stead("invoke", "x", "--json", "--addr", NOWHERE)
        self.assertEqual((code, json.loads(out)["status"]), (69, "UNAVAILABLE"))
        self.expect(69, "function", "ls", "--addr", "unix:/nonexistent/socket", says="no Stead answers")

    def test_no_colour_without_a_terminal(self):
        self.assertNotIn("\033", "".join(self.expect(2, "invok")[1]))

    def test_output_that_can_not_be_written(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([STEAD, "version"], stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left", done.stderr)

    def test_invalid_events_stay_here(self):
        for options, says in ((["--type", ""], "type"), (["--id", ""], "id"), (["--source", "a b"], "source"),
                              (["--content-type", "nonsense"], "datacontenttype"), (["--type", "x" * 9000], "over 8192"),
                              (["-d", "@/nonexistent"], "No such file")):
            with self.subTest(options[0]):
                self.expect(2, "invoke", "x", *options, "--addr", NOWHERE, says=says)


class Configuration(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="stead-cli-")
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "stead.yaml"

    def test_problems_have_a_place_and_the_nearest_key(self):
        self.file.write_text("nats:\n  url: nats://x:1\n  urll: y\n")
        for command in (["config", "check", self.file], ["config", "print", self.file], ["serve", "--config", self.file]):
            with self.subTest(command[0]):
                code, _, err = stead(*command)
                self.assertEqual(code, 78)
                self.assertIn(f'{self.file}:3:3: unknown key "nats.urll"; did you mean "nats.url"?', err)
        code, out, _ = stead("config", "check", self.file, "--json")
        self.assertEqual((code, json.loads(out)["ok"]), (78, False))

    def test_flags_override_the_environment_that_overrides_the_file(self):
        self.file.write_text("service:\n  slots: 3\nlog:\n  level: warn\n")
        code, out, _ = stead("config", "print", "--json", "--config", self.file, "--set", "service.slots=5",
                             STEAD_SERVICE_SLOTS="4", STEAD_LOG_LEVEL="error")
        self.assertEqual(code, 0)
        text = out.decode()
        self.assertIn("--set", text)
        self.assertIn("STEAD_LOG_LEVEL", text)

    def test_set(self):
        code, _, err = stead("config", "check", "--set", "grpc.maxInFligt=3")
        self.assertEqual(code, 2)
        self.assertIn("did you mean: grpc.maxInFlight", err)
        self.assertEqual(stead("config", "check", "--set", "nothing")[0], 2)
        self.assertEqual(stead("config", "check", "--set", "grpc.maxInFlight=x")[0], 78)
        self.assertEqual(stead("config", "check", "--set", "grpc.maxInFlight=9")[0], 0)

    def test_schemas_are_json(self):
        for extra in ([], ["--manifest"]):
            self.assertIn("properties", json.loads(stead("config", "schema", *extra)[1]))

    def test_serve_says_what_is_wrong_with_its_folder(self):
        code, _, err = stead("serve", "--store", "/proc/none", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
        self.assertEqual(code, 78)
        self.assertIn("--store DIR", err)

    def test_doctor_without_a_broker(self):
        code, out, _ = stead("doctor", "--json", "--nats", "nats://127.0.0.1:1", "--addr", NOWHERE)
        report = json.loads(out)
        self.assertEqual((code, report["ok"]), (1, False))
        failed = [finding["about"] for finding in report["findings"] if finding["level"] == "FAIL"]
        self.assertEqual(failed, ["nats-server"])


class Folders(unittest.TestCase):
    """What is refused before anything is sent."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="stead-cli-")
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.function = self.root / "hello"
        self.function.mkdir()

    def refused(self, says, code=2):
        found, _, err = stead("deploy", self.function, "--addr", NOWHERE)
        self.assertEqual(found, code, err)
        self.assertIn(says, err)

    def test_folders_that_hold_no_function(self):
        self.refused("holds no function")
        self.assertEqual(stead("deploy", self.root / "absent", "--addr", NOWHERE)[0], 2)
        (self.function / "main.py").write_text("")
        self.assertIn("is a file", stead("deploy", self.function / "main.py", "--addr", NOWHERE)[2])
        self.refused("no Stead answers", 69)

    def test_links_stay_inside(self):
        (self.function / "main.py").write_text("")
        (self.function / "inside.py").symlink_to("main.py")
        self.refused("no Stead answers", 69)
        (self.root / "secret").write_text("")
        (self.function / "outside").symlink_to("../secret")
        self.refused("points out of the folder")

    def test_caps(self):
        (self.function / "main.py").write_text("")
        (self.function / "large").write_bytes(bytes(17 << 20))
        self.refused("at most 1000 files and 16 MiB")
        (self.function / "large").unlink()
        for hidden in (".git", "__pycache__"):
            (self.function / hidden).mkdir()
            (self.function / hidden / "large").write_bytes(bytes(17 << 20))
        self.refused("no Stead answers", 69)
        for i in range(1000):
            (self.function / f"f{i}").write_text("")
        self.refused("at most 1000 files")

    def test_depth(self):
        (self.function / "main.py").write_text("")
        (self.function / "/".join("d" * 20)).mkdir(parents=True)
        self.refused("folders deep")

    def test_other_kinds_of_files(self):
        (self.function / "main.py").write_text("")
        os.mkfifo(self.function / "pipe")
        self.refused("no plain file")

    def test_manifest(self):
        (self.function / "main.py").write_text("")
        (self.function / "stead.yaml").write_text("apiVersion: stead/v1\nkind: Function\nspec:\n  timeut: 3s\n")
        self.refused("stead.yaml:4:3", 78)


if __name__ == "__main__":
    unittest.main(verbosity=1)
