#!/usr/bin/python3
"""A plugin of pipe/1 without an SDK, that commits the sin it is told to: careless.py SIN. With "none" it is a good one.

sins_test.py shows by it that the conformance program finds each.
"""
import os
import select
import socket
import struct
import sys
import time

SIN = sys.argv[1]
CALL, RESULT, ERROR, CANCEL, PING, PONG, STOP = 0x10, 0x11, 0x12, 0x13, 0x20, 0x21, 0x30
channel = socket.socket(fileno=3)
limit, result_max, data = 16 << 20, 16 << 20, b""


def die():
    os._exit(0 if SIN == "exits with 0 after garbage" else 65)


def block(entries):
    return b"".join(bytes([len(n)]) + n + struct.pack("<H", len(v)) + v for n, v in entries)


def send(kind, stream, header=b"", body=b""):
    channel.sendall(struct.pack("<IBBHI", 8 + len(header) + len(body), kind, 0, stream, len(header)) + header + body)


def entries_of(header):
    found, at, count = {}, 0, 0
    while at < len(header):
        value = at + 1 + header[at]
        if header[at] == 0 or value + 2 > len(header):
            die()
        end = value + 2 + struct.unpack_from("<H", header, value)[0]
        count += 1
        if end > len(header) or count > 128:
            die()
        name = header[at + 1 : value]
        if SIN == "the last entry counts" or name not in found:
            found[name] = header[value + 2 : end]
        at = end
    return found


def take():
    global data
    while True:
        if len(data) >= 12:
            length, kind, flags, stream, header = struct.unpack_from("<IBBHI", data)
            if not 8 <= length <= limit and SIN != "any length" or header > length - 8 or flags > 3:
                die()
            if len(data) >= length + 4:
                whole, data = data[: length + 4], data[length + 4 :]
                return kind, flags, stream, whole[12 : 12 + header], whole[12 + header :]
            if SIN == "no halves":
                die()
        more = channel.recv(1 << 20)
        if not more:
            if SIN == "lives on":
                time.sleep(100)
            os._exit(0)
        data += more


def answer(stream, header, body):
    entries = entries_of(header)
    if SIN == "no budget, no answer" and b":budget-ms" not in entries:
        return
    test = entries.get(b"test", b"")
    result = [(b"specversion", b"1.0"), (b"id", b"1"), (b"source", b"/careless"), (b"type", b"careless.v1")]
    if SIN == "no type":
        result.pop()
    if SIN == "control entries":
        result.append((b":class", b"retry"))
    if test:
        result.append((b"echoed", test.decode("latin-1").encode() if SIN == "attributes as Latin-1" else test))
    if len(block(result)) + len(body) > result_max and SIN != "large results":
        send(ERROR, stream, block([(b":class", b"permanent")]), b"too large")
        return
    send(RESULT, 1 if SIN == "one stream" else stream, block(result), body)
    if SIN == "twice":
        send(RESULT, stream, block(result), body)


send(0x01, 0, block([(b":pipe", b"2" if SIN == "another version" else b"1"), (b":concurrency", b"8")]))
kind, _, _, header, _ = take()
config = entries_of(header)
if (kind != 0x02 or config[b":pipe"] != b"1") and SIN != "any CONFIG":
    die()
limit, result_max = int(config.get(b":frame-bytes-max", limit)), int(config.get(b":result-bytes-max", limit))
send(0x03, 0)
calls = 0
while True:
    kind, flags, stream, header, body = take()
    if kind == CALL:
        calls += 1
        if SIN == "drops calls" and (data or select.select([3], [], [], 0.02)[0]):
            continue
        answer(stream, header, body)
    elif kind == PING:
        send(PONG, 0, b"", b"" if SIN == "empty PONG" else body)
    elif kind == STOP:
        os._exit(3 if SIN == "exits with 3 after STOP" else 0)
    elif kind == CANCEL:
        if SIN == "answers CANCEL":
            send(ERROR, stream, block([(b":class", b"retry")]))
    elif (not flags & 1 and SIN != "skips everything") or SIN == "skips nothing":
        die()
