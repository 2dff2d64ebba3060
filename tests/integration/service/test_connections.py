"""What the server does with a connection on which nothing happens, and with a client that asks too often whether it is
still there."""
import time

import h2.events

from stead_world import WorldCase, event_of, main
from stead_world.attack import PING, Wire, frame
from stead_world.calls import answer_of

SLEEPER = """
import time
import stead

@stead.function
def sleeper(event, ctx):
    time.sleep(event.data["seconds"])
    return {}
"""
ENHANCE_YOUR_CALM = 11


class Watched(Wire):
    """Counts the server's pings, which h2 answers by itself, and keeps why it said goodbye."""

    pings, goodbye = 0, None

    def _note(self, event):
        self.pings += isinstance(event, h2.events.PingReceived)
        if isinstance(event, h2.events.ConnectionTerminated):
            self.goodbye = event.error_code
        super()._note(event)

    def attend(self, seconds):
        until = time.monotonic() + seconds
        while not self.closed and time.monotonic() < until:
            self.read(0.1)

    def ends(self, seconds):
        """Whether the server closes it while nothing is answered."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        return True


class Connections(WorldCase):
    settings = {
        "grpc_keepalive_time": "1s",
        "grpc_keepalive_timeout": "1s",
        "grpc_min_ping_interval": "500ms",
        "grpc_max_calls_per_connection": "3",
    }

    @classmethod
    def set_up_functions(cls):
        cls.world.deploy(cls.one, "echo")
        cls.world.deploy(cls.one, {"main.py": SLEEPER}, "sleeper", "spec: {maxWorkers: 4}\n")

    def watched(self):
        wire = Watched(self.one.ports["grpc"]).begin()
        self.addCleanup(wire.socket.close)
        return wire

    def test_who_answers_stays_and_who_falls_silent_is_closed(self):
        """However many good answers there were before."""
        wire = self.watched()
        wire.attend(5.5)
        self.assertFalse(wire.closed)
        self.assertGreaterEqual(wire.pings, 4)
        self.assertTrue(wire.ends(20), "it is kept although nobody answers")

    def test_a_call_on_a_silent_connection_does_not_hold_it(self):
        wire = self.watched()
        stream = wire.open()
        self.assertIsNone(wire.status.get(stream))
        self.assertTrue(wire.ends(20))

    def test_pings_within_the_interval_do_no_harm(self):
        wire = self.watched()
        for _ in range(6):
            wire.raw(frame(PING, 0, 0, b"12345678"))
            wire.attend(0.8)
        self.assertFalse(wire.closed, wire.goodbye)

    def test_too_many_pings(self):
        wire = self.watched()
        for _ in range(20):
            wire.raw(frame(PING, 0, 0, b"12345678"))
            wire.attend(0.05)
        wire.attend(10)
        self.assertTrue(wire.closed)
        self.assertEqual(wire.goodbye, ENHANCE_YOUR_CALM)

    def test_the_limit_of_calls_is_told_and_holds(self):
        wire = self.watched()
        self.assertEqual(wire.h2.remote_settings.max_concurrent_streams, 3)
        calls = [self.one.client.start("sleeper", event_of({"seconds": 0.5, "n": n})) for n in range(9)]
        self.assertEqual({answer_of(call).status.name for call in calls}, {"OK"}, "those beyond it wait in the client")


if __name__ == "__main__":
    main()
