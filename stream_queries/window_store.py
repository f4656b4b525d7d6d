"""The window store: one table definition and the same code for SQLite (one machine) and Azure SQL.

Inserting a window twice is harmless in both: SQLite ignores the second row by the statement, SQL Server by the primary
key's IGNORE_DUP_KEY, because there the stream job inserts and cannot be told to.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import mssql
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import DDLCompiler

from stream_queries.arrow_schemas import WINDOW_SCHEMA, times
from stream_queries.errors import UserError
from stream_queries.schema import NAME_MAX_LENGTH, WINDOW_COLUMNS, WINDOW_END, WINDOW_KEY, WINDOW_TABLE, ColumnType

EXACT_COLLATION = "Latin1_General_100_BIN2"
"""Names compare by their bytes; SQL Server's default collation would merge the devices `A1` and `a1`."""

TIME_DIGITS = 3
"""Of a second, in SQL Server."""

ROWS_PER_READ = 50_000

ROWS_PER_DELETE = 4_000
"""From 5,000 locks on SQL Server takes the whole table, and the stream job would wait.
Source: https://learn.microsoft.com/sql/relational-databases/sql-server-transaction-locking-and-row-versioning-guide"""

MOST_DELETING = timedelta(minutes=10)
"""How long one call deletes: a bound on rows would fall behind for ever where more come in between two calls."""


class DuplicateIgnoringKey(sa.PrimaryKeyConstraint):
    """A primary key that, on SQL Server, drops a row whose key exists instead of failing the whole insert."""


@compiles(DuplicateIgnoringKey)
def _plain_key(key: DuplicateIgnoringKey, compiler: DDLCompiler, **options: object) -> str:
    return compiler.visit_primary_key_constraint(key, **options)


@compiles(DuplicateIgnoringKey, "mssql")
def _ignoring_key(key: DuplicateIgnoringKey, compiler: DDLCompiler, **options: object) -> str:
    return f"{compiler.visit_primary_key_constraint(key, **options)} WITH (IGNORE_DUP_KEY = ON)"


_SQL_TYPES: dict[ColumnType, sa.types.TypeEngine] = {
    "name": sa.String(NAME_MAX_LENGTH).with_variant(mssql.VARCHAR(NAME_MAX_LENGTH, collation=EXACT_COLLATION), "mssql"),
    "time": sa.DateTime().with_variant(mssql.DATETIME2(TIME_DIGITS), "mssql"),  # UTC without an offset
    "count": sa.BigInteger(),
    "number": sa.Double(),
}

metadata = sa.MetaData()
sensor_windows = sa.Table(
    WINDOW_TABLE,
    metadata,
    *(sa.Column(column.name, _SQL_TYPES[column.type], nullable=column.optional) for column in WINDOW_COLUMNS),
    DuplicateIgnoringKey(*WINDOW_KEY, name=f"pk_{WINDOW_TABLE}"),
    sa.Index(f"ix_{WINDOW_TABLE}_{WINDOW_END}", WINDOW_END),
    sqlite_with_rowid=False,
)


class WindowStore:
    """The `sensor_windows` table of one database.

    `url` is an SQLAlchemy database URL, for instance `sqlite:///out/windows.db`. `connect`, if given, opens the
    connections: it is called for SQLAlchemy's event `do_connect`.
    """

    def __init__(self, url: str, *, connect: Callable[..., Any] | None = None) -> None:
        try:
            self._engine = sa.create_engine(url)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise UserError(
                f"{url!r} is not a database URL that can be used (such as sqlite:///out/windows.db): {error}"
            ) from error
        self._place = self._engine.url.render_as_string(hide_password=True)
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _prepare_sqlite)
        if connect is not None:
            event.listen(self._engine, "do_connect", connect)

    def create(self) -> None:
        """Create the table and its index where they are missing."""
        try:
            metadata.create_all(self._engine)
        except DBAPIError as error:
            raise UserError(f"cannot create table {WINDOW_TABLE} in {self._place}: {error.orig}") from error

    def insert(self, windows: pa.Table) -> None:
        """Insert windows (`tables.WINDOW_SCHEMA`) in one transaction; those whose key is stored are left alone."""
        windows = windows.select(WINDOW_SCHEMA.names).cast(WINDOW_SCHEMA)
        if not windows.num_rows:
            return
        columns = [
            times(windows[name]) if name == WINDOW_END else windows[name].to_pylist() for name in windows.column_names
        ]
        rows = [dict(zip(windows.column_names, row, strict=True)) for row in zip(*columns, strict=True)]
        with self._engine.begin() as connection:
            connection.execute(sensor_windows.insert().prefix_with("OR IGNORE", dialect="sqlite"), rows)

    def read(self, start: datetime | None = None, end: datetime | None = None) -> pa.Table:
        """Read the windows that end in (start, end], ordered by series and time; shape (windows, 8)."""
        return pa.Table.from_batches(self.read_batches(start, end), schema=WINDOW_SCHEMA)

    def read_batches(self, start: datetime | None, end: datetime | None) -> Iterator[pa.RecordBatch]:
        """Like `read`, piece by piece, so that a large interval never stands in memory as Python objects."""
        query = sa.select(sensor_windows).order_by(*(sensor_windows.c[name] for name in WINDOW_KEY))
        if start is not None:
            query = query.where(sensor_windows.c[WINDOW_END] > _stored_time(start))
        if end is not None:
            query = query.where(sensor_windows.c[WINDOW_END] <= _stored_time(end))
        self._require_file()
        try:
            with self._engine.connect() as connection:
                rows = connection.execution_options(yield_per=ROWS_PER_READ).execute(query)
                for chunk in rows.partitions():
                    columns = zip(*chunk, strict=True)
                    arrays = [
                        pa.array(values, field.type) for values, field in zip(columns, WINDOW_SCHEMA, strict=True)
                    ]
                    yield pa.RecordBatch.from_arrays(arrays, schema=WINDOW_SCHEMA)
        except DBAPIError as error:
            raise UserError(f"cannot read table {WINDOW_TABLE} in {self._place}: {error.orig}") from error

    def delete_until(
        self,
        end: datetime,
        *,
        batch: int = ROWS_PER_DELETE,
        most: timedelta = MOST_DELETING,
        clock: Callable[[], float] = time.monotonic,
    ) -> int:
        """Delete windows that end at `end` or before, in transactions of `batch` rows; returns how many.

        None but the first is begun once `most` has passed by `clock` (seconds). Whoever inserts meanwhile waits for one
        small transaction at the longest; what is left is for the next call.
        """
        self._require_file()
        old, deleted = sensor_windows.c[WINDOW_END] <= _stored_time(end), 0
        if self._engine.dialect.name == "mssql":
            statement = sensor_windows.delete().where(old).prefix_with(f"TOP ({batch})", dialect="mssql")
        else:
            key = sa.tuple_(*(sensor_windows.c[name] for name in WINDOW_KEY))
            statement = sensor_windows.delete().where(
                key.in_(sa.select(*(sensor_windows.c[name] for name in WINDOW_KEY)).where(old).limit(batch))
            )
        try:
            begun, rows = clock(), batch
            while rows >= batch and (not deleted or clock() - begun < most.total_seconds()):
                with self._engine.begin() as connection:
                    rows = connection.execute(statement).rowcount
                deleted += rows
        except DBAPIError as error:
            raise UserError(f"cannot delete from table {WINDOW_TABLE} in {self._place}: {error.orig}") from error
        return deleted

    def count(self) -> tuple[int, int]:
        """Return the number of windows and of readings in them."""
        self._require_file()
        query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(sensor_windows.c.reading_count), 0))
        with self._engine.connect() as connection:
            windows, readings = connection.execute(query.select_from(sensor_windows)).one()
        return windows, int(readings)

    def range(self) -> tuple[datetime, datetime]:
        """Return the ends of the first and of the last window (UTC); UserError if there is none."""
        self._require_file()
        column = sensor_windows.c[WINDOW_END]
        with self._engine.connect() as connection:
            first, last = connection.execute(sa.select(sa.func.min(column), sa.func.max(column))).one()
        if first is None:
            raise UserError(f"table {WINDOW_TABLE} in {self._place} holds no windows")
        return first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)

    def newest(self) -> datetime | None:
        """Return the end of the last window (UTC), or None if there is none."""
        self._require_file()
        try:
            with self._engine.connect() as connection:
                last = connection.execute(sa.select(sa.func.max(sensor_windows.c[WINDOW_END]))).scalar_one()
        except DBAPIError as error:
            raise UserError(f"cannot read table {WINDOW_TABLE} in {self._place}: {error.orig}") from error
        return None if last is None else last.replace(tzinfo=UTC)

    def close(self) -> None:
        """Release the database's connections."""
        self._engine.dispose()

    def __enter__(self) -> "WindowStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require_file(self) -> None:
        """Refuse to read an SQLite file that is not there; opening it would create an empty one."""
        url = self._engine.url
        if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).is_file():
            raise UserError(f"no database at {url.database}: store windows first, for instance with `make run`")


def _stored_time(time: datetime) -> datetime:
    """UTC without an offset, as the table stores it; refuses a time that does not say its offset."""
    if time.tzinfo is None:
        raise ValueError(f"{time} has no time zone; windows are stored in UTC")
    return time.astimezone(UTC).replace(tzinfo=None)


def _prepare_sqlite(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
    """Let readers and one writer work at the same time, and wait for a lock instead of failing at once."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA busy_timeout = 30000")
    cursor.close()
