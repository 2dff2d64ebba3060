"""Processes are killed in the middle of 2,000 calls: every accepted one is answered exactly once, and nothing is left."""
import os
import signal
import threading

from stead_world import WorldCase, event_of, free_port, main, request_id_of, wait_for
from stead_world.load import FUNCTION, MANIFEST, Load
from stead_world.process import alive

SETTINGS = {"STEAD_QUEUE_ACK_WAIT": "3s", "STEAD_FUNCTIONS_RETRY_BASE": "10ms"}


class Recovery(WorldCase):
    """Each test has a world of its own, so that the streams hold its results only."""

    @classmethod
    def setUpClass(cls):
        pass

    def begin(self, instances):
        self.world = self.new_world()
        self.world.start_broker()
        self.bus = self.world.bus()
        self.serves = [self.world.serve("serve%d" % number, env=SETTINGS) for number in range(instances)]
        self.world.deploy(self.serves[0], {"main.py": FUNCTION}, "work", MANIFEST)
        for serve in self.serves:
            wait_for(lambda serve=serve: state_of(serve, "work") == "READY", "the function on " + serve.name)

    def load(self, serves, by_grpc=1000, by_nats=1000):
        return Load(self.bus, [serve.client for serve in serves], by_grpc, by_nats).start()

    def test_workers_killed(self):
        self.begin(1)
        load = self.load(self.serves)
        killed = 0
        for part in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7):
            load.wait_until(part)
            for worker in self.serves[0].workers()[:2]:
                os.kill(worker, signal.SIGKILL)
                killed += 1
        load.finish()
        self.assertGreater(killed, 6)
        load.judge(self)

    def test_one_of_two_instances_killed(self):
        self.begin(2)
        victim, survivor = self.serves
        load = self.load([survivor])
        load.wait_until(0.3)
        processes = victim.workers()
        self.assertTrue(processes)
        victim.kill()
        load.finish()
        load.judge(self)
        wait_for(lambda: not any(alive(pid) for pid in processes), "the end of the killed instance's workers")

    def test_callers_of_the_killed_instance_resume_elsewhere(self):
        self.begin(2)
        load = self.load(self.serves, by_nats=0, by_grpc=2000)
        load.wait_until(0.3)
        self.serves[0].kill()
        load.finish()
        load.clients = load.clients[1:]
        load.judge(self)

    def test_broker_killed(self):
        self.broker_restarted(lambda broker: broker.kill())

    def test_broker_terminated(self):
        self.broker_restarted(lambda broker: broker.stop())

    def broker_restarted(self, end):
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

    def test_instance_stopped_under_load(self):
        self.begin(2)
        leaver, stayer = self.serves
        load = self.load([stayer])
        load.wait_until(0.3)
        self.assertEqual(leaver.stop(), 0)
        load.finish()
        self.assertEqual(set(load.statuses), {"OK"})
        load.judge(self)
        self.assertEqual(attempts_above_one(self.bus), 0, "a drain is charged to nobody")

    def test_instance_stopped_with_its_own_callers(self):
        """Calls that the leaving instance had accepted are answered; later ones are UNAVAILABLE and run elsewhere."""
        self.begin(2)
        load = self.load(self.serves, by_nats=0, by_grpc=2000)
        load.wait_until(0.3)
        self.assertEqual(self.serves[0].stop(), 0)
        load.finish()
        self.assertLessEqual(set(load.statuses), {"OK", "UNAVAILABLE"})
        load.clients = load.clients[1:]
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
        grpc_up = lambda: serve.client.health_of() == "NOT_SERVING"
        wait_for(grpc_up, "the gRPC server")
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
            gone = lambda: serve.client.execute("echo", event_of("x")).reason == "NATS_UNAVAILABLE"
            wait_for(gone, "calls to be refused")
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


def state_of(serve, name):
    functions = serve.client.list()
    return functions[name].state if name in functions else None


def attempts_above_one(bus):
    stored = bus.messages("function-results", "function.result.*")
    return sum(int(message.headers["stead-attempts"]) > 1 for message in stored)


if __name__ == "__main__":
    main()
