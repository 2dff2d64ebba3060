"""2: a function that runs ten times as long as the broker waits for an ack runs once; there is nothing to tune."""
import sys

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, event_of, main, request_id_of

ACK_WAIT_MS = 1000


class LongerThanTheAckWait(WitnessCase):
    def test_one_execution(self):
        one, two = self.begin(2)
        self.deploy(one)
        self.await_ready([one, two])
        event = event_of(b"sleep=%d" % (10 * ACK_WAIT_MS))
        answer = one.client.execute("work", event)
        self.assert_ok(answer)
        self.bus.queue_empty()
        request_id = request_id_of("work", event)
        self.assert_ran_once([request_id])
        self.assertEqual(self.result(one, request_id).attempts, 1)

    def test_a_worker_that_hangs_ends_at_its_timeout(self):
        """Its lease is extended no longer than its time; the slot is free again afterwards."""
        (one,) = self.begin()
        self.deploy(one, spec="  timeout: 2s\n  maxRetries: 1\n  maxWorkers: 1\n")
        request_id = self.submit(one, b"hang=9")
        self.assertEqual(self.result(one, request_id).outcome, "dead-lettered")
        self.assertEqual(self.runs(request_id), [1, 2])
        self.assert_ok(one.client.execute("work", event_of(b"sleep=0")))


if __name__ == "__main__":
    main()
