#!/usr/bin/env python3
"""A foreign client: Python's grpcio, made from a definition without a package, calls the echo server.

    python_client.py PATH/TO/grpc_echo

Exit code 77 means that grpcio isn't installed here.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

try:
    import grpc
except ImportError:
    print("python3 has no module grpc (Debian: python3-grpcio)")
    sys.exit(77)

BARE = """
syntax = "proto3";
import "cloudevents.proto";
service FunctionService { rpc ExecuteFunction(ExecuteFunctionRequest) returns (ExecuteFunctionResponse); }
message ExecuteFunctionRequest { string name = 1; io.cloudevents.v1.CloudEvent event = 2; }
message ExecuteFunctionResponse { oneof result { bytes data = 1; string error = 2; } }
"""


def generate(folder):
    proto = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "proto")
    with open(os.path.join(folder, "bare.proto"), "w") as file:
        file.write(BARE)
    files = ["bare.proto", "cloudevents.proto", "health.proto", "error_details.proto", "function_service.proto"]
    try:
        import grpc_tools
        include = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
        compiler = [sys.executable, "-m", "grpc_tools.protoc", "-I" + include]
    except ImportError:
        compiler = ["protoc"]
    subprocess.run(compiler + ["-I" + folder, "-I" + proto, "--python_out=" + folder] + files, check=True, cwd=folder)
    sys.path.insert(0, folder)


def main(echo):
    folder = tempfile.mkdtemp(prefix="stead-python-")
    generate(folder)
    import bare_pb2
    import cloudevents_pb2
    import error_details_pb2
    import function_service_pb2
    import health_pb2

    server = subprocess.Popen([echo, "127.0.0.1:0", "unix:" + folder + "/socket"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    addresses = [server.stdout.readline().strip() for _ in range(2)]

    def event(data=b"x", **more):
        return cloudevents_pb2.CloudEvent(id="1", source="/python", spec_version="1.0", type="t", binary_data=data,
                                          **more)

    def request(name, what=None):
        return bare_pb2.ExecuteFunctionRequest(name=name, event=event() if what is None else what)

    def failure(call, *arguments, **more):
        try:
            call(*arguments, **more)
        except grpc.RpcError as error:
            return error
        raise AssertionError("the call should have failed")

    def info(error):
        packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
        status = error_details_pb2.Status.FromString(packed)
        found = error_details_pb2.ErrorInfo()
        assert status.details[0].Unpack(found)
        return found

    policy = {"maxAttempts": 5, "initialBackoff": "0.01s", "maxBackoff": "0.02s", "backoffMultiplier": 1,
              "retryableStatusCodes": ["UNAVAILABLE"]}
    options = [("grpc.service_config", json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": policy}]}))]
    retrying = grpc.insecure_channel(addresses[0], options=options)
    execute = retrying.unary_unary("/FunctionService/ExecuteFunction",
                                   request_serializer=bare_pb2.ExecuteFunctionRequest.SerializeToString,
                                   response_deserializer=bare_pb2.ExecuteFunctionResponse.FromString)
    error = failure(execute, request("never"), timeout=10)
    assert error.details() == "call 1", error  # a pushback below zero: no second attempt
    assert dict(error.trailing_metadata())["grpc-retry-pushback-ms"] == "-1"
    begun = time.monotonic()
    assert execute(request("later"), timeout=10).data == b"x"
    assert time.monotonic() - begun >= 0.4  # two waits as long as the server said, not its own 10 ms
    retrying.close()

    for address in addresses:
        channel = grpc.insecure_channel(address)
        execute = channel.unary_unary("/FunctionService/ExecuteFunction",
                                      request_serializer=bare_pb2.ExecuteFunctionRequest.SerializeToString,
                                      response_deserializer=bare_pb2.ExecuteFunctionResponse.FromString)

        assert execute(request("echo", event("grüße".encode()))).data.decode() == "grüße"
        large = os.urandom(700000)
        assert execute(request("echo", event(large))).data == large

        answer, call = execute.with_call(request("fail"))
        assert answer.WhichOneof("result") == "error" and answer.error == "it fails", answer
        trailers = dict(call.trailing_metadata())
        assert trailers["stead-error-type"] == "Failure" and trailers["stead-error-retryable"] == "true", trailers

        error = failure(execute, request("unknown"))
        assert error.code() == grpc.StatusCode.NOT_FOUND and info(error).reason == "FUNCTION_NOT_FOUND"
        begun = time.monotonic()
        error = failure(execute, request("hold"), timeout=0.3)
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED and time.monotonic() - begun < 5
        error = failure(execute, request("echo", event(os.urandom(1500000))))
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and info(error).reason == "EVENT_TOO_LARGE"
        error = failure(execute, request("echo", event(bytes(20000000))))
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
        error = failure(execute, request("echo"), compression=grpc.Compression.Gzip)
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
        error = failure(execute, bare_pb2.ExecuteFunctionRequest())
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
        error = failure(channel.unary_unary("/FunctionService/Nothing"), b"")
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error

        value = cloudevents_pb2.CloudEvent.CloudEventAttributeValue(ce_integer=7)
        full = channel.unary_unary("/function.v1.FunctionService/ExecuteFunction",
                                   request_serializer=lambda r: r.SerializeToString(),
                                   response_deserializer=function_service_pb2.ExecuteFunctionResponse.FromString)
        answer = full(request("echo", event(b"{}", attributes={"answer": value})))
        assert answer.data == b"{}" and answer.event.source == "/python" and answer.request_id, answer
        assert answer.event.attributes["answer"].ce_string == "7", answer

        calls = [execute.future(request("echo", event(str(n).encode()))) for n in range(500)]
        assert [call.result().data for call in calls] == [str(n).encode() for n in range(500)]

        watch = channel.unary_stream("/grpc.health.v1.Health/Watch",
                                     request_serializer=lambda r: r.SerializeToString(),
                                     response_deserializer=health_pb2.HealthCheckResponse.FromString)
        states = watch(health_pb2.HealthCheckRequest(service="function.v1.FunctionService"))
        assert next(states).status == 1
        unknown = watch(health_pb2.HealthCheckRequest(service="nobody"))
        assert next(unknown).status == 3
        unknown.cancel()
        if address == addresses[-1]:
            server.stdin.close()  # the server leaves and tells its watchers
            rest = []
            try:
                rest = [state.status for state in states]
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNAVAILABLE, error
            assert rest in ([], [2]), rest
        else:
            states.cancel()
        channel.close()
    assert server.wait(timeout=30) == 0
    print("python grpcio", grpc.__version__, "agrees, over TCP and a Unix socket")


main(sys.argv[1])
