"""`stead new` in each language: the folder passes its own test, deploys, and answers; `stead dev` follows its changes."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
from stead_program import Dev, STEAD, environment, stead, wait_for

# language -> (its toolchain, the first call's data, the answer)
LANGUAGES = {
    "c": ("cc", b"hello", b"HELLO"),
    "go": ("go", b'{"name":"Ada"}', b'{"text":"Hello, Ada"}'),
    "js": ("node", b'{"name":"Ada"}', b'{"text":"Hello, Ada"}'),
    "python": ("python3", b'{"name":"Ada"}', b'{"text":"Hello, Ada"}'),
}
GO = "/usr/local/go/bin"


def path_of(language):
    """PATH with our program, and Go where its installer puts it."""
    return f"{Path(STEAD).parent}:{os.environ['PATH']}:{GO}"


class New(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="stead-cli-")
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def new(self, name, language, *more):
        code, out, err = stead("new", name, "--language", language, *more)
        self.assertEqual((code, out), (0, b""), err)
        return err

    def need(self, language):
        if not shutil.which(LANGUAGES[language][0], path=path_of(language)):
            self.skipTest(f"{LANGUAGES[language][0]} is not installed")

    def own_test(self, language):
        """Runs the command that `stead new` says, in a shell, as a user would."""
        self.need(language)
        said = self.new("hello-1", language, self.root / "hello-1")
        command = said.split("next     ")[1].strip()
        self.assertTrue(command.startswith(f"(cd {self.root}/hello-1 && "), command)
        # go compiles its standard library once, not once a run.
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stead" / "go-test"
        variables = {**environment(), "PATH": path_of(language), "HOME": str(self.root / "home"), "GOCACHE": str(cache)}
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=240, check=False, env=variables)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_own_test_in_c(self):
        self.own_test("c")

    def test_own_test_in_go(self):
        self.own_test("go")

    def test_own_test_in_js(self):
        self.own_test("js")

    def test_own_test_in_python(self):
        self.own_test("python")

    def test_all_of_them_deploy_and_answer(self):
        languages = [language for language, (tool, _, _) in LANGUAGES.items() if shutil.which(tool, path=path_of(language))]
        for language in languages:
            self.new(f"hello-{language}", language, self.root / language)
        with Dev(self.root, PATH=path_of("go")) as dev:
            dev.ready()
            for language in languages:
                with self.subTest(language):
                    _, data, answer = LANGUAGES[language]
                    code, out, err = dev.stead("invoke", f"hello-{language}", "-d", "-", data=data)
                    self.assertEqual((code, out), (0, answer), err + dev.said())
                    code, _, err = dev.stead("invoke", f"hello-{language}")
                    self.assertEqual(code, 1, err)
                    self.assertIn("class permanent", err)
                    demo = json.loads((self.root / language / "demo.json").read_text())
                    self.assertIn("data", demo)
            self.assertEqual(dev.stop()[0], 0)

    def test_folders_with_something_in_them_are_not_touched(self):
        folder = self.root / "full"
        folder.mkdir()
        (folder / ".hidden").write_text("mine")
        code, _, err = stead("new", "x", "-l", "c", folder)
        self.assertEqual(code, 2)
        self.assertIn("is not empty", err)
        self.assertEqual([path.name for path in folder.iterdir()], [".hidden"])
        (folder / ".hidden").unlink()
        self.new("x", "c", folder)
        (self.root / "file").write_text("")
        self.assertEqual(stead("new", "x", "-l", "c", self.root / "file")[0], 2)
        self.assertEqual(stead("new", "x", "-l", "c", self.root / "absent" / "x")[0], 2)

    def test_names_and_languages(self):
        for words, says in ((["Bad.Name", "-l", "c"], "can't be a function's name"), (["x"], "which language?"),
                            (["x", "-l", "rust"], "c, go, js or python"), (["x", "-l", ".."], "c, go, js or python")):
            with self.subTest(words):
                code, _, err = stead("new", *words)
                self.assertEqual(code, 2)
                self.assertIn(says, err)

    def test_sdks(self):
        code, out, _ = stead("sdk", "c")
        self.assertEqual(code, 0)
        self.assertTrue((Path(out.decode().strip()) / "stead" / "plugin.h").is_file())
        self.assertEqual(stead("sdk", "../..")[0], 2)
        self.assertEqual(stead("sdk", "cobol")[0], 69)
        code, _, err = stead("new", "x", "-l", "c", self.root / "x", STEAD_SDK_DIR="/nonexistent")
        self.assertEqual(code, 69)
        self.assertIn("STEAD_SDK_DIR", err)
        self.assertFalse((self.root / "x").exists())


class Follow(unittest.TestCase):
    """A dev that sees changes: by inotify here, by looking in the class below."""

    variables = {}

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="stead-cli-")
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "functions"
        self.root.mkdir()
        self.write("echo", "one")

    def write(self, name, answer):
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        text = f"import stead\n\n\n@stead.function\ndef f(event, ctx):\n    return {answer!r}\n"
        # As editors do: a new file beside, renamed into place.
        (folder / "main.py.tmp~").write_text(text)
        (folder / "main.py.tmp~").rename(folder / "main.py")

    def dev(self, *arguments, **more):
        return Dev(self.root, *arguments, **{**self.variables, **more})

    def answers(self, dev, name, text, seconds=15):
        expected = json.dumps(text).encode()
        self.assertTrue(wait_for(lambda: dev.stead("invoke", name)[1] == expected, seconds), dev.said())

    def said(self, dev, text, seconds=15):
        self.assertTrue(wait_for(lambda: text in dev.said(), seconds), f"{text!r} is missing in:\n{dev.said()}")

    def test_an_edit_a_broken_one_and_its_repair(self):
        with self.dev() as dev:
            dev.ready()
            self.answers(dev, "echo", "one")
            self.write("echo", "two")
            self.said(dev, "changed echo/main.py → ready in ")
            self.answers(dev, "echo", "two")
            (self.root / "echo" / "main.py").write_text("def f(:\n")
            self.said(dev, "changed echo/main.py → not ready, the version before goes on:\n")
            self.said(dev, "SyntaxError")
            self.answers(dev, "echo", "two")
            self.write("echo", "three")
            self.answers(dev, "echo", "three")
            self.assertEqual(dev.stop()[0], 0)

    def test_what_is_no_change(self):
        with self.dev() as dev:
            dev.ready()
            self.answers(dev, "echo", "one")
            folder = self.root / "echo"
            for name in (".main.py.swp", "main.py~", "#main.py#", "4913", ".hidden/x", "__pycache__/x.pyc"):
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text("x")
            time.sleep(2.5)
            self.assertNotIn("changed", dev.said())
            # And none of them is sent either: two files, not eight.
            (folder / "more").mkdir()
            (folder / "more" / "words.txt").write_text("x")
            self.said(dev, "changed echo/more/words.txt → ready in ")
            self.assertEqual(dev.stop()[0], 0)

    def test_functions_that_come_and_go(self):
        with self.dev() as dev:
            dev.ready()
            self.write("late", "here")
            self.said(dev, "new late/ → ready in ")
            self.answers(dev, "late", "here")
            (self.root / "late" / "stead.yaml").write_text("metadata:\n  name: renamed\n")
            self.answers(dev, "renamed", "here")
            self.assertTrue(wait_for(lambda: dev.stead("invoke", "late")[0] == 2), dev.said())
            shutil.rmtree(self.root / "late")
            self.said(dev, "removed late/ → renamed is out of service")
            self.assertEqual(dev.stead("invoke", "renamed")[0], 2)
            self.answers(dev, "echo", "one")
            self.assertEqual(dev.stop()[0], 0)

    def test_what_was_there_before_stays(self):
        store = self.root.parent / "store"
        with self.dev(store=store) as dev:
            dev.ready()
            self.assertEqual(dev.stop()[0], 0)
        with self.dev(store=store) as dev:
            dev.ready()
            self.answers(dev, "echo", "one")
            shutil.rmtree(self.root / "echo")
            self.said(dev, "removed echo/ → echo stays in service, it was there before: stead function rm echo")
            self.answers(dev, "echo", "one")
            self.assertEqual(dev.stop()[0], 0)

    def test_the_folder_itself_goes_and_comes_back(self):
        with self.dev() as dev:
            dev.ready()
            self.root.rename(self.root.parent / "away")
            self.said(dev, "removed echo/ → echo is out of service")
            (self.root.parent / "away").rename(self.root)
            self.said(dev, "new echo/ → ready in ")
            self.answers(dev, "echo", "one")
            self.assertEqual(dev.stop()[0], 0)

    def test_it_does_not_spin(self):
        with self.dev() as dev:
            dev.ready()
            self.answers(dev, "echo", "one")
            fields = lambda: (Path("/proc") / str(dev.process.pid) / "stat").read_text().rsplit(")", 1)[1].split()
            before = sum(map(int, fields()[11:13]))
            time.sleep(3)
            self.assertLess(sum(map(int, fields()[11:13])) - before, os.sysconf("SC_CLK_TCK") * 3 // 10)
            self.assertEqual(dev.stop()[0], 0)


class Look(Follow):
    """The same without inotify."""

    variables = {"STEAD_DEV_POLL": "1"}


if __name__ == "__main__":
    unittest.main(verbosity=1)
