"""1: what is enqueued while nobody can run it is run when somebody can."""
import sys

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, main

COUNT = 100


class EnqueuedWithoutWorkers(WitnessCase):
    def test_no_instance(self):
        """The function is deployed and every instance is gone: the queue and its consumer are the broker's."""
        (one,) = self.begin()
        self.deploy(one)
        self.assertEqual(one.stop(), 0)
        ids = ["early-%d" % number for number in range(COUNT)]
        for request_id in ids:
            self.publish(request_id, b"sleep=1")
        self.assertEqual(self.bus.info("functions").messages, COUNT)
        self.assertEqual(self.seen_by_functions(), [])
        self.serve("n1")
        for request_id in ids:
            self.assertEqual(self.bus.result(request_id).headers["stead-outcome"], "succeeded")
        self.bus.queue_empty()
        self.assert_ran_once(ids)

    def test_not_yet_deployed(self):
        (one,) = self.begin()
        ids = ["before-%d" % number for number in range(COUNT)]
        for request_id in ids:
            self.publish(request_id, b"sleep=1")
        self.deploy(one)
        for request_id in ids:
            self.assertEqual(self.bus.result(request_id).headers["stead-outcome"], "succeeded")
        self.assert_ran_once(ids)


if __name__ == "__main__":
    main()
