"""The end of the engine's wire that a program talks to: keeps what it asks for, answers as Azure would."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto import resource_pb2

from simulator.azure import arm
from simulator.azure.arm import answers
from simulator.azure.arm.types import PACKAGE, resource_type
from simulator.azure.arm.values import from_wire, to_wire

STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Recorded:
    """One resource as the engine is asked to register it.

    `inputs` are plain values in the SDK's camel case (`arm.values.UNKNOWN` for unknown ones). `parent`, `deleted_with`
    and `dependencies` are URNs; `dependencies` holds those of `depends_on` and those that inputs come from, while
    `input_dependencies` has the latter per input. `hooks` maps `before_create` and so on to names of hooks.
    """

    type: str
    name: str
    urn: str
    id: str | None
    inputs: Mapping[str, Any]
    parent: str = ""
    protect: bool = False
    retain_on_delete: bool = False
    delete_before_replace: bool = False
    deleted_with: str = ""
    dependencies: frozenset[str] = frozenset()
    input_dependencies: Mapping[str, frozenset[str]] = field(default_factory=dict)
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    hooks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_azure(self) -> bool:
        """Whether this is a resource of Azure, not a component or a record."""
        return self.type.partition(":")[0] == PACKAGE

    @property
    def arm_type(self) -> str | None:
        """Azure's name of the type, such as `Microsoft.Sql/servers`."""
        type_ = resource_type(self.type)
        return type_.arm_type if type_ is not None else None

    @cached_property
    def body(self) -> dict[str, Any]:
        """The request body that Azure gets."""
        return arm.body(self.type, self.inputs)

    def problems(self) -> list[arm.Problem]:
        """What Azure's published types say against it."""
        return arm.problems(self.type, self.name, self.inputs)


@dataclass(frozen=True)
class Invoke:
    """A function of the provider that the program called."""

    token: str
    arguments: Mapping[str, Any]


class RecordingMonitor(MockMonitor):
    """Stands where the engine's resource monitor does.

    Pulumi's own mock hands a test the inputs only; the options of a resource are in the request, which this one reads.
    Its methods run in worker threads.
    """

    def __init__(self, *, preview: bool) -> None:
        self._preview = preview
        self.recorded: list[Recorded] = []
        self.invokes: list[Invoke] = []
        self.exports: dict[str, Any] = {}

    def _register(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs = from_wire(request.object)
        resource_id = _id(request, inputs)
        self.recorded.append(_recorded(request, urn, resource_id, inputs))
        if not request.custom:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        outputs = answers.outputs(request.type, request.name, inputs, resource_id, known=not self._preview)
        answer = {"urn": urn, "id": "" if self._preview else resource_id, "object": to_wire(outputs)}
        return ParseDict(answer, resource_pb2.RegisterResourceResponse())

    def _register_outputs(self, request: resource_pb2.RegisterResourceOutputsRequest) -> Message:
        if request.urn.split("::")[-2] == STACK:
            self.exports |= from_wire(request.outputs)
        return super().RegisterResourceOutputs(request)

    def _invoke(self, request: resource_pb2.ResourceInvokeRequest) -> resource_pb2.ResourceInvokeResponse:
        arguments = from_wire(request.args)
        self.invokes.append(Invoke(request.tok, arguments))
        if not request.tok.endswith(":getClientConfig"):
            raise NotImplementedError(f"the recording has no answer to {request.tok}: add one in answers.py")
        return ParseDict({"return": answers.client_config()}, resource_pb2.ResourceInvokeResponse())

    RegisterResource = _register
    RegisterResourceOutputs = _register_outputs
    Invoke = _invoke


def _id(request: resource_pb2.RegisterResourceRequest, inputs: Mapping[str, Any]) -> str:
    if resource_type(request.type) is not None:
        return arm.resource_id(request.type, request.name, inputs)
    return f"{request.name}-id" if request.custom else ""


def _recorded(
    request: resource_pb2.RegisterResourceRequest, urn: str, resource_id: str, inputs: Mapping[str, Any]
) -> Recorded:
    hooks = MessageToDict(request.hooks, preserving_proto_field_name=True)
    return Recorded(
        type=request.type,
        name=request.name,
        urn=urn,
        id=resource_id or None,
        inputs=inputs,
        parent=request.parent,
        protect=request.protect,
        retain_on_delete=request.retainOnDelete,
        delete_before_replace=request.deleteBeforeReplace,
        deleted_with=request.deletedWith,
        dependencies=frozenset(request.dependencies),
        input_dependencies={name: frozenset(one.urns) for name, one in request.propertyDependencies.items()},
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        hooks={moment: tuple(names) for moment, names in hooks.items()},
    )
