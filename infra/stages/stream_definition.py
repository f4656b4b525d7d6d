"""Stage 2: what the Stream Analytics job does: two inputs, three outputs and the query of `stream_queries`.

They are children of the job, written by one ARM template, because the provider has no resource for a query. A template
is free in form, so here are Azure's own names; the stand-in and the tests hold it against Azure's published types. Each
child waits for the one before it: they all change the same job. It depends on everything that is slow or may fail: a
running job rejects changes, and one that is stopped for a change should not wait for an image to be built.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_azure_native import resources, streamanalytics

from infra import names
from infra.placement import Placement
from infra.settings.stages.stream import StreamSettings
from infra.stages.database import Database
from infra.stages.ingest import Ingest
from infra.stages.storage import Storage
from stream_queries import query_file
from stream_queries.schema import (
    ARCHIVE_OUTPUT,
    ARRIVALS_INPUT,
    READINGS_INPUT,
    REJECTS_OUTPUT,
    WINDOW_TABLE,
    WINDOWS_OUTPUT,
)

API_VERSION = "2020-03-01"
_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
_MSI = "Msi"
_ARCHIVE_ROWS, _ARCHIVE_WAIT = 10_000, "00:10:00"
"""Every batch is a file: many rows, or ten minutes, whichever comes first."""

Json = dict[str, Any]


@dataclass(frozen=True)
class _Child:
    """Something below the job: `kind` is `inputs`, `outputs` or `transformations`."""

    kind: str
    name: str
    properties: Json


def stream_definition(
    name: str,
    placement: Placement,
    settings: StreamSettings,
    job: streamanalytics.StreamingJob,
    *,
    ingest: Ingest,
    storage: Storage,
    database: Database,
    depends_on: Sequence[pulumi.Resource],
    hooks: pulumi.ResourceHookBinding,
) -> tuple[resources.Deployment, pulumi.Output[str]]:
    """Declare the definition, with the text of the query file.

    It has no tags: it costs nothing, and another tag would stop the job. The second value is a digest of everything
    that the job is told to do, the same as long as that is the same.
    """
    children = [
        *(_Child("inputs", alias, _input(alias, ingest)) for alias in (READINGS_INPUT, ARRIVALS_INPUT)),
        _Child("outputs", WINDOWS_OUTPUT, _windows(database)),
        _Child("outputs", ARCHIVE_OUTPUT, _archive(storage)),
        _Child("outputs", REJECTS_OUTPUT, _rejects(storage)),
        _Child("transformations", "query", _query(settings)),
    ]
    # Another count makes another hub of the same name: the job is stopped and started for it, as for any change.
    metadata = {"streamJob": job.id, "hubPartitions": ingest.partitions}
    # Not one output: where a part of it is not known yet, a preview would show none of it, the query neither.
    template = _template(job, children, metadata)
    definition = resources.Deployment(
        f"{name}-{names.STREAM_DEFINITION}",
        deployment_name=names.STREAM_DEFINITION,
        resource_group_name=placement.group.name,
        properties=resources.DeploymentPropertiesArgs(mode=resources.DeploymentMode.INCREMENTAL, template=template),
        # `pulumi up --replace` deploys it again although nothing differs: its name stays, so the old one goes first.
        opts=placement.options(depends_on=depends_on, hooks=hooks, delete_before_replace=True),
    )
    return definition, pulumi.Output.from_input(template).apply(names.definition_digest)


def _template(job: streamanalytics.StreamingJob, children: Sequence[_Child], metadata: Json) -> Json:
    """The template; each child depends on the one before it. Its metadata name the job for the hooks."""
    written: list[Json] = []
    before: list[pulumi.Output[str]] = []
    for child in children:
        written.append(
            {
                "type": f"{names.STREAM_JOBS}/{child.kind}",
                "apiVersion": API_VERSION,
                "name": pulumi.Output.concat(job.name, "/", child.name),
                "dependsOn": before,
                "properties": child.properties,
            }
        )
        before = [pulumi.Output.concat(job.id, f"/{child.kind}/{child.name}")]
    return {
        "$schema": _SCHEMA,
        "contentVersion": "1.0.0.0",
        "metadata": metadata,
        "resources": written,
    }


def _query(settings: StreamSettings) -> Json:
    return {
        "streamingUnits": settings.streaming_units,
        "query": names.template_text(query_file().read_text(encoding="utf-8")),
    }


def _input(alias: str, ingest: Ingest) -> Json:
    """One reader of the hub, through its own consumer group."""
    return {
        "type": "Stream",
        "serialization": {"type": "Json", "properties": {"encoding": "UTF8"}},
        "datasource": {
            "type": "Microsoft.EventHub/EventHub",
            "properties": {
                "serviceBusNamespace": ingest.namespace.name,
                "eventHubName": ingest.hub.name,
                "consumerGroupName": ingest.consumer_groups[alias].name,
                "authenticationMode": _MSI,
            },
        },
    }


def _windows(database: Database) -> Json:
    """Rows of the window table; the query's columns are the table's, in its order."""
    return {
        "datasource": {
            "type": "Microsoft.Sql/Server/Database",
            "properties": {
                "server": database.host,
                "database": database.database.name,
                "table": f"dbo.{WINDOW_TABLE}",
                "maxBatchCount": 1000,
                "maxWriterCount": 1,
                "authenticationMode": _MSI,
            },
        },
    }


def _archive(storage: Storage) -> Json:
    return {
        "datasource": _blob(storage, names.RAW),
        "serialization": {"type": "Parquet"},
        "sizeWindow": _ARCHIVE_ROWS,
        "timeWindow": _ARCHIVE_WAIT,
    }


def _rejects(storage: Storage) -> Json:
    return {
        "datasource": _blob(storage, names.REJECTS),
        "serialization": {"type": "Json", "properties": {"encoding": "UTF8", "format": "LineSeparated"}},
    }


def _blob(storage: Storage, container: str) -> Json:
    """Files by date and hour, in the layout that a run on one machine has too."""
    return {
        "type": "Microsoft.Storage/Blob",
        "properties": {
            "storageAccounts": [{"accountName": storage.data.name}],
            "container": storage.containers[container].name,
            "pathPattern": "{date}/{time}",
            "dateFormat": "yyyy/MM/dd",
            "timeFormat": "HH",
            "authenticationMode": _MSI,
        },
    }
