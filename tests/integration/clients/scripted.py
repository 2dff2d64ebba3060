"""A gRPC server that answers ExecuteFunction by a list and remembers what came: for retries, where the real one can't
be made to refuse on command."""
import os
import time
from concurrent import futures

import grpc

from stead_world import calls


class Refusal:
    """One answer that is not OK; with `reason` it carries ErrorInfo as Stead's do."""

    def __init__(self, status, reason="", retry_after_ms=None, pushback=None):
        self.status, self.reason, self.retry_after_ms, self.pushback = status, reason, retry_after_ms, pushback

    def trailers(self):
        details = calls.module("error_details_pb2")
        trailers = [] if self.pushback is None else [("grpc-retry-pushback-ms", str(self.pushback))]
        packed = details.Status(code=self.status.value[0], message="scripted")
        if self.reason:
            info = details.ErrorInfo(reason=self.reason, domain="stead", metadata={"request-id": "r1"})
            packed.details.add().Pack(info)
        if self.retry_after_ms is not None:
            delay = details.RetryInfo()
            delay.retry_delay.seconds, rest = divmod(self.retry_after_ms, 1000)
            delay.retry_delay.nanos = rest * 1000000
            packed.details.add().Pack(delay)
        if packed.details:
            trailers.append(("grpc-status-details-bin", packed.SerializeToString()))
        return trailers


class Server:
    """Answers the first calls by `script`, all after that with success. `seen`: (monotonic seconds, event id)."""

    def __init__(self, folder, proto_folder):
        calls.generate(proto_folder, os.path.join(folder, "stubs"))
        self.service = calls.module("function_service_pb2")
        self.script, self.seen = [], []
        handler = grpc.unary_unary_rpc_method_handler(
            self._execute,
            request_deserializer=self.service.ExecuteFunctionRequest.FromString,
            response_serializer=self.service.ExecuteFunctionResponse.SerializeToString,
        )
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        methods = grpc.method_handlers_generic_handler("function.v1.FunctionService", {"ExecuteFunction": handler})
        self.server.add_generic_rpc_handlers((methods,))
        self.address = "127.0.0.1:%d" % self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def play(self, *script):
        self.script, self.seen = list(script), []

    def _execute(self, request, context):
        self.seen.append((time.monotonic(), request.event.id))
        if not self.script:
            return self.service.ExecuteFunctionResponse(data=b"1", request_id="r1")
        refusal = self.script.pop(0)
        context.set_trailing_metadata(refusal.trailers())
        context.abort(refusal.status, "scripted")

    def close(self):
        self.server.stop(None).wait()
