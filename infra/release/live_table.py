"""The window table as it is in the database, against the one that is declared.

A stream job whose rows do not fit the table tries again for ever and says nothing for a while, so what differs is found
before the job is touched. Deliberately absent: mending more than a missing optional column. Whether rows may be
converted or thrown away is for a person to say, in a migration.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import CreateColumn

from stream_queries.command_line import UserError
from stream_queries.store import sensor_windows

_ONE_TYPE = (
    (r"DOUBLE PRECISION|FLOAT(\((2[5-9]|[345]\d)\))?", "FLOAT"),
    (r"FLOAT\(\d+\)", "REAL"),
    (r"DATETIME2\(\d\)", "DATETIME2"),
)
"""What SQL Server has several names for, and what SQLAlchemy reads without its digits, as one text each.

Source: https://learn.microsoft.com/sql/t-sql/data-types/float-and-real-transact-sql"""


@dataclass(frozen=True)
class LiveColumn:
    """A column as the database describes it: its type with collation, and whether a row may lack it.

    A `filled` one is given a value by the database itself where a row brings none.
    """

    type: str
    nullable: bool
    filled: bool = False


@dataclass(frozen=True)
class LiveTable:
    """The columns, in their order, and the key's columns."""

    columns: Mapping[str, LiveColumn]
    key: Sequence[str]

    @classmethod
    def read(cls, connection: sa.Connection) -> "LiveTable":
        """Ask the database for the window table, which must exist."""
        inspector = sa.inspect(connection)
        columns = {
            column["name"]: LiveColumn(
                type_text(column["type"], connection.dialect),
                nullable=bool(column["nullable"]),
                filled=column.get("default") is not None or "computed" in column or "identity" in column,
            )
            for column in inspector.get_columns(sensor_windows.name)
        }
        return cls(columns, inspector.get_pk_constraint(sensor_windows.name)["constrained_columns"])


def complete(engine: sa.Engine) -> list[str]:
    """Add the optional columns that the table lacks and return them; UserError names, in one line, all else."""
    with engine.begin() as connection:
        live = LiveTable.read(connection)
        problems = differences(live, connection.dialect)
        if problems:
            raise UserError(
                f"table {sensor_windows.name} is not as it is declared: {'; '.join(problems)}. A new column must be "
                "the last one and optional (stream_queries/schema.py); for anything else write a migration "
                "(infra/release/schema.py)"
            )
        missing = [column for column in sensor_windows.columns if column.name not in live.columns]
        for column in missing:
            added = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {sensor_windows.name} ADD {added}")
    return [column.name for column in missing]


def differences(live: LiveTable, dialect: sa.Dialect) -> list[str]:
    """What keeps the live table from taking the declared rows; a missing optional column at the end does not."""
    problems = []
    declared = {column.name: column for column in sensor_windows.columns}
    for name, column in declared.items():
        wanted, found = type_text(column.type, dialect), live.columns.get(name)
        if found is None:
            if not column.nullable:
                problems.append(f"column {name} is missing and not optional")
        elif found.type != wanted:
            problems.append(f"column {name} is {found.type}, not {wanted}")
        elif found.nullable != column.nullable:
            problems.append(f"column {name} {'may' if found.nullable else 'must not'} be NULL")
    problems += [
        f"column {name} is not declared and needs a value in every row"
        for name, column in live.columns.items()
        if name not in declared and not column.nullable and not column.filled
    ]
    there = [name for name in live.columns if name in declared]
    if there != list(declared)[: len(there)] and not problems:
        problems.append(f"its columns come in the order {', '.join(there)}")
    key = [column.name for column in sensor_windows.primary_key]
    if list(live.key) != key:
        problems.append(f"its key is ({', '.join(live.key)}), not ({', '.join(key)})")
    return problems


def type_text(type_: sa.types.TypeEngine, dialect: sa.Dialect) -> str:
    """A type as the database writes it, one text for all names of one type."""
    try:
        text = type_.compile(dialect=dialect)
    except CompileError:  # a type that SQLAlchemy does not know
        return "of an unknown type"
    for pattern, name in _ONE_TYPE if dialect.name == "mssql" else ():
        if re.fullmatch(pattern, text):
            return name
    return text
