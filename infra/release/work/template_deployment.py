"""A deployment of an ARM template, as Azure keeps it in a resource group: how it ended, what it held, made again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.release.work.resource_manager import ResourceManager
from scoring.patience import Patience
from stream_queries.errors import UserError

API = "2024-03-01"
_ENDED = (None, "Succeeded", "Failed", "Canceled")
"""States of a deployment that is over, or is not there; all others are on the way.
Source: https://learn.microsoft.com/rest/api/resources/deployments/get (ProvisioningState)"""


@dataclass(frozen=True)
class TemplateDeployment:
    """The deployment `name` of a resource group; the latest of that name, as Azure keeps no other."""

    manager: ResourceManager
    group_id: str
    name: str
    patience: Patience

    def ended(self) -> str | None:
        """How it ended, as soon as it has; None if it is not there."""
        return self.patience.until(f"the deployment {self.name}", self._state, lambda state: state in _ENDED)

    def template(self) -> dict[str, Any]:
        """Its template; empty if it is not there.

        Source: https://learn.microsoft.com/rest/api/resources/deployments/export-template
        """
        if self._look() is None:
            return {}
        exported = self.patience.retry(self.name, lambda: self.manager.post(self._id, "exportTemplate", API))
        return exported.get("template", {})

    def repeat(self, properties: Mapping[str, Any]) -> None:
        """Deploy with these properties (`mode`, `template`) and wait for the end; UserError if it does not succeed."""
        self.patience.retry(self.name, lambda: self.manager.put(self._id, API, {"properties": properties}))
        if (state := self.ended()) != "Succeeded":
            raise UserError(f"the deployment {self.name} is {state}: see the resource group's deployments")

    def _state(self) -> str | None:
        found = self._look()
        return None if found is None else found.get("properties", {}).get("provisioningState")

    def _look(self) -> dict[str, Any] | None:
        return self.patience.retry(self.name, lambda: self.manager.get(self._id, API))

    @property
    def _id(self) -> str:
        return f"{self.group_id}/providers/Microsoft.Resources/deployments/{self.name}"
