"""The broker is absent, goes, comes back, or sleeps: calls are refused or wait, none is lost or answered twice."""
import os
import signal
import threading
import time

from stead_world import WorldCase, event_of, free_port, main, request_id_of, wait_for
from stead_world.load import LoadCase


class Restart(LoadCase):
    """A nats-server restart in the middle of 2,000 calls."""

    def test_killed(self):
        self.restarted(lambda broker: broker.kill())

    def test_terminated(self):
        self.restarted(lambda broker: broker.stop())

    def restarted(self, end):
        self.begin(2)
        load = self.load(self.serves)
        load.wait_until(0.3)
        end(self.world.broker)
        threading.Event().wait(1)
        self.world.start_broker()
        load.wait_until(0.6)
        end(self.world.broker)
        self.world.start_broker()
        load.finish()
        load.judge(self)

    def test_killed_again_and_again(self):
        self.begin(1)
        load = self.load(self.serves, by_grpc=500, by_nats=1500)
        for part in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6):
            load.wait_until(part)
            self.world.broker.kill()
            self.world.start_broker()
        load.finish()
        load.judge(self)

    def test_asleep(self):
        """Connections stay open and nothing answers."""
        self.begin(2)
        load = self.load(self.serves)
        load.wait_until(0.3)
        self.world.broker.signal(signal.SIGSTOP)
        threading.Event().wait(6)
        self.world.broker.signal(signal.SIGCONT)
        load.finish()
        load.judge(self)


class Absence(WorldCase):
    @classmethod
    def setUpClass(cls):
        pass

    def test_broker_absent_at_start(self):
        world = self.new_world()
        address = "127.0.0.1:%d" % free_port()
        serve = world.serve(ready=False, env={"STEAD_GRPC_LISTEN": address})
        serve.connect(address)
        wait_for(lambda: serve.client.health_of() == "NOT_SERVING", "the gRPC server")
        self.assert_status(serve.client.execute("echo", event_of("x")), "UNAVAILABLE", "NATS_UNAVAILABLE")
        self.assertFalse(os.path.exists(serve.ports_path), "the ports file tells that everything is ready")
        world.start_broker()
        serve.ready()
        world.deploy(serve, "echo")
        self.assert_ok(serve.client.execute("echo", event_of("x")))
        wait_for(lambda: serve.client.health_of() == "SERVING", "health")
        self.assertEqual(serve.stop(), 0)

    def test_broker_gone_and_back(self):
        world = self.new_world()
        world.start_broker()
        serve = world.serve()
        world.deploy(serve, "echo")
        for end in (world.broker.kill, world.broker.stop):
            end()
            wait_for(
                lambda: serve.client.execute("echo", event_of("x")).reason == "NATS_UNAVAILABLE", "calls to be refused"
            )
            status, text = serve.http("/readyz")
            self.assertEqual(status, 503, text)
            self.assertEqual(serve.http("/livez")[0], 200)
            world.start_broker()
            wait_for(lambda: serve.client.execute("echo", event_of("x")).ok, "calls to work again")
            wait_for(lambda: serve.http("/readyz")[0] == 200, "readiness")

    def test_refused_calls_never_ran(self):
        """What ended as UNAVAILABLE and was not tried again has no result."""
        world = self.new_world()
        world.start_broker()
        serve = world.serve()
        world.deploy(serve, "echo")
        world.broker.kill()
        events = [event_of("x") for _ in range(20)]
        answers = [serve.client.execute("echo", event) for event in events]
        world.start_broker()
        wait_for(lambda: serve.client.execute("echo", event_of("x")).ok, "calls to work again")
        bus = world.bus()
        bus.queue_empty()
        for event, answer in zip(events, answers):
            if answer.status.name == "UNAVAILABLE":
                subject = "function.result." + request_id_of("echo", event)
                self.assertIsNone(bus.last("function-results", subject), repr(answer))
            elif not answer.ok:
                self.assertIn(answer.status.name, ("UNKNOWN", "DEADLINE_EXCEEDED"), repr(answer))

    def test_leaves_soon_while_nothing_answers(self):
        """A cluster without a leader answers no question of JetStream. Each of the many that an instance has at its start
        waits for two seconds; whoever ends it waits for the one that is under way, and for no other."""

        async def listen_and_say_nothing():
            await bus.connection.subscribe("$JS.API.>", cb=say_nothing)
            await bus.connection.flush()

        async def say_nothing(_message):
            pass

        world = self.new_world()
        world.broker.command = [word for word in world.broker.command[:-2] if word != "-js"]  # nor its store
        world.start_broker()
        bus = world.bus()
        bus.run(listen_and_say_nothing())
        one = world.serve(ready=False)
        one.says("no answer within 2000 ms")
        begun = time.monotonic()
        self.assertEqual(one.stop(), 0)
        self.assertLess(time.monotonic() - begun, 10)


if __name__ == "__main__":
    main()
