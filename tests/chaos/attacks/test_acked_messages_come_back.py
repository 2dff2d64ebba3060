"""A nats-server 2.9 brings acked messages back when it was killed. They are not run again, and don't stay in the queue.

(After a full disk some are such that no consumer is ever given them: the test chaos.disk_full.)"""
import sys

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, main, wait_for

COUNT = 200


class AckedMessagesComeBack(WitnessCase):
    def test_killed_right_after_the_acks(self):
        (one,) = self.begin()
        self.deploy(one)
        ids = ["r-%d" % number for number in range(COUNT)]
        for request_id in ids:
            self.publish(request_id, b"sleep=0")
        wait_for(lambda: self.bus.info("function-results").messages == COUNT, "all results", 60, 0.001)
        self.world.broker.kill()
        self.world.start_broker()
        wait_for(lambda: one.http("/readyz")[0] == 200, "readiness")
        self.bus.queue_empty()
        self.assert_ran_once(ids)
        self.assertEqual(self.bus.info("function-results").messages, COUNT)


if __name__ == "__main__":
    main()
