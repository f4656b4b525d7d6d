"""The window store over a real pyodbc, as the cluster reads Azure SQL: an ODBC SQLite takes SQL Server's place.

SQLAlchemy speaks SQL Server's dialect here. The one statement of its own that SQLite cannot answer, the name of the
default schema, is left out; everything of ours goes through unchanged.
"""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyodbc
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.mssql.pyodbc import MSDialect_pyodbc

from scoring.cluster.interval import Interval
from scoring.cluster.model.fleet import Fleet
from scoring.cluster.prepare import prepare
from scoring.cluster.shards import read_shard
from scoring.publish.pipeline import DEFAULT_FLEET
from stream_queries.arrow_schemas import WINDOW_SCHEMA
from stream_queries.errors import UserError
from stream_queries.schema import WINDOW_COLUMNS, WINDOW_KEY, WINDOW_TABLE
from stream_queries.window_store import WindowStore

DRIVER = "SQLite3"
ODBC_TYPES = {"name": "varchar(128)", "time": "timestamp", "count": "bigint", "number": "double"}


def at(minute: int) -> datetime:
    return datetime(2018, 8, 29, 2, minute, tzinfo=UTC)


WINDOWS = pa.Table.from_pylist(
    [
        {
            "device": device,
            "sensor": "1",
            "window_end": at(minute),
            "reading_count": 2,
            "mean_value": minute / 4,  # the driver for SQLite keeps 15 digits
            "min_value": -1e100,
            "max_value": 1e100,
            "stdev_value": 0.25,
        }
        for device in ("A1", "a1")
        for minute in range(5)
    ],
    schema=WINDOW_SCHEMA,
)


class SQLServerOverSQLite(MSDialect_pyodbc):
    """SQL Server's dialect, less the one question that SQLite cannot answer."""

    supports_statement_cache = True

    def _get_default_schema_name(self, connection: sa.Connection) -> str:
        return "main"


registry.register("mssql.odbc_sqlite", __name__, SQLServerOverSQLite.__name__)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """An SQLAlchemy URL of an empty window table behind ODBC."""
    if DRIVER not in pyodbc.drivers():
        pytest.skip("the ODBC driver for SQLite is not installed: install libsqliteodbc")
    connection = f"Driver={DRIVER};Database={tmp_path / 'windows.db'}"
    columns = ", ".join(f"{column.name} {ODBC_TYPES[column.type]} NOT NULL" for column in WINDOW_COLUMNS)
    with pyodbc.connect(connection) as odbc:
        odbc.execute(f"CREATE TABLE {WINDOW_TABLE} ({columns}, PRIMARY KEY ({', '.join(WINDOW_KEY)}))")
    return f"mssql+odbc_sqlite:///?odbc_connect={quote(connection)}"


def test_windows_come_back_as_they_were(url: str):
    with WindowStore(url) as store:
        store.insert(WINDOWS)
        assert store.read().equals(WINDOWS)
        assert store.count() == (10, 20)


def test_an_interval_has_its_end_and_not_its_start(url: str):
    with WindowStore(url) as store:
        store.insert(WINDOWS)
        ends = store.read(at(1), at(3))["window_end"].to_pylist()
    assert ends == [at(2), at(3)] * 2


def test_prepare_reads_the_interval_into_shards(url: str, tmp_path: Path):
    with WindowStore(url) as store:
        store.insert(WINDOWS)
        prepared = prepare(store, Interval(at(1), at(4)), Fleet.open(DEFAULT_FLEET), tmp_path / "shards")
    shards = [read_shard(file) for file in prepared.files]
    assert prepared.windows == 6 == sum(shard.num_rows for shard in shards)


def test_a_table_that_is_missing_is_one_clear_line(url: str, tmp_path: Path):
    (tmp_path / "windows.db").unlink()
    with WindowStore(url) as store, pytest.raises(UserError, match=f"cannot read table {WINDOW_TABLE}"):
        store.read()
