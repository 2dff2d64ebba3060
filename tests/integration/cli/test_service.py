"""Requests that nobody waits for, versions, aliases and removals, from the command line to a real service and back."""

import json
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
from stead_program import Dev, wait_for

FUNCTION = """import time

import stead


@stead.function
def f(event, ctx):
    data = event.data or {}
    if data.get("fail"):
        raise stead.Reject("told to fail")
    time.sleep(data.get("sleep", 0))
    return {"answer": %r, "given": data}
"""


class Session(unittest.TestCase):
    """One dev for all, with an empty folder; each test deploys a function of its own."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="stead-cli-")
        cls.root = Path(cls.folder.name)
        (cls.root / "dev").mkdir()
        cls.dev = Dev(cls.root / "dev").ready()

    @classmethod
    def tearDownClass(cls):
        with cls.dev:
            code, left = cls.dev.stop()
        cls.folder.cleanup()
        assert (code, left) == (0, []), (code, left)

    def expect(self, code, *arguments, says="", data=b""):
        found, out, err = self.dev.stead(*arguments, data=data)
        self.assertEqual(found, code, f"stead {' '.join(map(str, arguments))}: {out} {err}")
        self.assertIn(says, err)
        return out, err

    def deploy(self, name, answer, *options):
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        (folder / "main.py").write_text(FUNCTION % answer)
        return json.loads(self.expect(0, "deploy", folder, "--json", *options)[0])

    def answer(self, name):
        return json.loads(self.expect(0, "invoke", name)[0])["answer"]


class Requests(Session):
    def submit(self, name, *options, **data):
        return self.expect(0, "submit", name, "-d", json.dumps(data), *options)[0].decode().strip()

    def test_submit_and_result(self):
        self.deploy("later", "one")
        request = self.submit("later", a=1)
        self.assertEqual(json.loads(self.expect(0, "result", request, "--wait")[0]), {"answer": "one", "given": {"a": 1}})
        shown = json.loads(self.expect(0, "result", request, "--json")[0])
        self.assertEqual((shown["ok"], shown["outcome"], shown["data"]["answer"], shown["attempts"]),
                         (True, "succeeded", "one", 1))
        # The same event again is the same request, by whichever command.
        again = self.submit("later", "--id", "mine", b=2)
        self.assertEqual(self.submit("later", "--id", "mine", b=2), again)
        self.assertEqual(json.loads(self.expect(0, "invoke", "later", "--id", "mine", "-d", '{"b": 2}')[0])["given"], {"b": 2})
        self.expect(2, "submit", "nobody", says="FUNCTION_NOT_FOUND")

    def test_a_failure_and_a_result_that_is_not_there_yet(self):
        self.deploy("waits", "one")
        request = self.submit("waits", fail=True)
        out, _ = self.expect(1, "result", request, "--wait", says="told to fail")
        self.assertEqual(out, b"")
        request = self.submit("waits", sleep=2)
        self.expect(75, "result", request, says="RESULT_NOT_FOUND")
        self.expect(75, "result", request, "--wait", "--timeout", "300ms")
        self.assertEqual(json.loads(self.expect(0, "result", request, "--wait")[0])["answer"], "one")
        self.expect(75, "result", "no-such-request")

    def test_cancel(self):
        self.deploy("long", "one")
        request = self.submit("long", sleep=20)
        begin = time.monotonic()
        self.expect(0, "cancel", request, says="cancelled")
        self.expect(1, "result", request, "--wait", says="cancelled")
        self.assertLess(time.monotonic() - begin, 10)
        self.expect(1, "cancel", request, says="ALREADY_ENDED")
        self.expect(2, "cancel", "no-such-request", says="REQUEST_NOT_FOUND")


class Versions(Session):
    def versions(self, name):
        return json.loads(self.expect(0, "function", "versions", name, "--json")[0])["versions"]

    def test_the_first_version_is_waited_for(self):
        shown = self.deploy("early", "one", "--wait")
        self.assertEqual((shown["ready"], shown["instances"]), (1, 1))

    def test_the_same_again_is_done_at_once(self):
        """Also while the instance looks at the records for a reason of its own, which it does once a second."""
        first = self.deploy("same", "one")["version"]
        for _ in range(60):
            self.assertEqual(self.deploy("same", "one", "--timeout", "10s")["version"], first)

    def test_a_canary_is_named_by_its_own_version(self):
        before = self.deploy("bird", "one")["version"]
        canary = self.deploy("bird", "two", "--canary", "30")
        self.assertNotEqual(canary["version"], before)
        self.assertEqual(canary["aliases"]["live"], {before: 70, canary["version"]: 30})
        _, err = self.expect(0, "deploy", self.root / "bird", "--canary", "20", says=f"{before}=80 {canary['version']}=20")
        self.assertIn(f"ready    bird (python) version {canary['version']} in ", err)
        self.assertIn(f"next     stead function alias bird live {canary['version']}   (it gets all)", err)

    def test_rollback(self):
        first = self.deploy("back", "one")["version"]
        second = self.deploy("back", "two")["version"]
        self.assertEqual(self.answer("back"), "two")
        self.assertEqual([version["version"] for version in self.versions("back")], [second, first])
        out, _ = self.expect(0, "function", "rollback", "back", "--wait", says="ready on 1 of 1 instance")
        self.assertEqual(out.split(), [b"live", first.encode()])
        self.assertEqual(self.answer("back"), "one")
        self.expect(0, "function", "rollback", "back", second, "--wait")
        self.assertEqual(self.answer("back"), "two")
        self.assertEqual(self.versions("back")[0]["aliases"], ["live=100"])
        self.assertNotEqual(self.dev.stead("function", "rollback", "back", "0123456789abcdef")[0], 0)
        self.assertEqual(self.answer("back"), "two")
        self.expect(2, "function", "rollback", "nobody", says="NOT_FOUND")

    def test_identical_code_is_no_new_version(self):
        first = self.deploy("same", "one")["version"]
        self.assertEqual(self.deploy("same", "one", "--wait")["version"], first)
        self.assertEqual(len(self.versions("same")), 1)

    def test_aliases(self):
        first = self.deploy("named", "one")["version"]
        second = self.deploy("named", "two")["version"]
        self.expect(0, "function", "alias", "named", "old", first, "--wait")
        self.assertEqual((self.answer("named"), self.answer("named@old")), ("two", "one"))
        self.expect(0, "function", "alias", "named", "old", f"{first}=50", f"{second}=50", "--wait")
        self.assertEqual({self.answer("named@old") for _ in range(40)}, {"one", "two"})
        self.expect(0, "function", "alias", "named", "--rm", "old", "--wait")
        self.expect(2, "invoke", "named@old", says="ALIAS_NOT_FOUND")
        self.assertEqual(self.answer("named"), "two")

    def test_canary(self):
        self.deploy("canary", "one")
        deployed = self.deploy("canary", "two", "--canary", "30", "--wait")
        self.assertEqual(deployed["aliases"]["live"][deployed["version"]], 30)
        self.assertEqual(sum(deployed["aliases"]["live"].values()), 100)
        self.assertEqual({self.answer("canary") for _ in range(60)}, {"one", "two"})

    def test_a_build_that_fails_changes_nothing(self):
        self.deploy("solid", "one")
        (self.root / "solid" / "main.py").write_text("def f(:\n")
        self.expect(1, "deploy", self.root / "solid", "--wait", says="SyntaxError")
        self.assertEqual(self.answer("solid"), "one")
        self.assertEqual(len(self.versions("solid")), 1)

    def test_remove(self):
        self.deploy("gone", "one")
        self.expect(0, "function", "rm", "gone", says="removed  gone")
        self.assertTrue(wait_for(lambda: self.dev.stead("invoke", "gone")[0] == 2))
        self.deploy("gone", "two")
        self.assertEqual(self.answer("gone"), "two")
        self.expect(0, "function", "rm", "gone", "--now")

    def test_instances(self):
        instances = json.loads(self.expect(0, "instance", "ls", "--json")[0])["instances"]
        self.assertEqual(len(instances), 1)
        self.assertIn("python", instances[0]["languages"])
        self.assertIn(instances[0]["name"], self.expect(0, "instance", "ls")[0].decode())


if __name__ == "__main__":
    unittest.main(verbosity=1)
