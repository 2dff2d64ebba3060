"""The blocking client. Any number of threads may share one."""
import threading
import time

import grpc

from . import _calls


class Client:
    """Connections to one Stead, made at the first call.

    address      "host:port" or "unix:/path"; else $STEAD_ADDR, else 127.0.0.1:7600
    connections  size of the pool; a call takes the connection with the fewest calls in flight
    timeout      of calls that name none, in seconds
    retries      how often an UNAVAILABLE call is tried again within its timeout; 0: never
    keepalive    seconds of silence, with calls in flight, after which the connection is probed; 0: never
    credentials  grpc.ChannelCredentials for a TLS proxy in front; None: plain text
    options      more gRPC channel arguments, as (name, value)
    """

    def __init__(self, address=None, *, connections=2, timeout=_calls.TIMEOUT, retries=_calls.RETRIES, keepalive=30,
                 credentials=None, options=()):
        self.address, self._timeout, self._retries = _calls.address_of(address), timeout, retries
        arguments = _calls.channel_options(keepalive, options)
        self._lock = threading.Lock()
        self._lanes = [
            _calls.Lane(
                grpc.secure_channel(self.address, credentials, arguments)
                if credentials
                else grpc.insecure_channel(self.address, arguments)
            )
            for _ in range(max(1, connections))
        ]

    def execute(self, name, event=None, *, timeout=None):
        """Runs the function once for the event (an Event, or data for a new one) and returns its Result.

        FunctionError if it said no, PlatformError if it could not be run."""
        return _calls.executed(self._call("execute", _calls.execute_request(name, event), timeout))

    def submit(self, name, event=None, *, timeout=None):
        """Returns the request id as soon as the request is stored on the broker; result() reads how it ended."""
        return _calls.submitted(self._call("submit", _calls.submit_request(name, event), timeout))

    def result(self, request_id, *, wait=True, timeout=None):
        """The stored Result of a request. Without one: PlatformError, NOT_FOUND at once or, with `wait`,
        DEADLINE_EXCEEDED. FunctionError or OutcomeError if the request ended without success."""
        return _calls.stored(self._call("result", _calls.result_request(request_id, wait), timeout))

    def cancel(self, request_id, *, timeout=None):
        """Ends a request as cancelled. PlatformError with ALREADY_ENDED or REQUEST_NOT_FOUND if that can't be."""
        self._call("cancel", _calls.cancel_request(request_id), timeout)

    def close(self):
        """Ends the calls that are in flight, too."""
        for lane in self._lanes:
            lane.channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _call(self, method, request, timeout):
        attempts = _calls.Attempts(self._timeout if timeout is None else timeout, self._retries)
        while True:
            with self._lock:
                lane = _calls.least_busy(self._lanes)
                lane.busy += 1
            try:
                return lane.calls[method](request, timeout=attempts.timeout())
            except grpc.RpcError as error:
                delay = attempts.failed(error)
            finally:
                with self._lock:
                    lane.busy -= 1
            time.sleep(delay)
