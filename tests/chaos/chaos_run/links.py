"""TCP proxies between what talks to a broker and that broker, so that single links can be hurt.

A link is one way from somebody to one broker. It forwards what it reads, and may: cut all connections (reset), refuse
new ones, hold the bytes of one direction or both (they stay in the kernel's buffers, as in a partition), delay each
piece, or cut it into small ones. All links live in one thread with an event loop; commands come from the driver.
"""
import asyncio
import contextlib
import random
import socket
import struct
import threading

_PIECE_BYTES = 65536
_TO_BROKER, _FROM_BROKER = 0, 1
_NO_LINGER = struct.pack("ii", 1, 0)  # close() sends RST


class Loop:
    """The thread that all links share."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)


class Link:
    def __init__(self, loop, name, port, seed):
        self.loop, self.name, self.target = loop, name, port
        self.random = random.Random("%s %s" % (seed, name))
        self.delay_s, self.piece_bytes, self.refusing = (0.0, 0.0), _PIECE_BYTES, False
        self.flowing = None
        self.pairs = set()
        self.server = loop.run(self._listen())
        self.port = self.server.sockets[0].getsockname()[1]

    async def _listen(self):
        self.flowing = [asyncio.Event(), asyncio.Event()]
        for event in self.flowing:
            event.set()
        return await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def _accept(self, reader, writer):
        pair = [writer]
        self.pairs.add(tuple(pair))
        far = None
        try:
            if self.refusing:
                return
            far_reader, far = await asyncio.open_connection("127.0.0.1", self.target)
            self.pairs.discard(tuple(pair))
            pair.append(far)
            self.pairs.add(tuple(pair))
            ways = [self._pump(reader, far, _TO_BROKER), self._pump(far_reader, writer, _FROM_BROKER)]
            tasks = [asyncio.ensure_future(way) for way in ways]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
        except OSError:
            pass
        finally:
            self.pairs.discard(tuple(pair))
            for one in (writer, far):
                if one is not None:
                    one.close()

    async def _pump(self, reader, writer, way):
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while True:
                await self.flowing[way].wait()
                data = await reader.read(self.piece_bytes)
                if not data:
                    return
                await self.flowing[way].wait()
                if self.delay_s[1] > 0:
                    await asyncio.sleep(self.random.uniform(*self.delay_s))
                writer.write(data)
                await writer.drain()

    def cut(self):
        """Resets all connections, with whatever was under way."""

        async def reset():
            for pair in list(self.pairs):
                for writer in pair:
                    handle = writer.get_extra_info("socket")
                    with contextlib.suppress(OSError):
                        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                    writer.transport.abort()

        self.loop.run(reset())

    def refuse(self, on):
        self.refusing = on

    def hold(self, to_broker, from_broker):
        """Lets nothing through in these directions until release()."""

        async def stop():
            for event, on in zip(self.flowing, (to_broker, from_broker)):
                if on:
                    event.clear()

        self.loop.run(stop())

    def release(self):
        async def go():
            for event in self.flowing:
                event.set()

        self.loop.run(go())

    def slow(self, least_s, most_s, piece_bytes=_PIECE_BYTES):
        self.delay_s, self.piece_bytes = (least_s, most_s), piece_bytes

    def heal(self):
        self.slow(0.0, 0.0)
        self.refuse(False)
        self.release()
