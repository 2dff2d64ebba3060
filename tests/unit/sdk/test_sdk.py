"""The Python SDK without a host: events, data, replies, the JSON of its own, the runner's messages."""
import json
import os
import subprocess
import sys
import unittest

SDK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "sdk", "python")
sys.path.insert(0, SDK)

import stead  # noqa: E402
from stead import _fast_json  # noqa: E402

testing = stead.testing


class Data(unittest.TestCase):
    def test_by_content_type(self):
        rows = [
            (b'{"a":1}', "application/json", {"a": 1}),
            (b" [1] ", "application/json; charset=utf-8", [1]),
            (b'"x"', "application/vnd.test+json", "x"),
            (b'{"a":1}', None, {"a": 1}),
            (b"plain", None, b"plain"),
            (b"gr\xc3\xbcn", "text/plain", "gr\u00fcn"),
            (b"gr\xfcn", "text/plain; charset=latin-1", "gr\u00fcn"),
            (b"{}", "application/octet-stream", b"{}"),
            (b"", "application/json", None),
        ]
        for raw, content_type, expected in rows:
            attributes = {} if content_type is None else {"datacontenttype": content_type}
            self.assertEqual(stead.Event(attributes, raw).data, expected, (raw, content_type))

    def test_data_that_is_not_what_it_says(self):
        for raw, content_type in [(b"{", "application/json"), (b"\xff", "text/plain"), (b"x", "text/a; charset=none")]:
            with self.assertRaises(stead.Reject):
                stead.Event({"datacontenttype": content_type}, raw).data

    def test_json_agrees_with_the_library(self):
        for value in [1, "a\u2028\"\\\n", None, [], {"a": {"b": [1, 2.0, 1e100, -0.0, True]}}, {1: 2}, (1, 2)]:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            self.assertEqual(_fast_json.dumps(value), text)
            self.assertEqual(_fast_json.loads(text.encode()), json.loads(text))
        for bad in [b"{", b"", b"[1,]", b"1 2", b"\xff", b"nul"]:
            self.assertRaises(ValueError, _fast_json.loads, bad)


class Replies(unittest.TestCase):
    def test_reply_keeps_what_it_should(self):
        given = testing.event({"a": 1}, correlationid="c-1", traceparent="00-1", other="gone")
        answer = testing.run(lambda event, ctx: event.reply("t.v1", [1], partitionkey=7), given)
        self.assertEqual(answer.data, [1])
        self.assertEqual((answer.type, answer["causationid"], answer["correlationid"]), ("t.v1", "test-1", "c-1"))
        self.assertEqual((answer["traceparent"], answer["partitionkey"]), ("00-1", "7"))
        self.assertNotIn("other", answer)
        self.assertNotEqual(answer.id, given.id)
        self.assertEqual(answer.datacontenttype, "application/json")

    def test_return_values(self):
        rows = [(None, None, b""), (b"x", "application/octet-stream", b"x"), ({"a": "\u00e9"}, "application/json",
                '{"a":"\u00e9"}'.encode()), ("text", "application/json", b'"text"')]
        for value, content_type, raw in rows:
            answer = testing.run(lambda event, ctx: value)
            self.assertEqual((answer.datacontenttype, answer.raw), (content_type, raw))

    def test_what_is_not_json_is_rejected(self):
        for value in [{1, 2}, float("nan"), object()]:
            with self.assertRaises(stead.Reject):
                testing.run(lambda event, ctx: value)
        with self.assertRaises(stead.Reject):
            testing.run(lambda event, ctx: event.reply("t", None, **{"Bad-Name": 1}))

    def test_context(self):
        seen = {}

        @stead.function(retry_on=(OSError,))
        def f(event, ctx):
            ctx.log.info("hello", count=1)
            ctx.log.info("more than a frame takes", **{":level": "no", "": 1, **{"f%d" % n: n for n in range(200)}})
            seen.update(id=ctx.request_id, attempt=ctx.attempt, left=ctx.remaining_s, cancelled=ctx.cancelled())

        testing.run(f, attempt=3, remaining_s=5)
        self.assertEqual((seen["id"], seen["attempt"], seen["cancelled"]), ("test-request", 3, False))
        self.assertTrue(4 < seen["left"] <= 5)


class Runner(unittest.TestCase):
    def run_file(self, text):
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "main.py")
            with open(path, "w") as file:
                file.write(text)
            runner = os.path.join(SDK, "stead", "__main__.py")
            return subprocess.run([sys.executable, "-I", "-S", "-B", runner, path], capture_output=True, text=True)

    def test_messages(self):
        two = "import stead\n@stead.function\ndef a(e, c): pass\n@stead.function\ndef b(e, c): pass\n"
        rows = [
            ("import stead\n", "must declare one function with @stead.function"),
            (two, "found: a, b"),
            ("import stead\n@stead.function\ndef a(e, c): pass\n", "started by Stead with a channel on fd 3"),
            ("import stead\n@stead.function\nasync def a(e, c): pass\n", "is async"),
            ("def f(:\n", "SyntaxError"),
        ]
        for text, message in rows:
            done = self.run_file(text)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(message, done.stderr)


if __name__ == "__main__":
    unittest.main()
