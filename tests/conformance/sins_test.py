"""The conformance program finds every sin of careless.py, and no other: sins_test.py CHECKER."""
import concurrent.futures
import os
import stat
import subprocess
import sys
import tempfile
import unittest

CHECKER = sys.argv.pop(1)
CARELESS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "careless.py")

# sin -> a word of each rule that must break; all others must hold. "*": at least these.
SINS = {
    "none": [],
    "another version": ["*", "HELLO"],
    "any CONFIG": ["before CONFIG", "another version"],
    "twice": ["*", "many calls", "in flight"],
    "one stream": ["*", "many calls", "in flight"],
    "drops calls": ["*", "in flight"],
    "no type": ["*", "valid event"],
    "control entries": ["*", "valid event"],
    "attributes as Latin-1": ["leaves attributes"],
    "the last entry counts": ["128 entries"],
    "no budget, no answer": ["*", "budget"],
    "large results": ["no result that is larger"],
    "no halves": ["*", "byte by byte", "frames and a half"],
    "any length": ["over the limit"],
    "empty PONG": ["answers PING"],
    "answers CANCEL": ["*", "cancelled call"],
    "skips nothing": ["unknown optional", "frames and a half"],
    "skips everything": ["unknown frame", "wrong direction"],
    "exits with 3 after STOP": ["with 0 after STOP", "open, then exits"],
    "exits with 0 after garbage": ["*", "garbage", "length 7", "unknown flag", "malformed header", "another version"],
    "lives on": ["when the host goes", "middle of a frame"],
}


def broken_rules(sin):
    """The rules that the checker says are broken. It runs programs, so the script gets one that names the sin."""
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "careless")
        with open(program, "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\nexec /usr/bin/python3 -I -S "%s" "%s"\n' % (CARELESS, sin))
        os.chmod(program, stat.S_IRWXU)
        done = subprocess.run([CHECKER, program], capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, [line.split(" - ", 1)[1] for line in done.stdout.splitlines() if line.startswith("not ok")]


class Sins(unittest.TestCase):
    def test_each_is_found(self):
        # At once, since the checker mostly waits for what does not come.
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for (sin, words), (status, broken) in zip(SINS.items(), pool.map(broken_rules, SINS)):
                with self.subTest(sin):
                    self.assertEqual(status, 1 if broken else 0)
                    for word in words:
                        self.assertTrue(word == "*" or any(word in rule for rule in broken), (word, broken))
                    if "*" not in words:
                        self.assertEqual(len(broken), len(words), broken)


if __name__ == "__main__":
    unittest.main()
