"""A NATS client of one page, for scripts that must not depend on packages: connect, subscribe, publish with headers, wait.

One thread, blocking, text protocol of NATS 2.x. Not for production: no reconnect, no TLS.
"""

import re
import socket
import time


class Client:
    def __init__(self, url, timeout_s=5):
        host, port = re.fullmatch(r"nats://([^:/]+):(\d+)/?", url).groups()
        self.socket = socket.create_connection((host, int(port)), timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.subscriptions = 0
        self._line()  # INFO
        self._send(b'CONNECT {"verbose":false,"headers":true,"no_responders":true,"protocol":1,"lang":"python","version":"0"}\r\n')
        self.flush()

    def _send(self, data):
        self.socket.sendall(data)

    def _more(self):
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionError("nats-server closed the connection")
        self.buffer += chunk

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode()

    def _bytes(self, count):
        while len(self.buffer) < count + 2:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count + 2:]
        return data

    def flush(self):
        """Returns once the server has read everything that was sent."""
        self._send(b"PING\r\n")
        while self._line() != "PONG":
            pass

    def subscribe(self, subject):
        self.subscriptions += 1
        self._send(f"SUB {subject} {self.subscriptions}\r\n".encode())

    def publish(self, subject, body, headers=None, reply=""):
        block = "NATS/1.0\r\n" + "".join(f"{key}: {value}\r\n" for key, value in (headers or {}).items()) + "\r\n"
        head = f"HPUB {subject} {reply} {len(block)} {len(block) + len(body)}\r\n{block}"
        self._send(head.encode() + body + b"\r\n")

    def next(self, timeout_s):
        """The next message as (subject, headers with lower-case names, body); TimeoutError if none comes."""
        end = time.monotonic() + timeout_s
        while True:
            self.socket.settimeout(max(end - time.monotonic(), 0.001))
            words = self._line().split(" ")
            if words[0] == "PING":
                self._send(b"PONG\r\n")
            elif words[0] == "MSG":
                return words[1], {}, self._bytes(int(words[-1]))
            elif words[0] == "HMSG":
                head, total = int(words[-2]), int(words[-1])
                data = self._bytes(total)
                lines = data[:head].decode().split("\r\n")[1:]
                pairs = (line.split(":", 1) for line in lines if ":" in line)
                return words[1], {key.strip().lower(): value.strip() for key, value in pairs}, data[head:]
            elif words[0] == "-ERR":
                raise ConnectionError(" ".join(words))

    def close(self):
        self.socket.close()
