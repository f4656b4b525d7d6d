"""The provider's side of Pulumi's protocol: gRPC on loopback, for PULUMI_DEBUG_PROVIDERS=azure-native:PORT."""

import json
from collections.abc import Callable, Generator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.status_pb2 import Status
from pulumi.runtime.proto import provider_pb2

from simulator.azure import arm
from simulator.azure.arm import answers
from simulator.azure.arm.types import FOLDER
from simulator.azure.arm.values import from_wire, to_wire
from simulator.azure.errors import RefusalError
from simulator.azure.provider.faults import Faults
from simulator.azure.provider.operations import Operations, Target, UnfinishedError
from simulator.azure.provider.reads import answered_by_get, refreshed_inputs
from simulator.azure.resources import known_type
from simulator.azure.subscription import Subscription

THREADS = 16
SERVICE = provider_pb2.DESCRIPTOR.services_by_name["ResourceProvider"]
Fields = dict[str, Any]
"""The fields of an answer; structures are plain dictionaries, enumerated values their names."""


@contextmanager
def serve(subscription: Subscription, faults: Faults | None = None) -> Generator[int]:
    """Serve the provider on a free port of 127.0.0.1 and yield the port."""
    faults = faults or Faults()
    faults.open()
    server = grpc.server(futures.ThreadPoolExecutor(THREADS), options=[("grpc.max_receive_message_length", -1)])
    calls = Calls(Operations(subscription, faults)).by_name()
    handlers = {name: _handler(name, call) for name, call in calls.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE.full_name, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        faults.close()
        server.stop(grace=None).wait()


class Calls:
    """What the engine may call, one method per call that does something.

    Secrets are not accepted: the engine hands out plain values and keeps what was secret secret by itself.
    """

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def by_name(self) -> dict[str, Callable[[Any], Fields]]:
        """The calls by the names that they have in Pulumi's protocol."""
        version = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))["package_version"]
        return {
            "Handshake": lambda _: {},
            "Attach": lambda _: {},
            "Cancel": lambda _: {},
            "GetPluginInfo": lambda _: {"version": version},
            "CheckConfig": lambda request: {"inputs": request.news},
            "DiffConfig": lambda _: {"changes": "DIFF_NONE"},
            "Configure": lambda _: {"supportsPreview": True},
            "Invoke": self.invoke,
            "Check": self.check,
            "Diff": self.diff,
            "Create": self.create,
            "Update": self.update,
            "Read": self.read,
            "Delete": self.delete,
        }

    def invoke(self, request: Any) -> Fields:
        """Functions of the provider; the program uses one, which says who deploys.

        Not Azure's: functions that are not simulated.
        """
        if request.tok == f"{arm.PACKAGE}:authorization:getClientConfig":
            return {"return": answers.client_config()}
        raise RefusalError(f"the simulated subscription does not know the function {request.tok}")

    def check(self, request: Any) -> Fields:
        checked = self._operations.check(
            _target(request), request.randomSeed, from_wire(request.news), from_wire(request.olds)
        )
        failures = [{"property": path, "reason": reason} for path, reason in checked.failures]
        return {"inputs": to_wire(checked.inputs), "failures": failures}

    def diff(self, request: Any) -> Fields:
        old = from_wire(request.old_inputs)
        found = self._operations.compare(_target(request), old, from_wire(request.news))
        replaces = list(dict.fromkeys(difference.first for difference in found if difference.replaces))
        return {
            "changes": "DIFF_SOME" if found else "DIFF_NONE",
            "diffs": list(dict.fromkeys(difference.first for difference in found)),
            "replaces": replaces,
            "deleteBeforeReplace": bool(replaces) and self._operations.deletes_first(old),
            "hasDetailedDiff": True,
            "detailedDiff": {
                difference.path: {
                    "kind": f"{difference.kind}_REPLACE" if difference.replaces else difference.kind,
                    "inputDiff": True,
                }
                for difference in found
            },
        }

    def create(self, request: Any) -> Fields:
        inputs = from_wire(request.properties)
        if request.preview:
            return {"properties": to_wire(self._operations.preview(request.type, inputs, None))}
        resource = self._operations.create(_target(request), inputs)
        return {"id": resource.id, "properties": to_wire(resource.outputs)}

    def update(self, request: Any) -> Fields:
        inputs = from_wire(request.news)
        if request.preview:
            former = from_wire(request.olds)
            return {"properties": to_wire(self._operations.preview(request.type, inputs, former))}
        return {"properties": to_wire(self._operations.update(_target(request), inputs).outputs)}

    def read(self, request: Any) -> Fields:
        """For a refresh, and with nothing but an id for an import."""
        resource = self._operations.read(_target(request), request.id)
        if resource is None:
            return {"id": ""}
        outputs = answered_by_get(request.type, resource.outputs)
        given, former = from_wire(request.inputs), from_wire(request.properties)
        inputs = refreshed_inputs(known_type(request.type), given, former, outputs) if given else resource.inputs
        return {"id": resource.id, "properties": to_wire(outputs), "inputs": to_wire(inputs)}

    def delete(self, request: Any) -> Fields:
        self._operations.delete(_target(request), request.id)
        return {}


def _target(request: Any) -> Target:
    return Target(request.type, request.name)


def _handler(name: str, call: Callable[[Any], Fields]) -> grpc.RpcMethodHandler:
    """A method of the protocol; the messages' classes are those that its description names."""
    method = SERVICE.methods_by_name[name]
    answer = GetMessageClass(method.output_type)

    def handle(request: Message, context: grpc.ServicerContext) -> Message:
        try:
            return answer(**call(request))
        except UnfinishedError as error:
            context.set_trailing_metadata((("grpc-status-details-bin", _unfinished(error)),))
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
            raise
        except RefusalError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
            raise

    return grpc.unary_unary_rpc_method_handler(
        handle,
        request_deserializer=GetMessageClass(method.input_type).FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )


def _unfinished(error: UnfinishedError) -> bytes:
    """What the engine keeps of a resource that exists but is not finished: it is updated the next time."""
    resource = error.resource
    detail = provider_pb2.ErrorResourceInitFailed(
        id=resource.id,
        properties=to_wire(resource.outputs),
        inputs=to_wire(resource.inputs),
        reasons=[str(error)],
    )
    status = Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
    status.details.add().Pack(detail)
    return status.SerializeToString()
