"""Task runs of a container registry as resources: when one runs, and what is known of it afterwards.

`forceUpdateTag` is "how the run should be forced to rerun even if the run request configuration has not changed"
(https://learn.microsoft.com/rest/api/containerregistry/task-runs/create): the same request with the same tag runs
nothing. That a run which failed then still counts as failed is the harder reading of it.
"""

from typing import Any

from simulator.azure.errors import RefusalError
from simulator.azure.provider.rules.registry_builder import TaskFailedError, run_task
from simulator.azure.references import parent_id
from simulator.azure.subscription import StoredResource, Subscription

TASK_RUN = "azure-native:containerregistry:TaskRun"
ASKED_BY = ("forceUpdateTag", "runRequest")
SIMULATED_REQUEST = "EncodedTaskRunRequest"
PASSING_REASON = "failed to fetch: the network of the builder is unreachable (an injected fault)"


def state_after(
    subscription: Subscription, present: StoredResource | None, wanted: StoredResource, *, fails: bool
) -> dict[str, Any]:
    """What is to be remembered of the task run once `wanted` is written over `present`.

    `runs` counts them, `context` is what the last one had to build from (base64 by file name), and the others are
    outputs. Where `fails`, a run fails that would go well; it is not asked when nothing runs.
    """
    if present is not None and present.state and not _asks_anew(present, wanted):
        return present.state
    done, problem = {}, PASSING_REASON if fails else None
    try:
        done = _run(subscription, wanted)
    except TaskFailedError as error:
        problem = str(error)
    runs = present.state.get("runs", 0) + 1 if present else 1
    status = "Failed" if problem else "Succeeded"
    result = {key: wanted.outputs["runResult"][key] for key in ("name", "type")}
    result |= {"runId": f"cb{runs}", "status": status, "provisioningState": status}
    return {
        "runs": runs,
        "context": done.get("context", {}),
        "images": [] if problem else done["images"],
        "provisioningState": status,
        "runResult": result | ({"runErrorMessage": problem} if problem else {}),
    }


def failure(run: StoredResource) -> str | None:
    """Why the last run failed, or None."""
    return run.state["runResult"].get("runErrorMessage")


def _asks_anew(present: StoredResource, wanted: StoredResource) -> bool:
    return any(present.inputs.get(name) != wanted.inputs.get(name) for name in ASKED_BY)


def _run(subscription: Subscription, wanted: StoredResource) -> dict[str, Any]:
    """What the registry's builder makes of a request.

    Not Azure's: requests that are not simulated.
    """
    request = wanted.inputs.get("runRequest") or {}
    if request.get("type") != SIMULATED_REQUEST:
        raise RefusalError(f"a task run with {request.get('type')} is not simulated: give {SIMULATED_REQUEST}")
    registry = subscription.get(parent_id(wanted.id) or "")
    if registry is None:
        raise LookupError(f"{wanted.id} has no registry")
    return run_task(request["encodedTaskContent"], registry.outputs["loginServer"])
