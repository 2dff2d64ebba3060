"""The flight recorder of a real service: what it recorded, `stead replay` comes to again."""
import json
import os
import signal
import struct
import subprocess

from stead_world import main
from stead_world.load import SETTINGS, LoadCase
from stead_world.world import PROGRAM


def replay(*arguments):
    """(exit code, report) of `stead replay --json`."""
    done = subprocess.run([PROGRAM, "replay", "--json", *arguments], capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, json.loads(done.stdout)


class Journal(LoadCase):
    def folder(self):
        return self.world.path("store-serve0", "journal")

    def assert_same(self, report, tail):
        self.assertEqual((report["end"], report["fault"]), ("same", ""), report)
        self.assertEqual(report["tail"], tail)
        self.assertEqual(report["first"], 1)
        self.assertIn(report["last"] - report["states_compared"] - report["effects_compared"], (-2, -1, 0, 1))

    def begin_load(self, by_grpc=600, by_nats=600):
        self.begin(1)
        return self.load(self.serves, by_grpc, by_nats)

    def test_worker_killed_and_broker_restarted(self):
        load = self.begin_load()
        load.wait_until(0.2)
        os.kill(self.serves[0].workers()[0], signal.SIGKILL)
        load.wait_until(0.4)
        self.world.broker.kill()
        self.world.start_broker()
        load.finish()
        load.judge(self)
        self.serves[0].stop()
        code, report = replay(self.folder())
        self.assertEqual(code, 0, report)
        self.assert_same(report, "sealed")
        self.assertGreater(report["states_compared"], 2)
        middle = str(report["last"] // 2)
        code, part = replay(self.folder(), "--to", middle, "--dump")
        self.assertEqual((code, part["last"], part["tail"]), (0, int(middle), "reached"))
        self.assertTrue([line for line in part["story"] if line.startswith(middle + "  [")], part["story"])
        self.assertTrue(part["story"][-1].startswith("after %s: " % middle))
        self.assert_state(part["state"])
        self.assert_forks()

    def assert_state(self, state):
        """The tables say what the core's own counts say."""
        core = state["core"]
        for table in ("functions", "workers", "calls", "deliveries"):
            self.assertEqual(len(state.get(table, [])), core.get(table, 0), table)
        self.assertEqual([row["state"] for row in state["functions"]], ["READY"])
        running = [row for row in state.get("deliveries", []) if row["state"] == "RUNNING"]
        self.assertEqual(len(running), core.get("running", 0))
        self.assertEqual(len(running), sum(row.get("running", 0) for row in state["workers"]))

    def assert_forks(self):
        """From 25 moments of that life, the crash and the restart among them, nothing that may happen breaks a law."""
        done = subprocess.run([PROGRAM, "replay", self.folder(), "--fork", "any", "--seed", "1..25", "--json"],
                              capture_output=True, text=True, timeout=240, check=False)
        forks = json.loads(done.stdout)
        self.assertEqual((done.returncode, forks["violations"]), (0, []))
        self.assertEqual(forks["forks"] + forks["passed_over"], 25)
        self.assertGreater(forks["clean"], 20)

    def test_killed_in_the_middle_and_started_again(self):
        load = self.begin_load(by_grpc=1000, by_nats=0)
        load.wait_until(0.4)
        answered = len(load.answers)
        self.serves[0].kill()
        code, report = replay(self.folder())
        self.assertEqual(code, 0, report)
        self.assertGreater(report["last"], 4 * answered)  # call, PubAck, delivery, result: none of these steps is lost
        self.assertIn(report["tail"], ("open", "torn"))
        self.assert_same(report, report["tail"])
        again = self.world.serve("serve0", env=SETTINGS)
        load.clients = [again.client]
        load.finish()
        again.stop()
        code, second = replay(self.folder())
        self.assertEqual((code, second["runs_before"]), (0, 1), second)
        self.assert_same(second, "sealed")
        code, first = replay(os.path.join(self.folder(), "000"))
        self.assertEqual((code, first["hash"], first["last"]), (0, report["hash"], report["last"]))

    def test_a_changed_bit_is_named(self):
        load = self.begin_load()
        load.finish()
        self.serves[0].stop()
        path = os.path.join(self.folder(), "000")
        with open(path, "r+b") as file:
            file.seek(24)
            place = 4096 + struct.unpack("=Q", file.read(8))[0] + 500 * 152  # among the records, behind the snapshot
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 4]))
        code, report = replay(self.folder())
        self.assertEqual((code, report["end"]), (1, "damaged"), report)
        self.assertRegex(report["fault"], r"000: record (499|500|501) is damaged")

    def test_switched_off(self):
        world = self.new_world()
        world.start_broker()
        serve = world.serve("serve0", journal_enabled="false")
        serve.stop()
        self.assertFalse(os.path.exists(world.path("store-serve0", "journal")))


if __name__ == "__main__":
    main()
