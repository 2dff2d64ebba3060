"""README.md and docs/start: what they tell to type works, in order, in a fresh home, and prints what they show.

    ci/python tests/integration/docs/test_pages.py [--write] [Pages.test_readme]

`stead dev` runs beside the shell, as the reader's second terminal, on free ports. What a machine lacks (a language, the
nats tool) is left out by name, and the test then ends with 77. --write puts what was printed into the pages where it
differs from what they show.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))

import pages
import terminal
from stead_program import ROOT, STEAD, alive, family, wait_for

WRITE = "--write" in sys.argv
# What other tests run, or what the build that is tested stands in for.
LEFT_OUT = {"make", "make demo", "make check", 'export PATH="$PWD/build/release:$PATH"',
            "python3 -m venv ~/venv && . ~/venv/bin/activate", "pip install nats-py"}  # the tests have a venv
LEFT_OUT_START = ("git clone ", "source <(stead completion")
TOOLS = {"go": "go", "node": "js", "nats": "", "grpcurl": ""}  # what a machine may lack, and the language that needs it
FUNCTION_OF = {"greet": "go", "welcome": "node"}  # the pages' functions whose toolchain is no part of the distribution's base
CODE_FILES = {"python": "main.py", "c": "main.c", "go": "main.go", "js": "main.js"}
# guide: the language of its programs, an event, the answer, and its test: file, what it holds, command
GUIDES = {
    "c": ("c", "hi", "hi", None),
    "go": ("go", '{"values": [1, 2]}', '{"sum":3}', None),
    "javascript": ("js", '{"name": "Ada"}', '{"text":"Hello, Ada"}', ("main.test.mjs", "node:assert", "mkdir -p "
                   'node_modules/@stead && ln -s "$(stead sdk js)" node_modules/@stead/sdk && node --test')),
    "python": ("python", '{"name": "Ada"}', '{"text":"Hello, Ada"}',
               ("try.py", "stead.testing.run(greet", 'PYTHONPATH="$(stead sdk python)" python3 try.py')),
}
READY_S, CHANGE_S = 120, 20
UNSEEN = re.compile(r"is being built|export STEAD_ADDR")  # depends on the machine's speed, and on the ports of the test


def cached(tool):
    """The folder of a program that ci/setup made, or none."""
    done = subprocess.run([ROOT / "ci" / "setup", "path", tool], capture_output=True, text=True, check=False)
    path = Path(done.stdout.strip())
    return [str(path.parent)] if done.returncode == 0 and path.is_file() else []


class Reader:
    """A home, two terminals, and what is typed into them."""

    def __init__(self, test):
        self.test = test
        self.folder = Path(tempfile.mkdtemp(prefix="stead-pages-"))
        test.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.home = self.folder / "home" / "ada"
        (self.home / ".bin").mkdir(parents=True)
        self.ports, self.log = self.folder / "ports", self.folder / "dev.log"
        self.seen, self.dev, self.missing, self.left_out = 0, None, [], set()
        self.environment = self.make_environment()
        for tool in TOOLS:
            if not shutil.which(tool, path=self.environment["PATH"]):
                self.missing.append(tool)
        self.shell = terminal.Terminal(self.environment, self.home)
        test.addCleanup(self.shell.close)
        test.addCleanup(self.stop)

    def make_environment(self):
        program = self.home / ".bin" / "stead"
        program.write_text(f"""#!/bin/sh
if [ "$1" = dev ]; then
    shift
    exec {STEAD} dev --grpc 127.0.0.1:0 --http 127.0.0.1:0 --ports-file {self.ports} "$@"
fi
[ ! -f {self.ports} ] || STEAD_ADDR=$(sed 's/.*"grpc": *"\\([^"]*\\)".*/\\1/' {self.ports})
export STEAD_ADDR
exec {STEAD} "$@"
""")
        program.chmod(0o755)
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stead"
        path = [str(program.parent), str(Path(sys.executable).parent), *cached("nats"), *cached("grpcurl")]
        kept = {key: os.environ[key] for key in ("LANG", "TMPDIR", "PYENV_ROOT", "PYENV_VERSION", "ASAN_OPTIONS")
                if key in os.environ}
        # Go compiles its standard library once, not once a test.
        return {**kept, "PATH": ":".join([*path, os.environ["PATH"], "/usr/local/go/bin"]), "HOME": str(self.home),
                "TERM": "xterm", "NO_COLOR": "1", "STEAD_BUILD_TOOLS": str(cache / "build-tools"),
                "GOCACHE": str(cache / "go-test"), "PYTHONDONTWRITEBYTECODE": "1"}

    # -- the terminal of stead dev --

    def start(self, command):
        directory = self.shell.run("pwd")[0].strip()
        Path(self.environment["STEAD_BUILD_TOOLS"]).mkdir(parents=True, exist_ok=True)
        with open(self.log, "wb") as log:
            self.dev = subprocess.Popen(["bash", "-c", "exec " + command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        cwd=directory, env=self.environment)
        wait_for(lambda: self.ports.exists() or self.dev.poll() is not None, READY_S)
        assert wait_for(lambda: "Ctrl-C stops everything" in self.said(), 5), self.said()
        self.seen = len(self.said())
        return self.said()

    def said(self):
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(line for line in lines if not UNSEEN.search(line)) + "\n"

    def says(self, line):
        """Waits until that terminal shows the line, behind what was seen before."""
        def there():
            for found in re.finditer(r"[^\n]*\n", self.said()[self.seen:]):
                if pages.alike([line], [found[0].rstrip()]):
                    self.seen += found.end()
                    return True
            return False
        return wait_for(there, CHANGE_S)

    def stop(self):
        """Ctrl-C; nothing may be left."""
        if self.dev is None:
            return
        members = list(family(self.dev.pid))
        self.dev.send_signal(signal.SIGINT)
        try:
            code = self.dev.wait(60)
        finally:
            self.dev.kill()
        gone = wait_for(lambda: not any(alive(pid) for pid in members), 5)
        self.dev = None
        self.test.assertEqual(code, 0, self.said())
        self.test.assertTrue(gone, "processes were left")

    # -- the other one --

    def lacks(self, line, typed):
        """The tools that it needs and this machine lacks."""
        words = set(re.findall(r"[A-Za-z][\w-]*", line))
        lacks = {tool for tool in self.missing if (typed and line.split()[:1] == [tool]) or
                 any(function in words for function, needs in FUNCTION_OF.items() if needs == tool)}
        self.left_out |= lacks
        return lacks

    def wanted(self, line):
        """Whether this line can be typed on this machine."""
        return not self.lacks(line, True) and re.sub(r"\s+#.*", "", line) not in LEFT_OUT and not line.startswith(LEFT_OUT_START)

    def presentable(self, text):
        """What it would be with the default ports and the reader's home in its usual place."""
        if self.ports.exists():
            ports = json.loads(self.ports.read_text())
            text = text.replace(ports["grpc"], "127.0.0.1:7600").replace(ports["http"], "127.0.0.1:7601")
        return text.replace(str(self.home), "/home/ada")

    def type(self, commands):
        if self.ports.exists():
            nats = re.search(r'"nats": *"([^"]*)"', self.ports.read_text())[1]
            commands = re.sub(r"nats://127\.0\.0\.1:\d+", nats, commands)
        return self.shell.run(commands)


class Pages(unittest.TestCase):
    def follow(self, path):
        self.path, self.reader = ROOT / path, Reader(self)
        text = self.path.read_text(encoding="utf-8")
        self.edits, shown = [], None
        for block in pages.blocks(text):
            with self.subTest(page=path, line=text.count("\n", 0, block.begin) + 1):
                if block.kind == "sh":
                    shown = self.commands(block)
                elif block.kind == "":
                    self.printed(block, shown)
                    shown = None
                elif block.kind == "text":
                    for line in pages.lines_of(block.text):
                        self.assertTrue(self.reader.says(line), f"{line!r} is missing in:\n{self.reader.said()}")
                else:
                    self.code(block)
        if WRITE:
            for begin, end, printed in reversed(self.edits):
                text = text[:begin] + printed + text[end:]
            self.path.write_text(text, encoding="utf-8")
        self.tell_left_out(path)

    def tell_left_out(self, path):
        if self.reader.left_out:
            skipped.append(f"{path}: what needs {', '.join(sorted(self.reader.left_out))} was left out: not installed")

    def commands(self, block):
        """What the block printed; None if it is left out."""
        lines = [line for line in block.text.splitlines() if self.reader.wanted(line)]
        if not any(line.strip() and not line.lstrip().startswith("#") for line in lines):
            return None
        if lines[-1].startswith("stead dev"):
            return self.reader.start(lines[-1])
        printed, good = self.reader.type("\n".join(lines))
        self.assertTrue(good, f"a command failed:\n{printed}")
        return printed

    def printed(self, block, shown):
        steps = pages.session(block.text)
        if not steps and shown is not None:
            self.compare(pages.lines_of(block.text), shown, lambda text: self.edits.append((block.begin, block.end, text)))
        whole, right = "", True
        for command, expected in steps:
            text = "\n".join(expected) + "\n" if expected else ""
            if self.reader.wanted(command):
                got = self.reader.type(command)[0]
                right = self.compare(expected, got) and right
                text = "".join(line + "\n" for line in pages.lines_of(self.reader.presentable(got)))
            whole += f"$ {command}\n{text}\n"
        if not right:
            self.edits.append((block.begin, block.end, whole[:-1]))

    def compare(self, expected, printed, edit=None):
        printed = pages.lines_of(self.reader.presentable(printed))
        if any(self.reader.lacks(line, False) for line in expected):  # what to try next is another function then
            expected = [line for line in expected if not self.reader.lacks(line, False) and not line.startswith("next ")]
            printed = [line for line in printed if not line.startswith("next ")]
        if pages.alike(expected, printed):
            return True
        if not WRITE:
            self.assertEqual("\n".join(map(pages.masked, expected)), "\n".join(map(pages.masked, printed)))
        if edit:
            edit("\n".join(printed) + "\n")
        return False

    def code(self, block):
        """Code is shown as it stands in a function that was made before."""
        if block.kind in CODE_FILES and not {"go": "go", "js": "node"}.get(block.kind) in self.reader.missing:
            made = [file.read_text() for file in self.reader.home.rglob(CODE_FILES[block.kind])]
            self.assertTrue(any(block.text in text for text in made), f"no function has this code:\n{block.text}")

    def test_readme(self):
        self.follow("README.md")

    def test_first_function(self):
        self.follow("docs/start/first-function.md")

    def test_guides(self):
        """The program that a guide begins with, deployed as it stands, and the tests that it shows."""
        self.path, self.reader = ROOT, Reader(self)
        (self.reader.home / "guides").mkdir()
        self.reader.start(f"stead dev {self.reader.home}/guides")
        for page, (kind, data, answer, test) in GUIDES.items():
            tool = {"go": "go", "javascript": "node"}.get(page)
            if tool in self.reader.missing:
                self.reader.left_out.add(tool)
                continue
            with self.subTest(page):
                text = (ROOT / "docs" / "guides" / f"{page}.md").read_text(encoding="utf-8")
                code = [block.text for block in pages.blocks(text) if block.kind == kind]
                folder = self.reader.home / page
                folder.mkdir()
                (folder / CODE_FILES[kind].replace(".js", ".mjs")).write_text(code[0])
                shown = self.reader.type(f"stead deploy {folder} && stead invoke {page} -d '{data}'")[0]
                self.assertIn(answer, shown.splitlines(), shown)
                if test:
                    (folder / test[0]).write_text(next(block for block in code if test[1] in block))
                    shown, good = self.reader.type(f"cd {folder} && {test[2]}")
                    self.assertTrue(good, shown)
        self.tell_left_out("docs/guides")

    def test_examples(self):
        """Their pages show what goes to standard output."""
        self.path, self.reader = ROOT, Reader(self)
        (self.reader.home / "none").mkdir()
        self.reader.start(f"stead dev {self.reader.home}/none")
        for readme in sorted((ROOT / "examples").glob("*/README.md")):
            tool = {"image-info": "go", "webhook-verify": "node"}.get(readme.parent.name)
            if tool in self.reader.missing:
                self.reader.left_out.add(tool)
                continue
            with self.subTest(readme.parent.name):
                block, = pages.blocks(readme.read_text(encoding="utf-8"))
                for command, expected in pages.session(block.text):
                    self.compare(expected, self.reader.type(f"cd {ROOT}\n{{ {command}\n}} 2>/dev/null")[0])
        self.tell_left_out("examples")

    def test_the_demo_is_shown_as_it_is(self):
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        table = re.search(r"^LANGUAGE .*?^(\d+) of \1 right", readme, re.MULTILINE | re.DOTALL)[0]
        names = sorted(folder.parent.name for folder in (ROOT / "examples").glob("*/demo.json"))
        rows = sorted(line.split()[1].rstrip("…") for line in table.splitlines()[1:] if re.search(r" (gRPC|NATS) ", line))
        self.assertEqual(len(rows), 2 * len(names))
        self.assertTrue(all(name.startswith(row) for name, row in zip(sorted(names * 2), rows)), rows)


skipped = []

if __name__ == "__main__":
    sys.argv = [word for word in sys.argv if word != "--write"]
    result = unittest.main(exit=False).result
    for line in skipped:
        print("skipped:", line, flush=True)
    sys.exit(1 if not result.wasSuccessful() else 77 if skipped else 0)
