"""Objects that Stead stores are read by nats-py and the other way round. Exit 77 without nats-py or nats-server."""

import asyncio
import os
import subprocess
import sys
import tempfile

try:
    import nats
except ImportError:
    print("skipped: nats-py is not installed (pip install nats-py)")
    sys.exit(77)

SIZES = (0, 1, 131071, 131072, 131073, 1048577)


class Tool:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            sys.exit(self.process.wait())

    def run(self, verb, name, path):
        self.process.stdin.write(f"{verb} {name} {path}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer == "ok", answer


async def check(tool, folder):
    connection = await nats.connect(tool.url)
    store = await connection.jetstream().object_store("function-code")
    path = os.path.join(folder, "object")
    for size in SIZES:
        content = os.urandom(size)
        name = f"python/thing-{size}/é"
        with open(path, "wb") as file:
            file.write(content)
        tool.run("put", name, path)
        assert (await store.get(name)).data == content, size
        other = os.urandom(size)
        await store.put(name, other)
        tool.run("get", name, path)
        with open(path, "rb") as file:
            assert file.read() == other, size
    names = sorted(entry.name for entry in await store.list())
    assert len(names) == len(SIZES), names
    await connection.close()


def main():
    tool = Tool(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(check(tool, folder))
    tool.process.stdin.close()
    assert tool.process.wait() == 0


main()
