"""Tables and users: real SQLite where the statement is portable, mocks at the edge where only SQL Server knows it."""

from collections.abc import Mapping
from typing import Any

import pyodbc
import pytest
import sqlalchemy as sa
import sqlglot
from azure.core.exceptions import HttpResponseError
from pytest_mock import MockerFixture
from sqlalchemy.exc import DBAPIError

from infra.release.sql import schema
from infra.release.sql.setup import User, create_tables, create_users, open_firewall
from infra.release.work.resource_manager import ResourceManager
from scoring.patience import Patience
from stream_queries.schema import WINDOW_TABLE
from stream_queries.window_store import sensor_windows

SERVER = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Sql/servers/sql"
USERS = [
    User("scoring-stream", "00000000-0000-0000-0000-000000000001", ["SELECT", "INSERT"]),
    User("scoring-cluster", "00000000-0000-0000-0000-000000000002", ["SELECT", "DELETE"]),
]


@pytest.fixture
def patience() -> Patience:
    return Patience(seconds=5, first_wait=0.001, longest_wait=0.001, say=lambda line: None, sleep=lambda seconds: None)


@pytest.fixture
def engine() -> sa.Engine:
    return sa.create_engine("sqlite://", poolclass=sa.StaticPool)


def sql_error(code: str) -> DBAPIError:
    return DBAPIError(
        "statement", None, pyodbc.Error("HY000", f"[HY000] [Microsoft] something ({code}) (SQLDriverConnect)")
    )


# Tables


def test_an_empty_database_gets_the_table_its_index_and_the_version(engine, patience):
    assert create_tables(engine, patience) == "applied the window table and its index"
    inspector = sa.inspect(engine)
    assert [column["name"] for column in inspector.get_columns(WINDOW_TABLE)] == sensor_windows.columns.keys()
    assert inspector.get_pk_constraint(WINDOW_TABLE)["constrained_columns"] == ["device", "sensor", "window_end"]
    assert [index["column_names"] for index in inspector.get_indexes(WINDOW_TABLE)] == [["window_end"]]


def test_a_second_time_changes_nothing(engine, patience):
    create_tables(engine, patience)
    assert create_tables(engine, patience) == "up to date"


def test_a_database_whose_table_was_made_before_there_were_versions_keeps_its_rows(engine, patience):
    schema.metadata.create_all(engine)
    row = dict.fromkeys(sensor_windows.columns.keys(), 1.0) | {
        "device": "a",
        "sensor": "b",
        "window_end": sa.func.now(),
    }
    with engine.begin() as connection:
        connection.execute(sensor_windows.insert().values(**row))
    create_tables(engine, patience)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(sensor_windows)) == 1


def test_only_what_is_missing_is_applied_in_order(engine, patience, monkeypatch):
    create_tables(engine, patience)
    applied = []
    more = [schema.Migration(n, f"step {n}", lambda connection, n=n: applied.append(n)) for n in (2, 3)]
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, *more))
    assert create_tables(engine, patience) == "applied step 2, step 3" and applied == [2, 3]
    assert create_tables(engine, patience) == "up to date" and applied == [2, 3]


def test_a_migration_that_fails_is_not_counted_as_applied(engine, patience, monkeypatch):
    create_tables(engine, patience)

    def fail(connection: sa.Connection) -> None:
        raise ValueError("no")

    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, schema.Migration(2, "bad", fail)))
    with pytest.raises(ValueError, match="no"):
        create_tables(engine, patience)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS[:1], schema.Migration(2, "good", lambda _: None)))
    assert create_tables(engine, patience) == "applied good"


def test_migrations_are_numbered_from_one_without_gaps():
    assert [migration.version for migration in schema.MIGRATIONS] == list(range(1, len(schema.MIGRATIONS) + 1))


def test_sql_server_gets_a_table_that_ignores_duplicates_and_tells_names_apart_by_case():
    table = schema.definition()["windowTable"]
    key, index = (sqlglot.parse_one(text, dialect="tsql") for text in table["keys"])
    assert (type(key).__name__, type(index).__name__) == ("Alter", "Create")
    assert "PRIMARY KEY (device, sensor, window_end) WITH (IGNORE_DUP_KEY = ON)" in table["keys"][0]
    exact = "VARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL"
    assert [name for name, text in table["columns"].items() if text == exact] == ["device", "sensor"]


def test_the_record_of_the_schema_shows_each_column_and_migration(monkeypatch):
    before = schema.definition()
    assert list(before["windowTable"]["columns"]) == sensor_windows.columns.keys()
    table = sensor_windows.to_metadata(sa.MetaData())
    table.append_column(sa.Column("humidity", sa.Double()))
    monkeypatch.setattr(schema, "sensor_windows", table)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, schema.Migration(2, "more", lambda _: None)))
    after = schema.definition()
    assert after["migrations"] == [*before["migrations"], "2: more"]
    assert after["windowTable"]["columns"] == before["windowTable"]["columns"] | {"humidity": "DOUBLE PRECISION NULL"}


# Users


@pytest.fixture
def server(mocker: MockerFixture) -> Any:
    """An engine of SQL Server whose statements are kept in `server.statements`."""
    engine = mocker.MagicMock()
    engine.dialect.name = "mssql"
    engine.statements = []
    connection = engine.begin.return_value.__enter__.return_value
    connection.exec_driver_sql.side_effect = engine.statements.append
    return engine


def test_both_identities_become_users_with_rights_on_the_table_only(server, patience):
    said = create_users(server, USERS, patience)
    assert said == "scoring-stream may SELECT, INSERT; scoring-cluster may SELECT, DELETE"
    grants = [statement for statement in server.statements if statement.startswith("GRANT")]
    assert grants == [
        "GRANT SELECT, INSERT ON [dbo].[sensor_windows] TO [scoring-stream]",
        "GRANT SELECT, DELETE ON [dbo].[sensor_windows] TO [scoring-cluster]",
    ]
    assert all(sqlglot.parse_one(grant, dialect="tsql") for grant in grants)
    assert sum("CREATE USER" in statement for statement in server.statements) == 2


@pytest.mark.parametrize("code", ["40613", "40501", "18456", "HYT00"])
def test_a_database_that_wakes_up_is_waited_for(server, patience, code):
    server.begin.side_effect = [sql_error(code), sql_error(code), server.begin.return_value]
    create_users(server, USERS, patience)
    assert server.begin.call_count == 3


def test_a_right_that_is_missing_is_not_waited_for(server, patience):
    server.begin.side_effect = sql_error("15247")
    with pytest.raises(DBAPIError):
        create_users(server, USERS, patience)
    assert server.begin.call_count == 1


def test_sqlite_has_no_users(engine, patience):
    assert create_users(engine, USERS, patience) == "sqlite has no users"


# The firewall


class Firewall(ResourceManager):
    """The rules of one server."""

    def __init__(self, *rules: str) -> None:
        self.rules = dict.fromkeys(rules, "")

    def get(self, resource_id: str, api_version: str, *, expand: str | None = None) -> dict[str, Any] | None:
        assert resource_id == f"{SERVER}/firewallRules"
        return {"value": [{"name": name} for name in self.rules]}

    def put(self, resource_id: str, api_version: str, body: Mapping[str, Any]) -> None:
        assert body["properties"]["startIpAddress"] == body["properties"]["endIpAddress"]
        self.rules[resource_id.rsplit("/", 1)[-1]] = body["properties"]["startIpAddress"]

    def delete(self, resource_id: str, api_version: str) -> None:
        self.rules.pop(resource_id.rsplit("/", 1)[-1], None)


def test_the_deployers_address_is_let_in_only_while_the_work_is_done(patience):
    firewall = Firewall("azure-services")
    with open_firewall(firewall, SERVER, ["8.8.8.8"], patience):
        assert firewall.rules == {"azure-services": "", "deployer-8-8-8-8": "8.8.8.8"}
    assert list(firewall.rules) == ["azure-services"]


def test_the_address_is_shut_out_again_when_the_work_fails(patience):
    firewall = Firewall()
    with pytest.raises(RuntimeError), open_firewall(firewall, SERVER, ["8.8.8.8"], patience):
        raise RuntimeError
    assert firewall.rules == {}


def test_a_rule_that_a_killed_deployment_left_is_removed(patience):
    firewall = Firewall("deployer-9-9-9-9")
    with open_firewall(firewall, SERVER, ["8.8.8.8"], patience):
        pass
    assert firewall.rules == {}


def test_a_rule_that_a_killed_deployment_left_is_removed_by_one_that_needs_none(patience):
    firewall = Firewall("azure-services", "deployer-9-9-9-9")
    with open_firewall(firewall, SERVER, [], patience):
        pass
    assert list(firewall.rules) == ["azure-services"]


def test_an_address_is_shut_out_again_when_another_is_refused(patience):
    class Full(Firewall):
        def put(self, resource_id: str, api_version: str, body: Mapping[str, Any]) -> None:
            if self.rules:
                error = HttpResponseError("as many rules as there may be")
                error.status_code = 400
                raise error
            super().put(resource_id, api_version, body)

    firewall = Full()
    with pytest.raises(HttpResponseError, match="as many rules"):
        open_firewall(firewall, SERVER, ["8.8.8.8", "9.9.9.9"], patience).__enter__()
    assert firewall.rules == {}


def test_a_firewall_that_is_throttled_is_asked_again(patience):
    class Throttled(Firewall):
        calls = 0

        def put(self, resource_id: str, api_version: str, body: Mapping[str, Any]) -> None:
            self.calls += 1
            if self.calls < 3:
                error = HttpResponseError("slow down")
                error.status_code = 429
                raise error
            super().put(resource_id, api_version, body)

    firewall = Throttled()
    with open_firewall(firewall, SERVER, ["8.8.8.8"], patience):
        assert list(firewall.rules) == ["deployer-8-8-8-8"]
