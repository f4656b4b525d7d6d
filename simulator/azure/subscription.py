"""Everything that exists in one simulated subscription, whoever made it: Pulumi, the SDK or a service itself.

Only the rules that hold for every resource are here: ids compare without case, what lies below a deleted resource goes
with it, and some names stay blocked after a deletion. What may be created or changed is for the callers to decide.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from threading import RLock
from typing import Any, Literal

from simulator.azure.clock import Clock
from stream_queries.files import replace_file

ASSIGNED_AT = "assignedAt"
"""Under this name a role assignment's state holds when it was made, on the subscription's clock."""

BlockedBy = Literal["id", "name"]

SOFT_DELETED: Mapping[str, BlockedBy] = {
    "microsoft.machinelearningservices/workspaces": "id",
    "microsoft.operationalinsights/workspaces": "id",
    "microsoft.keyvault/vaults": "name",
}
"""Types whose deleted resources block their id, or their name everywhere, until purged.

https://learn.microsoft.com/azure/machine-learning/concept-soft-delete,
https://learn.microsoft.com/azure/azure-monitor/logs/delete-workspace,
https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview"""


def _today() -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True)
class StoredResource:
    """A resource as it exists.

    `type` is Azure's name of its type, `token` Pulumi's where Pulumi knows it. `inputs` and `outputs` have the SDK's
    names; `body` is what a GET over HTTP answers. `state` is for what the stand-in itself must remember, such as
    `{"jobState": "Running"}` of a stream job.
    """

    id: str
    type: str
    token: str | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of the id."""
        return self.id.rsplit("/", 1)[-1]


Resources = list[StoredResource]


class Subscription:
    """All resources by id, safe to use from several threads, and kept in a JSON file when one is given.

    Resources go in and out as copies: to change one, `put` it again. Hold `lock` over steps that belong together. One
    process at a time may use a file. `today` is for rules that depend on the day, None for no such rules.
    """

    def __init__(self, file: Path | None = None, *, today: Callable[[], date] | None = _today) -> None:
        self.lock, self.today, self.clock = RLock(), today, Clock()
        self.roles_arrive_after = 0.0
        """Seconds on the clock that a role assignment takes until it is known everywhere."""
        self._file = file
        self._resources: dict[str, StoredResource] = {}
        self._soft_deleted: dict[str, str] = {}
        self._lives: dict[str, int] = {}
        if file is not None and file.exists():
            self.restore(file.read_text(encoding="utf-8"))

    def get(self, resource_id: str) -> StoredResource | None:
        """The resource with this id, if it exists."""
        with self.lock:
            return deepcopy(self._resources.get(_key(resource_id)))

    def put(self, resource: StoredResource) -> None:
        """Create the resource, or replace what has its id."""
        with self.lock:
            self._resources[_key(resource.id)] = deepcopy(resource)
            self._save()

    def delete(self, resource_id: str) -> None:
        """Delete a resource with all that lies below it or is scoped to it; nothing happens where nothing is."""
        key = _key(resource_id)
        with self.lock:
            gone = [one for one in self._resources if one == key or one.startswith(f"{key}/")]
            for one in gone:
                resource = self._resources.pop(one)
                self._lives[one] = self._lives.get(one, 0) + 1
                if place := _blocked_place(resource.type, resource.id):
                    self._soft_deleted[place] = resource.id
            if gone:
                self._save()

    def delete_below(self, resource_id: str) -> None:
        """Delete all that lies below a resource, which itself stays."""
        key = _key(resource_id)
        with self.lock:
            for one in [one for one in self._resources if one.startswith(f"{key}/")]:
                self.delete(one)

    def children(self, resource_id: str, kind: str) -> Resources:
        """Resources directly below one, by the last part of their type (`children(workspace, "models")`), by id."""
        start = f"{_key(resource_id)}/{kind.lower()}/"
        with self.lock:
            found = [key for key in sorted(self._resources) if key.startswith(start) and "/" not in key[len(start) :]]
            return [deepcopy(self._resources[key]) for key in found]

    def list(self, type_: str | None = None) -> Resources:
        """All resources, or those of one of Azure's types, by id."""
        return [*self._of_type(type_)]

    def life(self, resource_id: str) -> int:
        """How many resources with this id have been deleted."""
        with self.lock:
            return self._lives.get(_key(resource_id), 0)

    def blocking(self, type_: str, resource_id: str) -> str | None:
        """The id of the soft-deleted resource that keeps `resource_id` from being created, if there is one."""
        with self.lock:
            return self._soft_deleted.get(_blocked_place(type_, resource_id) or "")

    def purge(self, resource_id: str) -> None:
        """Delete a soft-deleted resource for good, so that its name is free again."""
        with self.lock:
            self._soft_deleted = {
                place: deleted for place, deleted in self._soft_deleted.items() if _key(deleted) != _key(resource_id)
            }
            self._save()

    def has_arrived(self, assignment: StoredResource) -> bool:
        """Whether a role assignment is known to the services that look at it, which takes Azure up to ten minutes.

        Source: https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected
        """
        return self.clock.now() >= assignment.state.get(ASSIGNED_AT, 0.0) + self.roles_arrive_after

    def snapshot(self) -> str:
        """Everything as JSON text, for `restore`."""
        with self.lock:
            resources = [asdict(resource) for resource in self._of_type(None)]
            return json.dumps(
                {"resources": resources, "softDeleted": self._soft_deleted, "lives": self._lives}, indent=1
            )

    def restore(self, text: str) -> None:
        """Make everything as it was when the snapshot `text` was taken."""
        kept = json.loads(text)
        with self.lock:
            self._resources = {_key(one["id"]): StoredResource(**one) for one in kept["resources"]}
            self._soft_deleted, self._lives = dict(kept["softDeleted"]), dict(kept["lives"])
            self._save()

    def _of_type(self, type_: str | None) -> Iterator[StoredResource]:
        with self.lock:
            for _, resource in sorted(self._resources.items()):
                if type_ is None or resource.type.lower() == type_.lower():
                    yield deepcopy(resource)

    def _save(self) -> None:
        """Write the file so that a reader, or a crash, never meets half of it."""
        if self._file is not None:
            replace_file(self._file, self.snapshot())


def _key(resource_id: str) -> str:
    return resource_id.lower().rstrip("/")


def _blocked_place(type_: str, resource_id: str) -> str | None:
    """What a soft-deleted resource keeps others from taking, or None for types that go at once."""
    match SOFT_DELETED.get(type_.lower()):
        case "id":
            return _key(resource_id)
        case "name":
            return f"{type_}/{resource_id.rsplit('/', 1)[-1]}".lower()
    return None
