"""The state as it should be after a survey: what was found is in it, and no operation is noted as begun."""

import copy
from collections.abc import Mapping
from typing import Any

from infra.recovery.resource_ids import kind_of
from infra.recovery.survey import Findings, Found

UNFINISHED = "how the last deployment's request ended is not known"


def mended(deployment: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    """The state to import; `deployment` is left as it is."""
    after = copy.deepcopy(dict(deployment))
    after.pop("pending_operations", None)
    changing = {one["urn"] for one in findings.changing if (kind := kind_of(one["type"])) and not kind.once}
    finished = {found.resource["urn"]: found for found in findings.finished}
    resources = list[dict[str, Any]]()
    for one in after.get("resources") or []:
        if one["urn"] in finished:
            resources.append(entry(finished[one["urn"]]))
        elif one["urn"] in changing and not one.get("delete"):
            resources.append({**one, "initErrors": [UNFINISHED]})
        else:
            resources.append(one)
    for found in findings.found:
        resources = _with(resources, entry(found))
    after["resources"] = resources
    return after


def entry(found: Found) -> dict[str, Any]:
    """A resource as the state is to hold it: as one whose creation has not come to its end, where that is possible.

    So noted, it makes the next `pulumi up` send its request once more, although it would find no difference, and note
    down what Azure answers: the request that creates a resource and the one that updates it are the same one in Azure
    Resource Manager. pulumi-azure-native itself leaves a resource in the state like this when it lost the answer
    (https://www.pulumi.com/docs/iac/concepts/resources/#partial-failures). What does not take that request twice is
    noted as finished, with what Azure answered just now as its outputs: those of azure-native are the answer too, with
    `properties` one level higher.
    """
    kept = {key: value for key, value in found.resource.items() if key not in ("outputs", "delete", "initErrors")}
    state = {**kept, "custom": True, "id": found.id}
    if found.kind.once:
        flat = {key: value for key, value in found.answer.items() if key not in ("id", "properties")}
        return {**state, "outputs": {**flat, **(found.answer.get("properties") or {})}}
    return {**state, "outputs": {}, "initErrors": [UNFINISHED]}


def _with(resources: list[dict[str, Any]], entry: dict[str, Any]) -> list[dict[str, Any]]:
    """`resources` with a new one: at the end, or in the place of the one that it replaces, which is then to be deleted.

    What its own inputs come from stands before that place: the engine has put everything that the broken deployment had
    gone through at the front.
    """
    for place, one in enumerate(resources):
        if one["urn"] == entry["urn"] and not one.get("delete"):
            old = [] if one.get("pendingReplacement") else [{**one, "delete": True}]
            return [*resources[:place], entry, *resources[place + 1 :], *old]
    return [*resources, entry]
