"""A request whose function kills the instance that runs it ends as poison after some starts; others are served."""
import sys

sys.path.insert(0, __file__.rpartition("/")[0] + "/..")
from witness_case import WitnessCase, event_of, main

MURDERER = """
import os
import signal
import stead

@stead.function
def murder(event, ctx):
    with open("/proc/%d/stat" % os.getppid()) as stat:
        instance = int(stat.read().rpartition(")")[2].split()[1])
    os.write(os.open(os.environ["LIST"], os.O_WRONLY | os.O_APPEND), b"x")
    os.kill(instance, signal.SIGKILL)
    signal.pause()
"""
LIVES_MAX = 30


class RequestThatKillsItsInstance(WitnessCase):
    def test_poison(self):
        (one,) = self.begin()
        self.deploy(one)
        path = self.world.path("murders")
        open(path, "w", encoding="ascii").close()
        self.world.deploy(one, {"main.py": MURDERER}, "murder", "spec:\n  env: {LIST: %s}\n" % path)
        self.publish("poison", b"", "murder", "python")
        harmless = ["harmless-%d" % number for number in range(4)]
        for request in harmless:
            self.publish(request, b"sleep=1")
        lives = 0
        while self.bus.last("function-results", "function.result.poison") is None:
            self.assertLess(lives, LIVES_MAX, "it kills for ever")
            if not one.running():
                one.killed = True  # not by us, but on purpose
                lives += 1
                one = self.serve("n1")
            self.pause()
        result = self.bus.result("poison")
        self.assertEqual((result.headers["stead-outcome"], result.headers["stead-reason"]), ("dead-lettered", "POISON"))
        for request in harmless:
            self.assertEqual(self.bus.result(request).headers["stead-outcome"], "succeeded", request)
        with open(path, encoding="ascii") as murders:
            self.assertEqual(len(murders.read()), lives)
        self.assert_ok(one.client.execute("work", event_of(b"sleep=0")))
        self.bus.queue_empty()

    @staticmethod
    def pause():
        import time

        time.sleep(0.1)


if __name__ == "__main__":
    main()
