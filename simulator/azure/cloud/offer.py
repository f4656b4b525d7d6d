"""What a subscription may do and what its regions offer: answers of Resource Manager that no resource stands for."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.azure import arm
from simulator.azure.arm.answers import TENANT
from simulator.azure.cloud.http.messages import Answer, Request, ServiceError

_SUBSCRIPTION = rf"/subscriptions/{arm.SUBSCRIPTION}"
_LOCATION = re.compile(
    rf"{_SUBSCRIPTION}/providers/(Microsoft\.[A-Za-z]+)/locations/([^/]+)/([A-Za-z]+)", re.IGNORECASE
)

SIZES: Mapping[str, tuple[str, int]] = {
    "Standard_DS2_v2": ("standardDSv2Family", 2),
    "Standard_DS3_v2": ("standardDSv2Family", 4),
    "Standard_DS4_v2": ("standardDSv2Family", 8),
    "Standard_F4s_v2": ("standardFSv2Family", 4),
    "Standard_ND96isr_H100_v5": ("standardNDSH100v5Family", 96),
}
"""VM sizes with their families and vCPUs."""


@dataclass
class Offer:
    """The subscription, rights of whoever deploys, and per region what may be made; the same in every region.

    `restricted`: why Azure SQL accepts no new servers (`ProvisioningDisabled`), which depends on offer and region.
    `quota` is vCPUs of Azure ML's clusters: of each family by the family's name, of all dedicated ones, and of
    low-priority ones, which have a quota of their own and none per family. A family that a subscription may not use is
    not listed. `used` is how many are taken, by the same names.
    """

    state: str = "Enabled"
    visible: bool = True
    actions: list[str] = field(default_factory=lambda: ["*"])
    not_actions: list[str] = field(default_factory=list)
    unregistered: set[str] = field(default_factory=set)
    restricted: str | None = None
    sql_sizes: set[str] = field(default_factory=lambda: {"Basic", "S0", "S1", "S2", "S3", "GP_S_Gen5"})
    vm_sizes: set[str] = field(default_factory=lambda: set(SIZES))
    dedicated_only: set[str] = field(default_factory=lambda: {"Standard_ND96isr_H100_v5"})
    quota: dict[str, int] = field(
        default_factory=lambda: {"standardDSv2Family": 100, "standardFSv2Family": 100, "dedicated": 200, "low": 100}
    )
    used: dict[str, int] = field(default_factory=dict)
    deleted_vaults: list[str] = field(default_factory=list)

    def answer(self, request: Request, path: str) -> Answer | None:
        """The answer to a GET about the subscription as a whole or a region; None if it is about something else.

        Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-not-found
        Assumed: whoever may not see a subscription is told that there is none, as with other resources.
        """
        if request.method != "GET" or not path.lower().startswith("/subscriptions"):
            return None
        if path == "/subscriptions":
            return Answer.of(200, {"value": [self._subscription()] if self.visible else []})
        if not self.visible and path.lower().startswith(_SUBSCRIPTION):
            raise ServiceError(
                404, "SubscriptionNotFound", f"The subscription '{arm.SUBSCRIPTION}' could not be found."
            )
        below = path[len(_SUBSCRIPTION) :]
        if path.lower() == _SUBSCRIPTION:
            return Answer.of(200, self._subscription())
        whole: Mapping[str, Callable[[], Any]] = {
            "/providers": self._providers,
            "/providers/microsoft.authorization/permissions": self._permissions,
            "/providers/microsoft.keyvault/deletedvaults": self._deleted,
        }
        if below.lower() in whole:
            return Answer.of(200, {"value": whole[below.lower()]()})
        return self._region(*found.groups()) if (found := _LOCATION.fullmatch(path)) else None

    def _region(self, namespace: str, region: str, what: str) -> Answer | None:
        """What a resource provider says of a region.

        Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-register-resource-provider
        """
        if namespace in self.unregistered:
            message = f"The subscription is not registered to use namespace '{namespace}'."
            raise ServiceError(409, "MissingSubscriptionRegistration", message)
        match what.lower():
            case "capabilities":
                return Answer.of(200, self._sql(region))
            case "vmsizes":
                return Answer.of(200, {"value": self._vm_sizes()})
            case "usages":
                return Answer.of(200, {"value": self._usages()})
        return None

    def _subscription(self) -> dict[str, Any]:
        """As in the examples of https://github.com/Azure/azure-rest-api-specs, GetSubscription."""
        return {
            "id": _SUBSCRIPTION,
            "subscriptionId": arm.SUBSCRIPTION,
            "displayName": "simulated",
            "tenantId": TENANT,
            "state": self.state,
        }

    def _providers(self) -> list[dict[str, Any]]:
        """https://learn.microsoft.com/rest/api/resources/providers/list"""
        namespaces = ("Authorization", "Consumption", "ContainerRegistry", "EventHub", "Insights", "KeyVault")
        more = ("MachineLearningServices", "ManagedIdentity", "OperationalInsights", "Resources", "Sql", "Storage")
        everything = [f"Microsoft.{name}" for name in (*namespaces, *more, "StreamAnalytics")]
        return [
            {"namespace": one, "registrationState": "NotRegistered" if one in self.unregistered else "Registered"}
            for one in everything
        ]

    def _permissions(self) -> list[dict[str, Any]]:
        """https://learn.microsoft.com/rest/api/authorization/permissions (here: of the whole subscription)"""
        return [{"actions": self.actions, "notActions": self.not_actions, "dataActions": [], "notDataActions": []}]

    def _deleted(self) -> list[dict[str, Any]]:
        """Names of vaults until they are purged: https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview"""
        return [{"name": name, "properties": {"location": "westeurope"}} for name in self.deleted_vaults]

    def _sql(self, region: str) -> dict[str, Any]:
        """https://learn.microsoft.com/rest/api/sql/capabilities/list-by-location"""
        if self.restricted:
            return {"name": region, "status": "Visible", "reason": self.restricted, "supportedServerVersions": []}
        editions: dict[str, list[dict[str, Any]]] = {}
        for size in sorted(self.sql_sizes):
            tier = "GeneralPurpose" if size.startswith("GP_") else "Basic" if size == "Basic" else "Standard"
            name = f"{size}_1" if tier == "GeneralPurpose" else size
            objective = {"name": name, "status": "Available", "sku": {"name": size, "tier": tier}}
            editions.setdefault(tier, []).append(objective)
        supported = [
            {"name": tier, "status": "Available", "supportedServiceLevelObjectives": objectives}
            for tier, objectives in editions.items()
        ]
        versions = [{"name": "12.0", "status": "Default", "supportedEditions": supported}]
        return {"name": region, "status": "Available", "supportedServerVersions": versions}

    def _vm_sizes(self) -> list[dict[str, Any]]:
        """As in the examples of https://github.com/Azure/azure-rest-api-specs, VirtualMachineSize/list."""
        return [
            {
                "name": name,
                "family": SIZES[name][0],
                "vCPUs": SIZES[name][1],
                "lowPriorityCapable": name not in self.dedicated_only,
                "supportedComputeTypes": ["AmlCompute", "ComputeInstance"],
            }
            for name in sorted(self.vm_sizes)
        ]

    def _usages(self) -> list[dict[str, Any]]:
        """As in the examples of https://github.com/Azure/azure-rest-api-specs, Usage/list."""
        totals = {
            "dedicated": "Total Cluster Dedicated Regional vCPUs",
            "low": "Total Cluster LowPriority Regional vCPUs",
        }
        kinds = {"dedicated": "dedicatedCores", "low": "lowPriorityCores"}
        usages = []
        for name, limit in self.quota.items():
            family = name.removeprefix("standard").removesuffix("Family")
            title = totals.get(name, f"Standard {family} Family Cluster Dedicated vCPUs")
            usages.append(
                {
                    "id": f"{_SUBSCRIPTION}/usages",
                    "type": f"Microsoft.MachineLearningServices/{kinds.get(name, 'vmFamily')}/usages",
                    "currentValue": self.used.get(name, 0),
                    "limit": limit,
                    "name": {"value": title, "localizedValue": title},
                    "unit": "Count",
                }
            )
        return usages
