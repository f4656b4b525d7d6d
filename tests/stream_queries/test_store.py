import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
import sqlglot
from pytest_mock import MockerFixture
from sqlalchemy.dialects import mssql
from sqlalchemy.schema import CreateIndex, CreateTable

from stream_queries.arrow_schemas import WINDOW_SCHEMA
from stream_queries.errors import UserError
from stream_queries.schema import WINDOW_COLUMNS, names
from stream_queries.window_store import WindowStore, sensor_windows

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def windows(*rows: tuple) -> pa.Table:
    return pa.table(
        [pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), WINDOW_SCHEMA, strict=True)],
        schema=WINDOW_SCHEMA,
    )


def row(device: str = "a", minute: int = 0, mean: float = 1.5) -> tuple:
    return (device, "s", NOON + timedelta(minutes=minute), 2, mean, 1.0, 2.0, 0.5)


@pytest.fixture
def store(tmp_path: Path):
    with WindowStore(f"sqlite:///{tmp_path / 'windows.db'}") as opened:
        opened.create()
        yield opened


def test_windows_come_back_as_they_were_stored_in_order_of_series_and_time(store: WindowStore):
    store.insert(windows(row("b"), row("a", 1), row("a", 0)))
    assert store.read() == windows(row("a", 0), row("a", 1), row("b"))
    assert store.count() == (3, 6)


def test_inserting_a_window_twice_keeps_the_first(store: WindowStore):
    store.insert(windows(row(mean=1.5)))
    store.insert(windows(row(mean=9.0), row("b")))
    assert store.read() == windows(row(mean=1.5), row("b"))


def test_names_that_differ_only_in_case_are_two_devices(store: WindowStore):
    store.insert(windows(row("A1"), row("a1")))
    assert store.count() == (2, 4)


def test_an_interval_excludes_its_start_and_includes_its_end(store: WindowStore):
    store.insert(windows(*(row(minute=minute) for minute in range(4))))
    read = store.read(NOON + timedelta(minutes=1), NOON + timedelta(minutes=3))
    assert read["window_end"].to_pylist() == [NOON + timedelta(minutes=2), NOON + timedelta(minutes=3)]


def test_a_time_with_another_offset_means_the_same_instant(store: WindowStore):
    store.insert(windows(row()))
    east = NOON.astimezone(datetime.strptime("+0200", "%z").tzinfo)
    assert store.read(east - timedelta(seconds=1), east).num_rows == 1
    with pytest.raises(ValueError, match="no time zone"):
        store.read(NOON.replace(tzinfo=None), NOON)


def test_an_empty_insert_and_an_empty_read_are_fine(store: WindowStore):
    store.insert(WINDOW_SCHEMA.empty_table())
    assert store.read().num_rows == 0 and store.read().schema == WINDOW_SCHEMA


def test_a_missing_database_is_said_and_not_created(tmp_path: Path):
    file = tmp_path / "none.db"
    with WindowStore(f"sqlite:///{file}") as missing, pytest.raises(UserError, match=f"no database at {file}"):
        missing.read()
    assert not file.exists()


@pytest.mark.parametrize("url", ["windows.db", "postgresql://host/name", "nothing://x"])
def test_an_address_that_is_no_database_url_or_has_no_driver_here_is_refused(url: str):
    with pytest.raises(UserError, match="is not a database URL that can be used"):
        WindowStore(url)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path):
    file = tmp_path / "text.db"
    file.write_text("not a database, but long enough to be read as a header of one" * 20)
    with WindowStore(f"sqlite:///{file}") as store, pytest.raises(UserError, match="cannot read table sensor_windows"):
        store.read()


def test_the_table_has_the_columns_of_the_schema_in_order():
    assert [column.name for column in sensor_windows.columns] == names(WINDOW_COLUMNS)


def test_on_sql_server_names_compare_exactly_and_the_key_ignores_duplicates():
    text = str(CreateTable(sensor_windows).compile(dialect=mssql.dialect()))
    assert "device VARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL" in text
    assert "PRIMARY KEY (device, sensor, window_end) WITH (IGNORE_DUP_KEY = ON)" in text
    assert "window_end DATETIME2(3) NOT NULL" in text and "stdev_value DOUBLE PRECISION NOT NULL" in text


def test_the_sql_server_statements_parse_as_t_sql():
    index = next(iter(sensor_windows.indexes))
    for statement in (CreateTable(sensor_windows), CreateIndex(index)):
        parsed = sqlglot.parse_one(str(statement.compile(dialect=mssql.dialect())), read="tsql")
        assert isinstance(parsed, sqlglot.exp.Create)


def test_old_windows_are_deleted_in_batches_and_the_others_stay(store: WindowStore):
    store.insert(windows(*(row(device, minute) for device in ("a", "A") for minute in range(30))))
    assert store.delete_until(NOON + timedelta(minutes=19), batch=7) == 40
    assert store.range() == (NOON + timedelta(minutes=20), NOON + timedelta(minutes=29))
    assert store.delete_until(NOON + timedelta(minutes=19)) == 0 and store.count()[0] == 20


def test_no_call_begins_a_batch_after_its_time_and_each_deletes_one(store: WindowStore):
    """However slow the database is, a day's windows are deleted in some days' calls."""
    store.insert(windows(*(row(minute=minute) for minute in range(30))))
    for seconds, deleted in ((30, 14), (60, 7), (1_000, 7), (0, 2)):
        ticks = itertools.count(step=seconds)
        most, clock = timedelta(minutes=1), lambda ticks=ticks: next(ticks)
        assert store.delete_until(NOON + timedelta(minutes=29), batch=7, most=most, clock=clock) == deleted


def test_on_sql_server_a_batch_is_the_top_of_the_old_windows(mocker: MockerFixture):
    sent: list[str] = []

    def execute(statement: sa.Delete) -> Any:
        sent.append(str(statement.compile(dialect=mssql.dialect())))
        return mocker.Mock(rowcount=4_000 if len(sent) < 3 else 5)

    engine = mocker.patch("stream_queries.window_store.sa.create_engine").return_value
    engine.dialect.name = "mssql"
    engine.begin.return_value.__enter__.return_value.execute = execute
    assert WindowStore("mssql+pyodbc://host/windows").delete_until(NOON) == 8_005
    assert len(sent) == 3 and sent[0].startswith("DELETE TOP (4000) FROM sensor_windows WHERE ")
    assert isinstance(sqlglot.parse_one(sent[0].replace(":window_end_1", "'x'"), read="tsql"), sqlglot.exp.Delete)
