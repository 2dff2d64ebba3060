"""A client that knows nothing but reflection: lists the services, learns their messages and calls a function; and what
the statuses of refusals tell a client's library about trying again."""
import json
import time

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from stead_world import WorldCase, calls, event_of, main, wait_for

SERVICES = {
    "FunctionService",
    "function.v1.FunctionAdmin",
    "function.v1.FunctionService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
}
VERSIONS = ("v1", "v1alpha")


class Reflection(WorldCase):
    @classmethod
    def set_up_functions(cls):
        cls.world.deploy(cls.one, "echo")
        cls.channel = grpc.insecure_channel(cls.one.ports["grpc"])
        cls.addClassCleanup(cls.channel.close)

    def ask(self, *questions, version="v1"):
        """One stream with these questions; the answers. The messages of both versions are the same on the wire."""
        method = self.channel.stream_stream(
            "/grpc.reflection.%s.ServerReflection/ServerReflectionInfo" % version,
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        return list(method(iter(questions), timeout=20))

    def test_services_are_listed(self):
        for version in VERSIONS:
            with self.subTest(version):
                question = reflection_pb2.ServerReflectionRequest(host="here", list_services="*")
                (answer,) = self.ask(question, version=version)
                self.assertEqual({service.name for service in answer.list_services_response.service}, SERVICES)
                self.assertEqual(answer.valid_host, "here")
                self.assertEqual(answer.original_request, question)

    def test_a_function_is_called_through_what_reflection_told(self):
        for name in ("function.v1.FunctionService", "FunctionService"):
            with self.subTest(name):
                pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))
                method = pool.FindServiceByName(name).methods_by_name["ExecuteFunction"]
                request = message_factory.GetMessageClass(method.input_type)(name="echo")
                request.event.id, request.event.source = "reflected-" + name, "/reflection"
                request.event.spec_version, request.event.type = "1.0", "test.v1"
                request.event.text_data = "grüße"
                request.event.attributes["test"].ce_string = "kept"
                response = message_factory.GetMessageClass(method.output_type)
                call = self.channel.unary_unary(
                    "/%s/ExecuteFunction" % name,
                    request_serializer=lambda message: message.SerializeToString(),
                    response_deserializer=response.FromString,
                )
                answer = call(request, timeout=30)
                self.assertEqual(answer.data, "grüße".encode())
                self.assertEqual(answer.event.attributes["echoed"].ce_string, "kept")

    def test_symbols_and_files(self):
        request = reflection_pb2.ServerReflectionRequest
        for symbol in (
            "function.v1.FunctionAdmin",
            "function.v1.FunctionService.ExecuteFunction",
            "function.v1.GetResultResponse.outcome",
            "io.cloudevents.v1.CloudEvent.CloudEventAttributeValue",
            "grpc.health.v1.HealthCheckResponse.ServingStatus",
            "ExecuteFunctionRequest",
        ):
            (answer,) = self.ask(request(file_containing_symbol=symbol))
            self.assertTrue(answer.file_descriptor_response.file_descriptor_proto, symbol)
        (answer,) = self.ask(request(file_by_filename="function_service.proto"))
        self.assertEqual(len(answer.file_descriptor_response.file_descriptor_proto), 4)  # with all its imports
        for question in (
            request(file_containing_symbol="function.v1"),
            request(file_containing_symbol="function.v1."),
            request(file_containing_symbol="function.v1.FunctionAdmi"),
            request(file_containing_symbol="function.v1.FunctionAdmin.Nothing"),
            request(file_containing_symbol=""),
            request(file_by_filename="/etc/passwd"),
            request(all_extension_numbers_of_type="function.v1.FunctionAdmin"),
        ):
            (answer,) = self.ask(question)
            self.assertEqual(answer.error_response.error_code, grpc.StatusCode.NOT_FOUND.value[0], question)

    def test_extensions(self):
        extension = reflection_pb2.ExtensionRequest(containing_type="function.v1.File", extension_number=100)
        none, all_of_type, nothing = self.ask(
            reflection_pb2.ServerReflectionRequest(file_containing_extension=extension),
            reflection_pb2.ServerReflectionRequest(all_extension_numbers_of_type="function.v1.File"),
            reflection_pb2.ServerReflectionRequest(),
        )
        self.assertEqual(none.error_response.error_code, grpc.StatusCode.NOT_FOUND.value[0])
        self.assertEqual(all_of_type.all_extension_numbers_response.base_type_name, "function.v1.File")
        self.assertFalse(all_of_type.all_extension_numbers_response.extension_number)
        self.assertEqual(nothing.error_response.error_code, grpc.StatusCode.INVALID_ARGUMENT.value[0])

    def test_bounds(self):
        question = reflection_pb2.ServerReflectionRequest(list_services="")
        with self.assertRaises(grpc.RpcError) as refused:
            self.ask(*[question] * 1001)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        with self.assertRaises(grpc.RpcError) as refused:
            self.ask(reflection_pb2.ServerReflectionRequest(file_by_filename="x" * 5000))
        self.assertEqual(refused.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        method = self.channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")

        def silent():
            time.sleep(2)
            yield from ()

        streams = [method(silent(), timeout=20) for _ in range(40)]
        ends = [stream.code() for stream in streams]
        self.assertIn(grpc.StatusCode.RESOURCE_EXHAUSTED, ends)
        self.assertGreaterEqual(ends.count(grpc.StatusCode.OK), 16)
        self.assertEqual(len(self.ask(question)), 1)

    def test_it_can_be_switched_off(self):
        off = self.world.serve("off", grpc_reflection="false")
        for version in VERSIONS:
            answer = off.client.raw("/grpc.reflection.%s.ServerReflection/ServerReflectionInfo" % version, b"")
            self.assert_status(answer, "UNIMPLEMENTED", "METHOD_NOT_FOUND")
        self.assertEqual(off.stop(), 0)


class Retries(WorldCase):
    """What refusals say to a client with a retry policy; that it obeys is tested at the door (python_client.py)."""

    POLICY = {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 5,
                    "initialBackoff": "0.01s",
                    "maxBackoff": "0.02s",
                    "backoffMultiplier": 1,
                    "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "INVALID_ARGUMENT", "NOT_FOUND"],
                },
            }
        ]
    }
    settings = {"grpc_max_in_flight": "1"}

    @classmethod
    def set_up_functions(cls):
        cls.world.deploy(cls.one, "echo")
        cls.world.deploy(cls.one, "hangs")
        options = [("grpc.service_config", json.dumps(cls.POLICY))]
        cls.channel = grpc.insecure_channel(cls.one.ports["grpc"], options=options)
        cls.addClassCleanup(cls.channel.close)

    def call(self, function, event):
        request = calls.module("function_service_pb2").ExecuteFunctionRequest(name=function, event=event)
        stub = calls.module("function_service_pb2_grpc").FunctionServiceStub(self.channel)
        call = stub.ExecuteFunction.future(request, timeout=20)
        answer = calls.answer_of(call)
        return answer, dict(call.trailing_metadata() or ())

    def test_a_refusal_for_good_is_not_repeated(self):
        event = event_of("x")
        event.spec_version = "9"
        for function, bad in (("echo", event), ("nobody", event_of("x")), ("No Name", event_of("x"))):
            answer, trailing = self.call(function, bad)
            self.assertIn(answer.status.name, ("INVALID_ARGUMENT", "NOT_FOUND"), repr(answer))
            self.assertEqual(trailing.get("grpc-retry-pushback-ms"), "-1", repr(answer))

    def test_overload_is_repeated_when_the_server_says(self):
        busy = self.one.client.start("hangs", event_of("x"), timeout=1.5)
        time.sleep(0.3)
        plain = self.one.client.execute("echo", event_of("refused at once"))
        self.assert_status(plain, "RESOURCE_EXHAUSTED", "OVERLOADED")
        begun = time.monotonic()
        answer, trailing = self.call("echo", event_of("x"))
        took = time.monotonic() - begun
        if not answer.ok:
            self.assertEqual(trailing["grpc-retry-pushback-ms"], "100")
        self.assertGreater(took, 0.35)  # four waits of 100 ms by our word, not of 10 ms by its own
        calls.answer_of(busy)
        wait_for(lambda: self.one.client.execute("echo", event_of("after it")).ok, "the one place")


if __name__ == "__main__":
    main()
