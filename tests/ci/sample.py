"""A tree of sample files in a temporary folder, and a tool of ci/ run on it. Base of the tests in this folder."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

OPENING = "/* How this works:\n * it does nothing, twice. */\n"


class SampleTree(unittest.TestCase):
    tool = None  # path below the root

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory(prefix="stead-ci-")
        self.addCleanup(self._folder.cleanup)
        self.root = Path(self._folder.name)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def run_tool(self, *arguments):
        return subprocess.run([sys.executable, str(ROOT / self.tool), "--root", str(self.root), *arguments],
                              capture_output=True, text=True, check=False)

    def assert_clean(self):
        done = self.run_tool()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def assert_fault(self, *said):
        done = self.run_tool()
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        for text in said:
            self.assertIn(text, done.stdout)
