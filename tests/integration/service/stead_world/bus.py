"""nats-py behind plain calls: its event loop runs in a thread of its own."""
import asyncio
import threading
import time

import nats
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError

from .process import wait_for

_SECONDS = 30
_BATCH = 256


class Bus:
    def __init__(self, url):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.connection = self.run(self._connect(url))
        self.stream = self.connection.jetstream(timeout=5)

    async def _connect(self, url):
        async def quiet(_error):
            pass

        return await nats.connect(
            url, max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=quiet, connect_timeout=10
        )

    def run(self, coroutine, seconds=_SECONDS):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds)

    def close(self):
        try:
            self.run(self.connection.close(), 5)
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)

    def publish(self, subject, body=b"", headers=None):
        """Through core NATS, as `nats pub` does: no answer."""

        async def send():
            await self.connection.publish(subject, body, headers=headers)
            await self.connection.flush()

        self.run(send())

    def request(self, subject, body=b"", headers=None):
        return self.run(self.connection.request(subject, body, timeout=10, headers=headers))

    async def accept(self, subject, body, headers):
        """Publishes until the broker says that it has it; the headers should hold a Nats-Msg-Id."""
        while True:
            try:
                return await self.stream.publish(subject, body, timeout=2, headers=headers)
            except Exception:  # away, restarting, or without a leader: publish again under the same id
                await asyncio.sleep(0.1)

    def try_publish(self, subject, body, headers, seconds=2):
        """One publish with an answer of the broker; "" or what went wrong, after which it may be stored all the same."""
        try:
            self.run(self.stream.publish(subject, body, timeout=seconds, headers=headers), seconds + 10)
        except Exception as error:  # whatever it is, the outcome is not known
            return type(error).__name__
        return ""

    def listen(self, subject):
        """A list that grows with each message on the subject."""
        heard = []

        async def take(message):
            heard.append(message)

        async def subscribe():
            await self.connection.subscribe(subject, cb=take)
            await self.connection.flush()

        self.run(subscribe())
        return heard

    def info(self, stream):
        return self.run(self.stream.stream_info(stream)).state

    def limit(self, stream, messages):
        """How many it holds at most; -1: any."""
        config = self.run(self.stream.stream_info(stream)).config
        config.max_msgs = messages
        self.run(self.stream.update_stream(config=StreamConfig(**{**config.__dict__})))

    def leader(self, stream, seconds=2):
        """The server that leads a stream of a cluster."""
        return self.run(self.stream.stream_info(stream), seconds).cluster.leader

    def last(self, stream, subject):
        """The newest message of the subject in the stream, or None."""
        try:
            return self.run(self.stream.get_last_msg(stream, subject))
        except NotFoundError:
            return None

    def at(self, stream, sequence):
        """The message with that number, or None."""
        try:
            return self.run(self.stream.get_msg(stream, seq=sequence))
        except NotFoundError:
            return None

    def result(self, request_id, seconds=60):
        """The stored result of a request, as soon as there is one."""
        subject = "function.result." + request_id
        return wait_for(lambda: self.last("function-results", subject), "the result of " + request_id, seconds)

    def messages(self, stream, subject, seconds=2 * _SECONDS):
        """All messages of the stream, read by a consumer."""

        async def read():
            found = []
            subscription = await self.stream.pull_subscribe(subject, stream=stream)
            pending = (await subscription.consumer_info()).num_pending
            deadline = time.monotonic() + seconds / 2
            while len(found) < pending and time.monotonic() < deadline:
                batch = await subscription.fetch(min(_BATCH, pending - len(found)), timeout=10)
                for message in batch:
                    await message.ack()
                found += batch
            await subscription.unsubscribe()
            return found

        return self.run(read(), seconds)

    def queue_empty(self, seconds=90):
        """Waits until the work queue holds nothing and its consumers wait for no acknowledgement."""

        def empty():
            if self.info("functions").messages > 0:
                return False
            return all(one.num_ack_pending == 0 for one in self.run(self.stream.consumers_info("functions")))

        try:
            wait_for(empty, "an empty work queue", seconds, 0.2)
        except AssertionError as error:
            raise AssertionError("%s, which holds:\n%s" % (error, self._queue_text())) from None

    def _queue_text(self):
        """What is left in the queue and what its consumers think of it."""
        state = self.info("functions")
        lines = ["%d messages, %d to %d" % (state.messages, state.first_seq, state.last_seq)]
        for sequence in range(state.first_seq, min(state.first_seq + 20, state.last_seq + 1)):
            try:
                message = self.run(self.stream.get_msg("functions", seq=sequence))
                lines.append("%d %s %s" % (sequence, message.subject, message.headers))
            except NotFoundError:
                pass
        for consumer in self.run(self.stream.consumers_info("functions")):
            lines.append(
                "%s: pending %s, unacknowledged %s, waiting pulls %s, delivered %s, floor %s"
                % (
                    consumer.name,
                    consumer.num_pending,
                    consumer.num_ack_pending,
                    consumer.num_waiting,
                    consumer.delivered,
                    consumer.ack_floor,
                )
            )
        return "\n".join(lines)
