"""Reads that a follower of a cluster answers may be old. Decisions are read from the leader: what one instance has
answered, another finds at once, and who repeats the request gets the same bytes."""
import sys

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from cluster_case import ClusterCase, event_of, main, request_id_of, wait_for

CALLS = 300


class StaleReads(ClusterCase):
    instances = 3

    def call(self, number, event):
        """Until the cluster has leaders for everything."""

        def answered():
            answer = self.clients[number % 3].execute("work", event)
            return answer if answer.ok else None

        return wait_for(answered, "an answer", 60)

    def test_another_instance_finds_it_at_once(self):
        for number in range(CALLS):
            event = event_of(b"sleep=0")
            first = self.call(number, event)
            request_id = request_id_of("work", event)
            found = self.clients[(number + 1) % 3].call("GetResult", request_id=request_id)
            self.assertEqual((found.status.name, found.reason), ("OK", ""), "call %d: an old read" % number)
            self.assertEqual(found.response.data, first.data)
            cancel = self.clients[(number + 2) % 3].call("Cancel", request_id=request_id)
            self.assertEqual(cancel.reason, "ALREADY_ENDED", "call %d: %r" % (number, cancel))
            if number % 10 == 0:
                again = self.clients[(number + 2) % 3].execute("work", event)
                self.assertTrue(again.ok, repr(again))
                self.assertEqual(again.data, first.data)


if __name__ == "__main__":
    main()
