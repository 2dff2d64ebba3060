"""Stead functions in Python: a small package, standard library only.

    import stead

    @stead.function
    def greet(event, ctx):
        if "name" not in event.data:
            raise stead.Reject("data.name is missing")      # permanent: never tried again
        return {"text": "Hello, " + event.data["name"]}

    if __name__ == "__main__":                              # optional: Stead finds the function itself
        stead.serve(greet)

The process talks pipe/1 with Stead over file descriptor 3, one call at a time and without threads. Standard output and
error are the function's own and become its log. How fast a process starts is part of how fast a function answers, so
everything that is not always needed (json, traceback, ...) is imported when it first is.
"""
import sys
from time import monotonic as _monotonic

__version__ = "0.1.0"
__all__ = ["Context", "Event", "Reject", "Retry", "Throttle", "function", "serve"]

_LOG = 0x28
_ENTRIES_MAX, _LOG_FIELDS_MAX = 128, 64
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")

_functions = []  # what @stead.function has seen
_served = False


class Reject(Exception):
    """The call will never succeed with this event: it is not tried again."""

    error_class, after = "permanent", None


class Retry(Exception):
    """The call may succeed later, `after` seconds if given."""

    error_class = "retry"

    def __init__(self, why="", after=None):
        super().__init__(why)
        self.after = after


class Throttle(Retry):
    """Not now, and not the event's fault: too many calls, or a service is away."""

    error_class = "throttle"


def _read_block(block):
    """Attribute block -> (attributes, control entries); the first entry of a name counts."""
    attributes, control, at, end, entries = {}, {}, 0, len(block), 0
    try:
        while at < end:
            entries += 1
            value = at + 1 + block[at]
            stop = value + 2 + (block[value] | block[value + 1] << 8)
            if stop > end or value == at + 1 or entries > _ENTRIES_MAX:
                raise IndexError
            name = block[at + 1 : value].decode("utf-8", "surrogateescape")
            (control if name[0] == ":" else attributes).setdefault(
                name, block[value + 2 : stop].decode("utf-8", "surrogateescape")
            )
            at = stop
    except IndexError:
        _die("the host sent a malformed header")
    return attributes, control


def _write_block(entries):
    parts = []
    for name, value in entries.items():
        name, value = name.encode(), value.encode("utf-8", "surrogateescape")
        if len(name) > 255 or len(value) > 65535:
            raise Reject("attribute %s is too long" % name.decode())
        parts.append(bytes((len(name),)) + name + len(value).to_bytes(2, "little") + value)
    return b"".join(parts)


def _canonical(name, value):
    """An attribute's value in its CloudEvents string form."""
    if not name or len(name) > 64 or not _LETTERS.issuperset(name):
        raise Reject("attribute name %r: only a-z and 0-9, at most 64" % name)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray)):
        from base64 import b64encode

        return b64encode(value).decode()
    if hasattr(value, "isoformat"):
        value = value.isoformat()
    return str(value)


def _is_json(content_type):
    media = content_type.split(";", 1)[0].strip().lower()
    return media in ("application/json", "text/json") or media.endswith("+json")


def _charset(content_type):
    for part in content_type.split(";")[1:]:
        key, _, value = part.partition("=")
        if key.strip().lower() == "charset":
            return value.strip().strip('"')
    return "utf-8"


def _decode(raw, content_type):
    if not raw:
        return None
    if content_type is not None and not _is_json(content_type):
        if not content_type.lower().startswith("text/"):
            return raw
        try:
            return raw.decode(_charset(content_type))
        except (UnicodeDecodeError, LookupError) as error:
            raise Reject("the event's data is not the text that it says: %s" % error) from None
    from stead import _fast_json as json

    try:
        return json.loads(raw)
    except ValueError as error:
        if content_type is None:
            return raw
        raise Reject("the event's data is not JSON: %s" % error) from None


def _encode(data, content_type):
    """Any value -> (bytes, content type)."""
    if data is None:
        return b"", content_type
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data), content_type or "application/octet-stream"
    if isinstance(data, str) and content_type is not None and not _is_json(content_type):
        return data.encode(_charset(content_type)), content_type
    from stead import _fast_json as json

    try:
        text = json.dumps(data)
        return text.encode(), content_type or "application/json"
    except (TypeError, ValueError) as error:
        raise Reject("the result is not JSON: %s" % error) from None


class Event:
    """A CloudEvent. Attributes: event["name"], event.get("name"), and by name: id, source, type, subject, time."""

    __slots__ = ("_block", "_parts", "raw", "_data", "_decoded", "_origin")

    def __init__(self, attributes=None, data=b"", block=None, origin=None):
        self._block = block
        self._parts = None if block is not None else (dict(attributes or {}), {})
        self.raw = data  # the data as bytes, untouched
        self._decoded = False
        self._data = None
        self._origin = origin  # language/name of the function, for the source of replies

    def _read(self):
        if self._parts is None:
            self._parts = _read_block(self._block)
        return self._parts

    @property
    def attributes(self):
        """All attributes, as a dict of text."""
        return dict(self._read()[0])

    def __getitem__(self, name):
        return self._read()[0][name]

    def __contains__(self, name):
        return name in self._read()[0]

    def get(self, name, default=None):
        return self._read()[0].get(name, default)

    id = property(lambda self: self.get("id"))
    source = property(lambda self: self.get("source"))
    type = property(lambda self: self.get("type"))
    subject = property(lambda self: self.get("subject"))
    time = property(lambda self: self.get("time"))
    datacontenttype = property(lambda self: self.get("datacontenttype"))
    dataschema = property(lambda self: self.get("dataschema"))

    @property
    def data(self):
        """Parsed JSON, text for text/*, else bytes; None if there is none. Without a content type: JSON if it parses."""
        if not self._decoded:
            self._data = _decode(self.raw, self.get("datacontenttype"))
            self._decoded = True
        return self._data

    def reply(self, type, data=None, content_type=None, **extensions):
        """An event that answers this one: a new id, this function as source, causationid, correlationid and trace kept."""
        from time import gmtime, strftime, time

        now = time()
        attributes, control = self._read()
        raw, content_type = _encode(data, content_type)
        answer = {
            "specversion": "1.0",
            "id": (control.get(":request-id") or attributes.get("id", "")) + ".result",
            "source": "stead:function/" + (self._origin or "python/function"),
            "type": type,
            "time": "%s.%06dZ" % (strftime("%Y-%m-%dT%H:%M:%S", gmtime(now)), now % 1 * 1e6),
        }
        if content_type is not None:
            answer["datacontenttype"] = content_type
        if "id" in attributes:
            answer["causationid"] = attributes["id"]
            answer["correlationid"] = attributes.get("correlationid") or attributes["id"]
        for name in ("traceparent", "tracestate"):
            if name in attributes:
                answer[name] = attributes[name]
        for name, value in extensions.items():
            answer[name] = _canonical(name, value)
        return Event(answer, raw, origin=self._origin)

    def __repr__(self):
        return "<stead.Event %s %s, %d bytes>" % (self.type, self.id, len(self.raw))


class _Log:
    """ctx.log: lines that belong to the call. Keyword arguments become fields."""

    __slots__ = ("_context",)

    def __init__(self, context):
        self._context = context

    def _line(self, level, message, fields):
        header = {":level": level}
        for name, value in list(fields.items())[:_LOG_FIELDS_MAX]:
            if name and name[0] != ":" and len(name) <= 64:
                header[name] = str(value)[:8192]
        self._context._emit(_LOG, _write_block(header), str(message)[:65536].encode("utf-8", "replace"))

    def debug(self, message, **fields):
        self._line("debug", message, fields)

    def info(self, message, **fields):
        self._line("info", message, fields)

    def warn(self, message, **fields):
        self._line("warn", message, fields)

    warning = warn

    def error(self, message, **fields):
        self._line("error", message, fields)


class Context:
    """What is known about the running call."""

    __slots__ = ("_event", "_deadline", "_channel", "_stream", "log", "function", "version")

    def __init__(self, event, channel, stream, started, function, version):
        self._event, self._channel, self._stream = event, channel, stream
        self._deadline = started
        self.function, self.version = function, version
        self.log = _Log(self)

    def _emit(self, kind, header, body):
        self._channel.send(kind, self._stream, header, body)

    @property
    def request_id(self):
        return self._event._read()[1].get(":request-id", "")

    @property
    def attempt(self):
        """Which try this is, from 1."""
        return int(self._event._read()[1].get(":attempt", "1"))

    @property
    def remaining_s(self):
        """Seconds left of the request's time; None if it has no limit."""
        budget = self._event._read()[1].get(":budget-ms")
        return None if budget is None else max(0.0, int(budget) / 1000 - (_monotonic() - self._deadline))

    def cancelled(self):
        """True if nobody waits for this call any more."""
        return self._channel.cancelled(self._stream)


def function(f=None, *, retry_on=None):
    """Declares a function `f(event, ctx)`. With `retry_on`, only these exceptions are tried again; others are permanent."""

    def declare(f):
        f.__stead_retry_on__ = None if retry_on is None else tuple(retry_on)
        _functions.append(f)
        return f

    return declare if f is None else declare(f)


def _die(why):
    sys.stderr.write("stead: %s\n" % why)
    raise SystemExit(65)


def serve(f):
    """Serves calls of `f` until Stead says stop; then returns."""
    global _served
    _served = True
    from stead import _serve

    _serve.run(f)


def __getattr__(name):
    if name == "testing":
        import importlib

        return importlib.import_module("stead.testing")
    raise AttributeError("module 'stead' has no attribute %r" % name)
