"""A cancel against an executor that runs the request, on the same instance and on another: the stored result is
`cancelled` and stays it, whatever the function returns later."""
import sys

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, main, wait_for


class CancelARunningRequest(WitnessCase):
    def test_from_both_instances(self):
        serves = self.begin(2)
        self.deploy(serves[0])
        self.await_ready(serves)
        for number, by in enumerate((serves[0], serves[1]) * 3):
            request_id = self.submit(serves[number % 2], b"sleep=2500")
            self.await_run(request_id)
            answer = by.client.call("Cancel", request_id=request_id)
            self.assertEqual(answer.status.name, "OK", repr(answer))
            self.assertEqual(self.result(by, request_id).outcome, "cancelled")
            again = by.client.call("Cancel", request_id=request_id)
            self.assertIn((again.status.name, again.reason), [("OK", ""), ("FAILED_PRECONDITION", "ALREADY_ENDED")])
        self.bus.queue_empty()
        ids = {line["id"] for line in self.seen_by_functions()}
        for request_id in ids:
            self.assertEqual(self.bus.result(request_id).headers["stead-outcome"], "cancelled")
            self.assertEqual(self.runs(request_id), [1])
        self.assertEqual(self.bus.info("function-results").messages, len(ids))

    def test_an_end_that_came_first_stands(self):
        (one,) = self.begin()
        self.deploy(one)
        for delay in range(0, 40, 2):
            request_id = self.submit(one, b"sleep=%d" % delay)
            answer = one.client.call("Cancel", request_id=request_id)
            outcome = self.result(one, request_id).outcome
            if answer.status.name == "OK":
                self.assertEqual(outcome, "cancelled")
            else:
                self.assertEqual((answer.reason, outcome), ("ALREADY_ENDED", "succeeded"))
        wait_for(lambda: self.bus.info("functions").messages == 0, "an empty queue")


if __name__ == "__main__":
    main()
