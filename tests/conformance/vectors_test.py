"""Sends the host's byte vectors to a plugin that echoes, and looks at what it does: vectors_test.py COMMAND...

A host written anew, in a few lines, so that a mistake shared by the host's codec and an SDK does not stay hidden. After
a vector that changes nothing, or is answered, a PING must still be answered; one that ends in a partial frame is
followed by the end of the channel.
"""
import json
import os
import socket
import struct
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "vectors")
COMMAND = sys.argv[1:]
PATIENCE_S = 20
HELLO, CONFIG, READY, CALL, RESULT, ERROR, PING, PONG, LOG = 0x01, 0x02, 0x03, 0x10, 0x11, 0x12, 0x20, 0x21, 0x28


def bytes_of(pieces):
    pairs = ((piece, 1) if isinstance(piece, str) else (piece["hex"], piece["times"]) for piece in pieces)
    return b"".join(bytes.fromhex(text) * times for text, times in pairs)


def frame(kind, entries=(), body=b""):
    header = b"".join(
        bytes([len(name)]) + name.encode() + struct.pack("<H", len(value)) + value.encode() for name, value in entries
    )
    return struct.pack("<IBBHI", 8 + len(header) + len(body), kind, 0, 0, len(header)) + header + body


class Plugin:
    """The process and the host's end of its channel."""

    def __init__(self):
        self.channel, theirs = socket.socketpair()
        self.channel.settimeout(PATIENCE_S)
        script = 'exec 3<&%d %d<&-; exec "$@"' % (theirs.fileno(), theirs.fileno())
        # bash, since dash knows no descriptors above 9
        self.process = subprocess.Popen(["bash", "-c", script, "plugin", *COMMAND], pass_fds=[theirs.fileno()],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        theirs.close()
        self.data = b""

    def take(self):
        """(type, stream, body), or None at the end."""
        while len(self.data) < 4 or len(self.data) < struct.unpack_from("<I", self.data)[0] + 4:
            try:
                more = self.channel.recv(1 << 20)
            except ConnectionError:
                more = b""
            if not more:
                return None
            self.data += more
        length, kind, _, stream, header = struct.unpack_from("<IBBHI", self.data)
        body, self.data = self.data[12 + header : length + 4], self.data[length + 4 :]
        return self.take() if kind == LOG else (kind, stream, body)

    def ready(self):
        kinds = [self.take()[0]]
        self.channel.sendall(frame(CONFIG, [(":pipe", "1"), (":function", "x/vectors")]))
        return kinds + [self.take()[0]]

    def send(self, data):
        try:
            self.channel.sendall(data)
        except ConnectionError:
            pass  # it left in the middle, as it may

    def ping(self):
        self.channel.sendall(frame(PING, (), b"still there?"))
        return self.take() == (PONG, 0, b"still there?")

    def end(self):
        self.channel.close()
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None


def seen(plugin, vector):
    """What the plugin does: one of the words of vectors/README.md."""
    plugin.send(bytes_of(vector["bytes"]))
    if vector["then"] == "partial":
        plugin.channel.shutdown(socket.SHUT_WR)
    open_streams = [one["stream"] for one in vector["frames"] if one["type"] == CALL]
    pongs = 0
    while open_streams or pongs < sum(one["type"] == PING for one in vector["frames"]):
        got = plugin.take()
        if got is None:
            break
        kind, stream, _ = got
        if kind == PONG:
            pongs += 1
        elif kind in (RESULT, ERROR) and stream in open_streams:
            open_streams.remove(stream)
        else:
            return "sent a frame of type %#x on stream %d" % (kind, stream)
    words = vector["plugin"] if isinstance(vector["plugin"], list) else [vector["plugin"]]
    if {"exit", "exit 0", "ends"} & set(words) and (open_streams or "answer" not in words):
        if words == ["exit"]:
            plugin.send(frame(PING, (), b"still there?"))
        if plugin.take() is not None:
            return "nothing, but lived on"
        status = plugin.end()
        return "exit" if status == 65 else "ends" if "ends" in words and status is not None else "exit %s" % status
    if open_streams or not plugin.ping():
        return "left with %s" % plugin.end()
    return "answer" if CALL in [one["type"] for one in vector["frames"]] else "pong" if pongs else "nothing"


class Vectors(unittest.TestCase):
    def check(self, vector):
        plugin = Plugin()
        try:
            self.assertEqual(plugin.ready(), [HELLO, READY])
            what = seen(plugin, vector)
            expected = vector["plugin"] if isinstance(vector["plugin"], list) else [vector["plugin"]]
            self.assertIn(what, expected)
        finally:
            plugin.end()

    def test_all(self):
        for name in sorted(os.listdir(FOLDER)):
            if name.endswith(".json"):
                with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
                    for vector in json.load(file)["vectors"]:
                        if "plugin" in vector:
                            with self.subTest(file=name, vector=vector["name"]):
                                self.check(vector)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
