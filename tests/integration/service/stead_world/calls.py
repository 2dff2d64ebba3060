"""gRPC clients made at run time: one from Stead's own proto files, one from a proto text without a package."""
import hashlib
import importlib
import itertools
import json
import os
import sys

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # children of the test run exec at once
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
import grpc_tools
from grpc_tools import protoc

# What a user had before Stead: no package, no extra fields. The layout of CloudEvent is that of io.cloudevents.v1.
BARE_PROTO = """
syntax = "proto3";
import "google/protobuf/any.proto";
import "google/protobuf/timestamp.proto";

service FunctionService {
  rpc ExecuteFunction(ExecuteFunctionRequest) returns (ExecuteFunctionResponse);
}
message ExecuteFunctionRequest {
  string name = 1;
  CloudEvent event = 2;
}
message ExecuteFunctionResponse {
  oneof result {
    bytes data = 1;
    string error = 2;
  }
}
message CloudEvent {
  string id = 1;
  string source = 2;
  string spec_version = 3;
  string type = 4;
  map<string, CloudEventAttributeValue> attributes = 5;
  oneof data {
    bytes binary_data = 6;
    string text_data = 7;
    google.protobuf.Any proto_data = 8;
  }
  message CloudEventAttributeValue {
    oneof attr {
      bool ce_boolean = 1;
      int32 ce_integer = 2;
      string ce_string = 3;
      bytes ce_bytes = 4;
      string ce_uri = 5;
      string ce_uri_ref = 6;
      google.protobuf.Timestamp ce_timestamp = 7;
    }
  }
}
"""
OPTIONS = [("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20)]
CALL_SECONDS = 60
_ids = itertools.count(1)


def generate(proto_folder, folder):
    """Python modules of all proto files, importable afterwards."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "bare.proto"), "w", encoding="utf-8") as bare:
        bare.write(BARE_PROTO)
    include = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
    names = sorted(name for name in os.listdir(proto_folder) if name.endswith(".proto"))
    arguments = ["protoc", "-I" + proto_folder, "-I" + folder, "-I" + include]
    arguments += ["--python_out=" + folder, "--grpc_python_out=" + folder, *names, "bare.proto"]
    if protoc.main(arguments) != 0:
        raise RuntimeError("the proto files do not compile")
    if folder not in sys.path:
        sys.path.insert(0, folder)


def module(name):
    return importlib.import_module(name)


def request_id_of(function, event):
    """The id under which the result of a call is stored: 128 bits of SHA-256(function, NUL, source, NUL, id)."""
    text = "\0".join((function, event.source, event.id))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def event_of(data=None, kind="cloudevents_pb2", **fields):
    """A valid event with a fresh id; bytes go as binary data, text as text, anything else as JSON."""
    event = module(kind).CloudEvent(
        id=fields.pop("id", "event-%d-%d" % (os.getpid(), next(_ids))),
        source=fields.pop("source", "/tests"),
        spec_version=fields.pop("spec_version", "1.0"),
        type=fields.pop("type", "test.v1"),
    )
    if isinstance(data, bytes):
        event.binary_data = data
    elif isinstance(data, str):
        event.text_data = data
    elif data is not None:
        event.text_data = json.dumps(data)
        fields.setdefault("datacontenttype", "application/json")
    for name, value in fields.items():
        event.attributes[name].ce_string = value
    return event


class Answer:
    """How a call ended: gRPC status, the response if it is OK, and the ErrorInfo of any other."""

    def __init__(self, response=None, error=None):
        self.response, self.status, self.text, self.reason, self.violations = response, grpc.StatusCode.OK, "", "", []
        self.retry_s = None  # when to come again, if the refusal says so
        if error is not None:
            self.status, self.text = error.code(), error.details()
            self._read_details(dict(error.trailing_metadata() or ()))

    def _read_details(self, trailers):
        packed = trailers.get("grpc-status-details-bin")
        if packed is None:
            return
        details = module("error_details_pb2")
        for item in details.Status.FromString(packed).details:
            if item.type_url.endswith("google.rpc.ErrorInfo"):
                self.reason = details.ErrorInfo.FromString(item.value).reason
            elif item.type_url.endswith("google.rpc.RetryInfo"):
                delay = details.RetryInfo.FromString(item.value).retry_delay
                self.retry_s = delay.seconds + delay.nanos / 1e9
            elif item.type_url.endswith("google.rpc.BadRequest"):
                self.violations = list(details.BadRequest.FromString(item.value).field_violations)

    @property
    def ok(self):
        return self.status == grpc.StatusCode.OK and not self.response.error

    @property
    def data(self):
        return self.response.data

    def __repr__(self):
        if self.status != grpc.StatusCode.OK:
            return "<%s %s: %s>" % (self.status.name, self.reason, self.text)
        text = str(self.response)
        return "<OK %s>" % (text if len(text) < 600 else text[:600] + "...")


def answer_of(call):
    """Of a future or of a function that makes the call."""
    try:
        return Answer(response=call() if callable(call) and not hasattr(call, "result") else call.result())
    except grpc.RpcError as error:
        return Answer(error=error)


class Client:
    """One gRPC connection to one instance, with the services of both proto sets."""

    def __init__(self, address, options=OPTIONS):
        self.address = address
        self.channel = grpc.insecure_channel(address, options=options)
        self.functions = module("function_service_pb2_grpc").FunctionServiceStub(self.channel)
        self.admin = module("function_admin_pb2_grpc").FunctionAdminStub(self.channel)
        self.health = module("health_pb2_grpc").HealthStub(self.channel)
        self.bare = module("bare_pb2_grpc").FunctionServiceStub(self.channel)

    def close(self):
        self.channel.close()

    def start(self, name, event, timeout=CALL_SECONDS):
        """A call in progress; answer_of() ends it."""
        request = module("function_service_pb2").ExecuteFunctionRequest(name=name, event=event)
        return self.functions.ExecuteFunction.future(request, timeout=timeout)

    def execute(self, name, event, timeout=CALL_SECONDS):
        return answer_of(self.start(name, event, timeout))

    def raw(self, method, body, timeout=CALL_SECONDS, **options):
        """A call of any method with bytes made by hand; the answer's response is bytes."""
        call = self.channel.unary_unary(method, request_serializer=None, response_deserializer=None)
        return answer_of(lambda: call(body, timeout=timeout, **options))

    def deploy(self, name, files, manifest="", language="", **more):
        admin = module("function_admin_pb2")
        request = admin.DeployRequest(name=name, manifest=manifest, language=language, **more)
        for path, content in files.items():
            request.files.add(path=path, content=content.encode() if isinstance(content, str) else content)
        return answer_of(lambda: self.admin.Deploy(request, timeout=120))

    def list(self, language=""):
        answer = self.admin.List(module("function_admin_pb2").ListRequest(language=language), timeout=CALL_SECONDS)
        return {function.name: function for function in answer.functions}

    def get(self, name):
        request = module("function_admin_pb2").GetRequest(name=name)
        return answer_of(lambda: self.admin.Get(request, timeout=CALL_SECONDS))

    def remove(self, name, now=False):
        request = module("function_admin_pb2").RemoveRequest(name=name, now=now)
        return answer_of(lambda: self.admin.Remove(request, timeout=CALL_SECONDS))

    def call(self, method, seconds=CALL_SECONDS, **fields):
        """Any other call of the function service; SubmitFunction, GetResult or Cancel."""
        request = getattr(module("function_service_pb2"), method + "Request")(**fields)
        return answer_of(lambda: getattr(self.functions, method)(request, timeout=seconds))

    def ask(self, method, **fields):
        """Any other call of the admin service by its name."""
        request = getattr(module("function_admin_pb2"), method + "Request")(**fields)
        return answer_of(lambda: getattr(self.admin, method)(request, timeout=CALL_SECONDS))

    def set_alias(self, name, alias, **weights):
        """Versions with their weights; none removes the alias. Versions are keyword arguments with a leading `v`."""
        admin = module("function_admin_pb2")
        routes = [admin.Route(version=version[1:], weight=weight) for version, weight in weights.items()]
        return self.ask("SetAlias", name=name, alias=alias, routes=routes)

    def health_of(self, service=""):
        """SERVING, NOT_SERVING or the status of the refusal."""
        health = module("health_pb2")
        try:
            answer = self.health.Check(health.HealthCheckRequest(service=service), timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            return error.code().name
        return health.HealthCheckResponse.ServingStatus.Name(answer.status)
