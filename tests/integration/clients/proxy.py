"""A TCP proxy that can fall silent: the connections that it has stay open, and nothing passes on them any more, as when
a firewall forgets them. New ones work. It counts the bytes of each connection on its way to the server."""
import selectors
import socket
import threading


class Proxy:
    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.target = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.pairs = []  # [client's socket, server's socket, bytes to the server]
        self.silenced = []
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def silence(self):
        """Of all connections that there are now."""
        with self.lock:
            for pair in self.pairs:
                for end in pair[:2]:
                    self._forget(end)
            self.silenced, self.pairs = self.silenced + self.pairs, []

    def loads(self):
        """Bytes that each open connection has carried to the server."""
        with self.lock:
            return [pair[2] for pair in self.pairs]

    def close(self):
        self.running = False
        self.thread.join()
        for pair in self.pairs + self.silenced:
            pair[0].close()
            pair[1].close()
        self.listener.close()
        self.selector.close()

    def _forget(self, end):
        if end in self.selector.get_map():
            self.selector.unregister(end)

    def _run(self):
        while self.running:
            for key, _ in self.selector.select(0.1):
                with self.lock:
                    self._accept() if key.fileobj is self.listener else self._pass(key.fileobj, key.data)

    def _accept(self):
        client, _ = self.listener.accept()
        try:
            server = socket.create_connection(self.target)
        except OSError:
            client.close()
            return
        pair = [client, server, 0]
        self.pairs.append(pair)
        for end in (client, server):
            self.selector.register(end, selectors.EVENT_READ, pair)

    def _pass(self, end, pair):
        if pair not in self.pairs:
            return  # silenced since it was selected
        other = pair[1] if end is pair[0] else pair[0]
        try:
            data = end.recv(65536)
            other.sendall(data)
        except OSError:
            data = b""
        if data:
            pair[2] += len(data) if end is pair[0] else 0
            return
        for each in pair[:2]:
            self._forget(each)
            each.close()
        self.pairs.remove(pair)
