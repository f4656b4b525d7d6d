"""What Azure has of a stack and its state does not know: looked for by id and by name, and nothing is changed.

Three sources say what may exist: creations that the state holds as begun, what a preview would create, and, because
the random name behind a lost answer stands nowhere, the list of what lies in the stack's resource group.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from infra.recovery.resource_ids import GROUP_TYPE, PACKAGE, RANDOM_NAME, Kind, is_hidden, kind_of

LIST_API = "2021-04-01"
_GROUP = f"{PACKAGE}resources:ResourceGroup"
_SUBSCRIPTION = re.compile(r"/subscriptions/([0-9a-fA-F-]{36})")

Resource = Mapping[str, Any]
"""A resource as the state, or a preview, holds it; or as Azure lists it."""


class Azure(Protocol):
    """What is asked of Azure Resource Manager."""

    def get(self, resource_id: str, api_version: str) -> dict[str, Any] | None:
        """The resource, or None if there is none."""

    def list(self, path: str, api_version: str) -> list[dict[str, Any]]:
        """All that a collection holds."""


@dataclass(frozen=True)
class Found:
    """A resource that exists: as the program describes it, and as Azure answers for it."""

    resource: Resource
    answer: Resource
    kind: Kind

    @property
    def id(self) -> str:
        """The id as Azure writes it."""
        return self.answer["id"]

    @property
    def is_in_the_making(self) -> bool:
        """Whether Azure still works on it."""
        return _at_work(self.answer)

    def ask_again(self, azure: Azure) -> bool:
        """Whether Azure works on it still; one that has vanished meanwhile is done with, too."""
        return _at_work(azure.get(self.id, self.kind.api_version) or {})


def _at_work(answer: Resource) -> bool:
    state = (answer.get("properties") or {}).get("provisioningState")
    return str(state).lower() in _AT_WORK


_AT_WORK = frozenset(
    {
        *("accepted", "activating", "creating", "inprogress", "pending", "provisioning"),
        *("registeringdns", "resolvingdns", "running", "updating"),
    }
)
"""https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations#provisioningstate-values: each
service has words of its own for what is not yet `Succeeded`, `Failed` or `Canceled`."""


@dataclass(frozen=True)
class Findings:
    """`found` is to be taken into the state; the notes of what was `not_made` or `changing` are to be dropped.

    What is `finished` stands in the state as unfinished and cannot be finished by another request. Nothing wants
    `strays` (ids) any more: another resource was made in the place of each. `unreadable` resources are of types that
    this package does not know.
    """

    found: list[Found] = field(default_factory=list)
    not_made: list[Resource] = field(default_factory=list)
    changing: list[Resource] = field(default_factory=list)
    finished: list[Found] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    unreadable: list[Resource] = field(default_factory=list)

    def has(self, resource: Resource) -> bool:
        """Whether this resource of the program was found."""
        return any(found.resource["urn"] == resource["urn"] for found in self.found)

    @property
    def mends(self) -> bool:
        """Whether the state is to be changed."""
        return bool(self.found or self.not_made or self.changing or self.finished)


def survey(deployment: Mapping[str, Any], planned: Sequence[Resource], azure: Azure) -> Findings:
    """Compare the state, what a preview would create (`planned`, in its order), and Azure."""
    pending = deployment.get("pending_operations") or []
    search = _Search([*(deployment.get("resources") or []), *planned], azure)
    findings, wanted = Findings(), {one["urn"]: place for place, one in enumerate(planned)}

    def take(resource: Resource) -> bool:
        found, is_wanted = search.find(resource), resource["urn"] in wanted and not findings.has(resource)
        if found is not None and is_wanted:
            findings.found.append(found)
        elif found is not None:
            findings.strays.append(found.id)
        return found is not None

    for operation in reversed(pending):  # of two creations of one resource the later one counts
        if operation["type"] != "creating":
            findings.changing.append(operation["resource"])
        elif not take(operation["resource"]):
            findings.not_made.append(operation["resource"])
    for resource in planned:
        if not findings.has(resource) and not take(resource):
            for named in search.named_like(resource)[:1]:
                take(named)
    findings.finished.extend(search.finished())
    findings.unreadable.extend(one for one in planned if one["type"].startswith(PACKAGE) and not kind_of(one["type"]))
    findings.found.sort(key=lambda found: wanted[found.resource["urn"]])
    findings.strays.extend(search.strays())
    return findings


class _Search:
    """Finds resources in Azure that are not in `resources`, each once."""

    def __init__(self, resources: Sequence[Resource], azure: Azure) -> None:
        self._azure, self._resources = azure, resources
        ids = _SUBSCRIPTION.findall(json.dumps([(one.get("id"), one.get("inputs")) for one in resources]))
        self._subscription = ids[0] if ids else ""
        self._known = {one["id"].lower() for one in resources if one.get("id") and not one.get("pendingReplacement")}
        self._listed: list[dict[str, Any]] | None = None

    def find(self, resource: Resource) -> Found | None:
        """The resource as it exists; None where it does not, or where the state knows of it."""
        kind = kind_of(resource["type"])
        if kind is None or is_hidden(resource["inputs"]):
            return None
        resource_id = kind.resource_id(self._subscription, resource["inputs"])
        if resource_id is None or resource_id.lower() in self._known:
            return None
        answer = self._azure.get(resource_id, kind.api_version)
        if answer is None:
            return None
        self._known |= {resource_id.lower()}
        own_id = str(answer.get("id"))  # as Azure writes it, which is how azure-native notes it
        return Found(resource, {**answer, "id": own_id if own_id.lower() == resource_id.lower() else resource_id}, kind)

    def finished(self) -> list[Found]:
        """What the state holds as unfinished, exists, and takes no other request."""
        found = list[Found]()
        for one in self._resources:
            kind = kind_of(one["type"])
            if kind is not None and kind.once and one.get("initErrors"):
                answer = self._azure.get(one["id"], kind.api_version)
                found += [Found(one, {**answer, "id": one["id"]}, kind)] if answer else []
        return found

    def named_like(self, resource: Resource) -> list[Resource]:
        """The resource under each name that Azure lists, that it could have, and that nobody knows."""
        kind = kind_of(resource["type"])
        if kind is None or not resource["inputs"].get(RANDOM_NAME):
            return []
        if resource["type"] == _GROUP:
            listed = self._empty_groups(resource["inputs"].get("tags") or {})
        else:
            listed = self._in_group()
        names = [one["name"] for one in listed if self._is_hidden_like(one, resource)]
        return [{**resource, "inputs": {**resource["inputs"], kind.name_input: name}} for name in sorted(names)]

    def strays(self) -> list[str]:
        """Ids of what has a name as one of the resources could have, and is none of them."""
        named = [one for one in self._resources if (one.get("inputs") or {}).get(RANDOM_NAME)]
        found = (one for one in self._in_group() if any(self._is_hidden_like(one, like) for like in named))
        return sorted(one["id"] for one in found)

    def _is_hidden_like(self, listed: Resource, resource: Resource) -> bool:
        kind, logical_name = kind_of(resource["type"]), resource["urn"].rpartition("::")[2]
        return (
            kind is not None
            and listed["id"].lower() not in self._known
            and listed["type"].lower() == kind.arm_type.lower()
            and re.fullmatch(f"{re.escape(logical_name)}[0-9a-f]{{8}}", listed["name"]) is not None
        )

    def _in_group(self) -> Iterable[dict[str, Any]]:
        """All that lies directly in the stack's resource group; listed once."""
        if self._listed is None:
            groups = [one["id"] for one in self._resources if one["type"] == _GROUP and one.get("id")]
            self._listed = [one for group in groups for one in self._azure.list(f"{group}/resources", LIST_API)]
        return self._listed

    def _empty_groups(self, tags: Mapping[str, str]) -> Iterable[dict[str, Any]]:
        """Resource groups with these tags that hold nothing: any other may be in use by another state."""
        if not self._subscription:
            return
        for group in self._azure.list(f"/subscriptions/{self._subscription}/resourceGroups", LIST_API):
            if (group.get("tags") or {}) == tags and not self._azure.list(f"{group['id']}/resources", LIST_API):
                yield {**group, "type": GROUP_TYPE}
