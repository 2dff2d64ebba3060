"""A TCP proxy before a broker, on whose connections some subscriptions are dead from the start: it writes another subject
of the same length into them, so that the broker serves them and nothing ever comes, while all else goes on. That is how
a broker looks that forgot a subscription."""
import asyncio
import contextlib
import re
import threading

_PIECE_BYTES = 65536
_BEGIN = b"SUB "


class Deaf:
    """Connections that are made while `subjects`, a pattern, is set get nothing on what it matches; others are as usual."""

    def __init__(self, port):
        self.target, self.subjects, self.deafened = port, b"", 0
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.server = self._run(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.url = "nats://127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def close(self):
        async def end():
            self.server.close()
            open_ways = asyncio.all_tasks() - {asyncio.current_task()}
            for way in open_ways:
                way.cancel()
            await asyncio.gather(*open_ways, return_exceptions=True)

        self._run(end())
        self.loop.call_soon_threadsafe(self.loop.stop)

    async def _accept(self, reader, writer):
        with contextlib.suppress(OSError):
            far_reader, far = await asyncio.open_connection("127.0.0.1", self.target)
            there = self._deafen(reader, far, self.subjects) if self.subjects else self._pass(reader, far)
            tasks = [asyncio.ensure_future(way) for way in (there, self._pass(far_reader, writer))]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            far.close()
        writer.close()

    @staticmethod
    async def _pass(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(_PIECE_BYTES):
                writer.write(data)
                await writer.drain()

    async def _deafen(self, reader, writer, subjects):
        pattern, kept = re.compile(_BEGIN + b"(" + subjects + b")"), b""
        with contextlib.suppress(OSError):
            while data := await reader.read(_PIECE_BYTES):
                data = kept + data
                last = data.rfind(b"\n") + 1
                whole = not data[last:].startswith(_BEGIN[: len(data) - last])
                end = len(data) if whole else last  # of half a subscription the rest is on its way
                data, kept = data[:end], data[end:]
                data, count = pattern.subn(lambda match: _BEGIN + b"x" * len(match.group(1)), data)
                self.deafened += count
                writer.write(data)
                await writer.drain()
