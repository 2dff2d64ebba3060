"""12: the same id, submitted again an hour later, gets the same result and runs nothing; results are kept for two hours.

The hour passes for the instance, whose wall clock is stepped. The broker's clock can't be: there it is its memory of ids
that must last as long as the results, and that is what its stream says. When that is gone all the same, because the
broker was killed or somebody shortened it, the id may run again, and the first result stands for everybody.
"""
import os
import sys
import time

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import FAKETIME, WitnessCase, event_of, main, request_id_of, wait_for

KEPT_S = 7200


class SameIdLater(WitnessCase):
    def begin_with_clock(self):
        """An instance whose clock can be stepped, a request that was answered, and its answer."""
        self.begin(0)
        self.clock = self.world.path("clock")
        self.set_clock(0)
        one = self.serve_by_clock()
        self.deploy(one)
        event = event_of(b"sleep=5")
        first = one.client.execute("work", event)
        self.assert_ok(first)
        self.bus.queue_empty()
        return one, event, first

    def serve_by_clock(self):
        env = {
            "LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": self.clock, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        return self.serve("n1", env=env if os.path.exists(FAKETIME) else None, results_retention="2h", queue_max_age="3h")

    def set_clock(self, seconds):
        with open(self.clock + ".new", "w", encoding="ascii") as file:
            file.write("%+d\n" % seconds)
        os.replace(self.clock + ".new", self.clock)

    @staticmethod
    def unless_unavailable(answer):
        return None if answer.status.name == "UNAVAILABLE" else answer

    def assert_same(self, one, event, first):
        """Whoever repeats it, by whatever door, gets the first answer; there is one result."""
        request_id = request_id_of("work", event)
        again = wait_for(lambda: self.unless_unavailable(one.client.execute("work", event)), "the broker")
        self.assert_ok(again)
        self.assertEqual(again.data, first.data)
        answer = one.client.call("SubmitFunction", name="work", event=event)
        self.assertEqual((answer.status.name, answer.response.request_id), ("OK", request_id))
        self.bus.queue_empty()
        self.assertEqual(self.result(one, request_id).data, first.data)
        self.assertEqual(self.bus.info("function-results").messages, 1)

    def test_an_hour_later(self):
        one, event, first = self.begin_with_clock()
        self.assertGreaterEqual(self.bus.run(self.bus.stream.stream_info("functions")).config.duplicate_window, KEPT_S)
        self.set_clock(3600)
        self.assert_same(one, event, first)
        self.assert_ran_once([request_id_of("work", event)])

    def test_an_hour_later_with_another_instance(self):
        one, event, first = self.begin_with_clock()
        self.assertEqual(one.stop(), 0)
        self.set_clock(3600)
        again = self.serve_by_clock()
        self.await_ready([again])
        self.assert_same(again, event, first)
        self.assert_ran_once([request_id_of("work", event)])

    def test_the_broker_forgot_all_ids(self):
        one, event, first = self.begin_with_clock()
        time.sleep(0.2)  # a broker killed sooner would bring the request back instead of forgetting it
        self.world.broker.kill()
        self.world.start_broker()
        self.await_ready([one])
        self.assert_same(one, event, first)

    def test_somebody_shortened_the_window(self):
        one, event, first = self.begin_with_clock()
        config = self.bus.run(self.bus.stream.stream_info("functions")).config
        config.duplicate_window = 0.1
        self.bus.run(self.bus.stream.update_stream(config))
        time.sleep(0.5)
        self.assert_same(one, event, first)
        other = event_of(b"sleep=6", id=event.id)
        self.assert_status(one.client.execute("work", other), "ALREADY_EXISTS", "ID_CONFLICT")
        self.assertEqual(self.bus.info("function-results").messages, 1)


if __name__ == "__main__":
    main()
