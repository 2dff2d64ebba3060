"""Fails in the way that the data asks for."""
import stead


@stead.function(retry_on=(ConnectionError,))
def rejects(event, ctx):
    kind = event.data
    if kind == "reject":
        raise stead.Reject("not with me")
    if kind == "retry":
        raise stead.Retry("later", after=1.5)
    if kind == "throttle":
        raise stead.Throttle("too many")
    if kind == "connection":
        raise ConnectionError("gone")
    raise ValueError("a mistake")
