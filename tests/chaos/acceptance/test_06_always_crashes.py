"""6: a function that always crashes is put into quarantine after some crashes; its requests are dead letters that tell the
exit status and its last words; other functions go on."""
import sys
import urllib.parse

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, event_of, main, request_id_of

CRASHES = 5
REQUESTS = 40
STDERR_BYTES_MAX = 4096


class AlwaysCrashes(WitnessCase):
    def test_quarantine(self):
        one, two = self.begin(2, functions_quarantine_crashes=str(CRASHES), functions_quarantine_base="5m")
        self.deploy(one, "bad", spec="  maxRetries: 1\n")
        self.deploy(one, "good")
        for name in ("bad", "good"):
            self.await_ready([one, two], name)
        bad = ["bad-%d" % number for number in range(REQUESTS)]
        for request_id in bad:
            self.publish(request_id, b"exit=9", "bad")
        for number in range(REQUESTS):
            event = event_of(b"sleep=1")
            self.assert_ok(one.client.execute("good", event))
            self.assert_ran_once([request_id_of("good", event)])
        for request_id in bad:
            self.assertEqual(self.bus.result(request_id).headers["stead-outcome"], "dead-lettered")
        self.assertIn("QUARANTINED", [serve.client.list()["bad"].state for serve in (one, two)])
        self.bus.queue_empty()
        dead = {message.headers["stead-request-id"]: message.headers for message in self.bus.messages("function-dead", "function.dead.>")}
        self.assertEqual(sorted(dead), sorted(bad))
        ran = [request_id for request_id in bad if self.runs(request_id)]
        self.assertTrue(ran)
        self.assertLess(len(ran), REQUESTS, "in quarantine they are not run")
        for request_id in ran:
            said = urllib.parse.unquote(dead[request_id].get("stead-stderr", ""))
            self.assertEqual(dead[request_id]["stead-exit-status"], "3")
            self.assertIn("my last word on", said)
            self.assertLessEqual(len(said.encode()), STDERR_BYTES_MAX)


if __name__ == "__main__":
    main()
