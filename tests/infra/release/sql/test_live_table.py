"""The window table that a database has, against the one that the program declares."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mssql

from infra.release.sql import live_table, schema
from infra.release.sql.live_table import LiveColumn, LiveTable, differences, type_text
from infra.release.sql.setup import create_tables
from scoring.patience import Patience
from stream_queries.errors import UserError
from stream_queries.schema import MEAN, WINDOW_TABLE
from stream_queries.window_store import EXACT_COLLATION, sensor_windows

FIRST = Path(__file__).with_name("deployed_table.sql").read_text(encoding="utf-8")
"""What the first migration has left in deployed databases."""

INDEX = f"CREATE INDEX ix_sensor_windows_window_end ON {WINDOW_TABLE} (window_end)"

SQL_SERVER = mssql.dialect()


@pytest.fixture
def patience() -> Patience:
    return Patience(seconds=5, first_wait=0.001, longest_wait=0.001, say=lambda line: None, sleep=lambda seconds: None)


@pytest.fixture
def engine() -> sa.Engine:
    """A database whose tables were made by the first release."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    make(engine, FIRST)
    return engine


def make(engine: sa.Engine, table: str, index: str = INDEX) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {WINDOW_TABLE}")
        connection.exec_driver_sql(table)
        connection.exec_driver_sql(index)


def columns(engine: sa.Engine) -> list[str]:
    return [column["name"] for column in sa.inspect(engine).get_columns(WINDOW_TABLE)]


def declare(monkeypatch: pytest.MonkeyPatch, column: sa.Column[Any]) -> None:
    """Let the program declare one more column of the window table, as `stream_queries/schema.py` would."""
    table = sensor_windows.to_metadata(sa.MetaData())
    table.append_column(column)
    for module in (live_table, schema):
        monkeypatch.setattr(module, "sensor_windows", table)


def test_a_database_of_the_first_release_takes_what_is_declared_now(engine, patience):
    """Fails where a column was added to `stream_queries/schema.py` and a deployed table would never get it."""
    create_tables(engine, patience)
    assert columns(engine) == sensor_windows.columns.keys()


def test_a_missing_optional_column_is_added_once_and_said(engine, patience, monkeypatch):
    create_tables(engine, patience)
    declare(monkeypatch, sa.Column("humidity", sa.Double()))
    assert create_tables(engine, patience) == "added column humidity"
    assert columns(engine) == [*sensor_windows.columns.keys(), "humidity"]
    assert create_tables(engine, patience) == "up to date"


def test_a_missing_column_that_is_not_optional_is_refused_every_time_and_nothing_is_changed(
    engine, patience, monkeypatch
):
    create_tables(engine, patience)
    declare(monkeypatch, sa.Column("humidity", sa.Double(), nullable=False))
    for _ in range(2):
        with pytest.raises(UserError, match="column humidity is missing and not optional") as refusal:
            create_tables(engine, patience)
        assert "\n" not in str(refusal.value)
    assert columns(engine) == sensor_windows.columns.keys()


def test_a_migration_may_add_what_is_not_optional(engine, patience, monkeypatch):
    create_tables(engine, patience)
    declare(monkeypatch, sa.Column("humidity", sa.Double(), nullable=False))

    def add(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"ALTER TABLE {WINDOW_TABLE} ADD humidity DOUBLE NOT NULL DEFAULT 0")

    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, schema.Migration(2, "humidity", add)))
    assert create_tables(engine, patience) == "applied humidity"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("mean_value DOUBLE NOT", "mean_value INTEGER NOT", "column mean_value is INTEGER, not DOUBLE"),
        ("device VARCHAR(128)", "device VARCHAR(64)", r"column device is VARCHAR\(64\), not VARCHAR\(128\)"),
        ("stdev_value DOUBLE NOT NULL", "stdev_value DOUBLE", "column stdev_value may be NULL"),
        ("device VARCHAR", "plant BIGINT NOT NULL, device VARCHAR", "column plant is not declared and needs a value"),
        ("KEY (device, sensor, window_end)", "KEY (device, window_end)", r"its key is \(device, window_end\), not"),
        ("mean_value", "average", "column mean_value is missing and not optional; column average is not declared"),
    ],
)
def test_what_would_stop_the_stream_job_is_refused_by_name(old, new, told, engine, patience):
    assert FIRST.replace(old, new) != FIRST
    make(engine, FIRST.replace(old, new))
    with pytest.raises(UserError, match=told):
        create_tables(engine, patience)


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ("UNIQUE (device, window_end)", r"its unique constraint on \(device, window_end\) may refuse a row"),
        ("CHECK (mean_value < 100)", r"its check constraint \(mean_value < 100\) may refuse a row"),
        ("FOREIGN KEY (device) REFERENCES devices (name)", "its foreign key to devices may refuse a row"),
    ],
)
def test_a_constraint_that_may_refuse_a_row_is_refused_by_name(extra, told, engine, patience):
    make(engine, FIRST.replace("\n) WITHOUT", f",\n    {extra}\n) WITHOUT"))
    with pytest.raises(UserError, match=told):
        create_tables(engine, patience)


@pytest.mark.parametrize(
    ("index", "told"),
    [
        (f"CREATE INDEX other ON {WINDOW_TABLE} (device)", r"its index on \(window_end\) is missing"),
        (f"CREATE UNIQUE INDEX one_each ON {WINDOW_TABLE} (window_end)", "its unique index one_each may refuse a row"),
    ],
)
def test_an_index_that_is_missing_or_refuses_rows_is_refused_by_name(index, told, engine, patience):
    make(engine, FIRST, index)
    with pytest.raises(UserError, match=told):
        create_tables(engine, patience)


def test_a_declared_column_that_the_database_fills_is_refused_by_name(engine, patience):
    make(engine, FIRST.replace("stdev_value DOUBLE NOT NULL", "stdev_value DOUBLE NOT NULL AS (mean_value) STORED"))
    with pytest.raises(UserError, match="column stdev_value is filled by the database and takes no value"):
        create_tables(engine, patience)


@pytest.mark.parametrize("extra", ["plant BIGINT", "plant BIGINT NOT NULL DEFAULT 1"])
def test_a_column_more_that_needs_no_value_is_left_alone(extra, engine, patience):
    make(engine, FIRST.replace("    CONSTRAINT", f"    {extra},\n    CONSTRAINT"))
    create_tables(engine, patience)
    assert columns(engine) == [*sensor_windows.columns.keys(), "plant"]


def test_columns_in_another_order_are_refused(engine, patience):
    """The query's columns are matched with the table's in their order."""
    swapped = FIRST.replace("min_value", "x").replace("max_value", "min_value").replace("x DOUBLE", "max_value DOUBLE")
    make(engine, swapped)
    with pytest.raises(UserError, match=r"in the order .*mean_value, max_value, min_value, stdev_value"):
        create_tables(engine, patience)


# SQL Server: as SQLAlchemy reads its catalogue


def read_from_sql_server(name: str, type_: str, *, length: int = 8, precision: int = 0, collation: str = "") -> str:
    """The text of a type, from a row of the catalogue views."""
    row = {
        "maxlen": length,
        "numericprec": precision,
        "numericscale": 3,
        "collation": collation or None,
        "default": None,
        "definition": None,
        "is_persisted": None,
        "is_identity": None,
        "identity_start": None,
        "identity_increment": None,
        "comment": None,
    }
    column = SQL_SERVER._parse_column_info(name=name, type_=type_, nullable=False, **row)
    return type_text(column["type"], SQL_SERVER)


def sql_server_table(collation: str = EXACT_COLLATION, number: str = "float") -> LiveTable:
    """The table as the catalogue describes it after the first release."""
    name = read_from_sql_server("device", "varchar", length=128, collation=collation)
    types = {
        "device": name,
        "sensor": name,
        "window_end": read_from_sql_server("window_end", "datetime2", length=7, precision=23),
        "reading_count": read_from_sql_server("reading_count", "bigint", precision=19),
    }
    types |= dict.fromkeys(
        sensor_windows.columns.keys()[4:], read_from_sql_server(MEAN, number, precision=53 if number == "float" else 24)
    )
    return LiveTable(
        {column: LiveColumn(text, nullable=False) for column, text in types.items()},
        ["device", "sensor", "window_end"],
        [["window_end"]],
    )


class Catalogue:
    """A SQL Server's catalogue views, as far as they are asked for the window table."""

    def __init__(self, *, ignores: bool = True, digits: int = 3, others: Sequence[tuple[str, str]] = ()) -> None:
        self.views = {
            "sys.indexes": [(ignores,)],
            "sys.columns": [("window_end", digits), ("made_at", 0)],
            "sys.objects": others,
        }

    def exec_driver_sql(self, statement: str) -> Sequence[tuple[object, ...]]:
        (view,) = (name for name in self.views if f"FROM {name} " in statement)
        assert f"OBJECT_ID('{WINDOW_TABLE}')" in statement
        return self.views[view]


@pytest.mark.parametrize(
    ("catalogue", "faults"),
    [
        (Catalogue(), []),
        (
            Catalogue(ignores=False),
            ["its key is without IGNORE_DUP_KEY, and after a restart the stream job writes windows again"],
        ),
        (Catalogue(digits=0), ["column window_end keeps 0 digits of a second, not 3"]),
        (Catalogue(others=[("ck", "CHECK_CONSTRAINT")]), ["its check constraint ck may refuse a row"]),
    ],
)
def test_what_sql_servers_catalogue_holds_against_the_stream_job(catalogue: Catalogue, faults: list[str]):
    assert list(live_table._faults_in_sql_server(cast("sa.Connection", catalogue))) == faults


def test_sql_servers_own_names_of_the_declared_types_are_no_difference():
    assert differences(sql_server_table(), SQL_SERVER) == []


def test_a_collation_that_would_merge_names_is_a_difference():
    told = differences(sql_server_table(collation="SQL_Latin1_General_CP1_CI_AS"), SQL_SERVER)
    assert told[0] == (
        "column device is VARCHAR(128) COLLATE SQL_Latin1_General_CP1_CI_AS, "
        "not VARCHAR(128) COLLATE Latin1_General_100_BIN2"
    )


def test_a_number_of_half_the_digits_is_a_difference():
    assert "column mean_value is REAL, not FLOAT" in differences(sql_server_table(number="real"), SQL_SERVER)


def test_sql_server_is_told_to_add_a_column_in_its_own_words(mocker, monkeypatch):
    declare(monkeypatch, sa.Column("humidity", sa.Double()))
    engine = mocker.MagicMock()
    connection = engine.begin.return_value.__enter__.return_value
    connection.dialect = SQL_SERVER
    mocker.patch.object(LiveTable, "read", return_value=sql_server_table())
    assert live_table.complete(engine) == ["humidity"]
    connection.exec_driver_sql.assert_called_once_with(f"ALTER TABLE {WINDOW_TABLE} ADD humidity DOUBLE PRECISION NULL")
