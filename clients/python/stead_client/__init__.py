"""Calls functions that Stead runs.

    import stead_client

    with stead_client.Client() as client:                     # $STEAD_ADDR or 127.0.0.1:7600
        print(client.execute("hello", {"name": "Ada"}).data)

`stead_client.aio` has the same for asyncio. Errors: FunctionError (the function said no), OutcomeError (a stored result
says that the request ended otherwise) and PlatformError (it could not be run), all of them SteadError.
"""
from ._calls import Result, Submitted
from ._client import Client
from ._errors import FunctionError, OutcomeError, PlatformError, SteadError
from ._event import Event, Uri, UriRef

__version__ = "0.1.0"
__all__ = [
    "Client",
    "Event",
    "FunctionError",
    "OutcomeError",
    "PlatformError",
    "Result",
    "SteadError",
    "Submitted",
    "Uri",
    "UriRef",
]


def __getattr__(name):
    if name == "aio":  # grpc.aio takes a while to load
        import importlib

        return importlib.import_module(".aio", __name__)
    raise AttributeError("module %r has no attribute %r" % (__name__, name))
