"""What Azure refuses because of what is there already: taken names, roles given twice, changes that come too late."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from simulator.azure import arm
from simulator.azure.arm.answers import client_config
from simulator.azure.errors import ArmError, RefusalError
from simulator.azure.provider.differences import same_region
from simulator.azure.provider.names import GUID
from simulator.azure.provider.rules.service_rules import (
    check_budget_start,
    check_entra_only_server,
    check_muting,
    check_storage_redundancy,
)
from simulator.azure.references import values_at
from simulator.azure.resources import USER_ASSIGNED
from simulator.azure.stream_children import check_at_rest
from simulator.azure.subscription import StoredResource, Subscription

SINGLETONS = frozenset(
    {
        "eventhub:NamespaceNetworkRuleSet",
        "sql:BackupShortTermRetentionPolicy",
        "sql:ServerBlobAuditingPolicy",
        "sql:ServerSecurityAlertPolicy",
        "sql:TransparentDataEncryption",
        "storage:BlobServiceProperties",
    }
)
"""Types that exist with their parent: creating one overwrites it, deleting one sets it back.

https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/openapi/defaults/defaultResourcesState.go"""

TAKEN: Mapping[str, tuple[str, str]] = {
    "Microsoft.ContainerRegistry/registries": (
        "AlreadyInUse",
        "The registry DNS name {}.azurecr.io is already in use.",
    ),
    "Microsoft.EventHub/namespaces": ("NamespaceUnavailable", "Namespace name '{}' is already in use."),
    "Microsoft.KeyVault/vaults": ("VaultAlreadyExists", "The vault name '{}' is already in use."),
    "Microsoft.Sql/servers": ("NameAlreadyExists", "The name '{}.database.windows.net' already exists."),
    "Microsoft.Storage/storageAccounts": (
        "StorageAccountAlreadyTaken",
        "The storage account named {} is already taken.",
    ),
}
"""Types whose names are unique in all of Azure, with the code and the text of the refusal.

https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules (scope `global`)"""

WORKBOOK = "Microsoft.Insights/workbooks"
WORKBOOK_NAMES = ("resourceName", "displayName")
"""What only one workbook of a subscription may have; which of the two the refusal calls the name is not said.

https://github.com/microsoft/ApplicationInsights-Home/issues/476"""

FIXED: Mapping[str, tuple[str, ...]] = {
    "eventhub:EventHub": ("partitionCount",),
    "machinelearningservices:Compute": (
        "properties.properties.vmSize",
        "properties.properties.vmPriority",
        "properties.properties.osType",
        "properties.properties.enableNodePublicIp",
        "properties.properties.isolatedNetwork",
    ),
    "machinelearningservices:Workspace": ("storageAccount", "keyVault", "hbiWorkspace"),
    "storage:StorageAccount": ("encryption.requireInfrastructureEncryption",),
}
"""Inputs that azure-native sends as an update and Azure does not take once the resource exists.

https://learn.microsoft.com/azure/event-hubs/event-hubs-scalability (partitions, Standard tier),
https://learn.microsoft.com/azure/machine-learning/how-to-create-attach-compute-cluster,
https://learn.microsoft.com/azure/templates/microsoft.machinelearningservices/workspaces,
https://learn.microsoft.com/azure/storage/common/infrastructure-encryption-enable"""

CHANGE_RULES: Mapping[str, Callable[[StoredResource, Mapping[str, Any]], None]] = {
    "sql:Server": check_entra_only_server,
    "storage:StorageAccount": check_storage_redundancy,
}
"""What Azure refuses depending on what is there and what is wanted."""


VALUE_RULES: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "monitor:ScheduledQueryRule": check_muting,
}
"""What Azure refuses whatever is there, though the published types allow it."""


def check_values(token: str, inputs: Mapping[str, Any]) -> None:
    """Raise `ArmError` where single values of the type do not go together."""
    if check := VALUE_RULES.get(token.removeprefix(f"{arm.PACKAGE}:")):
        check(inputs)


def check_creation(subscription: Subscription, token: str, wanted: StoredResource) -> None:
    """Raise `RefusalError` where the id exists, or the name is taken or blocked.

    Source: https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/provider/provider.go (what exists),
    https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview (names that are kept); for taken names see
    `TAKEN` and `WORKBOOK_NAMES`.
    Assumed: one code for all types whose deleted names are kept; nobody here reads it.
    """
    if subscription.get(wanted.id) and token.removeprefix(f"{arm.PACKAGE}:") not in SINGLETONS:
        raise RefusalError(f"cannot create already existing resource '{wanted.id}'")
    if blocking := subscription.blocking(wanted.type, wanted.id):
        raise ArmError(
            409,
            "ConflictError",
            f"'{wanted.name}' cannot be created: the deleted resource '{blocking}' keeps its name until it is purged.",
        )
    if wanted.type in TAKEN:
        code, text = TAKEN[wanted.type]
        if any(one.name.lower() == wanted.name.lower() for one in subscription.list(wanted.type)):
            raise ArmError(409, code, text.format(wanted.name))
    if wanted.type.lower() == WORKBOOK.lower():
        taken = [one.inputs.get(name) for one in subscription.list(wanted.type) for name in WORKBOOK_NAMES]
        if any(wanted.inputs.get(name) in taken for name in WORKBOOK_NAMES):
            raise ArmError(409, "Conflict", "A Workbook with the same name already exists within this subscription.")
    if token == f"{arm.PACKAGE}:consumption:Budget" and subscription.today is not None:
        check_budget_start(wanted.inputs, subscription.today())


def check_change(token: str, present: StoredResource, inputs: Mapping[str, Any]) -> None:
    """Raise `ArmError` where the resource, as it is at `present`, does not take the new inputs.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
    (InvalidResourceLocation); see `FIXED`.
    Assumed: one code for all inputs that are fixed; nobody here reads it.
    """
    check_at_rest(present)
    if not same_region(present.inputs.get("location"), inputs.get("location")):
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{present.name}' already exists in location '{present.inputs.get('location')}'. A resource "
            f"with the same name cannot be created in location '{inputs.get('location')}'.",
        )
    for path in FIXED.get(token.removeprefix(f"{arm.PACKAGE}:"), ()):
        if [*values_at(present.inputs, path)] != [*values_at(inputs, path)]:
            raise ArmError(409, "PropertyChangeNotAllowed", f"Changing property '{path}' is not allowed.")
    if check := CHANGE_RULES.get(token.removeprefix(f"{arm.PACKAGE}:")):
        check(present, inputs)


def check_role_assignment(subscription: Subscription, wanted: StoredResource) -> None:
    """Raise `ArmError` where the assignment's principal does not fit or has the role at the scope already.

    Principals made up here have ids that are version 5 UUIDs: they must be of an identity that exists. Any other is
    taken for a user, group or application of a directory that nobody here knows.

    Source: https://learn.microsoft.com/azure/role-based-access-control/troubleshooting (PrincipalNotFound),
    https://github.com/Azure/bicep-types-az (principalType)
    Assumed: a wrong type is always noticed, and how a second assignment of the same role is worded; Azure may be late
    to know a type, and then takes it.
    """
    inputs = wanted.inputs
    principal, kind = str(inputs.get("principalId")), inputs.get("principalType", "User")
    if not _is_guid(wanted.name):
        raise ArmError(
            400,
            "InvalidRoleAssignmentId",
            f"The role assignment ID '{wanted.name}' is not valid. The role assignment ID must be a GUID.",
        )
    is_identity = principal in _identities(subscription)
    is_known = is_identity or principal == client_config()["objectId"]
    if not _is_guid(principal) or (UUID(principal).version == 5 and not is_known):
        raise ArmError(
            400,
            "PrincipalNotFound",
            f"Principal {principal} does not exist in the directory {client_config()['tenantId']}.",
        )
    if is_identity and kind != "ServicePrincipal":
        raise ArmError(
            400,
            "UnmatchedPrincipalType",
            f"The PrincipalId '{principal}' has type 'ServicePrincipal', which is different from specified "
            f"PrincipalType '{kind}'.",
        )
    for other in subscription.list(wanted.type):
        same = all(
            str(other.inputs.get(key)).lower() == str(inputs.get(key)).lower()
            for key in ("scope", "principalId", "roleDefinitionId")
        )
        if same and other.id.lower() != wanted.id.lower():
            raise ArmError(409, "RoleAssignmentExists", f"The role assignment already exists. The ID is {other.name}.")


def _identities(subscription: Subscription) -> set[str]:
    """The principals of all managed identities."""
    found = set()
    for resource in subscription.list():
        holder = resource.outputs if resource.type == USER_ASSIGNED else resource.outputs.get("identity", {})
        if "principalId" in holder:
            found.add(str(holder["principalId"]))
    return found


def _is_guid(text: str) -> bool:
    return bool(re.fullmatch(GUID, text))
