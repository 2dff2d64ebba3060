"""The NATS door, seen by nats-py: one publish in each of CloudEvents' forms, results read live and from the stream."""
import json

from stead_world import WorldCase, main, wait_for

ECHO, RESULT = "function.python.echo-python", "function.result."
BINARY = {"ce-id": "b-1", "ce-source": "/tests", "ce-specversion": "1.0", "ce-type": "test.v1"}


def structured(data, **attributes):
    event = {"specversion": "1.0", "id": "s-1", "source": "/tests", "type": "test.v1", "data": data, **attributes}
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()


class Publishing(WorldCase):
    @classmethod
    def set_up_functions(cls):
        cls.world.deploy(cls.one, "echo")
        cls.world.deploy(cls.one, "echo-python")
        cls.heard = cls.bus.listen("function.result.*")

    def tearDown(self):
        self.bus.queue_empty()

    def result_of(self, request_id):
        """Read live and from the stream: both are the same."""

        def live():
            return [message for message in self.heard if message.subject == RESULT + request_id]

        stored = self.bus.result(request_id)
        wait_for(live, "the live result of " + request_id)
        self.assertEqual([message.data for message in live()], [stored.data])
        return stored

    def publish(self, request_id, body, headers=None, subject=ECHO):
        self.bus.publish(subject, body, {"stead-request-id": request_id, **(headers or {})})
        return self.result_of(request_id)

    def assert_succeeded(self, result, data):
        self.assertEqual(result.headers["stead-outcome"], "succeeded", result.headers)
        self.assertEqual(result.headers["stead-attempts"], "1")
        self.assertEqual(result.headers["ce-specversion"], "1.0")
        self.assertEqual(result.headers["ce-type"], "test.echo.v1")
        self.assertEqual(result.data, data)

    def test_structured(self):
        result = self.publish(
            "structured",
            structured({"list": [1, 12345678901234567890]}, test="kept"),
            {"Content-Type": "application/cloudevents+json; charset=UTF-8"},
        )
        self.assert_succeeded(result, result.data)
        self.assertEqual(json.loads(result.data), {"list": [1, 12345678901234567890]})
        self.assertEqual(result.headers["ce-echoed"], "kept")
        self.assertEqual(result.headers["stead-function"], "python/echo-python")

    def test_structured_with_base64(self):
        body = structured(None, data_base64="AP8=", datacontenttype="application/octet-stream")
        result = self.publish("base64", body, {"Content-Type": "application/cloudevents+json"})
        self.assert_succeeded(result, b"\0\xff")

    def test_binary(self):
        headers = {**BINARY, "ce-test": "%C3%BC%20ber", "ce-datacontenttype": "text/plain"}
        result = self.publish("binary", b"any \0 bytes", headers)
        self.assert_succeeded(result, b"any \0 bytes")
        self.assertEqual(result.headers["ce-echoed"].upper(), "%C3%BC%20BER")
        self.assertEqual(result.headers["ce-datacontenttype"], "text/plain")

    def test_bare(self):
        self.assert_succeeded(self.publish("bare", b'{"bare": true}'), b'{"bare": true}')

    def test_function_in_c(self):
        result = self.publish("in-c", b"to c", {**BINARY, "ce-id": "c-1"}, "function.c.echo")
        self.assert_succeeded(result, b"to c")
        self.assertEqual(result.headers["stead-function"], "c/echo")

    def test_bare_without_id(self):
        before = {message.subject for message in self.heard}
        self.bus.publish(ECHO, b'{"nameless": 1}')
        found = wait_for(lambda: {message.subject for message in self.heard} - before, "any result")
        self.assertEqual(len(found), 1)
        self.assert_succeeded(self.result_of(found.pop()[len(RESULT) :]), b'{"nameless": 1}')

    def test_message_id_is_the_request_id(self):
        self.bus.publish(ECHO, b"by message id", {"Nats-Msg-Id": "msg-7"})
        self.assert_succeeded(self.result_of("msg-7"), b"by message id")

    def test_published_twice(self):
        headers = {"Nats-Msg-Id": "twice", "stead-request-id": "twice"}
        first = self.bus.request(ECHO, b"twice", headers)
        again = self.bus.request(ECHO, b"twice", headers)
        self.assertNotIn("duplicate", json.loads(first.data))
        self.assertTrue(json.loads(again.data)["duplicate"])
        self.assert_succeeded(self.result_of("twice"), b"twice")

    def test_same_id_later_without_deduplication(self):
        first = self.publish("again", b"again")
        self.bus.publish(ECHO, b"again", {"stead-request-id": "again"})
        self.bus.queue_empty()
        self.assertEqual(self.bus.result("again").seq, first.seq)

    def test_request_gets_the_acknowledgement(self):
        answer = json.loads(self.bus.request(ECHO, b"request", {"stead-request-id": "asked"}).data)
        self.assertEqual(answer["stream"], "functions")
        self.assertGreater(answer["seq"], 0)
        self.assert_succeeded(self.result_of("asked"), b"request")

    def test_invalid_events(self):
        json_type = {"Content-Type": "application/cloudevents+json"}
        cases = {
            "no-json": (b'{"specversion": ', json_type),
            "no-source": (structured(1, source=None), json_type),
            "no-type": (structured(1, type=None), json_type),
            "empty-id": (structured(1, id=""), json_type),
            "old-version": (structured(1, specversion="0.3"), json_type),
            "two-kinds-of-data": (structured(1, data_base64="AA=="), json_type),
            "not-utf8": (b'{"specversion":"1.0","id":"\xff","source":"/","type":"t"}', json_type),
            "upper-case": (structured(1, Extension="x"), json_type),
            "batch": (b"[]", {"Content-Type": "application/cloudevents-batch+json"}),
            "binary-without-source": (b"x", {"ce-id": "1", "ce-specversion": "1.0", "ce-type": "t"}),
            "binary-empty-id": (b"x", {**BINARY, "ce-id": ""}),
            "binary-bad-percent": (b"x", {**BINARY, "ce-note": "%C0%80"}),
            "binary-nul": (b"x", {**BINARY, "ce-note": "a%00b"}),
        }
        for request_id, (body, headers) in cases.items():
            with self.subTest(request_id):
                result = self.publish("bad-" + request_id, body, headers)
                self.assertEqual(result.headers["stead-outcome"], "failed")
                self.assertEqual(result.headers["stead-reason"], "INVALID_EVENT")
                self.assertEqual(result.headers["Nats-Service-Error-Code"], "400")
                self.assertTrue(result.headers["Nats-Service-Error"])
                self.assertTrue(result.data, "the body says what is wrong")

    def test_too_large(self):
        result = self.publish("large", b"x" * 1000000)
        self.assertEqual(result.headers["stead-outcome"], "failed")
        self.assertEqual(result.headers["stead-reason"], "EVENT_TOO_LARGE")
        self.assertEqual(result.headers["Nats-Service-Error-Code"], "413")

    def test_bad_request_ids(self):
        """An id that is no subject token can't name a result: the message gets one of its place in the stream."""
        for request_id in ("two.tokens", "star*", "any>", "with space", "x" * 300):
            with self.subTest(request_id):
                before = {message.subject for message in self.heard}
                self.bus.publish(ECHO, b"x", {"stead-request-id": request_id})
                found = wait_for(lambda: {message.subject for message in self.heard} - before, "any result")
                result = self.bus.result(found.pop()[len(RESULT) :])
                self.assertEqual(result.headers["stead-outcome"], "failed")
                self.assertEqual(result.headers["stead-reason"], "INVALID_EVENT")

    def test_forged_reply_subject(self):
        """A reply subject that is not a gateway's inbox is ignored."""
        stolen = self.bus.listen("stolen.>")
        self.publish("forged", b"x", {"stead-reply-to": "stolen.answer"})
        self.publish("forged-2", b"x", {"stead-reply-to": "$JS.API.STREAM.PURGE.functions"})
        self.assertEqual(stolen, [])

    def test_budget_that_is_over(self):
        """A request that waited longer than its budget is not run."""
        self.world.deploy(self.one, {"main.py": SLOW}, "slow", "spec: {maxWorkers: 1}\n")
        self.bus.publish("function.python.slow", b"x", {"stead-request-id": "holds-the-worker"})
        self.bus.publish("function.python.slow", b"x", {"stead-request-id": "late", "stead-budget-ms": "10"})
        self.assertEqual(self.result_of("holds-the-worker").headers["stead-outcome"], "succeeded")
        late = self.result_of("late")
        self.assertEqual(late.headers["stead-outcome"], "expired", late.headers)
        self.assertEqual(late.headers["stead-attempts"], "0")

    def test_many(self):
        ids = ["many-%d" % number for number in range(300)]
        for request_id in ids:
            self.bus.publish(ECHO, request_id.encode(), {"stead-request-id": request_id})
        for request_id in ids:
            self.assert_succeeded(self.result_of(request_id), request_id.encode())


SLOW = """
import time
import stead

@stead.function
def slow(event, ctx):
    time.sleep(1.5)
    return {}
"""

if __name__ == "__main__":
    main()
