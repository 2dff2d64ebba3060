"""The process's side of pipe/1: frames over fd 3, and the loop that runs calls.

Input is one reused buffer. A call's header and data are copied out of it once, so an event stays valid for as long as the
function keeps it. Output is one write a frame. A protocol error ends the process with status 65, the end of fd 3 with 0.
"""
import sys
from time import monotonic

try:  # the built-in module: `os` is not needed for anything else
    from posix import _exit, fstat, readv, write
except ImportError:
    from os import _exit, fstat, readv, write

import stead
from stead import Context, Event, Reject, _read_block, _write_block

_CHANNEL = 3
_HELLO, _CONFIG, _READY = 0x01, 0x02, 0x03
_CALL, _RESULT, _ERROR, _CANCEL = 0x10, 0x11, 0x12, 0x13
_PING, _PONG, _STOP = 0x20, 0x21, 0x30
_OPTIONAL, _FLAGS = 1, 3
_FRAME_MAX = 16 << 20
_HEADER_MAX = 1 << 20
_INPUT_FIRST = 64 << 10
_EXIT_USAGE = 64


class Channel:
    """Frames in and out of a socket."""

    def __init__(self, fd=_CHANNEL):
        self.fd = fd
        self.frame_max = _FRAME_MAX
        self._input = bytearray(_INPUT_FIRST)
        self._start = self._end = 0
        self._scanned = 0  # how far cancelled() has looked

    def send(self, kind, stream, header=b"", body=b""):
        length = len(header)
        data = b"".join(
            (
                (8 + length + len(body)).to_bytes(4, "little"),
                (kind | stream << 16).to_bytes(4, "little"),
                length.to_bytes(4, "little"),
                header,
                body,
            )
        )
        try:
            sent = write(self.fd, data)
            while sent < len(data):
                data = data[sent:]
                sent = write(self.fd, data)
        except OSError:
            _leave(0)  # the host is gone, and with it everyone who waits

    def _whole(self, at):
        """Size of the frame at `at`, or 0 if its prefix is not complete. Wrong lengths end the process."""
        if self._end - at < 12:
            return 0
        prefix = self._input
        length = int.from_bytes(prefix[at : at + 4], "little")
        header = int.from_bytes(prefix[at + 8 : at + 12], "little")
        if length < 8 or length > self.frame_max or header > length - 8 or header > _HEADER_MAX or prefix[at + 5] > _FLAGS:
            stead._die("the host sent a frame with wrong lengths or flags")
        return length + 4

    def _room(self, whole):
        """Moves what is left to the front of a buffer that holds `whole` bytes; a large buffer is given back."""
        wanted = max(whole, _INPUT_FIRST)
        left = self._end - self._start
        if len(self._input) < wanted or (left == 0 and len(self._input) > wanted):
            fresh = bytearray(wanted)
            fresh[:left] = self._input[self._start : self._end]
            self._input = fresh
        elif left:
            self._input[:left] = self._input[self._start : self._end]
        self._start, self._end = 0, left

    def _read(self):
        got = readv(self.fd, (memoryview(self._input)[self._end :],))
        if got == 0:
            _leave(0)  # the host is gone
        self._end += got

    def next(self):
        """Blocks for the next frame: (type, flags, stream, header, body)."""
        while True:
            whole = self._whole(self._start)
            if whole and self._end - self._start >= whole:
                break
            if self._start == self._end or len(self._input) - self._start < (whole or 12):
                self._room(whole)
            try:
                self._read()
            except OSError:
                _leave(0)
        frame, at = self._input, self._start
        header_end = at + 12 + int.from_bytes(frame[at + 8 : at + 12], "little")
        self._start = self._scanned = at + whole
        return (
            frame[at + 4],
            frame[at + 5],
            frame[at + 6] | frame[at + 7] << 8,
            bytes(frame[at + 12 : header_end]),
            bytes(frame[header_end : at + whole]),
        )

    def cancelled(self, stream):
        """Looks at what has arrived, without blocking, for a CANCEL of the stream."""
        from select import select

        if self._end == len(self._input):
            self._room(2 * (self._end - self._start))
            self._scanned = self._start
        if select((self.fd,), (), (), 0)[0]:
            self._read()
        while True:
            at = self._scanned
            whole = self._whole(at)
            if not whole or self._end - at < whole:
                return False
            if self._input[at + 4] == _CANCEL and self._input[at + 6] | self._input[at + 7] << 8 == stream:
                return True
            self._scanned = at + whole


def _leave(status):
    _flush()
    _exit(status)


def _flush():
    """Function's output becomes log lines at once, not when the next call fills the buffer."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass  # the function closed them


class Server:
    """The handshake, then calls until STOP."""

    def __init__(self, f):
        self.f = f
        self.retry_on = getattr(f, "__stead_retry_on__", None)
        self.name = getattr(f, "__name__", "function")
        self.channel = Channel()
        self.result_max = _FRAME_MAX - 8
        self.origin = self.version = ""

    def handshake(self):
        hello = {":pipe": "1", ":sdk": "stead-python/" + stead.__version__, ":language": "python", ":concurrency": "1", ":features": "ahead"}
        self.channel.send(_HELLO, 0, _write_block(hello))
        kind, _, _, header, _ = self.channel.next()
        config = _read_block(header)[1]
        if kind != _CONFIG or config.get(":pipe") != "1":
            stead._die("the host does not speak pipe/1")
        self.origin = config.get(":function") or "python/" + self.name
        self.version = config.get(":version", "")
        self.channel.frame_max = int(config.get(":frame-bytes-max", _FRAME_MAX))
        self.result_max = int(config.get(":result-bytes-max", self.channel.frame_max - 8))
        self.channel.send(_READY, 0)

    def loop(self):
        while True:
            kind, flags, stream, header, body = self.channel.next()
            if kind == _CALL:
                self.call(stream, header, body)
                _flush()
            elif kind == _PING:
                self.channel.send(_PONG, 0, b"", body)
            elif kind == _STOP:
                return
            elif kind != _CANCEL and not flags & _OPTIONAL:
                stead._die("the host sent a frame of type 0x%02x, which this SDK does not know" % kind)

    def call(self, stream, header, body):
        event = Event(data=body, block=header, origin=self.origin)
        event._read()  # before the function can catch what a malformed header raises; a reply needs it anyway
        context = Context(event, self.channel, stream, monotonic(), self.origin, self.version)
        try:
            result = self.f(event, context)
            if not isinstance(result, Event):
                result = event.reply(self.name + ".result.v1", result)
            answer = _write_block(result._read()[0])
            size = len(answer) + len(result.raw)
            if size > self.result_max:
                raise Reject("the result has %d bytes; the limit is %d" % (size, self.result_max))
        except Exception as error:
            self.fail(stream, error)
        else:
            self.channel.send(_RESULT, stream, answer, result.raw)

    def fail(self, stream, error):
        name = type(error).__name__
        header = {":type": name[:128]}
        if isinstance(error, (Reject, stead.Retry)):
            header[":class"] = error.error_class
            if error.after is not None:
                header[":after-ms"] = str(max(0, int(float(error.after) * 1000)))
            text = str(error) or name
        else:
            import traceback

            traceback.print_exc()
            again = self.retry_on is None or isinstance(error, self.retry_on)
            header[":class"] = "retry" if again else "permanent"
            text = "%s: %s" % (name, error) if str(error) else name
        self.channel.send(_ERROR, stream, _write_block(header), text[:8192].encode("utf-8", "replace"))


def _channel_is_there():
    try:
        return fstat(_CHANNEL).st_mode & 0o170000 == 0o140000
    except OSError:
        return False


def run(f):
    if not callable(f) or isinstance(f, type):
        raise TypeError("stead.serve() takes a function f(event, ctx)")
    if getattr(getattr(f, "__code__", None), "co_flags", 0) & 0x80:
        raise TypeError("%s is async; stead.serve() takes a plain function" % f.__name__)
    if not _channel_is_there():
        sys.stderr.write(
            "stead: this is a function, started by Stead with a channel on fd 3.\n"
            "Try it with: stead plugin check python3 %s, or stead.testing.run(f, data) in a test.\n" % sys.argv[0]
        )
        raise SystemExit(_EXIT_USAGE)
    server = Server(f)
    server.handshake()
    server.loop()


def _choose(path):
    """The function to serve, when the file has not called stead.serve() itself."""
    functions = stead._functions
    if len(functions) > 1:
        try:
            from posix import environ
        except ImportError:
            environ = {}
        wanted = environ.get(b"STEAD_FUNCTION", b"").decode().replace("-", "_")
        named = [f for f in functions if f.__name__ == wanted]
        functions = named or functions
    if len(functions) == 1:
        return functions[0]
    found = ", ".join(f.__name__ for f in functions) or "none"
    sys.stderr.write(
        "stead: %s must declare one function with @stead.function, or call stead.serve(f); found: %s\n" % (path, found)
    )
    raise SystemExit(_EXIT_USAGE)


def run_file(path):
    """Runs a function's file as a script, then serves what it declares unless it has served already."""
    main = type(sys)("__main__")
    main.__file__ = path
    sys.modules["__main__"] = main
    sys.argv = [path]
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, main.__dict__)
    if not stead._served:
        stead.serve(_choose(path))
