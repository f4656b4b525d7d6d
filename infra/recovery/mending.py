"""The state as it should be after a survey: what was found is in it, and no operation is noted as begun."""

import copy
from collections.abc import Mapping
from typing import Any

from infra.recovery.survey import Findings, Found

UNFINISHED = "how the last deployment's request ended is not known"


def mended(deployment: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    """The state to import; `deployment` is left as it is.

    Each resource of `findings` is noted as not finished. That makes the next `pulumi up` send its request once more,
    although it would find no difference, and note down what Azure answers: the request that creates a resource and the
    one that updates it are the same one in Azure Resource Manager. pulumi-azure-native itself leaves a resource in the
    state like this when it lost the answer (https://www.pulumi.com/docs/iac/concepts/resources/#partial-failures).
    """
    after = copy.deepcopy(dict(deployment))
    after.pop("pending_operations", None)
    changing = {one["urn"] for one in findings.changing}
    resources = [
        {**one, "initErrors": [UNFINISHED]} if one["urn"] in changing and not one.get("delete") else one
        for one in after.get("resources") or []
    ]
    for found in findings.found:
        resources = _with(resources, _entry(found))
    after["resources"] = resources
    return after


def _entry(found: Found) -> dict[str, Any]:
    """The resource as the state holds one whose creation has not ended; a preview's outputs are guesses."""
    kept = {key: value for key, value in found.resource.items() if key not in ("outputs", "delete")}
    return {**kept, "custom": True, "id": found.id, "outputs": {}, "initErrors": [UNFINISHED]}


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
