"""The broker's count of deliveries is no evidence: after kill -9 what was delivered before comes with a count of 1.

So a request that was delivered, run and whose ack was lost with the broker is not run again, and one that failed before is
charged on from where it was."""
import sys

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, main, wait_for

COUNT = 60


class DeliveryCountReset(WitnessCase):
    def test_what_ended_is_not_run_again(self):
        (one,) = self.begin()
        self.deploy(one)
        ids = ["r-%d" % number for number in range(COUNT)]
        for request_id in ids:
            self.publish(request_id, b"sleep=2")
        # Killed while acks are under way: some results are stored and their requests come again.
        wait_for(lambda: self.bus.info("function-results").messages >= COUNT // 2, "half of the results", 60, 0.001)
        self.world.broker.kill()
        ended = {line["id"] for line in self.seen_by_functions() if line["op"] == "ok"}
        self.world.start_broker()
        for request_id in ids:
            self.assertEqual(self.bus.result(request_id).headers["stead-outcome"], "succeeded")
        self.bus.queue_empty()
        self.assertEqual({self.bus.result(request_id).headers["stead-attempts"] for request_id in ids}, {"1"})
        again = [request_id for request_id in ended if len(self.runs(request_id)) > 1]
        self.assertEqual(again, [], "the function had returned before the kill")

    def test_attempts_go_on(self):
        """Three failures, and the broker is killed after each: the fourth is not the first of a new count."""
        (one,) = self.begin(functions_retry_base="1s", functions_retry_jitter="none")
        self.deploy(one, spec="  maxRetries: 2\n")
        self.publish("failing", b"fail=9")
        for attempt in (1, 2):
            self.await_run("failing", attempt)
            wait_for(lambda: self.bus.info("KV_function-attempts").messages > 0, "the charge")
            self.world.broker.kill()
            self.world.start_broker()
        result = self.bus.result("failing")
        self.assertEqual((result.headers["stead-outcome"], result.headers["stead-attempts"]), ("dead-lettered", "3"))
        self.assertEqual(self.runs("failing"), [1, 2, 3])


if __name__ == "__main__":
    main()
