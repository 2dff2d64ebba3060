"""docs/internals/users-cases.md names the tests that cover each case: all of them exist. A name in its last column is one
of `ctest -N`, or such a name and a function of its file: `integration.service.queues: test_no_failed_call`.

    test_users_cases.py BUILD CTEST"""

import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/internals/users-cases.md"
CASES = 36


def rows():
    """[(number, cell of tests)] of the tables whose rows are numbered and have four columns."""
    found = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0].isdigit() and len(cells) == 4:
            found.append((int(cells[0]), cells[3]))
    return found


def names(cell):
    """[(test, function or None)]"""
    return [(text.partition(": ")[0], text.partition(": ")[2] or None) for text in re.findall(r"`([^`]+)`", cell)]


def source_of(test):
    """The Python file that a test runs."""
    room, _, name = test.rpartition(".")
    places = {"chaos": "tests/chaos/acceptance", "chaos.attack": "tests/chaos/attacks", "integration.service": "tests/integration/service"}
    return ROOT / places.get(room, "nowhere") / f"test_{name}.py"


class UsersCases(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        done = subprocess.run([CTEST, "--test-dir", BUILD, "-N"], capture_output=True, text=True, check=True)
        cls.known = set(re.findall(r"Test +#\d+: (\S+)", done.stdout))

    def test_all_cases_have_one(self):
        self.assertEqual([number for number, _ in rows()], list(range(1, CASES + 1)))
        self.assertEqual([number for number, cell in rows() if not names(cell)], [])

    def test_each_exists(self):
        for number, cell in rows():
            for test, function in names(cell):
                with self.subTest(case=number, test=test, function=function):
                    self.assertIn(test, self.known)
                    if function is not None:
                        self.assertIn(f"def {function}(", source_of(test).read_text())

    def test_bad_input(self):
        """The second half: functions of one file, and schedules."""
        text = PAGE.read_text().partition("## Bad input")[2]
        functions, schedules = set(re.findall(r"`(test_\w+)`", text)), set(re.findall(r"`((?:bad_input|attack)_\w+)`", text))
        source = source_of("integration.service.bad_input").read_text()
        there = set(re.findall(r"def (test_\w+)\(", source))
        self.assertEqual(functions, there)
        self.assertTrue(schedules)
        for name in schedules:
            self.assertTrue((ROOT / "tests/sim/scenarios" / f"{name}.schedule").exists(), name)

    def test_by_hand(self):
        """The last table names every test of its file."""
        text = PAGE.read_text().partition("## The broker's half, by hand")[2]
        source = source_of("integration.service.bad_broker").read_text()
        self.assertEqual(set(re.findall(r"\btest_\w+", text)), set(re.findall(r"def (test_\w+)\(", source)))


if __name__ == "__main__":
    BUILD, CTEST = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
