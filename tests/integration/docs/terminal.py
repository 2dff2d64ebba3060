"""A shell on a terminal of 80 columns, as a reader of the pages has it: what is run there stays (folders, variables)."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

END = re.compile(rb"\x01(\d+)\x02\r?\n?")


def shown(raw):
    """What is left on the screen: lines that were written over are gone."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", raw.decode(errors="replace")).replace("\r\n", "\n")
    return "\n".join(line.rsplit("\r", 1)[-1] for line in text.split("\n"))


class Terminal:
    def __init__(self, environment, directory):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        self.shell = subprocess.Popen(["bash", "--norc"], stdin=subprocess.PIPE, stdout=slave, stderr=slave, cwd=directory,
                                      env=environment, start_new_session=True)
        os.close(slave)
        self.run("set -o errtrace; trap 'failed=1' ERR")

    def run(self, commands, seconds=120):
        """Gives what they showed, and whether each of them succeeded."""
        script = f"failed=0\n{{\n{commands}\n}} </dev/null\nprintf '\\001%d\\002\\n' \"$failed\"\n"
        self.shell.stdin.write(script.encode())
        self.shell.stdin.flush()
        raw, end = b"", time.monotonic() + seconds
        while not END.search(raw):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise AssertionError(f"not done after {seconds} s:\n{commands}\n{shown(raw)}")
            raw += os.read(self.master, 65536)
        return shown(END.split(raw)[0]), END.search(raw)[1] == b"0"

    def close(self):
        self.shell.stdin.close()
        try:
            self.shell.wait(10)
        except subprocess.TimeoutExpired:
            self.shell.kill()
            self.shell.wait()
        os.close(self.master)
