"""The messages of proto/function_service.proto and what it needs, in a descriptor pool of their own."""
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from ._descriptors import SET

_pool = descriptor_pool.DescriptorPool()
for _file in descriptor_pb2.FileDescriptorSet.FromString(SET).file:
    _pool.AddSerializedFile(_file.SerializeToString())


def _message(name):
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(name))


CloudEvent = _message("io.cloudevents.v1.CloudEvent")
ExecuteFunctionRequest = _message("function.v1.ExecuteFunctionRequest")
ExecuteFunctionResponse = _message("function.v1.ExecuteFunctionResponse")
SubmitFunctionRequest = _message("function.v1.SubmitFunctionRequest")
SubmitFunctionResponse = _message("function.v1.SubmitFunctionResponse")
GetResultRequest = _message("function.v1.GetResultRequest")
GetResultResponse = _message("function.v1.GetResultResponse")
CancelRequest = _message("function.v1.CancelRequest")
CancelResponse = _message("function.v1.CancelResponse")
ErrorInfo = _message("google.rpc.ErrorInfo")
RetryInfo = _message("google.rpc.RetryInfo")
BadRequest = _message("google.rpc.BadRequest")
Status = _message("google.rpc.Status")

_SERVICE = "/function.v1.FunctionService/"
METHODS = {
    "execute": (_SERVICE + "ExecuteFunction", ExecuteFunctionRequest, ExecuteFunctionResponse),
    "submit": (_SERVICE + "SubmitFunction", SubmitFunctionRequest, SubmitFunctionResponse),
    "result": (_SERVICE + "GetResult", GetResultRequest, GetResultResponse),
    "cancel": (_SERVICE + "Cancel", CancelRequest, CancelResponse),
}
