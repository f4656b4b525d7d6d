"""The azure-native provider of a simulated subscription, as the Pulumi engine talks to it: gRPC on loopback."""

from collections.abc import Callable, Generator, Mapping
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from pulumi.runtime.proto import provider_pb2

from simulator.azure import arm
from simulator.azure.arm import answers
from simulator.azure.arm.types import resource_type
from simulator.azure.arm.values import from_wire, to_wire
from simulator.azure.subscription import StoredResource, Subscription

VERSION = "3.29.0"
THREADS = 16
Fields = dict[str, Any]
"""The fields of an answer; structures are plain dictionaries, enumerated values their names."""

SERVICE = provider_pb2.DESCRIPTOR.services_by_name["ResourceProvider"]


@contextmanager
def serve(subscription: Subscription) -> Generator[int]:
    """Serve the provider on a free port of 127.0.0.1, for PULUMI_DEBUG_PROVIDERS=azure-native:PORT."""
    server = grpc.server(futures.ThreadPoolExecutor(THREADS), options=[("grpc.max_receive_message_length", -1)])
    handlers = {name: _handler(name, call) for name, call in Provider(subscription).calls().items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE.full_name, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=None).wait()


class RefusalError(Exception):
    """The provider does not do what it was asked to; the text is what the engine shows."""


class Provider:
    """What the engine may ask of a provider, one method per call."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    def calls(self) -> dict[str, Callable[[Any], Fields]]:
        """The methods by the names that they have in Pulumi's protocol."""
        return {
            "Handshake": lambda _: {"accept_secrets": True, "accept_resources": True, "accept_outputs": True},
            "Attach": lambda _: {},
            "Cancel": lambda _: {},
            "GetPluginInfo": lambda _: {"version": VERSION},
            "CheckConfig": lambda request: {"inputs": request.news},
            "DiffConfig": lambda _: {"changes": "DIFF_NONE"},
            "Configure": lambda _: {
                "acceptSecrets": True,
                "supportsPreview": True,
                "acceptResources": True,
                "acceptOutputs": True,
            },
            "Invoke": self.invoke,
            "Check": self.check,
            "Diff": self.diff,
            "Create": self.create,
            "Update": self.update,
            "Read": self.read,
            "Delete": self.delete,
        }

    def invoke(self, request: Any) -> Fields:
        if request.tok.endswith(":getClientConfig"):
            return {"return": answers.client_config()}
        raise RefusalError(f"the simulated subscription does not know the function {request.tok}")

    def check(self, request: Any) -> Fields:
        inputs, before = from_wire(request.news), from_wire(request.olds)
        type_ = resource_type(request.type)
        last = type_.path[-1].removeprefix("scope:") if type_ else "="
        if not last.startswith("=") and inputs.get(last) is None:
            inputs[last] = before.get(last) or request.name.lower() + request.randomSeed.hex()[:8]
        return {"inputs": to_wire(inputs)}

    def diff(self, request: Any) -> Fields:
        old, new = from_wire(request.old_inputs), from_wire(request.news)
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        return {"changes": "DIFF_SOME" if changed else "DIFF_NONE", "diffs": changed}

    def create(self, request: Any) -> Fields:
        resource = self._stored(request.type, request.name, from_wire(request.properties), known=not request.preview)
        if not request.preview:
            self._subscription.put(resource)
        return {"id": "" if request.preview else resource.id, "properties": to_wire(resource.outputs)}

    def update(self, request: Any) -> Fields:
        resource = self._stored(request.type, request.name, from_wire(request.news), known=not request.preview)
        if not request.preview:
            self._subscription.put(resource)
        return {"properties": to_wire(resource.outputs)}

    def read(self, request: Any) -> Fields:
        resource = self._subscription.get(request.id)
        if resource is None:
            return {"id": ""}
        return {"id": resource.id, "properties": resource.outputs, "inputs": resource.inputs}

    def delete(self, request: Any) -> Fields:
        self._subscription.delete(request.id)
        return {}

    def _stored(self, token: str, name: str, inputs: Mapping[str, Any], *, known: bool) -> StoredResource:
        type_ = resource_type(token)
        if type_ is None:
            raise RefusalError(f"the simulated subscription does not know {token}")
        id_ = arm.resource_id(token, name, inputs)
        outputs = answers.outputs(token, name, inputs, id_, known=known)
        body = {"id": id_, "name": id_.rsplit("/", 1)[-1], "type": type_.arm_type, **arm.body(token, inputs)}
        return StoredResource(id_, type_.arm_type, token, dict(inputs), outputs, body if known else {})


def _handler(name: str, call: Callable[[Any], Fields]) -> grpc.RpcMethodHandler:
    """A method of the protocol; the messages' classes are those that its description names."""
    method = SERVICE.methods_by_name[name]
    answer = GetMessageClass(method.output_type)

    def handle(request: Message, context: grpc.ServicerContext) -> Message:
        try:
            return answer(**call(request))
        except RefusalError as refusal:
            context.abort(grpc.StatusCode.UNKNOWN, str(refusal))
            raise

    return grpc.unary_unary_rpc_method_handler(
        handle,
        request_deserializer=GetMessageClass(method.input_type).FromString,
        response_serializer=lambda answer: answer.SerializeToString(),
    )
