"""Submit, read results, cancel: every way to make a request and to end it, over two instances, restarts and a killed
broker."""
import calendar
import json
import os
import sys
import threading
import time

import grpc

from stead_world import ROOT, WorldCase, event_of, main, request_id_of, wait_for
from stead_world import calls

sys.path.insert(0, os.path.join(ROOT, "ci"))
import nats_client  # noqa: E402  (two headers of one name, which nats-py can't send)

RESULT = "function.result."
WAITS = {
    "main.py": '''
import json
import os
import time

import stead


@stead.function
def waits(event, ctx):
    wish = json.loads(event.raw)
    path = os.path.join(wish["folder"], ctx.request_id)
    open(path + ".started", "a").close()
    while not os.path.exists(path + ".go") and not ctx.cancelled():
        time.sleep(0.01)
    if ctx.cancelled():
        open(path + ".told", "a").close()
    return {"waited": wish["for"]}
'''
}
SPEC = "spec: {maxWorkers: 1, timeout: 60s, maxRetries: 3}\n"


class DoorsCase(WorldCase):
    """Instances `one` and, in some, `two`; `waits` runs until it is let go or told to stop."""

    @classmethod
    def set_up_functions(cls):
        cls.world.deploy(cls.one, "echo")
        cls.world.deploy(cls.one, WAITS, "waits", SPEC)

    # -- the doors --

    def submit(self, name, event, serve=None, timeout=30):
        client = (serve or self.one).client
        request = calls.module("function_service_pb2").SubmitFunctionRequest(name=name, event=event)
        return self.answer(lambda: client.functions.SubmitFunction(request, timeout=timeout))

    def result(self, request_id, wait=False, serve=None, timeout=30):
        client = (serve or self.one).client
        request = calls.module("function_service_pb2").GetResultRequest(request_id=request_id, wait=wait)
        return self.answer(lambda: client.functions.GetResult(request, timeout=timeout))

    def cancel(self, request_id, serve=None, timeout=30):
        client = (serve or self.one).client
        request = calls.module("function_service_pb2").CancelRequest(request_id=request_id)
        return self.answer(lambda: client.functions.Cancel(request, timeout=timeout))

    @staticmethod
    def answer(call):
        try:
            return calls.Answer(response=call())
        except grpc.RpcError as error:
            return calls.Answer(error=error)

    def accepted(self, answer):
        self.assertEqual(answer.status.name, "OK", repr(answer))
        return answer.response.request_id

    def assert_stored(self, answer, outcome, reason=""):
        self.assertEqual(answer.status.name, "OK", repr(answer))
        self.assertEqual((answer.response.outcome, answer.response.reason), (outcome, reason), repr(answer))

    # -- a function that waits --

    def wish(self, name):
        return event_of({"folder": self.world.folder, "for": name})

    def note(self, request_id, what):
        return self.world.path(request_id + "." + what)

    def started(self, request_id):
        wait_for(lambda: os.path.exists(self.note(request_id, "started")), "the start of " + request_id)

    def let_go(self, request_id):
        with open(self.note(request_id, "go"), "w", encoding="utf-8"):
            pass

    def running(self, name, serve=None):
        """A request of `waits` that runs."""
        request_id = self.accepted(self.submit("waits", self.wish(name), serve))
        self.started(request_id)
        return request_id

    def queued(self, name, serve=None):
        """One that does not, since another occupies the only worker."""
        return self.accepted(self.submit("waits", self.wish(name), serve))

    def tearDown(self):
        for name in os.listdir(self.world.folder):
            if name.endswith(".started"):
                self.let_go(name[: -len(".started")])
        self.bus.queue_empty()


class Doors(DoorsCase):
    def test_submit_and_read(self):
        event = event_of(b"to c")
        answer = self.submit("echo", event)
        request_id = self.accepted(answer)
        self.assertEqual(request_id, request_id_of("echo", event))
        self.assertFalse(answer.response.duplicate)
        stored = self.result(request_id, wait=True)
        self.assert_stored(stored, "succeeded")
        self.assertEqual(stored.response.data, b"to c")
        self.assertEqual(stored.response.event.type, "test.echo.v1")
        self.assertEqual(stored.response.attempts, 1)
        self.assertEqual(stored.response.function, "c/echo")
        self.assertTrue(stored.response.version)
        self.assertEqual(self.result(request_id).response, stored.response)

    def test_submitted_is_not_bound_to_the_patience_of_its_caller(self):
        request_id = self.running("patience")
        queued = self.accepted(self.submit("waits", self.wish("behind it"), timeout=1))
        self.let_go(request_id)
        self.let_go(queued)
        self.assert_stored(self.result(queued, wait=True), "succeeded")
        message = self.bus.result(queued)
        self.assertEqual(message.headers["stead-attempts"], "1")

    def test_submitted_twice(self):
        event = event_of(b"twice")
        request_id = self.accepted(self.submit("echo", event))
        self.result(request_id, wait=True)
        again = self.submit("echo", event)
        self.assertEqual(self.accepted(again), request_id)
        self.assertTrue(again.response.duplicate)

    def test_same_id_with_another_input(self):
        event = event_of(b"first")
        self.result(self.accepted(self.submit("echo", event)), wait=True)
        other = event_of(b"second", id=event.id)
        self.assert_status(self.submit("echo", other), "ALREADY_EXISTS", "ID_CONFLICT")
        executed = self.one.client.execute("echo", event)
        self.assertEqual(executed.data, b"first")

    def test_refused_at_the_door(self):
        self.assert_status(self.submit("nobody", event_of(b"")), "NOT_FOUND", "FUNCTION_NOT_FOUND")
        self.assert_status(self.submit("no.name", event_of(b"")), "INVALID_ARGUMENT", "INVALID_FUNCTION_NAME")
        self.assert_status(self.submit("echo@", event_of(b"")), "INVALID_ARGUMENT", "INVALID_ALIAS")
        self.assert_status(self.submit("echo@nobody", event_of(b"")), "NOT_FOUND", "ALIAS_NOT_FOUND")
        self.assert_status(self.one.client.execute("echo@nobody", event_of(b"")), "NOT_FOUND", "ALIAS_NOT_FOUND")

    def test_live_is_no_other_request(self):
        event = event_of(b"live")
        request_id = self.accepted(self.submit("echo@live", event))
        self.assertEqual(request_id, request_id_of("echo", event))
        self.assert_stored(self.result(request_id, wait=True), "succeeded")

    def test_result_of_nobody(self):
        self.assert_status(self.result("nobody-asked"), "NOT_FOUND", "RESULT_NOT_FOUND")
        self.assert_status(self.result("two.tokens"), "INVALID_ARGUMENT")
        self.assert_status(self.result("nobody-asked", wait=True, timeout=1), "DEADLINE_EXCEEDED")
        self.assertEqual(self.result("nobody-asked", wait=True, timeout=1).status.name, "DEADLINE_EXCEEDED")

    def test_result_that_comes_while_waiting(self):
        request_id = self.running("awaited")
        self.assert_status(self.result(request_id), "NOT_FOUND", "RESULT_NOT_FOUND")
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(self.result(request_id, wait=True)))
        waiting.start()
        self.let_go(request_id)
        waiting.join(30)
        self.assert_stored(answers[0], "succeeded")
        self.assertEqual(json.loads(answers[0].response.data), {"waited": "awaited"})

    def test_result_of_a_failure(self):
        self.bus.publish("function.c.echo", b"x", {"stead-request-id": "bad-one", "ce-id": ""})
        stored = self.result("bad-one", wait=True)
        self.assert_stored(stored, "failed", "INVALID_EVENT")
        self.assertEqual(stored.response.error, "id is empty: give it a value")
        self.assertEqual(stored.response.function, "c/echo")

    # -- cancel --

    def test_cancel_queued(self):
        first = self.running("first")
        second = self.queued("second")
        self.assertEqual(self.accepted(self.cancel(second)), second)
        stored = self.result(second)
        self.assert_stored(stored, "cancelled", "CANCELLED")
        self.assertEqual(stored.response.function, "python/waits")
        self.let_go(first)
        self.assert_stored(self.result(first, wait=True), "succeeded")
        self.bus.queue_empty()
        self.assertFalse(os.path.exists(self.note(second, "started")), "a cancelled request ran")
        message = self.bus.result(second)
        self.assertEqual(message.headers["stead-outcome"], "cancelled")
        self.assertEqual(message.headers["stead-reason"], "CANCELLED")
        self.assertEqual(message.headers["stead-request-id"], second)
        metrics = self.one.http("/metrics")[1]
        self.assertRegex(metrics, r'stead_function_invocations_total\{[^}]*function="waits"[^}]*outcome="cancelled"\} [1-9]')

    def test_cancel_running(self):
        request_id = self.running("running")
        before = self.bus.info("function-dead").messages
        self.accepted(self.cancel(request_id))
        wait_for(lambda: os.path.exists(self.note(request_id, "told")), "the function to be told")
        self.assert_stored(self.result(request_id), "cancelled", "CANCELLED")
        self.bus.queue_empty()
        self.assertEqual(self.bus.info("function-dead").messages, before)
        after = self.running("after it")  # the worker goes on
        self.let_go(after)
        self.assert_stored(self.result(after, wait=True), "succeeded")

    def test_caller_of_a_cancelled_request(self):
        event = self.wish("executed")
        call = self.one.client.start("waits", event)
        request_id = request_id_of("waits", event)
        self.started(request_id)
        self.accepted(self.cancel(request_id))
        self.assert_status(calls.answer_of(call), "CANCELLED", "CANCELLED")

    def test_cancel_what_has_ended(self):
        request_id = self.accepted(self.submit("echo", event_of(b"x")))
        stored = self.result(request_id, wait=True)
        self.assert_status(self.cancel(request_id), "FAILED_PRECONDITION", "ALREADY_ENDED")
        self.assertEqual(self.result(request_id).response, stored.response)
        self.assert_status(self.cancel("nobody-asked"), "NOT_FOUND", "REQUEST_NOT_FOUND")

    def test_cancel_behind_many(self):
        """The queue is walked in parts; meanwhile the instance goes on."""
        many = 1300
        names = [{"stead-request-id": "many-%d" % number} for number in range(many)]

        async def publish():
            for headers in names:  # for a function that nobody deployed: they stay
                await self.bus.connection.publish("function.c.nobody", b"", headers=headers)
            await self.bus.connection.flush()

        self.bus.run(publish())
        wait_for(lambda: self.bus.info("functions").messages >= many, "the messages")
        self.accepted(self.cancel("many-%d" % (many - 1)))
        self.assert_stored(self.result("many-%d" % (many - 1)), "cancelled", "CANCELLED")
        self.assertEqual(self.result("many-%d" % (many - 1)).response.function, "c/nobody")
        self.assert_status(self.cancel("many-none"), "NOT_FOUND", "REQUEST_NOT_FOUND")
        answers, threads = [], []
        for number in range(20):
            one = "many-%d" % (number * 60)
            threads.append(threading.Thread(target=lambda one=one: answers.append(self.cancel(one))))
        for thread in threads:
            thread.start()
        self.assert_ok(self.one.client.execute("echo", event_of(b"meanwhile")))
        for thread in threads:
            thread.join(60)
        self.assertEqual([answer.status.name for answer in answers], ["OK"] * 20)
        self.assertEqual(self.bus.info("functions").messages, many - 21)
        self.bus.run(self.bus.stream.purge_stream("functions"))

    def test_cancel_twice(self):
        first = self.running("first of two")
        second = self.queued("second of two")
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.cancel(second))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        good = [answer for answer in answers if answer.status.name == "OK"]
        self.assertEqual(len(answers), 4)
        self.assertGreaterEqual(len(good), 1)
        for answer in answers:
            if answer not in good:
                self.assert_status(answer, "FAILED_PRECONDITION", "ALREADY_ENDED")
        self.assert_stored(self.result(second), "cancelled", "CANCELLED")
        self.let_go(first)

    def test_message_that_lies_about_a_cancel(self):
        request_id = self.running("not cancelled")
        for _ in range(3):
            self.bus.publish("function.cancel." + request_id)
        self.bus.publish("function.cancel.star*")
        self.let_go(request_id)
        self.assert_stored(self.result(request_id, wait=True), "succeeded")
        self.assertFalse(os.path.exists(self.note(request_id, "told")))

    # -- ids of raw publishers --

    def raw(self, headers, body=b"raw"):
        """The id of the only result that comes of it."""
        heard = self.bus.listen(RESULT + "*")
        client = nats_client.Client(self.world.nats_url)
        block = "NATS/1.0\r\n" + "".join("%s: %s\r\n" % pair for pair in headers) + "\r\n"
        head = "HPUB function.c.echo %d %d\r\n%s" % (len(block), len(block) + len(body), block)
        client._send(head.encode() + body + b"\r\n")
        client.flush()
        client.close()
        wait_for(lambda: heard, "any result")
        self.bus.queue_empty()
        self.assertEqual(len(heard), 1, [message.subject for message in heard])
        return heard[0].subject[len(RESULT) :]

    def test_ids_of_raw_publishers(self):
        long_id = "x" * 128
        for headers, request_id in (
            ([("stead-request-id", "own-id")], "own-id"),
            ([("Stead-Request-Id", "any-case")], "any-case"),
            ([("stead-request-id", "first"), ("Nats-Msg-Id", "second-1")], "first"),
            ([("stead-request-id", "same"), ("stead-request-id", "same")], "same"),
            ([("Nats-Msg-Id", "message-id")], "message-id"),
            ([("stead-request-id", long_id)], long_id),
        ):
            with self.subTest(request_id):
                self.assertEqual(self.raw(headers), request_id)
                self.assert_stored(self.result(request_id), "succeeded")
                self.assert_status(self.cancel(request_id), "FAILED_PRECONDITION", "ALREADY_ENDED")

    def test_ids_that_name_a_place(self):
        for headers in ([], [("Nats-Msg-Id", "two.tokens")]):
            with self.subTest(headers):
                request_id = self.raw(headers)
                last = self.bus.info("functions").last_seq
                self.assertRegex(request_id, "^functions-[0-9]{13}-%d$" % last)
                self.assert_stored(self.result(request_id), "succeeded")

    def test_ids_that_are_none(self):
        for headers in (
            [("stead-request-id", "two.tokens")],
            [("stead-request-id", "x" * 129)],
            [("stead-request-id", "one"), ("stead-request-id", "other")],
        ):
            with self.subTest(headers):
                request_id = self.raw(headers)
                self.assertRegex(request_id, "^functions-[0-9]{13}-[0-9]+$")
                self.assert_stored(self.result(request_id), "failed", "INVALID_EVENT")

    def test_cancel_by_each_form_of_id(self):
        first = self.running("occupies")
        body = json.dumps({"folder": self.world.folder, "for": "raw"}).encode()
        ids = []
        for headers in ({"stead-request-id": "raw-1"}, {"Nats-Msg-Id": "raw-2"}, {}):
            acknowledged = json.loads(self.bus.request("function.python.waits", body, headers).data)
            known = list(headers.values())
            ids.append(known[0] if known else self.place_of(acknowledged["seq"]))
        for request_id in ids:
            with self.subTest(request_id):
                self.accepted(self.cancel(request_id))
                self.assert_stored(self.result(request_id), "cancelled", "CANCELLED")
        self.let_go(first)
        self.bus.queue_empty()
        for request_id in ids:
            self.assertFalse(os.path.exists(self.note(request_id, "started")), request_id)

    def place_of(self, sequence):
        """The id of a message that has none of its own."""
        info = self.bus.run(self.bus.connection.request("$JS.API.STREAM.INFO.functions", b""))
        created = json.loads(info.data)["created"]
        seconds, fraction = created.rstrip("Z").split(".")
        whole = calendar.timegm(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S"))
        return "functions-%d%03d-%d" % (whole, int(fraction[:3].ljust(3, "0")), sequence)


class TwoInstances(DoorsCase):
    settings = {"queue_ack_wait": "3s"}

    @classmethod
    def set_up_functions(cls):
        super().set_up_functions()
        cls.two = cls.world.serve("two", **cls.settings)
        wait_for(lambda: {"echo", "waits"} <= set(cls.two.client.list()), "the functions at the other instance")

        def serves():
            event = event_of(b"is it up?")
            return cls.two.client.execute("echo", event).ok

        wait_for(serves, "the other instance to serve")

    def test_result_from_the_other_instance(self):
        request_id = self.accepted(self.submit("echo", event_of(b"elsewhere"), self.one))
        for serve in (self.one, self.two):
            stored = self.result(request_id, wait=True, serve=serve)
            self.assert_stored(stored, "succeeded")
            self.assertEqual(stored.response.data, b"elsewhere")

    def test_cancel_from_the_other_instance(self):
        """One worker each: of three requests two run, one waits; all are cancelled where they are not."""
        ids = [self.accepted(self.submit("waits", self.wish("%d of 3" % n), self.one)) for n in range(3)]
        wait_for(lambda: sum(os.path.exists(self.note(one, "started")) for one in ids) == 2, "two of them to start")
        ran = [one for one in ids if os.path.exists(self.note(one, "started"))]
        waits = [one for one in ids if one not in ran]
        for request_id in waits + ran:  # in this order, or it would run when a worker falls free
            for serve in (self.one, self.two):
                answer = self.cancel(request_id, serve)
                if serve is self.one:
                    self.accepted(answer)
                else:
                    self.assert_status(answer, "FAILED_PRECONDITION", "ALREADY_ENDED")
            self.assert_stored(self.result(request_id, serve=self.two), "cancelled", "CANCELLED")
        for request_id in ran:
            wait_for(lambda one=request_id: os.path.exists(self.note(one, "told")), "the function to be told")
        self.bus.queue_empty()
        for request_id in waits:
            self.assertFalse(os.path.exists(self.note(request_id, "started")))


class Accidents(DoorsCase):
    settings = {"queue_ack_wait": "2s"}

    def test_cancel_after_the_instance_was_killed(self):
        request_id = self.running("its instance is killed")
        self.one.kill()
        type(self).one = self.world.serve("one", **self.settings)
        wait_for(lambda: self.cancel(request_id).status.name != "UNAVAILABLE", "a first answer")
        self.assert_stored(self.result(request_id), "cancelled", "CANCELLED")
        self.assert_status(self.cancel(request_id), "FAILED_PRECONDITION", "ALREADY_ENDED")
        self.bus.queue_empty()

    def test_instance_that_leaves_sends_readers_away(self):
        leaving = self.world.serve("leaving", service_shutdown_grace="50s", **self.settings)
        answers = []
        waiting = threading.Thread(
            target=lambda: answers.append(self.result("nobody-asked", wait=True, serve=leaving, timeout=60))
        )
        waiting.start()
        time.sleep(0.5)  # if it comes too late it is refused, with the same answer
        self.assertEqual(leaving.stop(), 0)
        waiting.join(60)
        self.assert_status(answers[0], "UNAVAILABLE", "SHUTTING_DOWN")

    def test_broker_killed_between_submit_and_result(self):
        ids = [self.accepted(self.submit("echo", event_of(b"%d" % n))) for n in range(20)]
        self.world.broker.kill()
        self.assert_status(self.result(ids[0], timeout=5), "UNAVAILABLE", "NATS_UNAVAILABLE")
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(self.result(ids[0], wait=True, timeout=60)))
        waiting.start()
        self.world.start_broker()
        waiting.join(60)
        self.assert_stored(answers[0], "succeeded")
        for number, request_id in enumerate(ids):
            stored = self.result(request_id, wait=True, timeout=60)
            self.assert_stored(stored, "succeeded")
            self.assertEqual(stored.response.data, b"%d" % number)

    def test_broker_killed_between_submit_and_cancel(self):
        first = self.running("over the restart")
        second = self.queued("queued over the restart")
        self.world.broker.kill()
        self.world.start_broker()
        wait_for(lambda: self.one.http("/readyz")[0] == 200, "the instance to be connected again")
        answer = self.cancel(second)
        self.assertEqual(answer.status.name, "OK", repr(answer))
        self.assert_stored(self.result(second), "cancelled", "CANCELLED")
        self.let_go(first)
        self.assert_stored(self.result(first, wait=True), "succeeded")
        self.bus.queue_empty()
        self.assertFalse(os.path.exists(self.note(second, "started")))


if __name__ == "__main__":
    main()
