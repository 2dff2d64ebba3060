"""Tests of functions without a server:

    result = stead.testing.run(greet, {"name": "Ada"})
    assert result.data == {"text": "Hello, Ada"}
"""
from time import monotonic

from stead import Context, Event, _canonical, _encode


class _Recorder:
    """Stands in for the channel: keeps log lines."""

    def __init__(self):
        self.lines = []

    def send(self, kind, stream, header=b"", body=b""):
        self.lines.append(body.decode())

    def cancelled(self, stream):
        return False


def event(data=None, content_type=None, **attributes):
    """An event with sensible attributes; `attributes` adds or replaces some."""
    raw, content_type = _encode(data, content_type)
    all_attributes = {"specversion": "1.0", "id": "test-1", "source": "/test", "type": "test.event.v1"}
    if content_type is not None:
        all_attributes["datacontenttype"] = content_type
    for name, value in attributes.items():
        all_attributes[name] = _canonical(name, value)
    return Event(all_attributes, raw, origin="python/function")


def run(f, data=None, attempt=1, remaining_s=None, function="python/function"):
    """Calls f(event, ctx) and gives its answer as an Event. `data` may be an Event. What f raises comes through."""
    given = data if isinstance(data, Event) else event(data)
    control = {":request-id": "test-request", ":attempt": str(attempt)}
    if remaining_s is not None:
        control[":budget-ms"] = str(int(remaining_s * 1000))
    given = Event(given.attributes, given.raw, origin=function)
    given._parts[1].update(control)
    context = Context(given, _Recorder(), 1, monotonic(), function, "test")
    result = f(given, context)
    if isinstance(result, Event):
        return result
    return given.reply(getattr(f, "__name__", "function") + ".result.v1", result)
