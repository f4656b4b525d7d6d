"""Removing clusters that a newer one has taken the place of."""

import contextlib
import itertools
import re
from typing import TYPE_CHECKING, Any

from azure.core.credentials import TokenCredential
from azure.core.exceptions import ResourceNotFoundError

from scoring.patience import Patience
from scoring.publish.pipeline import SCHEDULE
from scoring.publish.workspace import ENDED, Done, Report, Workspace

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

CLUSTER = re.compile(r"scoring-[0-9a-f]{8}")
"""What the program names its clusters (`infra.names.cluster`); any other is somebody else's."""

LATEST_JOBS = 200


def delete_superseded_clusters(
    workspace: Workspace,
    keep: str,
    credential: TokenCredential,
    *,
    report: Report = lambda _: None,
    patience: Patience | None = None,
) -> list[Done]:
    """Delete clusters of ours other than `keep`; returns what became of each.

    A cluster that the schedule names, or on which a job runs or waits, is left alone until the next call. Raises
    UserError where Azure refuses.
    """
    client, patience = workspace.client(credential), patience or Patience()
    superseded = patience.attempt("clusters", lambda: _superseded(client, keep))
    done = []
    for name in superseded:
        deleted = patience.attempt(f"cluster {name}", lambda name=name: _delete_unless_used(client, name))
        done.append(
            Done("cluster", f"{name} deleted", "changed")
            if deleted
            else Done("cluster", f"{name} kept: it is still in use", "unchanged")
        )
        report(done[-1])
    return done


def _superseded(client: "MLClient", keep: str) -> list[str]:
    names = sorted(str(compute.name) for compute in client.compute.list() if compute.type == "amlcompute")
    return [name for name in names if CLUSTER.fullmatch(name) and name != keep]


def _delete_unless_used(client: "MLClient", name: str) -> bool:
    if name in _used(client):
        return False
    with contextlib.suppress(ResourceNotFoundError):  # an earlier try has deleted it, and its answer was lost
        client.compute.begin_delete(name).result()
    return True


def _used(client: "MLClient") -> set[str]:
    """The clusters that the schedule or a job names. Jobs are listed newest first, and old ones have ended."""
    jobs: list[Any] = [job for job in itertools.islice(client.jobs.list(), LATEST_JOBS) if job is not None]
    used = [job for job in jobs if job.status not in ENDED]
    with contextlib.suppress(ResourceNotFoundError):  # nothing is published yet
        used.append(client.schedules.get(SCHEDULE).create_job)
    return {name for job in used for name in _clusters(job)}


def _clusters(job: Any) -> set[str]:
    """The clusters that a job names: as its own, or as a pipeline's default."""
    default = job.settings.default_compute if getattr(job, "settings", None) else None
    return {str(compute).rsplit("/", 1)[-1].removeprefix("azureml:") for compute in (job.compute, default) if compute}
