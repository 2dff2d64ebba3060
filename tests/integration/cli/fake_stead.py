"""A Stead that answers what a test tells it to: grpcio with the tree's own proto files. Each call is kept with its words."""

import importlib
import os
import sys
import tempfile
import threading
from concurrent import futures
from pathlib import Path

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[3]


FOLDER = tempfile.TemporaryDirectory(prefix="stead-cli-proto-")


def generate():
    """The modules of proto/, made in a temporary folder: (service, admin, health, errors)."""
    folder = FOLDER.name
    names = ("cloudevents", "function_service", "function_admin", "health", "error_details")
    common = Path(grpc_tools.__file__).parent / "_proto"
    code = protoc.main(["protoc", f"-I{ROOT / 'proto'}", f"-I{common}", f"--python_out={folder}",
                        f"--grpc_python_out={folder}", *[f"{name}.proto" for name in names]])
    assert code == 0
    sys.path.insert(0, folder)
    return {name: (importlib.import_module(f"{name}_pb2"), importlib.import_module(f"{name}_pb2_grpc")) for name in names}


PROTO = generate()
service, admin = PROTO["function_service"][0], PROTO["function_admin"][0]


def refuse(context, code, reason, message):
    """Ends a call as Stead does: a status with google.rpc.ErrorInfo in its details."""
    details = PROTO["error_details"][0]
    status = details.Status(code=code.value[0], message=message)
    status.details.add().Pack(details.ErrorInfo(reason=reason, domain="stead"))
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, message)


class Fake:
    """Answers by `answers[method]`, a function (request, context) -> response; UNIMPLEMENTED without one."""

    def __init__(self):
        self.answers, self.calls, self.lock = {}, [], threading.Lock()
        self.server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        self._add("function_service", "FunctionService", "function.v1")
        self._add("function_admin", "FunctionAdmin", "function.v1")
        self._add("health", "Health", "grpc.health.v1")
        health = PROTO["health"][0]
        self.answers["Check"] = lambda request, context: health.HealthCheckResponse(status="SERVING")
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def _add(self, module, name, package):
        messages, _ = PROTO[module]
        handlers = {}
        for method in messages.DESCRIPTOR.services_by_name[name].methods:
            if not method.server_streaming:
                kind = getattr(messages, method.input_type.name)
                handlers[method.name] = grpc.unary_unary_rpc_method_handler(
                    self._handler(method.name), kind.FromString, lambda response: response.SerializeToString())
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"{package}.{name}", handlers),))

    def _handler(self, method):
        def handle(request, context):
            with self.lock:
                self.calls.append((method, request))
            if method not in self.answers:
                context.abort(grpc.StatusCode.UNIMPLEMENTED, method)
            return self.answers[method](request, context)
        return handle

    def last(self, method):
        with self.lock:
            return next(request for name, request in reversed(self.calls) if name == method)

    def count(self, method):
        with self.lock:
            return sum(name == method for name, _ in self.calls)

    def close(self):
        self.server.stop(None).wait()
