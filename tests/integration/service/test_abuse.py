"""Callers that mean harm. During each attack innocent calls, quick and slow ones, are all answered; the memory of the
service stays under 300 MB; and afterwards a new connection is served as ever."""
import contextlib
import os
import resource
import signal
import threading
import time

from stead_world import WorldCase, calls, event_of, main
from stead_world.attack import (
    ACK, CONTINUATION, DEPLOY, END_HEADERS, HEADERS, PING, RST_STREAM, SETTINGS,
    Innocents, Wire, field, frame, headers_of, peak_memory_mib, peak_memory_reset,
)
from stead_world.process import wait_for

PEAK_MIB_MAX = 300
BODY_SECONDS = 3
CONNECTIONS_MAX = 100
SLOW = """
#include <stead/plugin.h>
#include <unistd.h>

static stead_status execute(stead_ctx *ctx, const stead_event *in)
{
    usleep(200000);
    return stead_reply(ctx, "test.slow.v1", NULL, "slow", 4);
}

static const stead_plugin plugin = { .abi = STEAD_ABI, .name = "slow", .execute = execute };

int main(int argc, char **argv)
{
    return stead_main(argc, argv, &plugin);
}
"""
MIB = 1 << 20
CUT_OFF = (8, "closed", "ENHANCE_YOUR_CALM", "NO_ERROR")  # RESOURCE_EXHAUSTED, or an end before it could be read


def together(count, work):
    """Runs work(number) on threads of their own; what they returned."""
    results = [None] * count

    def run(number):
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


class Abuse(WorldCase):
    settings = {
        "grpc_body_timeout": "%ds" % BODY_SECONDS,
        "grpc_max_connections": str(CONNECTIONS_MAX),
        "log_level": "error",
    }

    @classmethod
    def set_up_functions(cls):
        cls.world.deploy(cls.one, "echo")
        cls.world.deploy(cls.one, {"main.c": SLOW}, "slow", "spec: {maxWorkers: 4}\n")
        cls.address = cls.one.ports["grpc"]

    @contextlib.contextmanager
    def attack(self):
        peak_memory_reset(self.one.pid)
        with Innocents(self.address, ("echo", "slow")) as innocents:
            wait_for(lambda: innocents.answered >= 3, "the innocent calls")
            before = innocents.answered
            yield
            wait_for(lambda: innocents.answered >= before + 6, "innocent calls after the attack")
        peak = peak_memory_mib(self.one.pid)
        print("peak %.0f MiB, %d innocent calls, slowest %.1f s" % (peak, innocents.answered, innocents.slowest), end=" ")
        self.assertEqual(innocents.failures, [])
        self.assertLess(peak, PEAK_MIB_MAX)
        self.assertTrue(self.one.running())
        fresh = calls.Client(self.address)
        self.assert_ok(fresh.execute("echo", event_of("afterwards"), timeout=20))
        fresh.close()

    def wire(self):
        return Wire(self.address).begin()

    def test_message_of_256_mib(self):
        with self.attack(), self.wire() as wire:
            stream = wire.open()
            self.assertFalse(wire.send_message(stream, 256 * MIB))
            self.assertIn(wire.end_of(stream), CUT_OFF)

    def test_8_attackers_of_32_mib(self):
        def one(_):
            with self.wire() as wire:
                stream = wire.open()
                wire.send_message(stream, 32 * MIB)
                return wire.end_of(stream)

        with self.attack():
            for end in together(8, one):
                self.assertIn(end, CUT_OFF)

    def test_many_messages_that_stop_before_their_end(self):
        # Nothing but their last byte is missing, so each holds its memory until the time for its message is over.
        def one(number):
            with self.wire() as wire:
                streams = []
                for _ in range(4):
                    streams.append(wire.open(headers_of(DEPLOY)))
                    wire.send_message(streams[-1], 15 * MIB, declared=15 * MIB + 1)
                return [wire.end_of(stream) for stream in streams]

        with self.attack():
            for ends in together(8, one):
                self.assertNotIn(None, ends)

    def test_many_large_deploys(self):
        # Complete and well-formed, but for the code that doesn't compile.
        deploy = field(1, b"c") + field(2, b"large") + field(3, field(1, b"main.c") + field(2, bytes(14 * MIB)))

        def one(_):
            with self.wire() as wire:
                streams = [wire.open(headers_of(DEPLOY)) for _ in range(2)]
                for stream in streams:
                    wire.send(stream, deploy)
                return [wire.end_of(stream, 60) for stream in streams]

        with self.attack():
            for ends in together(8, one):
                self.assertNotIn(None, ends)

    def test_many_large_events(self):
        event = field(1, b"i%03d") + field(2, b"/s") + field(3, b"1.0") + field(4, b"t") + field(6, bytes(900 * 1024))

        def one(number):
            with self.wire() as wire:
                streams = []
                for at in range(50):
                    streams.append(wire.open())
                    unique = event.replace(b"%03d", b"%03d" % (50 * number + at), 1)
                    wire.send(streams[-1], field(1, b"slow") + field(2, unique))
                return [wire.end_of(stream) for stream in streams]

        with self.attack():
            for ends in together(8, one):
                self.assertNotIn(None, ends)

    def test_many_large_events_while_the_broker_sleeps(self):
        # Each of them is asked again while the broker does not say that it has it.
        event = field(1, b"z%03d") + field(2, b"/s") + field(3, b"1.0") + field(4, b"t") + field(6, bytes(900 * 1024))

        def one(number):
            with self.wire() as wire:
                streams = []
                for at in range(30):
                    streams.append(wire.open())
                    wire.send(streams[-1], field(1, b"echo") + field(2, event.replace(b"%03d", b"%03d" % (30 * number + at), 1)))
                return [wire.end_of(stream, 60) for stream in streams]

        with self.attack():
            self.world.broker.signal(signal.SIGSTOP)
            awake = threading.Timer(3, self.world.broker.signal, [signal.SIGCONT])
            awake.start()
            for ends in together(8, one):
                self.assertNotIn(None, ends)
            awake.join()

    def test_answers_that_nobody_reads(self):
        event = field(1, b"%04d") + field(2, b"/r") + field(3, b"1.0") + field(4, b"t") + field(6, bytes(900 * 1024))

        def one(number):
            wire = self.wire()
            for at in range(40):
                unique = event.replace(b"%04d", b"%04d" % (40 * number + at), 1)
                wire.send(wire.open(), field(1, b"echo") + field(2, unique))
            return wire  # of the answers only window updates were looked at, and no window was ever given

        with self.attack():
            wires = together(4, one)
            time.sleep(BODY_SECONDS + 1)
            for wire in wires:
                wire.socket.close()

    def test_gzip_bomb(self):
        import gzip

        bomb = gzip.compress(bytes(256 * MIB), 1)
        with self.attack(), self.wire() as wire:
            stream = wire.open(headers_of(grpc_encoding="gzip"))
            wire.send(stream, bomb, flag=1)
            self.assertEqual(wire.end_of(stream), 12)

    def test_descriptors_run_out_at_accept(self):
        soft, hard = resource.prlimit(self.one.pid, resource.RLIMIT_NOFILE)
        with self.attack():
            used = len(os.listdir("/proc/%d/fd" % self.one.pid))
            resource.prlimit(self.one.pid, resource.RLIMIT_NOFILE, (used + 20, hard))
            wires = [Wire(self.address) for _ in range(80)]
            time.sleep(1)
            self.assertLessEqual(len(os.listdir("/proc/%d/fd" % self.one.pid)), used + 20)
            for wire in wires:
                wire.socket.close()
            # still low: what was closed is room for others
            fresh = calls.Client(self.address)
            self.assert_ok(fresh.execute("echo", event_of("with few descriptors"), timeout=20))
            fresh.close()
            resource.prlimit(self.one.pid, resource.RLIMIT_NOFILE, (soft, hard))

    def test_slow_body(self):
        with self.attack(), self.wire() as wire:
            begun = time.monotonic()
            streams = [wire.open() for _ in range(100)]
            for stream in streams:
                wire.h2.send_data(stream, b"\0\0\0\1\0")
            while len(wire.status) < len(streams) and time.monotonic() - begun < 4 * BODY_SECONDS:
                for stream in streams:
                    if stream not in wire.status:
                        wire.h2.send_data(stream, b"x")
                wire.flush()
                wire.read(0.1)
            self.assertEqual({wire.end_of(stream) for stream in streams}, {4})
            self.assertGreaterEqual(time.monotonic() - begun, BODY_SECONDS - 0.1)

    def test_10000_streams_on_one_connection(self):
        with self.attack(), self.wire() as wire:
            block = wire.h2.encoder.encode(headers_of(), huffman=False)
            for first in range(1, 20001, 200):
                opened = b"".join(frame(HEADERS, END_HEADERS, stream, block) for stream in range(first, first + 200, 2))
                if not wire.raw(opened):
                    break

    def test_rapid_reset(self):
        def one(_):
            with self.wire() as wire:
                block = wire.h2.encoder.encode(headers_of(), huffman=False)
                for first in range(1, 10001, 100):
                    burst = b"".join(
                        frame(HEADERS, END_HEADERS, stream, block) + frame(RST_STREAM, 0, stream, b"\0\0\0\x08")
                        for stream in range(first, first + 100, 2)
                    )
                    if not wire.raw(burst):
                        return

        with self.attack():
            together(4, one)

    def test_hostile_protobuf(self):
        event = field(1, b"i") + field(2, b"/s") + field(3, b"1.0") + field(4, b"t")
        nested = b""
        for _ in range(4000):
            nested = field(2, nested) if len(nested) < 100000 else nested
        table = (
            (b"\x0a\x02ab" * 200000, (8,)),
            (field(1, b"echo") + b"\xc8\x01\x01" * 300000, (8,)),
            (field(1, b"echo") + field(2, event + b"\x2a\x00" * 400000), (8,)),
            (field(1, b"echo") + field(2, nested), (3, 8)),
            (field(1, b"e\0cho") + field(2, event), (3,)),
            (field(1, b"\xff\xfe") + field(2, event), (3,)),
            (field(1, b"echo") + field(2, event.replace(b"/s", b"\0s")), (3,)),
            (b"\xff" * 1000, (3,)),
            (b"\x0b" * 1000, (3,)),
        )
        with self.attack(), self.wire() as wire:
            for message, expected in table:
                stream = wire.open()
                wire.send(stream, message)
                self.assertIn(wire.end_of(stream), expected, message[:40])
            for message in (b"\x1a\x00" * (2 * MIB), b"\x4a\x00" * (2 * MIB), field(3, b"\x12\x00" * (2 * MIB))):
                stream = wire.open(headers_of(DEPLOY))
                wire.send(stream, message)
                self.assertEqual(wire.end_of(stream), 8)

    def test_header_bombs(self):
        with self.attack():
            with self.wire() as wire:  # over the advertised size, in one value
                stream = wire.open(headers_of(bomb="x" * 15000, second="y" * 15000))
                self.assertNotIn(wire.end_of(stream), (0, None))
            with self.wire() as wire:  # one value of 4000 bytes, kept in the table and referred to by one byte each
                fields = headers_of() + [("bomb", "x" * 4000)]
                block = wire.h2.encoder.encode(fields, huffman=False)
                wire.raw(frame(HEADERS, END_HEADERS, 1, block + b"\xbe" * 16000))
                self.assertNotIn(wire.end_of(1), (0, None))

            def continued(_):
                with Wire(self.address) as wire:  # headers that never end, before the server's settings are acknowledged
                    wire.preface()
                    wire.raw(frame(HEADERS, 0, 1, wire.h2.encoder.encode(headers_of())))
                    value = b"\x00\x01k\x7f\x81\x7a" + b"v" * 15872
                    for _ in range(2000):
                        if not wire.raw(frame(CONTINUATION, 0, 1, value[:16384])):
                            return "closed"
                    return "open"

            self.assertEqual(set(together(8, continued)), {"closed"})

    def test_illegal_frame_flag(self):
        request = calls.module("function_service_pb2").ExecuteFunctionRequest(name="echo", event=event_of("x"))
        with self.attack(), self.wire() as wire:
            stream = wire.open()
            wire.send(stream, request.SerializeToString(), flag=2)
            self.assertIn(wire.end_of(stream), (3, 13))

    def test_ping_and_settings_floods(self):
        def flood(number):
            unit = frame(PING, 0, 0, b"12345678") if number % 2 else frame(SETTINGS, 0, 0, b"\0\3\0\0\0\x64")
            with Wire(self.address, receive_bytes=4096) as wire:  # reads nothing: answers have to wait in the server
                wire.preface()
                wire.raw(frame(SETTINGS, ACK, 0))
                wire.socket.settimeout(2)
                for _ in range(2000):
                    if not wire.raw(unit * 500):
                        return

        with self.attack():
            together(4, flood)

    def test_more_connections_than_allowed(self):
        with self.attack():
            wires = [Wire(self.address) for _ in range(3 * CONNECTIONS_MAX)]
            for wire in wires:
                wire.preface()
            time.sleep(1)
            self.assertGreaterEqual(sum(wire.has_ended() for wire in wires), 2 * CONNECTIONS_MAX)
            for wire in wires:
                wire.socket.close()


if __name__ == "__main__":
    main()
