"""5: a restart of nats-server under load loses nothing; afterwards work goes on and changes of records are seen."""
import sys

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, event_of, main, wait_for

COUNT = 400


class BrokerRestarted(WitnessCase):
    def test_killed(self):
        self.restarted(lambda broker: broker.kill())

    def test_terminated(self):
        self.restarted(lambda broker: broker.stop())

    def restarted(self, end):
        one, two = self.begin(2)
        self.deploy(one)
        self.await_ready([one, two])
        ids = ["r-%d" % number for number in range(COUNT)]
        for request_id in ids[: COUNT // 2]:
            self.publish(request_id, b"sleep=10")
        end(self.world.broker)
        self.world.start_broker()
        for request_id in ids[COUNT // 2 :]:
            self.publish(request_id, b"sleep=10")
        for request_id in ids:
            self.assertEqual(self.bus.result(request_id).headers["stead-outcome"], "succeeded")
        self.bus.queue_empty()
        self.assertEqual({self.bus.result(request_id).headers["stead-attempts"] for request_id in ids}, {"1"})
        self.assertEqual(self.bus.info("function-results").messages, COUNT)
        # Both see a record that is written now, so neither is blind; and both take work at once.
        self.deploy(two, "later")
        self.await_ready([one, two], "later")
        for serve in (one, two):
            wait_for(lambda one=serve: one.client.execute("later", event_of(b"sleep=0"), timeout=10).ok, "a call")


if __name__ == "__main__":
    main()
