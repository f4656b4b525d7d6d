"""What Azure would answer when a resource is created: its inputs and made-up values of what only Azure knows."""

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from simulator.azure import arm
from simulator.azure.arm.types import ArmObject, ResourceType, Text, resource_type, sdk_name
from simulator.azure.arm.values import UNKNOWN

TENANT = "00000000-0000-0000-0000-0000000000aa"
GUIDS = frozenset({"clientId", "customerId", "databaseId", "instrumentationKey", "jobId", "principalId", "workspaceId"})
NOT_YET = frozenset({"lastOutputEventTime"})
"""Read-only values that a new resource does not have."""

DEPTH = 3
"""How many objects deep read-only values are made up."""


def outputs(token: str, name: str, inputs: Mapping[str, Any], resource_id: str, *, known: bool) -> dict[str, Any]:
    """The outputs of a resource, in the SDK's names. Unless `known`, what only Azure knows is `UNKNOWN`."""
    answered = {key: _echoed(key, value) for key, value in inputs.items()}
    if token.endswith(":Stash"):
        return {"input": inputs.get("input"), "output": inputs.get("input")}
    type_ = resource_type(token)
    if type_ is None:
        return answered
    last = type_.path[-1]
    answered["name"] = resource_id.rsplit("/", 1)[-1] if known or inputs.get(last) is not None else UNKNOWN
    answered["type"] = type_.arm_type
    _add_read_only(type_, type_.objects[type_.body], answered, _Inventor(name, resource_id, known), DEPTH)
    return answered


def client_config() -> dict[str, str]:
    """Who deploys, as `authorization.getClientConfig` answers."""
    return {
        "clientId": _guid("client"),
        "objectId": _guid("deployer"),
        "subscriptionId": arm.SUBSCRIPTION,
        "tenantId": TENANT,
    }


class _Inventor:
    """Makes up strings that tell, when they turn up elsewhere, what they are and whose."""

    def __init__(self, name: str, resource_id: str, known: bool) -> None:
        self._name, self._id, self._known = name, resource_id, known

    def value(self, key: str) -> Any:
        if not self._known:
            return UNKNOWN
        if key == "tenantId":
            return TENANT
        return _guid(f"{self._id}/{key}") if key in GUIDS else f"{key} of {self._name}"


def _add_read_only(
    type_: ResourceType, thing: ArmObject, answered: dict[str, Any], inventor: _Inventor, depth: int
) -> None:
    for name, property_ in type_.properties(thing, None).items():
        key, inner = sdk_name(name), type_.as_object(property_.type)
        if name == "id" or key in NOT_YET or not isinstance(answered.get(key, {}), dict):
            continue
        if isinstance(property_.type, Text) and property_.read_only:
            answered[key] = inventor.value(key)
        elif inner is not None and depth:
            if name == "properties":
                _add_read_only(type_, inner, answered, inventor, depth - 1)
            elif property_.read_only or (key == "identity" and key in answered):
                answered[key] = dict(answered.get(key, {}))
                _add_read_only(type_, inner, answered[key], inventor, depth - 1)


def _echoed(key: str, value: Any) -> Any:
    """An input as output: user-assigned identities are given as a list of ids and answered as a map."""
    if key == "userAssignedIdentities" and isinstance(value, list):
        return {
            str(identity): {"clientId": _guid(f"{identity}/client"), "principalId": _guid(f"{identity}/principal")}
            for identity in value
        }
    if isinstance(value, Mapping):
        return {inner: _echoed(inner, item) for inner, item in value.items()}
    return [_echoed("", item) for item in value] if isinstance(value, list) else value


def _guid(text: str) -> str:
    return str(uuid5(NAMESPACE_URL, text))
