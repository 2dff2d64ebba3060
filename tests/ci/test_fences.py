"""Each arrow and each reserved library has a sample on both sides of the fence."""

import unittest

from sample import OPENING, SampleTree


class Fences(SampleTree):
    tool = "ci/checks/fences"

    def test_arrows(self):
        table = [  # file, what it includes, is that allowed
            ("core/a.c", "core/b.h", True),
            ("core/a.c", "adapters/event/event.h", False),
            ("core/a.c", "serve/serve.h", False),
            ("adapters/http/a.c", "adapters/loop/loop.h", True),
            ("adapters/http/a.c", "serve/serve.h", False),
            ("adapters/http/a.c", "core/core.h", False),
            ("adapters/grpc/a.c", "function_service.pb-c.h", True),
            ("core/a.c", "function_service.pb-c.h", False),
            ("serve/a.c", "core/core.h", True),
            ("serve/a.c", "adapters/http/http.h", True),
            ("serve/a.c", "sim/sim.h", False),
            ("sim/a.c", "core/core.h", True),
            ("sim/a.c", "adapters/event/event.h", False),
            ("check/a.c", "core/core.h", False),
            ("lab/a.c", "sim/sim.h", False),
            ("cli/a.c", "serve/serve.h", True),
            ("cli/a.c", "core/core.h", False),
            ("core/a.c", "b.h", False),
            ("sdk/c/a.c", "stead.h", True),
            ("sdk/c/a.c", "adapters/plugin/frame.h", False),
            ("tests/unit/core/a.c", "adapters/event/event.h", True),
        ]
        for path, included, allowed in table:
            with self.subTest(path=path, included=included):
                self.write(path, OPENING + f'#include "{included}"\n')
                if allowed:
                    self.assert_clean()
                else:
                    self.assert_fault(f"{path}:3: fence:", included)
                (self.root / path).unlink()

    def test_private_headers(self):
        self.write("adapters/nats/wire.h", "/* Frames. Private to adapters/nats. */\n")
        self.write("adapters/nats/a.c", '#include "adapters/nats/wire.h"\n')
        self.assert_clean()
        self.write("serve/a.c", '#include "adapters/nats/wire.h"\n')
        self.assert_fault("adapters/nats/wire.h is private to adapters/nats")

    def test_reserved_libraries(self):
        table = [
            ("#include <grpc/grpc.h>\n", "adapters/grpc/a.c", "serve/a.c"),
            ("void f(void) { grpc_init(); }\n", "adapters/grpc/a.c", "cli/a.c"),
            ("#include <nats/nats.h>\n", "adapters/nats/a.c", "adapters/http/a.c"),
            ("void f(void) { js_Publish(0); natsMsg_Destroy(0); }\n", "adapters/nats/a.c", "serve/a.c"),
            ("int f(void) { return fork(); }\n", "adapters/spawner/a.c", "cli/a.c"),
            ("int f(void) { return posix_spawnp(0); }\n", "adapters/spawner/a.c", "adapters/build/a.c"),
            ("int f(void) { return system (command); }\n", "adapters/spawner/a.c", "serve/a.c"),
        ]
        for text, inside, outside in table:
            with self.subTest(text=text):
                self.write(inside, OPENING + text)
                self.assert_clean()
                self.write(outside, OPENING + text)
                self.assert_fault(f"{outside}:3: fence:", "alone")
                (self.root / outside).unlink()

    def test_words_that_only_look_alike(self):
        self.write("serve/a.c", OPENING + '/* fork() */ const char *s = "grpc_init("; int x = a->system(b) + my_fork(1);\n'
                   "int natskeys(int nats_port, int grpc_port);\n")
        self.assert_clean()


if __name__ == "__main__":
    unittest.main()
