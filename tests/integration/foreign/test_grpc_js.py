"""The gRPC door as @grpc/grpc-js sees it; grpc_js.mjs holds the tests."""
import os

from foreign_case import HERE, ForeignCase, main, wait_for

SLOW = 'import time\nimport stead\n\n@stead.function\ndef slow(event, ctx):\n    time.sleep(2.5)\n    return {}\n'


class GrpcJs(ForeignCase):
    settings = {"functions_timeout": "20s"}

    @classmethod
    def set_up_functions(cls):
        for plugin in ("echo", "echo-python", "rejects", "hangs"):
            cls.world.deploy(cls.one, plugin)
        cls.world.deploy(cls.one, {"main.py": SLOW}, "slow")
        cls.tight = cls.world.serve("tight", grpc_max_in_flight="1")
        cls.leaving = cls.world.serve("leaving")
        cls.unix = cls.world.serve("unix", grpc_listen="unix:" + cls.world.path("grpc.sock"))
        for serve in (cls.tight, cls.leaving, cls.unix):
            wait_for(lambda s=serve: cls.ready(s), "the functions on " + serve.name)

    @staticmethod
    def ready(serve):
        functions = serve.client.list().values()
        return len(functions) == 5 and all(function.state == "READY" for function in functions)

    def test_grpc_js(self):
        self.play(
            "grpc_js.mjs",
            STEAD_TIGHT_ADDR=self.tight.ports["grpc"],
            STEAD_LEAVING_ADDR=self.leaving.ports["grpc"],
            STEAD_LEAVING_PID=str(self.leaving.pid),
            STEAD_UNIX_ADDR=self.unix.ports["grpc"],
            STEAD_OWN_PROTO=os.path.join(HERE, "own.proto"),
        )
        self.assertEqual(self.leaving.wait(), 0)


if __name__ == "__main__":
    main()
