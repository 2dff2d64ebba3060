"""The same id for two functions is two requests by the doors; the same id with another input is refused. A raw publisher
that does so gets what was first, and nobody gets a stranger's result as an answer."""
import sys

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, event_of, main, request_id_of


class OneIdTwice(WitnessCase):
    def test_to_two_functions(self):
        (one,) = self.begin()
        self.deploy(one)
        self.deploy(one, "other")
        event = event_of(b"sleep=1")
        for name in ("work", "other"):
            answer = one.client.execute(name, event)
            self.assert_ok(answer)
            self.assertTrue(answer.data.startswith(request_id_of(name, event).encode()))
        self.assertNotEqual(request_id_of("work", event), request_id_of("other", event))
        self.assert_ran_once([request_id_of("work", event), request_id_of("other", event)])

    def test_with_another_input(self):
        one, two = self.begin(2)
        self.deploy(one)
        self.await_ready([one, two])
        event = event_of(b"sleep=1")
        first = one.client.execute("work", event)
        self.assert_ok(first)
        for serve in (one, two):
            answer = serve.client.execute("work", event_of(b"sleep=2", id=event.id))
            self.assert_status(answer, "ALREADY_EXISTS", "ID_CONFLICT")
        self.assertEqual(self.result(two, request_id_of("work", event)).data, first.data)
        self.assert_ran_once([request_id_of("work", event)])

    def test_with_another_input_while_it_runs(self):
        (one,) = self.begin()
        self.deploy(one)
        event = event_of(b"sleep=1500")
        call = one.client.start("work", event)
        self.await_run(request_id_of("work", event))
        self.assert_status(one.client.execute("work", event_of(b"sleep=1", id=event.id)), "ALREADY_EXISTS", "ID_CONFLICT")
        self.assertEqual(call.result().WhichOneof("result"), "data")
        self.assert_ran_once([request_id_of("work", event)])

    def test_raw_to_two_functions(self):
        """Without Nats-Msg-Id, which the broker would drop: one result stands, and the queue is empty."""
        (one,) = self.begin()
        self.deploy(one)
        self.deploy(one, "other")
        for name in ("work", "other"):
            self.bus.run(self.bus.accept("function.c." + name, b"sleep=1", {"stead-request-id": "same"}))
        self.bus.queue_empty()
        self.assertEqual(self.bus.result("same").headers["stead-outcome"], "succeeded")
        self.assertEqual(self.bus.info("function-results").messages, 1)


if __name__ == "__main__":
    main()
