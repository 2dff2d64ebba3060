"""CloudEvents as Python values, and their protobuf form (io.cloudevents.v1).

Attribute values keep their CloudEvents type: bool, int (32 bit), str, bytes, datetime, and `Uri` and `UriRef`, which
are strings. Stead answers with strings for all but timestamps.
"""
import json
import uuid
from datetime import datetime, timedelta, timezone

from . import _wire

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FIELDS = ("id", "source", "type")


class Uri(str):
    """An attribute of type URI."""


class UriRef(str):
    """An attribute of type URI-reference."""


class Event:
    """A CloudEvent 1.0.

        Event({"name": "Ada"}, type="com.example.greet.v1", partitionkey="ada")

    Without `id` it gets a random one. The same id and source for the same function name the same request: sent again,
    it is answered with the first result. Data: bytes go as they are (application/octet-stream unless told otherwise),
    text under a content type that is not JSON goes as text, and any other value (text too) as JSON. event["name"],
    event.get("name") and `attributes` are the attributes.
    """

    def __init__(self, data=None, *, type="stead.request.v1", source="stead:client", id=None, **attributes):
        self.attributes = {"id": id or uuid.uuid4().hex, "source": source, "type": type}
        given = attributes.pop("specversion", "1.0")
        if given != "1.0":
            raise ValueError("specversion %r: only 1.0 is known" % given)
        self.attributes.update((name, value) for name, value in attributes.items() if value is not None)
        self.raw, content_type = _encode(data, self.get("datacontenttype"))
        if content_type is not None:
            self.attributes["datacontenttype"] = content_type

    @classmethod
    def of(cls, value):
        """The event itself, another library's CloudEvent (get_attributes() and get_data()), or one around a value."""
        if isinstance(value, cls):
            return value
        if hasattr(value, "get_attributes") and hasattr(value, "get_data"):
            attributes = dict(value.get_attributes())
            return cls(value.get_data(), **attributes)
        return cls(value)

    def __getitem__(self, name):
        return self.attributes[name]

    def __contains__(self, name):
        return name in self.attributes

    def get(self, name, default=None):
        return self.attributes.get(name, default)

    id = property(lambda self: self.attributes["id"])
    source = property(lambda self: self.attributes["source"])
    type = property(lambda self: self.attributes["type"])
    subject = property(lambda self: self.get("subject"))
    time = property(lambda self: self.get("time"))
    datacontenttype = property(lambda self: self.get("datacontenttype"))
    dataschema = property(lambda self: self.get("dataschema"))

    @property
    def data(self):
        """Parsed JSON, text for text/* and XML, else bytes; None if there is none. ValueError if it is not what its
        content type says."""
        return _decode(self.raw, self.datacontenttype)

    def __repr__(self):
        return "Event(%s, %d bytes)" % (", ".join("%s=%r" % pair for pair in self.attributes.items()), len(self.raw))


def to_protobuf(event):
    message = _wire.CloudEvent(id=event.id, source=event.source, type=event.type, spec_version="1.0")
    for name, value in event.attributes.items():
        if name not in _FIELDS:
            _write_value(message.attributes[name], name, value)
    if event.raw:
        try:
            if not _is_text(event.datacontenttype):
                raise ValueError
            message.text_data = event.raw.decode()
        except ValueError:
            message.binary_data = event.raw
    return message


def _write_value(to, name, value):
    if isinstance(value, bool):
        to.ce_boolean = value
    elif isinstance(value, int):
        if not -(2**31) <= value < 2**31:
            raise ValueError("attribute %s: %d does not fit into 32 bits" % (name, value))
        to.ce_integer = value
    elif isinstance(value, (bytes, bytearray, memoryview)):
        to.ce_bytes = bytes(value)
    elif isinstance(value, datetime):
        since = (value if value.tzinfo else value.astimezone()) - _EPOCH
        to.ce_timestamp.seconds = since // timedelta(seconds=1)
        to.ce_timestamp.nanos = since.microseconds * 1000
    elif isinstance(value, UriRef):
        to.ce_uri_ref = value
    elif isinstance(value, Uri) or name == "dataschema":
        to.ce_uri = value
    elif isinstance(value, str):
        to.ce_string = value
    else:
        raise TypeError("attribute %s: %s is no CloudEvents type" % (name, type(value).__name__))


def from_protobuf(message, data=None):
    """The event of a message; `data` stands beside it in answers of Stead."""
    event = Event.__new__(Event)
    event.attributes = {"id": message.id, "source": message.source, "type": message.type}
    for name, value in message.attributes.items():
        event.attributes[name] = _read_value(value)
    kind = message.WhichOneof("data")
    event.raw = data if data is not None else b""
    if kind == "text_data":
        event.raw = message.text_data.encode()
    elif kind == "binary_data":
        event.raw = message.binary_data
    elif kind == "proto_data":
        event.raw = message.proto_data.value
        event.attributes.setdefault("datacontenttype", "application/protobuf")
        event.attributes.setdefault("dataschema", Uri(message.proto_data.type_url))
    return event


def _read_value(value):
    kind = value.WhichOneof("attr")
    if kind == "ce_timestamp":
        return _EPOCH + timedelta(seconds=value.ce_timestamp.seconds, microseconds=value.ce_timestamp.nanos // 1000)
    if kind == "ce_uri":
        return Uri(value.ce_uri)
    if kind == "ce_uri_ref":
        return UriRef(value.ce_uri_ref)
    return getattr(value, kind) if kind else ""


def _media(content_type):
    return (content_type or "").split(";", 1)[0].strip().lower()


def _is_json(content_type):
    subtype = _media(content_type).rpartition("/")[2]
    return subtype == "json" or subtype.endswith("+json")


def _is_text(content_type):
    media = _media(content_type)
    return _is_json(content_type) or media.startswith("text/") or media == "application/xml" or media.endswith("+xml")


def _charset(content_type):
    for part in content_type.split(";")[1:]:
        key, _, value = part.partition("=")
        if key.strip().lower() == "charset":
            return value.strip().strip('"')
    return "utf-8"


def _encode(data, content_type):
    if data is None:
        return b"", content_type
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data), content_type or "application/octet-stream"
    if isinstance(data, str) and content_type is not None and not _is_json(content_type):
        return data.encode(_charset(content_type)), content_type
    return json.dumps(data, ensure_ascii=False).encode(), content_type or "application/json"


def _decode(raw, content_type):
    if not raw:
        return None
    if _is_json(content_type):
        return json.loads(raw)
    if _is_text(content_type):
        return raw.decode(_charset(content_type))
    return raw
