"""The NATS door as nats.js sees it: the current packages (nats_js.mjs) and the one before them (nats_js_2.mjs)."""
from foreign_case import ForeignCase, main

MAIN = "import stead\n\n@stead.function\ndef f(event, ctx):\n    return {'version': %d}\n"


class NatsJs(ForeignCase):
    settings = {"functions_timeout": "5s"}

    @classmethod
    def set_up_functions(cls):
        for plugin in ("echo", "echo-python", "rejects", "hangs"):
            cls.world.deploy(cls.one, plugin)
        first = cls.world.deploy(cls.one, {"main.py": MAIN % 1}, "two").version
        cls.world.deploy(cls.one, {"main.py": MAIN % 2}, "two")
        answer = cls.one.client.set_alias("two", "beta", **{"v" + first: 100})
        if answer.status.name != "OK":
            raise AssertionError(repr(answer))

    def test_nats_js(self):
        self.play("nats_js.mjs")

    def test_nats_js_before_version_3(self):
        self.play("nats_js_2.mjs")


if __name__ == "__main__":
    main()
