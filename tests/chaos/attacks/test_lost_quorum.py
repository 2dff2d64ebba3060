"""Two of three brokers die, so nothing has a leader: callers are told so within their deadline, nobody hangs, what was
refused never ran, and all goes on when the brokers are back."""
import sys
import time

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from cluster_case import ClusterCase, event_of, main, request_id_of, wait_for

DEADLINE_S = 6
UNSURE = ("UNKNOWN", "DEADLINE_EXCEEDED")  # it may have been taken


class LostQuorum(ClusterCase):
    instances = 2

    def works(self, client):
        wait_for(lambda: client.execute("work", event_of(b"sleep=0"), 10).ok, "an answer", 90, 0.2)

    def told(self, client):
        """One call; the event and its answer, which must come by its deadline."""
        event = event_of(b"sleep=0")
        begun = time.monotonic()
        answer = client.execute("work", event, DEADLINE_S)
        self.assertLess(time.monotonic() - begun, DEADLINE_S + 10, "a hang: %r" % answer)
        self.assertIn(answer.status.name, ("UNAVAILABLE",) + UNSURE, repr(answer))
        return event, answer

    def test_it(self):
        for client in self.clients:
            self.works(client)
        for broker in self.place.brokers[1:]:
            broker.kill()
        refused = []
        for client in self.clients:
            first = [self.told(client) for _ in range(2)]

            def unavailable():
                event, answer = self.told(client)
                return (event, answer) if answer.status.name == "UNAVAILABLE" else None

            first.append(wait_for(unavailable, "callers that are told: unavailable", 60))
            self.assertTrue(first[-1][1].retry_s, "it is said when to come again")
            refused += [event for event, answer in first if answer.status.name == "UNAVAILABLE"]
        for broker in self.place.brokers[1:]:
            broker.start()
        for client in self.clients:
            self.works(client)
        for event in refused:
            found = self.clients[0].call("GetResult", request_id=request_id_of("work", event))
            self.assertNotEqual(found.status.name, "OK", "what was refused has a result")


if __name__ == "__main__":
    main()
