"""Values as Pulumi's programs and engine exchange them, and as plain Python."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from pulumi.runtime import rpc


class Unknown:
    """The value of an output that nobody knows before the deployment."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN = Unknown()


def from_wire(properties: Message) -> dict[str, Any]:
    """The properties in a request (a `Struct`) as plain values."""
    return {name: plain(value) for name, value in MessageToDict(properties).items()}


def to_wire(value: Any) -> Any:
    """A value as the JSON of an answer; `UNKNOWN` becomes Pulumi's marker."""
    if isinstance(value, Mapping):
        return {key: to_wire(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_wire(inner) for inner in value]
    return rpc.UNKNOWN if value is UNKNOWN else value


def plain(value: Any) -> Any:
    """`value` with secrets unwrapped, resources as their URNs, unknown values as `UNKNOWN`, whole numbers as `int`."""
    if isinstance(value, dict):
        signature = value.get(rpc._special_sig_key)
        if signature == rpc._special_secret_sig:
            return plain(value["value"])
        if signature == rpc._special_resource_sig:
            return value["urn"]
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return UNKNOWN if value == rpc.UNKNOWN else value
