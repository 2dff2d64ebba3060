"""What strangers with access to the broker, and full streams, may do to the request path: each has a defined answer."""
import json
import socket
import time

from stead_world import WorldCase, calls, event_of, main, request_id_of, wait_for

JSON = {"datacontenttype": "application/json"}
SLOW = """
import time
import stead

@stead.function
def slow(event, ctx):
    with open(event.data["path"], "a") as file:
        file.write("run\\n")
    time.sleep(event.data.get("seconds", 0))
    if event.data.get("fail"):
        raise ValueError("no")
    return {"well": True}
"""


class BadInput(WorldCase):
    settings = {"queue_ack_wait": "2s", "functions_retry_base": "20ms"}

    @property
    def client(self):
        return self.one.client

    @classmethod
    def set_up_functions(cls):
        cls.world.deploy(cls.one, "echo")
        cls.world.deploy(cls.one, {"main.py": SLOW.encode()}, "slow", "spec: {maxRetries: 0}\n")

    def tearDown(self):
        self.assert_ok(self.client.execute("echo", event_of("still here")))

    def publish(self, function, request_id, **data):
        data["path"] = self.world.path("ran-" + request_id)
        ack = self.bus.request("function.python." + function, json.dumps(data).encode(), {"stead-request-id": request_id})
        return json.loads(ack.data)["seq"]

    def runs(self, request_id):
        try:
            with open(self.world.path("ran-" + request_id)) as file:
                return len(file.readlines())
        except FileNotFoundError:
            return 0

    def token(self, sequence, consumer_sequence):
        """An acknowledgement subject as anybody can guess it."""
        return "$JS.ACK.functions.python-slow.1.%d.%d.0.0" % (sequence, consumer_sequence)

    def consumer_sequence(self):
        state = self.bus.run(self.bus.stream.consumer_info("functions", "python-slow"))
        return state.delivered.consumer_seq

    def test_nak_storm(self):
        """A stranger refuses a delivery 200 times while it runs: it comes again and again, and runs once."""
        sequence = self.publish("slow", "stormed", seconds=3)
        wait_for(lambda: self.runs("stormed"), "the run")
        first = self.consumer_sequence()
        for number in range(200):
            self.bus.publish(self.token(sequence, first + number), b"-NAK")
            time.sleep(0.005)
        result = self.bus.result("stormed")
        self.assertEqual((result.headers["stead-outcome"], result.headers["stead-attempts"]), ("succeeded", "1"))
        self.assertEqual(self.runs("stormed"), 1)
        self.bus.queue_empty()

    def test_forged_ack(self):
        """A stranger acknowledges what runs: it is out of the queue, and its result is stored all the same."""
        sequence = self.publish("slow", "forged", seconds=2)
        wait_for(lambda: self.runs("forged"), "the run")
        self.bus.publish(self.token(sequence, self.consumer_sequence()), b"+ACK")
        self.assertEqual(self.bus.result("forged").headers["stead-outcome"], "succeeded")
        self.assertEqual(self.runs("forged"), 1)

    def test_forged_ack_subjects_of_nothing(self):
        """Tokens of messages that never were, and no tokens at all."""
        for subject in (self.token(10**9, 10**9), "$JS.ACK.functions.python-slow.x.y.z", "$JS.ACK.functions.nobody.1.1.1.0.0"):
            self.bus.publish(subject, b"+ACK")

    def test_result_of_an_unknown_id(self):
        """Nobody asked for it; who asks by its id reads what is stored."""
        headers = {"stead-outcome": "succeeded", "stead-function": "python/slow", "ce-specversion": "1.0", "ce-id": "1"}
        headers.update({"ce-type": "x", "ce-source": "y"})
        self.bus.request("function.result.made-up", b"hello", headers)
        answer = self.stored("made-up")
        self.assertEqual((answer.response.outcome, answer.response.data), ("succeeded", b"hello"), repr(answer))

    def test_garbage_where_a_result_belongs(self):
        """It can't be written over: the request ends there, and is not tried for ever."""
        self.bus.request("function.result.squatted", b"garbage")
        answer = self.stored("squatted")
        self.assertEqual((answer.response.outcome, answer.response.reason), ("failed", "INVALID_RESULT"), repr(answer))
        self.publish("slow", "squatted")
        self.bus.queue_empty()
        event = event_of(json.dumps({"path": self.world.path("ran-squatted")}), **JSON)
        self.bus.request("function.result." + request_id_of("slow", event), b"garbage")
        answer = self.client.execute("slow", event)
        self.assertEqual((answer.status.name, answer.reason), ("ALREADY_EXISTS", "ID_CONFLICT"), repr(answer))

    def stored(self, request_id):
        request = calls.module("function_service_pb2").GetResultRequest(request_id=request_id)
        return calls.answer_of(lambda: self.client.functions.GetResult(request, timeout=30))

    def raw(self, lines, read_until, seconds=10):
        """Speaks NATS by itself: what comes back until that text, or the end."""
        with socket.create_connection(("127.0.0.1", self.world.nats_port), timeout=seconds) as stream:
            stream.sendall(b'CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\n')
            heard = b""
            try:
                stream.sendall(lines)
                stream.sendall(b"PING\r\n")
                while read_until not in heard:
                    part = stream.recv(65536)
                    if not part:
                        break
                    heard += part
            except OSError:
                pass
            return heard

    def test_headers_twice(self):
        """Two that agree are one; two ids that differ name no request."""
        for number, (second, outcome) in enumerate((("same-%d", "succeeded"), ("other-%d", "failed"))):
            name = "same-%d" % number
            body = json.dumps({"path": self.world.path("ran-" + name)}).encode()
            head = b"NATS/1.0\r\nstead-request-id: %s\r\nstead-request-id: %s\r\n\r\n" % (
                name.encode(),
                (second % number).encode(),
            )
            line = b"HPUB function.python.slow %d %d\r\n" % (len(head), len(head) + len(body))
            before = self.bus.info("functions").last_seq
            self.assertIn(b"PONG", self.raw(line + head + body + b"\r\n", b"PONG"))
            if outcome == "succeeded":
                self.assertEqual(self.bus.result(name).headers["stead-outcome"], "succeeded")
                continue
            wait_for(lambda: self.bus.info("functions").last_seq > before, "the message")
            self.bus.queue_empty()
            results = self.bus.messages("function-results", "function.result.*")
            bad = [one for one in results if (one.headers or {}).get("stead-reason") == "INVALID_EVENT"]
            self.assertTrue(bad, "the end of the message that names two requests")
            self.assertEqual(self.runs(name), 0)

    def test_headers_without_cloudevents(self):
        """Headers that mean nothing to us: a bare body, and none of them is an attribute."""
        self.bus.request("function.c.echo", b"bare", {"stead-request-id": "bare-1", "X-Other": "1", "traceparent": "00-x"})
        result = self.bus.result("bare-1")
        self.assertEqual((result.headers["stead-outcome"], result.data), ("succeeded", b"bare"))

    def test_10_mib_against_1_mib(self):
        """The broker hangs up on who tries; through our door it is a refusal with the limit in it."""
        heard = self.raw(b"PUB function.python.slow %d\r\n" % (10 << 20), b"Violation")
        self.assertIn(b"Maximum Payload Violation", heard)
        answer = self.client.execute("echo", event_of(b"x" * (10 << 20)))
        self.assertEqual(answer.status.name, "RESOURCE_EXHAUSTED", repr(answer))

    def test_dead_letter_stream_full(self):
        """The result tells the end at once; the letter follows when there is room, and nobody waits for it."""
        self.publish("slow", "buried-0", fail=True)
        wait_for(lambda: self.bus.last("function-dead", "function.dead.python.slow.buried-0"), "the first letter")
        self.bus.limit("function-dead", self.bus.info("function-dead").messages)
        for number in range(1, 4):
            self.publish("slow", "buried-%d" % number, fail=True)
        for number in range(1, 4):
            result = self.bus.result("buried-%d" % number)
            self.assertEqual(result.headers["stead-outcome"], "dead-lettered")
        for number in range(50):
            self.assert_ok(self.client.execute("echo", event_of("beside %d" % number)))
        self.assertIsNone(self.bus.last("function-dead", "function.dead.python.slow.buried-1"))
        self.bus.limit("function-dead", -1)
        for number in range(1, 4):
            subject = "function.dead.python.slow.buried-%d" % number
            wait_for(lambda subject=subject: self.bus.last("function-dead", subject), "the letter", 60)
        self.bus.queue_empty()
        self.assertEqual(sum(self.runs("buried-%d" % number) for number in range(4)), 4, "each ran once")

    def test_result_stream_full(self):
        """What has run waits for room and runs no more; the door refuses what is new; all goes on with room again."""
        self.bus.limit("function-results", self.bus.info("function-results").messages)
        self.publish("slow", "roomless")
        wait_for(lambda: self.runs("roomless"), "the run")
        refused = wait_for(lambda: self._refused(), "a refusal")
        self.assertEqual((refused.status.name, refused.reason), ("RESOURCE_EXHAUSTED", "QUEUE_FULL"))
        self.assertTrue(refused.retry_s, "it is said when to come again")
        self.bus.limit("function-results", 1000000)
        self.assertEqual(self.bus.result("roomless").headers["stead-outcome"], "succeeded")
        self.assertEqual(self.runs("roomless"), 1)
        wait_for(lambda: self.client.execute("echo", event_of("room")).ok, "calls that are taken again")

    def _refused(self):
        answer = self.client.execute("echo", event_of("full"), 1)
        return answer if not answer.ok and answer.status.name == "RESOURCE_EXHAUSTED" else None


if __name__ == "__main__":
    main()
