"""7: ten thousand requests for one function don't keep another one's waiting."""
import sys
import time

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, event_of, main, request_id_of

BURST = 10000
CALLS = 60
LONGEST_S = 10  # of a call of the other function: far below the burst's own time, far above a busy machine's noise


class BurstBesideAnother(WitnessCase):
    def test_the_other_is_served_meanwhile(self):
        (one,) = self.begin(queue_max_pending="20000", service_slots="4")
        self.deploy(one, "flood")
        self.deploy(one, "calm")

        async def publish():
            for number in range(BURST):
                headers = {"stead-request-id": "flood-%d" % number}
                await self.bus.connection.publish("function.c.flood", b"sleep=20", headers=headers)
            await self.bus.connection.flush()

        self.bus.run(publish(), 120)
        waits = []
        for number in range(CALLS):
            begun = time.monotonic()
            event = event_of(b"sleep=0", id="calm-%d" % number)
            self.assert_ok(one.client.execute("calm", event))
            waits.append(time.monotonic() - begun)
            self.assert_ran_once([request_id_of("calm", event)])
        left = self.bus.info("functions").messages
        self.assertGreater(left, BURST // 4, "the flood was over before it could hinder anybody")
        self.assertLess(sorted(waits)[-1], LONGEST_S)
        self.assertTrue([line for line in self.seen_by_functions() if line["fn"] == "flood"], "the flood goes on as well")


if __name__ == "__main__":
    main()
