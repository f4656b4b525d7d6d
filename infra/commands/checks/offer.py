"""Checks of what the subscription is offered: sizes in the region, quota of the cluster, a budget's start."""

from collections.abc import Callable
from typing import Any

from infra.change_checks import past_start
from infra.commands.checks.examination import Examination, NotCheckedError, WrongError

SQL_API, MACHINE_LEARNING_API, GROUPS_API = "2023-08-01", "2024-10-01", "2024-03-01"
SERVERLESS = "GP_S_Gen5"

_OFFERED = ("Available", "Default")
_ANOTHER_REGION = (
    "set database.region to another; one region's offer: az sql db list-editions --location REGION --available"
)


def database(stack: Examination) -> str:
    """Azure SQL takes new servers in the region and has the size there.

    It is closed for some offers in some regions (`ProvisioningDisabled`), which a subscription's owner cannot change.
    Source: https://learn.microsoft.com/rest/api/sql/capabilities/list-by-location
    """
    region, size = stack.settings.database.region or stack.settings.region, stack.settings.database.size
    found = stack.ask(f"/providers/Microsoft.Sql/locations/{region}/capabilities", SQL_API, include="supportedEditions")
    if found.get("status") not in _OFFERED:
        raise WrongError(f"no new server in {region}: {found.get('reason') or found.get('status')}", _ANOTHER_REGION)
    wanted = SERVERLESS if size == "serverless" else size
    offered = {
        name
        for version in found.get("supportedServerVersions", ())
        for edition in version.get("supportedEditions", ())
        for objective in edition.get("supportedServiceLevelObjectives", ())
        for name in (objective["name"], objective.get("sku", {}).get("name"))
        if objective.get("status") in _OFFERED
    }
    if wanted not in offered:
        raise WrongError(
            f"{region} has no database of size {size}", f"set database.size to another, or {_ANOTHER_REGION}"
        )
    return f"{size} is offered in {region}"


def machine(stack: Examination) -> str:
    """Azure ML has the cluster's VM size in the region, and as low priority if that is asked for."""
    cluster, size = stack.settings.cluster, _vm_size(stack)
    if cluster.priority == "LowPriority" and not size.get("lowPriorityCapable", True):
        raise WrongError(f"{size['name']} is not to be had as low priority", "set cluster.priority: Dedicated")
    return f"{size['name']} is offered in {stack.settings.region}"


def quota(stack: Examination) -> str:
    """The cluster may grow to `maxNodes`: a large fleet's run asks for all, and waits for ever for what it cannot get.

    Low-priority nodes have a quota of their own, for all families together; dedicated ones are limited by family and
    in all. Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas
    """
    cluster, region = stack.settings.cluster, stack.settings.region
    try:
        size = _vm_size(stack)
    except WrongError as error:
        raise NotCheckedError(error.text) from error
    needed = size["vCPUs"] * cluster.max_nodes
    usages = stack.list(f"/providers/Microsoft.MachineLearningServices/locations/{region}/usages", MACHINE_LEARNING_API)
    own = [one for one in usages if "/workspaces/" not in one.get("id", "")]
    if cluster.priority == "LowPriority":
        limits = {"low-priority vCPUs": _limit(own, lambda one: "/lowPriorityCores/" in one["type"])}
    else:
        family = _squeezed(size["family"])
        limits = {
            f"dedicated vCPUs of {size['family']}": _limit(own, lambda one: _is_of_family(one, family)),
            "dedicated vCPUs": _limit(own, lambda one: "/dedicatedCores/" in one["type"]),
        }
    for what, (limit, used) in limits.items():
        if limit - used < needed:
            taken = f", {used} of them taken (nodes of this stack that run now are among them)" if used else ""
            raise WrongError(
                f"{cluster.max_nodes} nodes need {needed} {what} in {region}, the quota is {limit}{taken}",
                "ask for more (Azure ML studio, Quota), lower cluster.maxNodes, or change cluster.vmSize or priority",
            )
    return f"{needed} vCPUs for {cluster.max_nodes} nodes are within it"


def budget(stack: Examination) -> str:
    """A budget that is still to be made starts this month or later; one that exists keeps its start."""
    start = stack.settings.monitoring.budget_start
    if (problem := past_start(start)) is None:
        return f"it starts on {start}"
    own = {"project": stack.file.project, "stack": stack.stack}
    if any(own.items() <= (group.get("tags") or {}).items() for group in stack.list("/resourcegroups", GROUPS_API)):
        return "the stack exists, and its budget keeps the start that it was made with"
    raise WrongError(*problem)


def _vm_size(stack: Examination) -> dict[str, Any]:
    """The cluster's VM size, as Azure ML describes it in the region.

    Source: https://github.com/Azure/azure-rest-api-specs, VirtualMachineSize/list.json
    """
    region, name = stack.settings.region, stack.settings.cluster.vm_size
    below = f"/providers/Microsoft.MachineLearningServices/locations/{region}/vmSizes"
    for size in stack.list(below, MACHINE_LEARNING_API):
        if size["name"].upper() == name.upper() and "AmlCompute" in size.get("supportedComputeTypes", ["AmlCompute"]):
            return size
    raise WrongError(f"{region} has no {name} for clusters", "set cluster.vmSize: az ml compute list-sizes lists them")


def _limit(usages: list[dict[str, Any]], fits: Callable[[dict[str, Any]], bool]) -> tuple[int, int]:
    """Limit and use of the usage that fits; what is not listed may not be used, and -1 is no limit of its own."""
    found = next((one for one in usages if fits(one)), {"limit": 0, "currentValue": 0})
    return (found["limit"] if found["limit"] >= 0 else 10**9), found["currentValue"]


def _is_of_family(usage: dict[str, Any], family: str) -> bool:
    """Usages name families in words (`Standard DSv2 Family Cluster Dedicated vCPUs`), sizes as `standardDSv2Family`."""
    names = (_squeezed(text) for text in usage["name"].values())
    return any(name == family or name.startswith(f"{family}clusterdedicated") for name in names)


def _squeezed(text: str) -> str:
    return text.replace(" ", "").lower()
