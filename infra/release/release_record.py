"""The record `release`: the last of all resources, behind which the deployed system runs.

Its content is everything that is published or started, by name or by digest. What differs in a preview is what the
deployment would publish.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pulumi
from pulumi_azure_native import streamanalytics

from infra.placement import Placement
from infra.release.preflight import require_deployers, warn_if_unlisted
from infra.release.records import record
from infra.release.sql.connection import substitute
from infra.release.work.release_work import ReleaseWork, pipeline_settings
from infra.settings import Settings
from infra.stages.database import Database
from infra.stages.machine_learning import MachineLearning
from infra.stages.registry import Registry
from infra.stages.storage import Storage
from scoring.cluster.stores.identity import own_credential
from scoring.publish.pipeline import digests


def release_record(
    settings: Settings,
    placement: Placement,
    *,
    database: Database,
    storage: Storage,
    registry: Registry,
    machine_learning: MachineLearning,
    stream_job: streamanalytics.StreamingJob,
    stream_settings: pulumi.Output[str],
    stream_definition: pulumi.Output[str],
    depends_on: Sequence[pulumi.Resource],
) -> pulumi.Stash:
    """Declare the record and the work that it stands for; nothing is waited for but `depends_on`.

    It is the first resource to go, so a protected stack refuses here to be destroyed, before anything has happened.
    Without that, Pulumi would take everything that is not protected for deleted with the group and forget it, although
    it is all still there.
    """
    release, identity = settings.release, machine_learning.cluster_identity
    published = {
        "image": registry.image,
        "database": {"server": database.server.id, "url": database.url},
        "workspace": {
            "subscription": placement.subscription_id,
            "resourceGroup": placement.group.name,
            "name": machine_learning.workspace.name,
        },
        "cluster": {
            "name": machine_learning.cluster.name,
            "identity": identity.name,
            "clientId": identity.client_id,
            "nodes": settings.cluster.max_nodes,
        },
        "pipeline": {
            "predictions": storage.predictions_url,
            "processesPerNode": release.processes_per_node,
            "shardsPerMiniBatch": release.shards_per_mini_batch,
            "retries": release.retries,
            "timeoutMinutes": release.timeout // timedelta(minutes=1),
            "windowDays": settings.database.window_days,
            "versionsKept": release.versions_kept,
            "waitMinutes": release.wait // timedelta(minutes=1),
            "maxUnscoredShare": release.max_unscored_share,
        },
        "schedule": settings.schedule.to_json(),
    }
    content = published | {
        "databaseId": database.database.database_id,  # another one if it was made again under its old name
        **substitute(),
        "streamJob": {
            "id": stream_job.id,
            "settings": stream_settings,
            "definition": stream_definition,
            "running": settings.stream.running,
        },
        "published": pulumi.Output.from_input(published).apply(partial(_digests, release.fleet)),
    }
    release_work = ReleaseWork(fleet=release.fleet, retention=settings.ingest.retention)

    def work(content: Mapping[str, Any]) -> None:
        require_deployers(settings.deployers)
        with suppress(Exception):  # without a login now, the first step says so, and waits for what passes
            warn_if_unlisted(settings.deployers, own_credential(), pulumi.log.warn)
        release_work(content)

    return record("release", content, work, depends_on=list(depends_on), protect=placement.protect)


def _digests(fleet: Path, content: Mapping[str, Any]) -> dict[str, str]:
    """Of everything that is published: a change of how it is defined, too, is to be published."""
    return digests(pipeline_settings(content), fleet)
