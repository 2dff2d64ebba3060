"""The object store and the buckets as nats.js sees them; objects.mjs holds the tests."""
import json
import os
import re

from foreign_case import PLUGINS, ForeignCase, main, wait_for
from stead_world import event_of

CONFIG = "$KV.function-config."
UNREADABLE = "a record of a function is damaged or of a newer Stead"
UNREADABLE_KEYS = (
    "python.bad-json",
    "python.bad-digest",
    "python.bad-key",
    "python.bad-schema",
    "result.bad-language",
    "bad-whole-key",
)
CLASH = "two records claim one function name"


class Objects(ForeignCase):
    @classmethod
    def set_up_functions(cls):
        cls.world.deploy(cls.one, "echo")
        cls.world.deploy(cls.one, "echo-python")

    def test_objects(self):
        before = self.one.log().count(CLASH)
        self.play("objects.mjs", STEAD_PLUGINS=PLUGINS)
        wait_for(lambda: self.one.log().count(CLASH) > before, "the log to say so")
        for key in UNREADABLE_KEYS:
            self.one.says('"%s"' % key)
        log = self.one.log()
        told = [line for line in log.splitlines() if UNREADABLE in line]
        for key in UNREADABLE_KEYS:
            self.assertEqual(len([line for line in told if re.search('"%s"' % re.escape(key), line)]), 1, key)
        self.assertEqual(log.count(CLASH), before + 1)
        self.assertFalse(os.path.exists("/tmp/stead-was-here"))

    def test_an_instance_that_comes_later_keeps_to_the_older_of_two_records(self):
        own = json.loads(self.bus.last("KV_function-config", CONFIG + "c.echo").data)
        thief = {**own, "language": "python", "version": "0123456789abcdef", "aliases": []}
        self.bus.publish(CONFIG + "python.echo", json.dumps(thief).encode())
        self.addCleanup(self.bus.publish, CONFIG + "python.echo", b"", {"KV-Operation": "DEL"})
        late = self.world.serve("late")
        wait_for(lambda: "echo" in late.client.list() and late.client.list()["echo"].state == "READY", "echo")
        self.assertEqual(late.client.list()["echo"].language, "c")
        for serve in (self.one, late):
            for _ in range(5):
                self.assertEqual(serve.client.execute("echo", event_of(b"x")).data, b"x")
        late.says(CLASH)
        self.assertEqual(late.log().count(CLASH), 1)
        self.assertEqual(late.stop(), 0)


if __name__ == "__main__":
    main()
