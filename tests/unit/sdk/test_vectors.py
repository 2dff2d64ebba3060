"""The byte vectors that all SDKs share (tests/conformance/vectors), decoded and encoded by the Python SDK."""
import json
import os
import sys
import tempfile
import unittest
from unittest import mock

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
FOLDER = os.path.join(ROOT, "tests", "conformance", "vectors")
sys.path.insert(0, os.path.join(ROOT, "sdk", "python"))

import stead  # noqa: E402
from stead import _serve  # noqa: E402


class End(Exception):
    """The channel is at its end."""


def bytes_of(pieces):
    pairs = ((piece, 1) if isinstance(piece, str) else (piece["hex"], piece["times"]) for piece in pieces)
    return b"".join(bytes.fromhex(text) * times for text, times in pairs)


def text_of(entry):
    name, value, *times = entry
    return name, value * (times[0] if times else 1)


def decode(raw):
    """(frames, what follows them), read by the SDK's channel from a file."""
    frames = []
    with tempfile.TemporaryFile() as file, mock.patch.object(_serve, "_leave", side_effect=End), mock.patch.object(
        sys, "stderr", None
    ), mock.patch.object(stead, "_die", side_effect=SystemExit(65)):
        file.write(raw)
        file.seek(0)
        channel = _serve.Channel(file.fileno())
        try:
            while True:
                kind, flags, stream, header, body = channel.next()
                attributes, control = stead._read_block(header)
                frames.append((kind, flags, stream, {**attributes, **control}, body))
        except End:
            return frames, "partial" if channel._end > channel._start else "end"
        except SystemExit:
            return frames, "bad"


def encode(frame):
    sent = []
    channel = mock.Mock(spec=["fd"], fd=3)
    with mock.patch.object(_serve, "write", side_effect=lambda fd, data: sent.append(data) or len(data)):
        header = stead._write_block(dict(map(text_of, frame["header"])))
        _serve.Channel.send(channel, frame["type"], frame["stream"], header, bytes_of(frame["body"]))
    return b"".join(sent)


class Vectors(unittest.TestCase):
    def check(self, vector):
        raw = bytes_of(vector["bytes"])
        frames, then = decode(raw)
        self.assertEqual(then, "end" if not raw else vector["then"])
        expected = []
        for frame in vector["frames"]:
            header = {}
            for name, value in map(text_of, frame["header"]):
                header.setdefault(name, value)
            expected.append((frame["type"], frame["flags"], frame["stream"], header, bytes_of(frame["body"])))
        self.assertEqual(frames, expected)
        names = [[entry[0] for entry in frame["header"]] for frame in vector["frames"]]
        # The SDK sends no flags, and its headers are dicts: what has either is for receivers.
        if all(len(set(one)) == len(one) for one in names) and not any(frame["flags"] for frame in vector["frames"]):
            encoded = b"".join(map(encode, vector["frames"]))
            self.assertEqual(encoded, raw[: len(encoded)])

    def test_all(self):
        for name in sorted(os.listdir(FOLDER)):
            if name.endswith(".json"):
                with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
                    for vector in json.load(file)["vectors"]:
                        with self.subTest(file=name, vector=vector["name"]):
                            self.check(vector)


if __name__ == "__main__":
    unittest.main()
