"""The record `schema`: tables and users exist before the stream job is told what to do.

Its first row would have nowhere to go, and an output whose database does not know the job's identity may be refused.
It stands for the server's administrators too, because whoever makes the tables must be one of them.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import pulumi
from pulumi_azure_native import streamanalytics

from infra.placement import Placement
from infra.release.records import record
from infra.release.sql.connection import connect, substitute
from infra.release.sql.database_users import Permission
from infra.release.sql.schema import definition
from infra.release.sql.setup import (
    Administrators,
    User,
    create_tables,
    create_users,
    open_firewall,
    put_administrators,
)
from infra.release.work.identities import client_id_of
from infra.release.work.resource_manager import ResourceManager
from infra.release.work.steps import Steps
from infra.settings.stages.data import DatabaseSettings
from infra.stages.database import Database
from infra.stages.machine_learning import MachineLearning
from scoring.cluster.stores.identity import own_credential
from scoring.patience import Patience

WRITER_RIGHTS: Sequence[Permission] = ("SELECT", "INSERT")
"""Of the stream job, which writes windows."""

READER_RIGHTS: Sequence[Permission] = ("SELECT", "DELETE")
"""Of the cluster, which reads windows, and deletes those that are old."""


def schema_record(
    settings: DatabaseSettings,
    placement: Placement,
    database: Database,
    *,
    stream_job: streamanalytics.StreamingJob,
    machine_learning: MachineLearning,
) -> pulumi.Stash:
    """Declare the record and the work that it stands for."""
    cluster = machine_learning.cluster_identity
    content = {
        "server": database.server.id,
        "database": database.url,
        "administrators": {
            "name": settings.admin_group_name,
            "objectId": settings.admin_group_id,
            "tenant": placement.tenant_id,
        },
        "databaseId": database.database.database_id,  # another one if it was made again under its old name
        "writer": {
            "job": stream_job.id,
            "name": stream_job.name,
            "principal": stream_job.identity.principal_id,
            "rights": list(WRITER_RIGHTS),
        },
        "reader": {"name": cluster.name, "clientId": cluster.client_id, "rights": list(READER_RIGHTS)},
        **substitute(),
        **definition(),
    }

    def work(content: Mapping[str, Any]) -> None:
        steps, patience = Steps("schema", pulumi.log.info), Patience(say=pulumi.log.info)
        administrators = Administrators(*(content["administrators"][key] for key in ("name", "objectId", "tenant")))
        with steps.named("database"), closing(ResourceManager(own_credential())) as manager:
            steps.run(
                "administrators",
                lambda: put_administrators(manager, content["server"], administrators, patience),
            )
            with (
                open_firewall(manager, content["server"], settings.deployer_addresses, patience),
                connect(content["database"], settings.deployer_addresses) as engine,
            ):
                steps.run("tables", lambda: create_tables(engine, patience))
                steps.run("users", lambda: create_users(engine, _users(content, manager, patience), patience))

    return record("schema", content, work, depends_on=[database, cluster])


def _users(content: Mapping[str, Any], manager: ResourceManager, patience: Patience) -> list[User]:
    """The stream job and the cluster, each with the rights that the record holds."""
    writer, reader = content["writer"], content["reader"]
    return [
        User(writer["name"], client_id_of(manager, writer["job"], patience), writer["rights"]),
        User(reader["name"], reader["clientId"], reader["rights"]),
    ]
