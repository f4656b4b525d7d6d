"""Who is who in the simulated subscription, and who may do what with data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.azure.arm.answers import client_config
from simulator.azure.cloud.settings import CloudSettings
from simulator.azure.subscription import StoredResource, Subscription

IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"

BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
BLOB_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
QUEUE_CONTRIBUTOR = "974c5e8b-45b9-4653-ba55-5f855dd0fb88"
TABLE_CONTRIBUTOR = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
"""Built-in roles: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles"""

BLOB_READERS = frozenset({BLOB_READER, BLOB_CONTRIBUTOR, BLOB_OWNER})
BLOB_WRITERS = frozenset({BLOB_CONTRIBUTOR, BLOB_OWNER})


@dataclass(frozen=True)
class Access:
    """Role assignments of the subscription, as the data planes see them.

    Unless the settings say that `deployer_needs_roles`, whoever deploys may do everything. Management operations are
    not checked at all.
    """

    subscription: Subscription
    settings: CloudSettings

    def may(self, object_id: str, roles: frozenset[str], scope: str) -> bool:
        """Whether a principal has one of `roles` on the resource `scope`, or on what contains it."""
        if object_id == client_config()["objectId"] and not self.settings.deployer_needs_roles:
            return True
        return any(
            assignment.inputs.get("principalId") == object_id
            and str(assignment.inputs.get("roleDefinitionId")).rsplit("/", 1)[-1] in roles
            and _contains(str(assignment.inputs.get("scope")), scope)
            for assignment in self.subscription.list(ASSIGNMENTS)
        )

    def object_id_of_identity(self, client_id: str) -> str | None:
        """The principal of the user-assigned identity with this client id."""
        for identity in self.subscription.list(IDENTITIES):
            if identity.outputs.get("clientId") == client_id:
                return str(identity.outputs["principalId"])
        return None

    def identity_of(self, resource: StoredResource) -> StoredResource | None:
        """The first user-assigned identity that a resource has."""
        identity: Mapping[str, Any] = resource.inputs.get("identity") or {}
        for identity_id in identity.get("userAssignedIdentities") or ():
            return self.subscription.get(identity_id)
        return None


def _contains(scope: str, resource_id: str) -> bool:
    """Whether a resource is `scope` or lies below it."""
    return f"{resource_id}/".lower().startswith(f"{scope.rstrip('/')}/".lower())
