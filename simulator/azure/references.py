"""What a resource names must exist: its parent, and the resources that its properties point to.

Azure checks some of this when a resource is written and some only when it is used; the simulated subscription always
checks when it is written, so that a test sees what an operator would see later.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.azure import arm
from simulator.azure.errors import ArmError
from simulator.azure.subscription import Subscription

NAMESPACE, SQL_SERVER = "Microsoft.EventHub/namespaces", "Microsoft.Sql/servers"
STORAGE_ACCOUNT = "Microsoft.Storage/storageAccounts"

BORN_WITH: Mapping[str, tuple[str, ...]] = {
    f"{NAMESPACE}/eventhubs": ("consumergroups/$Default",),
    NAMESPACE: ("networkRuleSets/default",),
    SQL_SERVER: ("databases/master",),
    STORAGE_ACCOUNT: ("blobServices/default", "fileServices/default", "queueServices/default", "tableServices/default"),
}
"""What exists below a resource from its creation on, without being written; but see `_master_is_there`."""

IDS: Mapping[str, tuple[str, ...]] = {
    "applicationinsights:Component": ("workspaceResourceId",),
    "consumption:Budget": ("notifications.*.contactGroups[]",),
    "machinelearningservices:Workspace": (
        "storageAccount",
        "keyVault",
        "applicationInsights",
        "containerRegistry",
    ),
    "monitor:ActivityLogAlert": ("scopes[]", "actions.actionGroups[].actionGroupId"),
    "monitor:DiagnosticSetting": ("workspaceId", "storageAccountId"),
    "monitor:MetricAlert": ("scopes[]", "actions[].actionGroupId"),
    "monitor:ScheduledQueryRule": ("scopes[]", "actions.actionGroups[]"),
}
"""Inputs that hold ids of other resources, by type."""

IDS_OF_ALL = ("identity.userAssignedIdentities[]",)
"""The same, for every type."""


@dataclass(frozen=True)
class Reference:
    """A resource that the property at `path` needs."""

    path: str
    id: str


def check_references(subscription: Subscription, token: str, resource_id: str, inputs: Mapping[str, Any]) -> None:
    """Raise `ArmError` for the first thing that the resource names and that does not exist."""
    check_parent(subscription, resource_id)
    short = token.removeprefix(f"{arm.PACKAGE}:")
    for path in (*IDS.get(short, ()), *IDS_OF_ALL):
        for where, value in values_at(inputs, path):
            require(subscription, Reference(where, str(value)))
    for reference in NAMES.get(short, _none)(subscription, inputs):
        require(subscription, reference)


def check_parent(subscription: Subscription, resource_id: str) -> None:
    """Raise `ArmError` unless what the resource lies in, or is scoped to, exists.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-parent-resource and
    https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-not-found
    """
    group = re.match(r"(/subscriptions/[^/]+/resourceGroups/([^/]+))/", resource_id, re.IGNORECASE)
    if group and subscription.get(group[1]) is None:
        raise ArmError(404, "ResourceGroupNotFound", f"Resource group '{group[2]}' could not be found.")
    parent = parent_id(resource_id)
    if parent and not exists(subscription, parent):
        kind = _type_in(resource_id)
        raise ArmError(
            404,
            "ParentResourceNotFound",
            f"Failed to perform 'write' on resource(s) of type '{kind}', because the parent resource '{parent}' "
            "could not be found.",
        )


def parent_id(resource_id: str) -> str | None:
    """The id of what a resource lies in or is scoped to; None for a resource group."""
    scope, provider, rest = resource_id.rpartition("/providers/")
    if not provider:
        return None
    steps = rest.split("/")
    return f"{scope}{provider}{'/'.join(steps[:-2])}" if len(steps) > 3 else scope


def exists(subscription: Subscription, resource_id: str) -> bool:
    """Whether there is such a resource, be it the subscription itself or one that was born with its parent."""
    if resource_id.lower().rstrip("/") == f"/subscriptions/{arm.SUBSCRIPTION}" or subscription.get(resource_id):
        return True
    parent = subscription.get(parent_id(resource_id) or "")
    if parent is None:
        return False
    born = {kind.lower(): children for kind, children in BORN_WITH.items()}.get(parent.type.lower(), ())
    is_born = any(resource_id.lower() == f"{parent.id}/{child}".lower() for child in born)
    return is_born and (parent.type.lower() != SQL_SERVER.lower() or _master_is_there(subscription, parent.id))


def _master_is_there(subscription: Subscription, server_id: str) -> bool:
    """A new server's master database is not found for a while; how long is not said, so it comes with another one.

    https://github.com/hashicorp/terraform-provider-azurerm/issues/22226
    """
    return bool(subscription.children(server_id, "databases"))


def values_at(values: Any, path: str, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that a path such as `actions[].id` or `notifications.*.groups[]` leads to, with its own path."""
    if not path:
        if values is not None:
            yield at, values
        return
    step, _, rest = path.partition(".")
    name, is_list = step.removesuffix("[]"), step.endswith("[]")
    if not isinstance(values, Mapping):
        return
    for key in values if name == "*" else [name]:
        value, here = values.get(key), f"{at}.{key}".removeprefix(".")
        if is_list:
            for index, item in enumerate(value if isinstance(value, list) else []):
                yield from values_at(item, rest, f"{here}[{index}]")
        else:
            yield from values_at(value, rest, here)


def require(subscription: Subscription, reference: Reference) -> None:
    """Raise `ArmError` unless what is named exists.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-not-found
    Assumed: what is named is looked at when a resource is written; some services look later, and fail then.
    """
    if not exists(subscription, reference.id):
        kind, name = _type_in(reference.id), reference.id.rsplit("/", 1)[-1]
        raise ArmError(
            404,
            "ResourceNotFound",
            f"The Resource '{kind}/{name}' was not found: {reference.path} is '{reference.id}'.",
        )


def _type_in(resource_id: str) -> str:
    """Azure's name of the type that an id is of."""
    provider, *steps = resource_id.rpartition("/providers/")[2].split("/")
    return "/".join([provider, *steps[::2]])


def _datastore(subscription: Subscription, inputs: Mapping[str, Any]) -> Iterator[Reference]:
    """Azure ML looks at a datastore's container unless it is told not to."""
    properties = inputs.get("properties", {})
    if properties.get("accountName") and not inputs.get("skipValidation"):
        account = by_name(subscription, STORAGE_ACCOUNT, properties["accountName"])
        yield Reference("properties.accountName", account)
        yield Reference(
            "properties.containerName", f"{account}/blobServices/default/containers/{properties.get('containerName')}"
        )


def _none(*_: Any) -> Iterator[Reference]:
    return iter(())


NAMES: Mapping[str, Callable[[Subscription, Mapping[str, Any]], Iterator[Reference]]] = {
    "machinelearningservices:Datastore": _datastore,
}
"""Types whose inputs name other resources otherwise than by id."""


def by_name(subscription: Subscription, type_: str, name: str) -> str:
    """The id of the resource of a type with a name; where there is none, an id that does not exist."""
    found = [one.id for one in subscription.list(type_) if one.name.lower() == name.lower()]
    return found[0] if found else f"/providers/{type_}/{name}"
