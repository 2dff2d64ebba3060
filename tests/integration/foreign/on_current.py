"""Runs a test of the service against the newest nats-server that we test with: on_current.py FILE."""
import os
import runpy
import sys
import unittest

from foreign_case import HERE, program

if __name__ == "__main__":
    try:
        os.environ["STEAD_NATS_SERVER"] = program("nats-server-current")
    except unittest.SkipTest as reason:
        print("SKIPPED:", reason)
        sys.exit(77)
    path = os.path.join(HERE, sys.argv.pop(1))
    sys.modules.pop("__main__")
    runpy.run_path(path, run_name="__main__")
