"""Resources as they exist, made of the inputs that a program or a person gave.

The types of `arm` say what an answer holds; here are the values of it that others build on, such as host names.
"""

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from itertools import pairwise
from typing import Any

from simulator.azure import arm
from simulator.azure.arm import answers
from simulator.azure.arm.placement import discriminated, name_in_sdk
from simulator.azure.arm.types import ArmObject, ResourceType, resource_type
from simulator.azure.arm.values import UNKNOWN
from simulator.azure.errors import RefusalError
from simulator.azure.subscription import StoredResource, Subscription

USER_ASSIGNED = "Microsoft.ManagedIdentity/userAssignedIdentities"
STREAM_JOB = "azure-native:streamanalytics:StreamingJob"

UNANSWERED: Mapping[str, tuple[str, ...]] = {
    "resources:Deployment": ("properties.template",),
    "streamanalytics:StreamingJob": ("functions", "inputs", "outputs", "transformation"),
}
"""What was written and a GET leaves out, as azure-native asks (of a job: unless it is told to expand it).

https://learn.microsoft.com/rest/api/resources/deployments/get,
https://learn.microsoft.com/rest/api/streamanalytics/streaming-jobs/get"""


def known_type(token: str) -> ResourceType:
    """The type that Pulumi calls `token`; refused where no table is kept of it.

    Not Azure's: types that are not simulated.
    """
    type_ = resource_type(token)
    if type_ is None:
        raise RefusalError(
            f"the simulated subscription does not know {token}: add it to simulator/azure/arm/regenerate.py"
        )
    return type_


def build_resource(subscription: Subscription, token: str, inputs: Mapping[str, Any]) -> StoredResource:
    """The resource that Azure makes of `inputs`, in which every name is given.

    What has the id now keeps its state. What Azure makes up, such as the principal of an identity, is another one each
    time that a resource is deleted and created again.
    """
    type_ = known_type(token)
    inputs = {name: deepcopy(value) for name, value in inputs.items() if not name.startswith("__")}
    id_ = arm.resource_id(token, "", inputs)
    name, life = id_.rsplit("/", 1)[-1], subscription.life(id_)
    former = subscription.get(id_)
    state = dict(former.state) if former else _first_state(token, inputs)
    outputs = answers.outputs(token, name, inputs, f"{id_}#{life}" if life else id_, known=True)
    outputs |= {"name": name, "azureApiVersion": type_.api_version, **_well_known(token, id_, name, outputs)}
    outputs |= {key: value for key, value in state.items() if key in outputs}
    for path in UNANSWERED.get(token.removeprefix(f"{arm.PACKAGE}:"), ()):
        _leave_out(outputs, path)
    _name_identities(subscription, outputs.get("identity"))
    content = _answered(type_, type_.objects[type_.body], arm.body(token, inputs), outputs)
    for path in UNANSWERED.get(token.removeprefix(f"{arm.PACKAGE}:"), ()):
        _leave_out(content, path if path.startswith("properties.") else f"properties.{path}")
    body = {"id": id_, "name": name, "type": type_.arm_type, **content}
    return StoredResource(id_, type_.arm_type, token, inputs, outputs, body, state)


def previewed_outputs(token: str, inputs: Mapping[str, Any], former: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a preview can say of a resource's outputs; `former` are its outputs so far, None before it exists.

    A new resource's name is not known before it exists, as with pulumi-azure-native. Unlike there, what Azure had made
    up for an existing resource is still known: an update does not change it.
    """
    known_type(token)
    given = {name: value for name, value in inputs.items() if not name.startswith("__")}
    outputs = {**answers.outputs(token, "", given, "", known=False), "name": given.get("name", UNKNOWN)}
    return outputs if former is None else _over(former, outputs)


def drift(subscription: Subscription, resource_id: str, changes: Mapping[str, Any]) -> StoredResource:
    """Change a resource behind Pulumi's back: `{"sku.capacity": 4}`; None takes a property away."""
    with subscription.lock:
        resource = subscription.get(resource_id)
        if resource is None or resource.token is None:
            raise LookupError(f"{resource_id} is not a resource that Pulumi knows")
        inputs = deepcopy(resource.inputs)
        for path, value in changes.items():
            _set(inputs, path, value)
        changed = build_resource(subscription, resource.token, inputs)
        subscription.put(changed)
        return changed


def with_provisioning_state(resource: StoredResource, state: str) -> StoredResource:
    """The resource with what its service says of how it went, below `properties` as with deployments."""
    changed = deepcopy(resource)
    for answer in (changed.outputs, changed.body):
        answer.setdefault("properties", {})["provisioningState"] = state
    return changed


def _first_state(token: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What the stand-in remembers of a new resource. A job with a start mode starts as part of its creation."""
    if token == STREAM_JOB:
        return {"jobState": "Running" if inputs.get("outputStartMode") else "Created"}
    return {}


def _over(former: Any, previewed: Any) -> Any:
    """`previewed`, with former values where it knows none."""
    if previewed is UNKNOWN and former is not None:
        return former
    if isinstance(former, Mapping) and isinstance(previewed, Mapping):
        return {key: _over(former.get(key), value) for key, value in previewed.items()}
    return previewed


def _answered(
    type_: ResourceType, thing: ArmObject, content: Mapping[str, Any], outputs: Mapping[str, Any]
) -> dict[str, Any]:
    """A request's body with Azure's own values, which `outputs` hold in the SDK's names."""
    answer = dict(content)
    for name, property_ in type_.properties(thing, discriminated(thing, outputs)).items():
        key, inner = name_in_sdk(thing, name), type_.as_object(property_.type)
        if inner is not None:
            source = outputs if name == "properties" and key not in outputs else outputs.get(key)
            if isinstance(source, Mapping) and (name in content or property_.read_only or name == "properties"):
                nested = content.get(name, {})
                answer[name] = _answered(type_, inner, nested, source) if inner.properties else {**nested, **source}
        elif key in outputs and (property_.read_only or name not in content):
            answer[name] = outputs[key]
    return answer


Invent = Callable[[str, str, Mapping[str, Any]], dict[str, Any]]


def _blob_endpoints(name: str, *_: Any) -> dict[str, Any]:
    kinds = ("blob", "dfs", "file", "queue", "table")
    return {"primaryEndpoints": {kind: f"https://{name}.{kind}.core.windows.net/" for kind in kinds}}


def _workspace_addresses(_: str, id_: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    region = outputs.get("location")
    return {
        "discoveryUrl": f"https://{region}.api.azureml.ms/discovery",
        "mlFlowTrackingUri": f"azureml://{region}.api.azureml.ms/mlflow/v1.0{id_}",
    }


def _connection_string(_: str, __: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    key, region = outputs.get("instrumentationKey"), outputs.get("location")
    ingestion = f"https://{region}-1.in.applicationinsights.azure.com/"
    return {"connectionString": f"InstrumentationKey={key};IngestionEndpoint={ingestion}"}


def _vault_address(name: str, _: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"properties": {**outputs.get("properties", {}), "vaultUri": f"https://{name}.vault.azure.net/"}}


ADDRESSES: Mapping[str, Invent] = {
    "applicationinsights:Component": _connection_string,
    "containerregistry:Registry": lambda name, *_: {"loginServer": f"{name}.azurecr.io".lower()},
    "eventhub:Namespace": lambda name, *_: {"serviceBusEndpoint": f"https://{name}.servicebus.windows.net:443/"},
    "keyvault:Vault": _vault_address,
    "machinelearningservices:Workspace": _workspace_addresses,
    "sql:Server": lambda name, *_: {"fullyQualifiedDomainName": f"{name}.database.windows.net"},
    "storage:StorageAccount": _blob_endpoints,
}
"""Outputs by which a resource is reached, in the form that they have in Azure's public cloud."""


def _well_known(token: str, id_: str, name: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    invent = ADDRESSES.get(token.removeprefix(f"{arm.PACKAGE}:"))
    values = invent(name, id_, outputs) if invent else {}
    return {**values, "provisioningState": "Succeeded"} if "provisioningState" in outputs else values


def _name_identities(subscription: Subscription, identity: dict[str, Any] | None) -> None:
    """Give user-assigned identities their own ids; beside them, only a system-assigned one has a principal."""
    if not identity:
        return
    if "SystemAssigned" not in str(identity.get("type")):
        identity.pop("principalId", None)
        identity.pop("tenantId", None)
    for id_, ids in (identity.get("userAssignedIdentities") or {}).items():
        if assigned := subscription.get(id_):
            ids |= {key: assigned.outputs[key] for key in ("clientId", "principalId")}


def _leave_out(values: dict[str, Any], path: str) -> None:
    """Take away what a path without indices leads to, wherever that is."""
    first, _, rest = path.partition(".")
    if not rest:
        values.pop(first, None)
    elif isinstance(values.get(first), dict):
        _leave_out(values[first], rest)


def _set(values: Any, path: str, value: Any) -> None:
    """Set what a path such as `outputs[0].datasource.table` leads to, or remove it."""
    steps: list[str | int] = [
        int(index) if index else name for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)
    ]
    for step, following in pairwise(steps):
        if isinstance(step, str) and step not in values:
            values[step] = [] if isinstance(following, int) else {}
        values = values[step]
    if value is None:
        del values[steps[-1]]
    else:
        values[steps[-1]] = value
