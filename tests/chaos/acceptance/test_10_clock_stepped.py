"""10: the wall clock of an instance steps by an hour, forth and back: nothing expires early, no timer is lost."""
import os
import sys

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import FAKETIME, WitnessCase, event_of, main, wait_for

HOUR_S = 3600


class ClockStepped(WitnessCase):
    def setUp(self):
        if not os.path.exists(FAKETIME):
            self.skipTest("libfaketime is not installed")

    def set_clock(self, seconds):
        with open(self.clock + ".new", "w", encoding="ascii") as file:
            file.write("%+d\n" % seconds)
        os.replace(self.clock + ".new", self.clock)

    def begin_with_clock(self):
        self.begin(0)
        self.clock = self.world.path("clock")
        self.set_clock(0)
        return self.serve("n1", env={
            "LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": self.clock, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        })

    def test_forth_and_back(self):
        one = self.begin_with_clock()
        self.deploy(one, spec="  timeout: 20s\n")
        for step in (HOUR_S, 0, -HOUR_S, 0):
            with self.subTest(step=step):
                running = one.client.start("work", event_of(b"sleep=1500"), 30)
                queued = [self.submit(one, b"sleep=100") for _ in range(20)]
                retried = self.submit(one, b"fail=2")
                self.set_clock(step)
                late = self.submit(one, b"fail=1 sleep=50")
                self.assertEqual(running.result().WhichOneof("result"), "data")
                for request_id in [*queued, retried, late]:
                    self.assertEqual(self.result(one, request_id).outcome, "succeeded")
                self.assertEqual(self.runs(retried), [1, 2, 3], "its two timers went off, each once")
                self.assert_ran_once(queued)
        self.bus.queue_empty()

    def test_what_must_expire_does(self):
        """A call whose time is over ends so, an hour's step or not."""
        one = self.begin_with_clock()
        self.deploy(one, spec="  timeout: 20s\n  maxWorkers: 1\n")
        for step in (HOUR_S, -HOUR_S):
            blocker = self.submit(one, b"sleep=4000")
            self.await_run(blocker)
            waiting = one.client.start("work", event_of(b"sleep=0"), 1)
            self.set_clock(step)
            self.assertEqual(wait_for(waiting.exception, "its end").code().name, "DEADLINE_EXCEEDED")
            self.assertEqual(self.result(one, blocker).outcome, "succeeded")
        self.bus.queue_empty()


if __name__ == "__main__":
    main()
