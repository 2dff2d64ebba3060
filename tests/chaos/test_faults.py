"""Faults of one kind that overlap on one target: the second hurts nothing, and after the first all is as it was before."""
import collections
import os
import random
import resource
import subprocess
import sys
import tempfile
import types
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration", "service"))
from chaos_run import faults, options

USAGE = collections.namedtuple("Usage", "free")


def machine(**more):
    return types.SimpleNamespace(name="one", asleep=False, running=lambda: True, ready=lambda: True, kill=lambda: None,
                                 start=lambda: None, **more)


class Overlapping(unittest.TestCase):
    def overlap(self, kind, place, hurt):
        first, second = (kind(place, random.Random(number)) for number in (1, 2))
        self.assertFalse(hurt())
        self.assertEqual(first.begin(), "one")
        self.assertTrue(hurt())
        self.assertIsNone(second.begin())
        self.assertTrue(hurt())
        first.end()
        self.assertFalse(hurt())
        self.assertEqual(second.begin(), "one", "later it can be hurt again")
        self.assertTrue(hurt())
        second.end()
        self.assertFalse(hurt())

    def test_disk_full(self):
        with tempfile.TemporaryDirectory() as store, mock.patch.object(
            faults.shutil, "disk_usage", return_value=USAGE(1 << 20)
        ), mock.patch.object(faults.os.path, "ismount", return_value=True):
            place = types.SimpleNamespace(brokers=[machine(store=store)])
            self.overlap(faults.DiskFull, place, lambda: os.listdir(store))

    def test_never_fills_the_disk_of_the_machine(self):
        with tempfile.TemporaryDirectory() as store, mock.patch.object(
            faults.shutil, "disk_usage", return_value=USAGE(1 << 20)
        ):
            place = types.SimpleNamespace(brokers=[machine(store=store)])
            with self.assertRaisesRegex(RuntimeError, "no file system of its own"):
                faults.DiskFull(place, random.Random(1)).begin()
            self.assertEqual(os.listdir(store), [])

    def test_keeps_nothing_in_a_folder_of_another_run(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch("sys.stderr") as told:
            self.assertEqual(options.parse(["--keep", folder]).keep, folder)
            open(os.path.join(folder, "history.jsonl"), "w", encoding="utf-8").close()
            with self.assertRaises(SystemExit):
                options.parse(["--keep", folder])
            self.assertIn("is not empty", "".join(call.args[0] for call in told.write.call_args_list))

    def test_descriptors(self):
        with subprocess.Popen(["sleep", "60"]) as child:
            try:
                usual = resource.prlimit(child.pid, resource.RLIMIT_NOFILE)
                place = types.SimpleNamespace(instances=[machine(pid=child.pid)])
                self.overlap(faults.Descriptors, place,
                             lambda: resource.prlimit(child.pid, resource.RLIMIT_NOFILE) != usual)
            finally:
                child.kill()


if __name__ == "__main__":
    unittest.main(verbosity=2)
