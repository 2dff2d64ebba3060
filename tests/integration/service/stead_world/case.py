"""unittest with a world: one per test class, and its logs when something failed."""
import sys
import unittest

from .world import World

_worlds = []


class WorldCase(unittest.TestCase):
    """Starts the broker, one instance `one` with these settings, and a bus."""

    settings = {}
    world = one = bus = None

    @classmethod
    def setUpClass(cls):
        cls.world = World()
        _worlds.append(cls.world)
        cls.addClassCleanup(cls.world.close)
        cls.world.start_broker()
        cls.bus = cls.world.bus()
        cls.one = cls.world.serve(**cls.settings)
        cls.set_up_functions()

    @classmethod
    def set_up_functions(cls):
        """For deploys that all tests of the class share."""

    def new_world(self):
        """A world of this test's own; nothing in it is started."""
        world = World()
        _worlds.append(world)
        self.addCleanup(world.close)
        return world

    def assert_status(self, answer, status, reason=None):
        self.assertEqual(answer.status.name, status, repr(answer))
        if reason is not None:
            self.assertEqual(answer.reason, reason, repr(answer))

    def assert_ok(self, answer):
        self.assertTrue(answer.ok, repr(answer))


def main():
    """Runs the calling file's tests. Failures, and crashes that no test noticed, are followed by the worlds' logs."""
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    troubles = [trouble for world in _worlds for trouble in world.troubles]
    good = program.result.wasSuccessful() and not troubles
    for world in _worlds if not good else ():
        sys.stderr.write(world.kept_logs)
    sys.stderr.write("".join("\nTROUBLE %s" % trouble for trouble in troubles))
    sys.stderr.flush()
    sys.exit(0 if good else 1)
