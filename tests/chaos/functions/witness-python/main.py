"""The witness in Python: as functions/witness, with fewer wishes (sleep, fail, reject, exit, size)."""
import os
import time

import stead

TAG = "A"  # of this version; the driver deploys others
_witness = os.open(os.environ["WITNESS"], os.O_WRONLY | os.O_APPEND)
_number = 0


def digest(data):
    value = 0xCBF29CE484222325  # FNV-1a
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return "%016x" % value


def write_line(op, ctx, key, value):
    line = '{"t":%d,"pid":%d,"parent":%d,"op":"%s","n":%d,"id":"%s","fn":"%s","tag":"%s","try":%d,"%s":"%s"}\n' % (
        time.monotonic_ns(), os.getpid(), os.getppid(), op, _number, ctx.request_id, os.environ["WITNESS_FUNCTION"], TAG,
        ctx.attempt, key, value,
    )
    if os.write(_witness, line.encode()) != len(line):
        os.abort()


@stead.function
def script(event, ctx):
    global _number
    _number += 1
    data = bytes(event.raw or b"")
    wishes = {key: int(value) for key, _, value in (word.partition("=") for word in data.decode().split())}
    write_line("invoke", ctx, "in", digest(data))
    time.sleep(wishes.get("sleep", 0) / 1000)
    if wishes.get("exit", 0) >= ctx.attempt:
        os._exit(3)
    if "reject" in wishes:
        write_line("fail", ctx, "why", "reject")
        raise stead.Reject("as the event wished")
    if wishes.get("fail", 0) >= ctx.attempt:
        write_line("fail", ctx, "why", "retry")
        raise stead.Retry("as the event wished")
    answer = ("%s %d %s" % (ctx.request_id, ctx.attempt, os.urandom(16).hex())).ljust(wishes.get("size", 0), ".").encode()
    write_line("ok", ctx, "dig", digest(answer))
    return answer
