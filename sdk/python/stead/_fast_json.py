"""JSON by the interpreter's C scanner and encoder alone: `import json` pulls in `re`, which doubles the start-up time.

The C parts are not a public interface, so whatever they can't do, or do differently in another Python, goes through json.
"""


def _json_loads(raw):
    from json import loads

    return loads(raw)


def _json_dumps(value):
    from json import dumps

    return dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _refuse(value):
    raise TypeError("an object of type %s" % type(value).__name__)


try:
    from _json import encode_basestring, make_encoder, make_scanner

    class _Settings:
        strict, object_hook, object_pairs_hook = True, None, None
        parse_float, parse_int, memo = float, int, {}
        parse_constant = {"-Infinity": float("-inf"), "Infinity": float("inf"), "NaN": float("nan")}.__getitem__

    _scan = make_scanner(_Settings)

    def loads(raw):
        try:
            text = raw.decode()
            value, end = _scan(text, len(text) - len(text.lstrip(" \t\r\n")))
            if not text[end:].strip(" \t\r\n"):
                return value
        except (StopIteration, ValueError, SystemError):  # the last: it could not make its own error
            pass
        return _json_loads(raw)  # another encoding, or an error that json words well

    def dumps(value):
        return "".join(make_encoder({}, _refuse, encode_basestring, None, ":", ",", False, False, False)(value, 0))

    if dumps({"a": [1, 2.5, None, True, "\u00e9"]}) != '{"a":[1,2.5,null,true,"\u00e9"]}' or loads(b' [1] ') != [1]:
        raise ImportError
except Exception:
    loads, dumps = _json_loads, _json_dumps
