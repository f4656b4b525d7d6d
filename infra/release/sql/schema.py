"""The database's tables as migrations: numbered, applied once each, in order, and only ever adding.

The window table's columns have their home in `stream_queries`; the first migration makes the table as it stands there.
A later change of a deployed table is an optional column there, which `infra/release/sql/live_table.py` adds, or a new
migration here, never a change of an old one: a deployed database has applied that already.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql
from sqlalchemy.schema import AddConstraint, CreateColumn, CreateIndex

from stream_queries.window_store import metadata, sensor_windows

_bookkeeping = sa.MetaData()
schema_versions = sa.Table(
    "schema_versions",
    _bookkeeping,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("applied_at", sa.DateTime().with_variant(mssql.DATETIME2(3), "mssql"), nullable=False),
)


@dataclass(frozen=True)
class Migration:
    """One step of the schema. `run` runs in a transaction of its own and may find its work done already."""

    version: int
    title: str
    run: Callable[[sa.Connection], None]


def _create_window_table(connection: sa.Connection) -> None:
    metadata.create_all(connection, checkfirst=True)


MIGRATIONS = (Migration(1, "the window table and its index", _create_window_table),)


def migrate(engine: sa.Engine) -> list[Migration]:
    """Apply what the database has not applied yet and return it; with nothing to do, nothing is written."""
    with engine.begin() as connection:
        _bookkeeping.create_all(connection, checkfirst=True)
        applied = set(connection.scalars(sa.select(schema_versions.c.version)))
    missing = [migration for migration in MIGRATIONS if migration.version not in applied]
    for migration in missing:
        with engine.begin() as connection:
            migration.run(connection)
            applied_at = datetime.now(UTC).replace(tzinfo=None)
            connection.execute(schema_versions.insert().values(version=migration.version, applied_at=applied_at))
    return missing


def definition() -> dict[str, Any]:
    """What the record of the schema holds: it changes exactly when the database has something to apply or to show.

    Each column as SQL Server is told to make it, so that a preview shows what would become of which one.
    """
    dialect = mssql.dialect()
    columns = {column.name: _statement(CreateColumn(column), dialect) for column in sensor_windows.columns}
    others = (
        AddConstraint(sensor_windows.primary_key, isolate_from_table=False),
        *(CreateIndex(index) for index in sorted(sensor_windows.indexes, key=str)),
    )
    return {
        "migrations": [f"{migration.version}: {migration.title}" for migration in MIGRATIONS],
        "windowTable": {
            "columns": {name: text.removeprefix(f"{name} ") for name, text in columns.items()},
            "order": ", ".join(columns),
            "keys": [_statement(other, dialect) for other in others],
        },
    }


def _statement(clause: sa.ClauseElement, dialect: sa.Dialect) -> str:
    return str(clause.compile(dialect=dialect)).strip()
