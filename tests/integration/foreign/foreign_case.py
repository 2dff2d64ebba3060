"""Worlds for clients in other languages: which broker, where their packages are, and how a scenario's TAP is read.

Each test here takes the word `current` for the newest nats-server that we test with instead of the distribution's.
A client that the machine lacks is skipped by name.
"""
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "service"))

from stead_world import PLUGINS, ROOT, WorldCase, wait_for
from stead_world import main as world_main

__all__ = ["HERE", "PLUGINS", "ROOT", "ForeignCase", "main", "program", "wait_for"]
_SECONDS = 300
_RESULT = re.compile(r"^(not )?ok \d+ - (.*)$")


def path_of(thing):
    setup = os.path.join(ROOT, "ci", "setup")
    return subprocess.run([setup, "path", thing], capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def program(name):
    """A program that `ci/setup test` builds."""
    path = path_of(name)
    if not os.access(path, os.X_OK):
        raise unittest.SkipTest("no %s: run ci/setup test where Go is installed" % name)
    return path


def main():
    """Runs the calling file's tests against the broker that the command line names."""
    if "current" in sys.argv:
        sys.argv.remove("current")
        try:
            os.environ["STEAD_NATS_SERVER"] = program("nats-server-current")
        except unittest.SkipTest as reason:
            print("SKIPPED:", reason)
            sys.exit(77)
    world_main()


class ForeignCase(WorldCase):
    """A world, a folder, and Node with the packages of ci/npm-test."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="stead-foreign-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        super().setUpClass()

    def node(self):
        """The interpreter, with the packages beside the scenarios."""
        node, modules = shutil.which("node"), os.path.join(path_of("npm"), "node_modules")
        if node is None or not os.path.exists(os.path.join(modules, "..", ".complete")):
            self.skipTest("no Node.js, or no npm packages for tests: run ci/setup test")
        link = os.path.join(self.folder, "node_modules")
        if not os.path.lexists(link):
            os.symlink(modules, link)
        return node

    def run_program(self, *command, code=0, **environment):
        """What it prints to stdout; fails the test if it ends otherwise than by `code`."""
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )
        self.assertEqual(done.returncode, code, "%s\n%s%s" % (" ".join(command), done.stdout, done.stderr))
        return done.stdout

    def play(self, scenario, **environment):
        """Runs a scenario in Node; each of its tests is a subtest. Returns their names."""
        node = self.node()
        for name in os.listdir(HERE):
            if name.endswith(".mjs"):
                shutil.copy(os.path.join(HERE, name), self.folder)
        settings = {"STEAD_ADDR": self.one.ports["grpc"], "NATS_URL": self.world.nats_url, "STEAD_ROOT": ROOT}
        printed = self.run_program(node, os.path.join(self.folder, scenario), **{**settings, **environment})
        lines, names = printed.splitlines(), []
        for number, line in enumerate(lines):
            result = _RESULT.match(line)
            if result is None:
                continue
            names.append(result.group(2))
            with self.subTest(result.group(2)):
                why = itertools.takewhile(lambda text: text.startswith("#"), lines[number + 1 :])
                self.assertIsNone(result.group(1), "\n".join(why))
        self.assertIn("1..%d" % len(names), lines, "%s did not come to its end:\n%s" % (scenario, printed))
        self.assertTrue(names)
        return names
