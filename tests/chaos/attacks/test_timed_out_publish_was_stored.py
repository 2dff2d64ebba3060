"""A publish that timed out may be stored all the same: its caller hears that nobody knows, and repeating it under the same
id runs nothing twice."""
import signal
import sys

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, event_of, main, request_id_of, wait_for


class TimedOutPublishWasStored(WitnessCase):
    def test_by_a_door(self):
        (one,) = self.begin()
        self.deploy(one)
        event = event_of(b"sleep=1")
        self.world.broker.signal(signal.SIGSTOP)
        try:
            answer = one.client.execute("work", event, timeout=3)
        finally:
            self.world.broker.signal(signal.SIGCONT)
        self.assertIn(answer.status.name, ("UNKNOWN", "DEADLINE_EXCEEDED"), repr(answer))
        again = wait_for(lambda: self.unless_unavailable(one.client.execute("work", event)), "the broker")
        request_id = request_id_of("work", event)
        stored = self.result(one, request_id)
        self.bus.queue_empty()
        if stored.outcome == "succeeded":
            self.assert_ok(again)
            self.assertEqual(again.data, stored.data)
            self.assert_ran_once([request_id])
        else:  # its time was over before it came to be run: that is its one outcome
            self.assertEqual((stored.outcome, self.runs(request_id)), ("expired", []))
        self.assertEqual(self.bus.info("function-results").messages, 1)

    def test_raw(self):
        (one,) = self.begin()
        self.deploy(one)
        headers = {"Nats-Msg-Id": "raw", "stead-request-id": "raw"}
        self.world.broker.signal(signal.SIGSTOP)
        try:
            self.assertNotEqual(self.bus.try_publish("function.c.work", b"sleep=1", headers, 1), "")
        finally:
            self.world.broker.signal(signal.SIGCONT)
        self.assertEqual(self.bus.result("raw").headers["stead-outcome"], "succeeded")
        self.publish("raw", b"sleep=1")
        self.bus.queue_empty()
        self.assert_ran_once(["raw"])

    @staticmethod
    def unless_unavailable(answer):
        return None if answer.status.name == "UNAVAILABLE" else answer


if __name__ == "__main__":
    main()
