"""Processes of Stead are killed in the middle of 2,000 calls: every accepted one is answered exactly once."""
import contextlib
import os
import signal

from stead_world import main, wait_for
from stead_world.load import SETTINGS, LoadCase
from stead_world.process import alive, children


class Recovery(LoadCase):
    def test_workers_killed(self):
        self.begin(1)
        load = self.load(self.serves)
        killed = 0
        for part in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7):
            load.wait_until(part)
            for worker in self.serves[0].workers()[:2]:
                with contextlib.suppress(ProcessLookupError):  # it ended by itself just now
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

    def test_only_instance_killed_and_started_again(self):
        self.begin(1)
        load = self.load(self.serves)
        load.wait_until(0.3)
        self.serves[0].kill()
        again = self.world.serve("serve0", env=SETTINGS)
        load.clients.append(again.client)
        load.finish()
        load.clients = [again.client]
        load.judge(self)

    def test_instance_and_broker_killed_together(self):
        self.begin(2)
        victim, survivor = self.serves
        load = self.load([survivor])
        load.wait_until(0.3)
        victim.kill()
        self.world.broker.kill()
        self.world.start_broker()
        load.finish()
        load.judge(self)

    def test_instance_that_sleeps(self):
        """It wakes after others took over what it held: what it then says changes nothing."""
        self.begin(2)
        sleeper, other = self.serves
        load = self.load([other])
        load.wait_until(0.2)
        sleeper.signal(signal.SIGSTOP)
        load.finish()
        sleeper.signal(signal.SIGCONT)
        load.judge(self)

    def test_spawner_killed(self):
        """An instance that can start no process any more ends by itself; the other one does the work."""
        self.begin(2)
        victim, other = self.serves
        load = self.load([other])
        load.wait_until(0.3)
        for spawner in children(victim.pid):
            os.kill(spawner, signal.SIGKILL)
        self.assertEqual(victim.wait(), 70)
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
        stored = self.bus.messages("function-results", "function.result.*")
        self.assertEqual({message.headers["stead-attempts"] for message in stored}, {"1"}, "nobody is charged")

    def test_instance_stopped_with_its_own_callers(self):
        """Calls that the leaving instance had accepted are answered; later ones are UNAVAILABLE and run elsewhere."""
        self.begin(2)
        load = self.load(self.serves, by_nats=0, by_grpc=2000)
        load.wait_until(0.3)
        self.assertEqual(self.serves[0].stop(), 0)
        load.finish()
        self.assertLessEqual(set(load.statuses), {"OK", "UNAVAILABLE", "CANCELLED"})
        load.clients = load.clients[1:]
        load.judge(self)


if __name__ == "__main__":
    main()
