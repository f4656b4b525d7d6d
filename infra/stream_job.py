"""Stage 2: the Stream Analytics job that runs the query of `stream_queries`.

The job is PUT as a whole, so inputs, outputs and query stand in it and nowhere else. It is not started here: when it is
created, its identity has no role yet; the release makes the first start. The job depends on everything that is slow or
may fail: a running job rejects changes, and one that is stopped for a change should not wait for an image to be built.
"""

from collections.abc import Sequence

import pulumi
from pulumi_azure_native import streamanalytics

from infra import names
from infra.database import Database
from infra.ingest import Ingest
from infra.placement import Placement
from infra.stage_settings import StreamSettings
from infra.storage import Storage
from stream_queries import query_file
from stream_queries.schema import (
    ARCHIVE_OUTPUT,
    ARRIVALS_INPUT,
    READINGS_INPUT,
    REJECTS_OUTPUT,
    WINDOW_TABLE,
    WINDOWS_OUTPUT,
)

_MSI = streamanalytics.AuthenticationMode.MSI
_ARCHIVE_ROWS, _ARCHIVE_WAIT = 10_000, "00:10:00"
"""Every batch is a file: many rows, or ten minutes, whichever comes first."""


def stream_job(
    name: str,
    placement: Placement,
    settings: StreamSettings,
    *,
    ingest: Ingest,
    storage: Storage,
    database: Database,
    depends_on: Sequence[pulumi.Resource],
    hooks: pulumi.ResourceHookBinding,
) -> tuple[streamanalytics.StreamingJob, pulumi.Output[str]]:
    """Declare the job, with the text of the query file and the time policies from their one home.

    The second value is a digest of everything that the job is told to do, the same as long as that is the same.
    """
    policy = settings.time_policy
    definition = streamanalytics.StreamingJobArgs(
        resource_group_name=placement.group.name,
        location=placement.region,
        # Another count makes another hub of the same name: the job is stopped and started for it, as for any change.
        tags={**placement.tags, "hub-partitions": str(ingest.partitions)},
        sku=streamanalytics.SkuArgs(name=streamanalytics.SkuName.STANDARD),
        identity=streamanalytics.IdentityArgs(type="SystemAssigned"),
        compatibility_level=streamanalytics.CompatibilityLevel.COMPATIBILITY_LEVEL_1_2,
        job_type=streamanalytics.JobType.CLOUD,
        content_storage_policy=streamanalytics.ContentStoragePolicy.SYSTEM_ACCOUNT,
        data_locale="en-US",
        events_late_arrival_max_delay_in_seconds=int(policy.late_arrival.total_seconds()),
        events_out_of_order_max_delay_in_seconds=int(policy.out_of_order.total_seconds()),
        events_out_of_order_policy=streamanalytics.EventsOutOfOrderPolicy.ADJUST,
        # Drop would lose rows without a word; Stop tries again for ever, and stream-blocked and stream-behind say so.
        output_error_policy=streamanalytics.OutputErrorPolicy.STOP,
        transformation=streamanalytics.TransformationArgs(
            name="query",
            streaming_units=settings.streaming_units,
            query=query_file().read_text(encoding="utf-8"),
        ),
        inputs=[_input(alias, ingest) for alias in (READINGS_INPUT, ARRIVALS_INPUT)],
        outputs=[_windows(database), _archive(storage), _rejects(storage)],
    )
    job = streamanalytics.StreamingJob(
        f"{name}-stream", definition, opts=placement.options(depends_on=depends_on, hooks=hooks)
    )
    return job, pulumi.Output.from_input(definition).apply(names.definition_digest)


def _input(alias: str, ingest: Ingest) -> streamanalytics.InputArgs:
    """One reader of the hub, through its own consumer group."""
    return streamanalytics.InputArgs(
        name=alias,
        properties=streamanalytics.StreamInputPropertiesArgs(
            type="Stream",
            serialization=streamanalytics.JsonSerializationArgs(type="Json", encoding=streamanalytics.Encoding.UTF8),
            datasource=streamanalytics.EventHubV2StreamInputDataSourceArgs(
                type="Microsoft.EventHub/EventHub",
                service_bus_namespace=ingest.namespace.name,
                event_hub_name=ingest.hub.name,
                consumer_group_name=ingest.consumer_groups[alias].name,
                authentication_mode=_MSI,
            ),
        ),
    )


def _windows(database: Database) -> streamanalytics.OutputArgs:
    """Rows of the window table; the query's columns are the table's, in its order."""
    return streamanalytics.OutputArgs(
        name=WINDOWS_OUTPUT,
        datasource=streamanalytics.AzureSqlDatabaseOutputDataSourceArgs(
            type="Microsoft.Sql/Server/Database",
            server=database.host,
            database=database.database.name,
            table=f"dbo.{WINDOW_TABLE}",
            max_batch_count=1000,
            max_writer_count=1,
            authentication_mode=_MSI,
        ),
    )


def _archive(storage: Storage) -> streamanalytics.OutputArgs:
    return streamanalytics.OutputArgs(
        name=ARCHIVE_OUTPUT,
        datasource=_blob(storage, names.RAW),
        serialization=streamanalytics.ParquetSerializationArgs(type="Parquet"),
        size_window=_ARCHIVE_ROWS,
        time_window=_ARCHIVE_WAIT,
    )


def _rejects(storage: Storage) -> streamanalytics.OutputArgs:
    return streamanalytics.OutputArgs(
        name=REJECTS_OUTPUT,
        datasource=_blob(storage, names.REJECTS),
        serialization=streamanalytics.JsonSerializationArgs(
            type="Json",
            encoding=streamanalytics.Encoding.UTF8,
            format=streamanalytics.JsonOutputSerializationFormat.LINE_SEPARATED,
        ),
    )


def _blob(storage: Storage, container: str) -> streamanalytics.BlobOutputDataSourceArgs:
    """Files by date and hour, in the layout that a run on one machine has too."""
    return streamanalytics.BlobOutputDataSourceArgs(
        type="Microsoft.Storage/Blob",
        storage_accounts=[streamanalytics.StorageAccountArgs(account_name=storage.data.name)],
        container=storage.containers[container].name,
        path_pattern="{date}/{time}",
        date_format="yyyy/MM/dd",
        time_format="HH",
        authentication_mode=_MSI,
    )
