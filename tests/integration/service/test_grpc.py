"""The gRPC door, seen by Python's gRPC: calls that work, and every kind of bad input with its status and reason."""

import json
import threading

import grpc
from stead_world import WorldCase, event_of, main, request_id_of
from stead_world import calls

EXECUTE = "/function.v1.FunctionService/ExecuteFunction"
JSON = {"datacontenttype": "application/json"}
BARE_EXECUTE = "/FunctionService/ExecuteFunction"
COUNTER = """
import stead

count = 0

@stead.function
def counter(event, ctx):
    global count
    count += 1
    return {"count": count, "data": event.data}
"""


def field(number, body):
    """A length-delimited protobuf field, made by hand."""
    length, text = len(body), b""
    while length > 127:
        text, length = text + bytes([length & 127 | 128]), length >> 7
    return bytes([number << 3 | 2]) + text + bytes([length]) + body


def raw_request(name=b"echo", **event):
    """An ExecuteFunctionRequest whose strings may be no UTF-8."""
    numbers = {"id": 1, "source": 2, "spec_version": 3, "type": 4, "attribute": 5}
    fields = {"id": b"raw", "source": b"/tests", "spec_version": b"1.0", "type": b"test.v1", **event}
    return field(1, name) + field(2, b"".join(field(numbers[key], value) for key, value in fields.items()))


class Calls(WorldCase):
    settings = {"functions_timeout": "3s"}

    @classmethod
    def set_up_functions(cls):
        for plugin in ("echo", "echo-python", "rejects", "hangs"):
            cls.world.deploy(cls.one, plugin)
        cls.world.deploy(cls.one, {"main.py": COUNTER}, "counter", "spec: {maxWorkers: 1}\n")
        cls.client = cls.one.client

    def test_success(self):
        for function in ("echo", "echo-python"):
            with self.subTest(function):
                event = event_of("grüße", test="kept", datacontenttype="text/plain")
                answer = self.client.execute(function, event)
                self.assert_ok(answer)
                self.assertEqual(answer.data, "grüße".encode())
                self.assertEqual(answer.response.request_id, request_id_of(function, event))
                self.assertEqual(answer.response.event.attributes["echoed"].ce_string, "kept")
                self.assertEqual(answer.response.event.type, "test.echo.v1")

    def test_client_without_package(self):
        bare = calls.module("bare_pb2")
        for data in (b"\x00\xff raw", "text"):
            event = event_of(data, kind="bare_pb2")
            answer = self.client.bare.ExecuteFunction(
                bare.ExecuteFunctionRequest(name="echo", event=event), timeout=calls.CALL_SECONDS
            )
            self.assertEqual(answer.WhichOneof("result"), "data")
            self.assertEqual(answer.data, data if isinstance(data, bytes) else data.encode())
        with self.assertRaises(grpc.RpcError) as refused:
            self.client.bare.ExecuteFunction(bare.ExecuteFunctionRequest(name="nobody", event=event), timeout=60)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.NOT_FOUND)
        rejected = bare.ExecuteFunctionRequest(name="rejects", event=event_of('"reject"', "bare_pb2", **JSON))
        self.assertIn("not with me", self.client.bare.ExecuteFunction(rejected, timeout=60).error)

    def test_no_data(self):
        answer = self.client.execute("echo", event_of())
        self.assert_ok(answer)
        self.assertEqual(answer.data, b"")

    def test_function_error(self):
        answer = self.client.execute("rejects", event_of('"reject"', **JSON))
        self.assertEqual(answer.status, grpc.StatusCode.OK)
        self.assertEqual(answer.response.WhichOneof("result"), "error")
        self.assertIn("not with me", answer.response.error)
        self.assertEqual(answer.response.error_detail.error_class, "permanent")
        self.assertFalse(answer.response.error_detail.retryable)
        self.assertEqual(answer.response.error_detail.attempts, 1)

    def test_deadline(self):
        event = event_of("x")
        self.assert_status(self.client.execute("hangs", event, timeout=1), "DEADLINE_EXCEEDED")
        self.assert_ok(self.client.execute("echo", event_of("after it")))
        stored = self.bus.result(request_id_of("hangs", event))
        self.assertIn(stored.headers["stead-outcome"], ("expired", "failed"))

    def test_deadline_that_is_over(self):
        # The client gives up on -1 itself; 0 and 1 ms are sent, and are over when the service looks. It can't be `echo`
        # that is called: gRPC rounds a deadline up on the wire, and a warm call may be answered within that.
        for timeout in (-1, 0, 0.001):
            with self.subTest(timeout):
                self.assert_status(self.client.execute("hangs", event_of("x"), timeout=timeout), "DEADLINE_EXCEEDED")
        self.assert_ok(self.client.execute("echo", event_of("after them")))

    def test_unknown_function(self):
        answer = self.client.execute("nobody", event_of("x"))
        self.assert_status(answer, "NOT_FOUND", "FUNCTION_NOT_FOUND")

    def test_bad_function_names(self):
        for name in ("echo.more", "echo.*", "*", ">", "Echo", "echo ", "9echo", "e" * 64, "echo/..", "écho"):
            with self.subTest(name):
                answer = self.client.execute(name, event_of("x"))
                self.assert_status(answer, "INVALID_ARGUMENT", "INVALID_FUNCTION_NAME")
                self.assertEqual(answer.violations[0].field, "name")
        answer = self.client.execute("", event_of("x"))
        self.assert_status(answer, "INVALID_ARGUMENT")
        self.assertEqual(answer.violations[0].field, "name")

    def test_large_payload(self):
        payload = bytes(range(256)) * 2800
        for function in ("echo", "echo-python"):
            with self.subTest(function):
                answer = self.client.execute(function, event_of(payload))
                self.assert_ok(answer)
                self.assertEqual(answer.data, payload)

    def test_too_large(self):
        answer = self.client.execute("echo", event_of(b"x" * (1 << 20)))
        self.assert_status(answer, "RESOURCE_EXHAUSTED", "EVENT_TOO_LARGE")
        answer = self.client.execute("echo", event_of(b"x" * (8 << 20)))
        self.assert_status(answer, "RESOURCE_EXHAUSTED")

    def test_many_at_once(self):
        events = [event_of("call %d" % number) for number in range(500)]
        functions = ("echo", "echo-python")
        started = [self.client.start(functions[number % 2], event) for number, event in enumerate(events)]
        for event, call in zip(events, started):
            answer = calls.answer_of(call)
            self.assert_ok(answer)
            self.assertEqual(answer.data, event.text_data.encode())

    def test_same_id_twice(self):
        event = event_of({"same": 1})
        first = self.client.execute("counter", event)
        self.assert_ok(first)
        for _ in range(3):
            again = self.client.execute("counter", event)
            self.assert_ok(again)
            self.assertEqual(again.data, first.data)
        other = self.client.execute("counter", event_of({"other": 1}))
        self.assertEqual(json.loads(other.data)["count"], json.loads(first.data)["count"] + 1, "it ran once")

    def test_same_id_at_once(self):
        event = event_of({"at": "once"})
        answers = [calls.answer_of(call) for call in [self.client.start("counter", event) for _ in range(8)]]
        for answer in answers:
            self.assert_ok(answer)
        self.assertEqual(len({answer.data for answer in answers}), 1)

    def test_same_id_with_other_data(self):
        event = event_of("one")
        self.assert_ok(self.client.execute("echo", event))
        event.text_data = "two"
        self.assert_status(self.client.execute("echo", event), "ALREADY_EXISTS", "ID_CONFLICT")

    def test_same_id_to_two_functions(self):
        event = event_of("shared")
        for function in ("echo", "echo-python"):
            answer = self.client.execute(function, event)
            self.assert_ok(answer)
            self.assertEqual(answer.data, b"shared")

    def test_cancelled(self):
        """A caller that goes away takes nothing with it: the request has one end all the same."""
        event = event_of("x")
        call = self.client.start("hangs", event)
        threading.Event().wait(0.3)
        self.assertTrue(call.cancel())
        self.assert_ok(self.client.execute("echo", event_of("after it")))
        stored = self.bus.result(request_id_of("hangs", event))
        self.assertNotEqual(stored.headers["stead-outcome"], "succeeded")
        self.bus.queue_empty()


class BadInput(WorldCase):
    @classmethod
    def set_up_functions(cls):
        cls.world.deploy(cls.one, "echo")
        cls.client = cls.one.client

    def tearDown(self):
        self.assert_ok(self.client.execute("echo", event_of("still there")))

    def check_event(self, expected, **fields):
        answer = self.client.raw(EXECUTE, raw_request(**fields))
        self.assert_status(answer, "INVALID_ARGUMENT", "INVALID_EVENT")
        self.assertTrue(answer.violations, repr(answer))
        self.assertIn(expected, answer.violations[0].field)

    def test_missing_attributes(self):
        for name in ("id", "source", "type"):
            with self.subTest(name):
                self.check_event(name, **{name: b""})

    def test_no_event(self):
        self.assert_status(self.client.raw(EXECUTE, field(1, b"echo")), "INVALID_ARGUMENT", "INVALID_EVENT")

    def test_bad_specversion(self):
        for version in (b"", b"0.3", b"2.0", b"1.0.2", b"one"):
            with self.subTest(version):
                self.check_event("specversion", spec_version=version)

    def test_bad_utf8(self):
        for body in (b"\xff", b"ab\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
            with self.subTest(body):
                self.check_event("id", id=body)
                self.check_event("type", type=body)

    def test_nul_and_control_characters(self):
        for body in (b"a\0b", b"\0", b"a\x1fb", b"a\xc2\x85b"):
            with self.subTest(body):
                self.check_event("id", id=body)

    def test_bad_attribute_name(self):
        value = field(2, field(3, b"x"))
        for name in (b"Upper", b"with-dash", b"", b"data", b"n\xff"):
            with self.subTest(name):
                answer = self.client.raw(EXECUTE, raw_request(attribute=field(1, name) + value))
                self.assert_status(answer, "INVALID_ARGUMENT", "INVALID_EVENT")

    def test_attribute_with_nul(self):
        self.check_event("note", attribute=field(1, b"note") + field(2, field(3, b"a\0b")))

    def test_malformed_protobuf(self):
        for method in (EXECUTE, BARE_EXECUTE):
            for body in (b"\x0a\xff", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x12\x05abc", b"\x0b\x0c"):
                with self.subTest(method=method, body=body):
                    answer = self.client.raw(method, body)
                    self.assertIn(answer.status.name, ("INTERNAL", "INVALID_ARGUMENT"), repr(answer))
                    self.assertEqual(answer.reason, "BAD_REQUEST_ENCODING", repr(answer))

    def test_compressed(self):
        body = raw_request(attribute=field(1, b"note") + field(2, field(3, b"x" * 4000)))
        answer = self.client.raw(EXECUTE, body, compression=grpc.Compression.Gzip)
        self.assert_status(answer, "UNIMPLEMENTED")

    def test_unknown_method(self):
        for method in ("/function.v1.FunctionService/Nothing", "/Nobody/Nothing", "/function.v1.FunctionAdmin/Forget"):
            with self.subTest(method):
                self.assert_status(self.client.raw(method, b""), "UNIMPLEMENTED")

    def test_health(self):
        for service in ("", "function.v1.FunctionService"):
            self.assertEqual(self.client.health_of(service), "SERVING")
        self.assertEqual(self.client.health_of("nobody.v1"), "NOT_FOUND")
        health = calls.module("health_pb2")
        watch = self.client.health.Watch(health.HealthCheckRequest(), timeout=30)
        self.assertEqual(next(watch).status, health.HealthCheckResponse.SERVING)
        watch.cancel()


if __name__ == "__main__":
    main()
