"""Two of three brokers die, so nothing has a leader: callers are told so within their deadline, nobody hangs, what was
refused never ran, and all goes on when the brokers are back."""
import sys
import time
import types
import unittest

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import event_of, main, request_id_of, wait_for

from chaos_run.machines import server_program
from chaos_run.place import Place
from stead_world import calls

DEADLINE_S = 6
OPTIONS = calls.OPTIONS + [("grpc.max_reconnect_backoff_ms", 1000)]
UNSURE = ("UNKNOWN", "DEADLINE_EXCEEDED")  # it may have been taken


class LostQuorum(unittest.TestCase):
    def setUp(self):
        program = server_program("current")
        if program is None:
            self.skipTest("there is no current nats-server")
        options = types.SimpleNamespace(brokers=3, instances=2, seed=1, keep=None)
        self.place = Place(options, program)
        self.place.start()
        self.clients = [calls.Client(instance.address, OPTIONS) for instance in self.place.instances]

    def tearDown(self):
        troubles = self.place.close()
        self.place.remove()
        self.assertEqual(troubles, [])

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
