"""Clients that have no definition of Stead's services: grpc-js-reflection-client (reflection.mjs) and grpcurl."""
import json

from foreign_case import ForeignCase, main, program

EVENT = {
    "id": "grpcurl-1",
    "source": "/grpcurl",
    "specVersion": "1.0",
    "type": "test.v1",
    "textData": "grüße",
    "attributes": {"test": {"ceString": "kept"}},
}


class Reflection(ForeignCase):
    @classmethod
    def set_up_functions(cls):
        cls.world.deploy(cls.one, "echo")

    def grpcurl(self, *arguments, code=0):
        return self.run_program(program("grpcurl"), "-plaintext", "-max-time", "30", *arguments, code=code)

    def test_grpc_js_reflection_client(self):
        self.assertEqual(len(self.play("reflection.mjs")), 8)

    def test_grpcurl_lists_and_describes(self):
        address = self.one.ports["grpc"]
        services = self.grpcurl(address, "list").split()
        self.assertIn("function.v1.FunctionService", services)
        self.assertIn("FunctionService", services)
        methods = self.grpcurl(address, "list", "function.v1.FunctionService").split()
        self.assertIn("function.v1.FunctionService.SubmitFunction", methods)
        self.assertIn("io.cloudevents.v1.CloudEvent", self.grpcurl(address, "describe", "io.cloudevents.v1.CloudEvent"))
        self.assertIn("request_id", self.grpcurl(address, "describe", "function.v1.GetResultRequest"))

    def test_grpcurl_calls(self):
        address = self.one.ports["grpc"]
        for service in ("function.v1.FunctionService", "FunctionService"):
            with self.subTest(service):
                request = json.dumps({"name": "echo", "event": {**EVENT, "id": service}})
                answer = json.loads(self.grpcurl("-d", request, address, service + "/ExecuteFunction"))
                self.assertEqual(answer["data"], "Z3LDvMOfZQ==")
                self.assertEqual(answer["event"]["attributes"]["echoed"]["ceString"], "kept")
        health = json.loads(self.grpcurl(address, "grpc.health.v1.Health/Check"))
        self.assertEqual(health["status"], "SERVING")

    def test_grpcurl_shows_why_a_call_was_refused(self):
        request = json.dumps({"name": "nobody", "event": EVENT})
        method = "function.v1.FunctionService/ExecuteFunction"
        self.grpcurl("-format-error", "-d", request, self.one.ports["grpc"], method, code=64 + 5)  # NOT_FOUND


if __name__ == "__main__":
    main()
