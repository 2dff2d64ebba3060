"""ci/check reads ctest's report: what passed, what was skipped and why, and nothing that did not run counts as passed."""

import contextlib
import importlib.machinery
import importlib.util
import io
import sys
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

sys.dont_write_bytecode = True
PATH = str(Path(__file__).resolve().parents[2] / "ci" / "check")
LOADER = importlib.machinery.SourceFileLoader("check", PATH)
check = importlib.util.module_from_spec(importlib.util.spec_from_loader("check", LOADER))
LOADER.exec_module(check)

REPORT = """<testsuite>
<testcase name="good" status="run"><system-out>fine</system-out></testcase>
<testcase name="bad" status="fail"><failure message=""/><system-out>broken</system-out></testcase>
<testcase name="absent" status="notrun"><skipped message="Unable to find executable"/></testcase>
<testcase name="skip" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/><system-out>first
no nats-server here
</system-out></testcase>
<testcase name="off" status="disabled"><skipped message="Disabled"/></testcase>
</testsuite>"""


class Check(unittest.TestCase):
    def setUp(self):
        self.results = [check.result_of("release", case) for case in xml.fromstring(REPORT).iter("testcase")]

    def test_outcomes(self):
        self.assertEqual([(r.name, r.outcome) for r in self.results],
                         [("good", "passed"), ("bad", "failed"), ("absent", "failed"), ("skip", "skipped"), ("off", "skipped")])

    def test_summary(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertFalse(check.summary(self.results))
            self.assertTrue(check.summary([r for r in self.results if r.outcome != "failed"]))
        lines = out.getvalue().splitlines()
        self.assertIn("skipped: release: skip: no nats-server here", lines)
        self.assertIn("failed: release: absent", lines)
        self.assertIn("1 passed, 2 failed, 2 skipped", lines)
        self.assertEqual(lines[-1], "1 passed, 0 failed, 2 skipped")

    def test_second_run(self):
        again = [check.Result("release", "bad", "passed", ""), check.Result("release", "absent", "failed", "")]
        results = check.with_second(self.results, again)
        self.assertEqual([(r.name, r.outcome, r.unsteady) for r in results[:3]],
                         [("good", "passed", False), ("bad", "passed", True), ("absent", "failed", False)])
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            check.summary(results)
        self.assertIn("unsteady: release: bad: failed at first, passed alone", out.getvalue().splitlines())
        self.assertIn("2 passed, 1 failed, 2 skipped", out.getvalue())

    def test_who_gets_one(self):
        for name in ("integration.service.load", "chaos.08_busy", "chaos.attack.stale_reads", "conformance.go_echo", "unit.sdk_go", "unit.http"):
            self.assertTrue(check.REAL.match(name), name)
        for name in ("chaos.short", "chaos.disk_full", "conformance.broker_model", "unit.event", "unit.config",
                      "sim.swarm", "fuzz.header", "check.links", "ctest.release"):
            self.assertFalse(check.REAL.match(name), name)


if __name__ == "__main__":
    unittest.main()
