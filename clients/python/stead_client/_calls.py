"""What the blocking and the asyncio client share: settings, requests, answers, and when to try again.

A call is tried again only if it ended as UNAVAILABLE, always with the same event id, so that Stead tells a repeated
request from a new one: whatever was accepted runs once and has one result. The delay is what the server asks for
(RetryInfo), else 0.1 s doubled up to 2 s, the upper half of it random; a negative grpc-retry-pushback-ms forbids it.
gRPC's own retries are not used because they hide whether an earlier attempt was lost on the way, and then
PlatformError.not_started could not be trusted.
"""
import os
import random
import time

from . import _wire
from ._errors import FunctionError, OutcomeError, platform_error
from ._event import Event, from_protobuf, to_protobuf

ADDRESS = "127.0.0.1:7600"
TIMEOUT = 60.0
RETRIES = 7
_DELAY, _DELAY_MAX = 0.1, 2.0
_MESSAGE_BYTES_MAX = 64 << 20
_PROBE_MS_MAX = 20000  # an answer to a probe may take as long as the silence before it, and no longer than this


class Result:
    """A success. `data` is parsed by content type, `raw` are its bytes, `event` is the whole result event.

    request_id names it; attempts, function ("language/name") and version are known from result() only.
    """

    def __init__(self, response):
        self.event = from_protobuf(response.event, response.data)
        self.raw, self.request_id = response.data, response.request_id
        stored = isinstance(response, _wire.GetResultResponse)
        self.attempts = response.attempts if stored else 0
        self.function, self.version = (response.function, response.version) if stored else ("", "")

    @property
    def data(self):
        return self.event.data

    def __repr__(self):
        return "Result(%s, %d bytes)" % (self.request_id, len(self.raw))


class Submitted(str):
    """A request id. `duplicate`: the same event was accepted for this function before."""

    duplicate = False


def address_of(address):
    return address or os.environ.get("STEAD_ADDR") or ADDRESS


def channel_options(keepalive, more):
    milliseconds = int(keepalive * 1000)
    options = [
        ("grpc.use_local_subchannel_pool", 1),  # else all channels of the pool would share one connection
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
        ("grpc.max_receive_message_length", _MESSAGE_BYTES_MAX),
        ("grpc.max_send_message_length", _MESSAGE_BYTES_MAX),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 5000),  # the time for one attempt, in fact
        ("grpc.max_reconnect_backoff_ms", 2000),
    ]
    if milliseconds > 0:
        patience = min(milliseconds, _PROBE_MS_MAX)
        options += [
            ("grpc.keepalive_time_ms", milliseconds),
            ("grpc.keepalive_timeout_ms", patience),
            ("grpc.http2.ping_timeout_ms", patience),  # the one that grpcio 1.76 heeds; without it, it takes a minute
            ("grpc.http2.max_pings_without_data", 0),  # else a long call is probed twice and never again
        ]
    return options + list(more)


def methods(channel):
    """The calls of one channel by name."""
    return {
        name: channel.unary_unary(
            path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        for name, (path, _, answer) in _wire.METHODS.items()
    }


class Lane:
    """One connection of the pool."""

    def __init__(self, channel):
        self.channel, self.calls, self.busy = channel, methods(channel), 0


def least_busy(lanes):
    return min(lanes, key=lambda lane: lane.busy)


class Attempts:
    """One call with its deadline and its retries."""

    def __init__(self, timeout, retries):
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.left, self.step, self.lost = retries, _DELAY, False

    def timeout(self):
        return None if self.deadline is None else max(self.deadline - time.monotonic(), 0.001)

    def failed(self, rpc_error):
        """Seconds to wait before the next attempt; raises the PlatformError if there is none."""
        error, ours, allowed = platform_error(rpc_error)
        refused = error.status == "UNAVAILABLE" and ours
        self.lost = self.lost or not refused  # an attempt without Stead's word may have been accepted
        error.not_started = not self.lost
        delay = error.retry_after or self.step * random.uniform(0.5, 1)
        self.step = min(2 * self.step, _DELAY_MAX)
        late = self.deadline is not None and time.monotonic() + delay >= self.deadline
        if error.status != "UNAVAILABLE" or not allowed or self.left <= 0 or late:
            raise error from rpc_error
        self.left -= 1
        return delay


def execute_request(name, event):
    return _wire.ExecuteFunctionRequest(name=name, event=to_protobuf(Event.of(event)))


def submit_request(name, event):
    return _wire.SubmitFunctionRequest(name=name, event=to_protobuf(Event.of(event)))


def result_request(request_id, wait):
    return _wire.GetResultRequest(request_id=request_id, wait=wait)


def cancel_request(request_id):
    return _wire.CancelRequest(request_id=request_id)


def executed(response):
    if response.WhichOneof("result") == "error":
        raise FunctionError(response.error, response.error_detail, response.request_id)
    return Result(response)


def submitted(response):
    request_id = Submitted(response.request_id)
    request_id.duplicate = response.duplicate
    return request_id


def stored(response):
    if response.outcome == "succeeded":
        return Result(response)
    if response.reason == "FUNCTION_ERROR" or response.HasField("error_detail"):
        raise FunctionError(
            response.error, response.error_detail, response.request_id, response.outcome, response.attempts
        )
    raise OutcomeError(response.error, response.request_id, response.outcome, response.reason, response.attempts)
