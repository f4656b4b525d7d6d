"""The record `schema`: the tables exist before the stream job does, whose first row would have nowhere to go."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pulumi

from infra.database import Database
from infra.release.connection import connect, substitute
from infra.release.database import create_tables, open_firewall
from infra.release.records import record
from infra.release.resource_manager import ResourceManager
from infra.release.schema import definition
from infra.release.steps import Steps
from infra.stage_settings import DatabaseSettings
from scoring.identity import own_credential
from scoring.patience import Patience


def schema_record(settings: DatabaseSettings, database: Database) -> pulumi.Stash:
    """Declare the record and the work that it stands for."""
    content = {
        "server": database.server.id,
        "database": database.url,
        "databaseId": database.database.database_id,  # another one if it was made again under its old name
        **substitute(),
        **definition(),
    }

    def work(content: Mapping[str, Any]) -> None:
        steps, patience = Steps("schema", pulumi.log.info), Patience(say=pulumi.log.info)
        with (
            steps.named("firewall"),
            closing(ResourceManager(own_credential())) as manager,
            open_firewall(manager, content["server"], settings.deployer_addresses, patience),
            connect(content["database"]) as engine,
        ):
            steps.run("tables", lambda: create_tables(engine, patience))

    return record("schema", content, work, depends_on=[database])
