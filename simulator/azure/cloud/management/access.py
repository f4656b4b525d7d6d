"""Who is who in the simulated subscription, and who may do what with data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.azure.arm.answers import client_config
from simulator.azure.cloud.settings import CloudSettings
from simulator.azure.roles import has_role
from simulator.azure.subscription import StoredResource, Subscription

IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"


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
        return has_role(self.subscription, object_id, roles, scope)

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
