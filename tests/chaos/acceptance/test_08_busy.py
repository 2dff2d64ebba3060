"""8: being busy for sixty ack waits costs nobody an attempt and runs nothing twice."""
import sys

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, main

LONG_MS = 10000  # ten ack waits; six of them one after the other
WAITING = 20


class Busy(WitnessCase):
    def test_no_attempt_is_burned(self):
        one, two = self.begin(2, functions_hold_max="1s", service_slots="1", functions_max_retries="0")
        self.deploy(one, spec="  timeout: 60s\n  maxWorkers: 1\n")
        self.await_ready([one, two])
        # Twelve long ones on two instances with a slot each keep both busy for a minute; the short ones wait behind.
        ids = [self.submit(one, b"sleep=%d" % LONG_MS) for _ in range(12)]
        ids += [self.submit(two, b"sleep=1") for _ in range(WAITING)]
        for request_id in ids:
            result = self.result(one, request_id, 85)
            self.assertEqual((result.outcome, result.attempts), ("succeeded", 1))
        self.bus.queue_empty()
        self.assert_ran_once(ids)


if __name__ == "__main__":
    main()
