"""The window table as it is in the database, against the one that is declared.

A stream job whose rows do not fit the table tries again for ever and says nothing for a while, so what differs is found
before the job is touched. Deliberately absent: mending more than a missing optional column. Whether rows may be
converted or thrown away is for a person to say, in a migration.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import CreateColumn

from stream_queries.errors import UserError
from stream_queries.schema import WINDOW_TABLE
from stream_queries.window_store import TIME_DIGITS, sensor_windows

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

    A `filled` one is given a value by the database itself where a row brings none; a `made` one takes no other.
    """

    type: str
    nullable: bool
    filled: bool = False
    made: bool = False


@dataclass(frozen=True)
class LiveTable:
    """The columns in their order, the key's columns, each index's columns, and other `faults`, a line each."""

    columns: Mapping[str, LiveColumn]
    key: Sequence[str]
    indexes: Sequence[Sequence[str]]
    faults: Sequence[str] = ()

    @classmethod
    def read(cls, connection: sa.Connection) -> "LiveTable":
        """Ask the database for the window table, which must exist."""
        inspector = sa.inspect(connection)
        columns = {
            column["name"]: LiveColumn(
                type_text(column["type"], connection.dialect),
                nullable=bool(column["nullable"]),
                filled=column.get("default") is not None or "computed" in column or "identity" in column,
                made="computed" in column or "identity" in column,
            )
            for column in inspector.get_columns(WINDOW_TABLE)
        }
        indexes = inspector.get_indexes(WINDOW_TABLE)
        faults = [f"its unique index {index['name']} may refuse a row" for index in indexes if index["unique"]]
        faults += _faults_in_sql_server(connection) if connection.dialect.name == "mssql" else _faults(inspector)
        return cls(
            columns,
            inspector.get_pk_constraint(WINDOW_TABLE)["constrained_columns"],
            [[str(name) for name in index["column_names"]] for index in indexes],
            faults,
        )


def _faults(inspector: sa.Inspector) -> Iterator[str]:
    for each in inspector.get_unique_constraints(WINDOW_TABLE):
        yield f"its unique constraint on ({', '.join(each['column_names'])}) may refuse a row"
    for each in inspector.get_check_constraints(WINDOW_TABLE):
        yield f"its check constraint ({each['sqltext']}) may refuse a row"
    for each in inspector.get_foreign_keys(WINDOW_TABLE):
        yield f"its foreign key to {each['referred_table']} may refuse a row"


def _faults_in_sql_server(connection: sa.Connection) -> Iterator[str]:
    """From the catalogue, because SQLAlchemy does not read these there.

    Source: https://learn.microsoft.com/sql/relational-databases/system-catalog-views/object-catalog-views-transact-sql
    """
    table = f"OBJECT_ID('{WINDOW_TABLE}')"
    keys = f"SELECT ignore_dup_key FROM sys.indexes WHERE object_id = {table} AND is_primary_key = 1"
    times = f"SELECT name, scale FROM sys.columns WHERE object_id = {table} AND system_type_id = TYPE_ID('datetime2')"
    others = f"SELECT name, type_desc FROM sys.objects WHERE parent_object_id = {table} AND type IN ('C', 'F')"
    for (ignores,) in connection.exec_driver_sql(keys):
        if not ignores:
            yield "its key is without IGNORE_DUP_KEY, and after a restart the stream job writes windows again"
    for name, digits in connection.exec_driver_sql(times):
        if name in sensor_windows.columns and digits < TIME_DIGITS:
            yield f"column {name} keeps {digits} digits of a second, not {TIME_DIGITS}"
    for name, kind in connection.exec_driver_sql(others):
        yield f"its {kind.lower().replace('_', ' ')} {name} may refuse a row"


def complete(engine: sa.Engine) -> list[str]:
    """Add the optional columns that the table lacks and return them; UserError names, in one line, all else."""
    with engine.begin() as connection:
        live = LiveTable.read(connection)
        problems = differences(live, connection.dialect)
        if problems:
            raise UserError(
                f"table {WINDOW_TABLE} is not as it is declared: {'; '.join(problems)}. A new column must be "
                "the last one and optional (stream_queries/schema.py); for anything else write a migration "
                "(infra/release/sql/schema.py)"
            )
        missing = [column for column in sensor_windows.columns if column.name not in live.columns]
        for column in missing:
            added = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {WINDOW_TABLE} ADD {added}")
    return [column.name for column in missing]


def differences(live: LiveTable, dialect: sa.Dialect) -> list[str]:
    """What keeps the live table from taking the declared rows; a missing optional column at the end does not."""
    problems = [*_column_problems(live, dialect)]
    there = [name for name in live.columns if name in sensor_windows.columns]
    if there != sensor_windows.columns.keys()[: len(there)] and not problems:
        problems.append(f"its columns come in the order {', '.join(there)}")
    key = [column.name for column in sensor_windows.primary_key]
    if list(live.key) != key:
        problems.append(f"its key is ({', '.join(live.key)}), not ({', '.join(key)})")
    problems += live.faults
    for columns in ([column.name for column in index.columns] for index in sensor_windows.indexes):
        if columns not in [list(index) for index in live.indexes]:
            problems.append(f"its index on ({', '.join(columns)}) is missing")
    return problems


def _column_problems(live: LiveTable, dialect: sa.Dialect) -> Iterator[str]:
    for column in sensor_windows.columns:
        name, wanted, found = column.name, type_text(column.type, dialect), live.columns.get(column.name)
        if found is None:
            if not column.nullable:
                yield f"column {name} is missing and not optional"
        elif found.type != wanted:
            yield f"column {name} is {found.type}, not {wanted}"
        elif found.nullable != column.nullable:
            yield f"column {name} {'may' if found.nullable else 'must not'} be NULL"
        elif found.made:
            yield f"column {name} is filled by the database and takes no value"
    for name, column in live.columns.items():
        if name not in sensor_windows.columns and not column.nullable and not column.filled:
            yield f"column {name} is not declared and needs a value in every row"


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
