"""9: who held a request, was stopped for sixty ack waits and wakes after another has ended it changes nothing."""
import signal
import sys

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, main, wait_for

ACK_WAIT_S = 1
ASLEEP_S = 60 * ACK_WAIT_S


class OwnerThatSlept(WitnessCase):
    def test_the_late_result_is_refused(self):
        (sleeper,) = self.begin(service_slots="4")
        self.deploy(sleeper)
        ids = [self.submit(sleeper, b"sleep=1500") for _ in range(4)]
        for request_id in ids:
            self.await_run(request_id)
        sleeper.signal(signal.SIGSTOP)
        try:
            other = self.serve("n2")
            stored = {request_id: self.bus.result(request_id) for request_id in ids}
            # The function's process went on meanwhile and its answer lies in a pipe that nobody reads.
            wait_for(lambda: all(len(self.runs(request_id)) == 2 for request_id in ids), "second executions")
            self.sleep_out()
        finally:
            sleeper.signal(signal.SIGCONT)
        wait_for(lambda: sleeper.http("/readyz")[0] == 200, "the one that slept")
        self.bus.queue_empty()
        for request_id in ids:
            self.assertEqual(self.bus.result(request_id).data, stored[request_id].data)
            self.assertEqual(self.result(sleeper, request_id).data, stored[request_id].data)
            self.assertEqual(self.result(other, request_id).data, stored[request_id].data)
            self.assertEqual(self.result(other, request_id).attempts, 1, "a lost instance is nobody's attempt")
        self.assertEqual(self.bus.info("function-results").messages, len(ids))

    def sleep_out(self):
        import threading

        threading.Event().wait(ASLEEP_S)


if __name__ == "__main__":
    main()
