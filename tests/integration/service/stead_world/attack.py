"""HTTP/2 connections that do what no decent gRPC client does, and the innocent calls that have to live with it."""
import re
import socket
import struct
import threading
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from . import calls

EXECUTE = "/function.v1.FunctionService/ExecuteFunction"
DEPLOY = "/function.v1.FunctionAdmin/Deploy"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
END_HEADERS, ACK = 4, 1
_FRAME_BYTES = 16384
_BLOCK = bytes(1 << 20)
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def headers_of(path=EXECUTE, **more):
    fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "a"), ("te", "trailers")]
    return fields + [("content-type", "application/grpc")] + [(key.replace("_", "-"), more[key]) for key in more]


def field(number, body):
    """A length-delimited protobuf field, made by hand."""
    length, text = len(body), b""
    while length > 127:
        text, length = text + bytes([length & 127 | 128]), length >> 7
    return bytes([number << 3 | 2]) + text + bytes([length]) + body


class Wire:
    """One connection, with h2 for the decent half: settings, windows, header compression, reading answers."""

    def __init__(self, address, receive_bytes=0):
        host, _, port = address.rpartition(":")
        self.socket = socket.socket()
        self.socket.settimeout(20)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.connect((host, int(port)))
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(validate_outbound_headers=False, validate_inbound_headers=False)
        )
        self.status = {}  # by stream: grpc-status, or the word of a reset
        self.closed = False

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.socket.close()

    def begin(self):
        """Preface and settings; returns when the server's have come."""
        self.h2.initiate_connection()
        self.flush()
        self.read()
        return self

    def flush(self):
        self.raw(self.h2.data_to_send())

    def raw(self, data):
        """Sends bytes; false if the server has closed the connection."""
        try:
            self.socket.sendall(data)
        except OSError:
            self.closed = True
        return not self.closed

    def preface(self):
        return self.raw(_PREFACE + frame(SETTINGS, 0, 0))

    def open(self, fields=None):
        """Sends headers; the stream."""
        stream = self.h2.get_next_available_stream_id()
        try:
            self.h2.send_headers(stream, fields or headers_of())
        except h2.exceptions.H2Error:  # the server has sent this connection away
            self.status[stream] = "closed"
        self.flush()
        return stream

    def read(self, wait=20.0):
        """Takes in what has come; waits at most so long. False if there was nothing."""
        self.socket.settimeout(wait)
        try:
            data = self.socket.recv(65536)
        except socket.timeout:
            return False
        except OSError:
            data = b""
        finally:
            self.socket.settimeout(20)
        if not data:
            self.closed = True
            return False
        try:
            events = self.h2.receive_data(data)
        except h2.exceptions.ProtocolError:
            self.closed = True
            return False
        for event in events:
            self._note(event)
        self.flush()
        return True

    def has_ended(self):
        """True if the server has closed the connection before it said a thing."""
        try:
            return self.closed or self.socket.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _note(self, event):
        if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
            for name, value in event.headers:
                if name == b"grpc-status":
                    self.status[event.stream_id] = int(value)
        elif isinstance(event, h2.events.StreamReset):
            self.status.setdefault(event.stream_id, h2.errors.ErrorCodes(event.error_code).name)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.closed = True

    def end_of(self, stream, seconds=20):
        """The grpc-status of a stream, or the word of its reset, or "closed"."""
        until = time.monotonic() + seconds
        while stream not in self.status and not self.closed and time.monotonic() < until:
            self.read(max(0.01, until - time.monotonic()))
        return self.status.get(stream, "closed" if self.closed else None)

    def send_message(self, stream, length, declared=None, flag=0):
        """A message of zeros, as fast as the windows allow. False if the server ended it before it was sent."""
        self._data(stream, struct.pack(">BI", flag, length if declared is None else declared))
        left = length
        while left > 0 and stream not in self.status and not self.closed:
            room = min(self._room(stream), _FRAME_BYTES, left)
            if room <= 0:
                self.read()
                continue
            self._data(stream, _BLOCK[:room])
            left -= room
        return left == 0

    def send(self, stream, message, end=True, flag=0):
        """A message of bytes."""
        whole = struct.pack(">BI", flag, len(message)) + message
        for at in range(0, len(whole), _FRAME_BYTES):
            part = whole[at : at + _FRAME_BYTES]
            while self._room(stream) < len(part) and not self.closed and stream not in self.status:
                self.read()
            if self.closed or stream in self.status:
                return
            self._data(stream, part)
        if end:
            self.h2.end_stream(stream)
            self.flush()

    def _room(self, stream):
        try:
            return self.h2.local_flow_control_window(stream)
        except h2.exceptions.H2Error:
            self.status.setdefault(stream, "closed")
            return 0

    def _data(self, stream, data):
        try:
            self.h2.send_data(stream, data)
        except h2.exceptions.H2Error:  # reset meanwhile
            self.status.setdefault(stream, "closed")
            return
        self.flush()


class Innocents:
    """Callers that call in turn, one call after the other, for as long as the block lasts. All must be answered."""

    def __init__(self, address, functions, callers=3):
        self.clients = [calls.Client(address) for _ in range(callers)]
        self.functions, self.failures, self.answered, self.slowest = functions, [], 0, 0.0
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(client,), daemon=True) for client in self.clients]

    def _run(self, client):
        number = 0
        while not self.ended.is_set():
            function = self.functions[number % len(self.functions)]
            number += 1
            begun = time.monotonic()
            answer = client.execute(function, calls.event_of("innocent"), timeout=30)
            with self.lock:
                self.answered += answer.ok
                self.slowest = max(self.slowest, time.monotonic() - begun)
                if not answer.ok:
                    self.failures.append(repr(answer))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *why):
        self.ended.set()
        for thread in self.threads:
            thread.join(60)
        for client in self.clients:
            client.close()


def peak_memory_reset(pid):
    with open("/proc/%d/clear_refs" % pid, "w", encoding="ascii") as file:
        file.write("5")


def peak_memory_mib(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read()).group(1)) / 1024
