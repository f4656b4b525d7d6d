"""How connections to SQL Server are opened: with a token, and with patience for a paused database."""

import sqlite3
import struct
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from pytest_mock import MockerFixture

from scoring.cluster.stores.database_login import EntraLogin, open_window_store
from stream_queries.errors import UserError
from stream_queries.window_store import WindowStore
from tests.scoring.samples import SERIES, START, make_windows

URL = "mssql+pyodbc://host.database.windows.net/windows?driver=ODBC+Driver+18+for+SQL+Server"


class Credential:
    """Gives out tokens with numbers."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes.extend(scopes)
        return AccessToken(f"token {len(self.scopes)}", 0)


class PyodbcError(Exception):
    """What a driver raises."""


class Driver:
    """In place of the ODBC driver: refuses so many connections with a message, and keeps what it was asked for."""

    def __init__(self, mocker: MockerFixture, refusals: int = 0, message: str = "") -> None:
        self.refusals, self.message = refusals, message
        self.calls: list[tuple[tuple[str, ...], dict[str, Any]]] = []
        self.dialect = mocker.Mock(connect=self.connect, loaded_dbapi=mocker.Mock(Error=PyodbcError))

    def connect(self, *arguments: str, **options: Any) -> str:
        self.calls.append((arguments, options))
        if len(self.calls) <= self.refusals:
            raise PyodbcError(self.message)
        return "a connection"


def asked_for(url: str) -> tuple[list[Any], dict[str, Any]]:
    """What SQLAlchemy itself would ask the driver for."""
    arguments, options = sa.create_engine(url, module=sqlite3).dialect.create_connect_args(sa.make_url(url))
    return list(arguments), dict(options)


def test_a_connection_is_opened_with_a_token_and_no_other_way_to_log_in(mocker: MockerFixture):
    driver, credential = Driver(mocker), Credential()
    arguments, options = asked_for(URL)
    assert "Trusted_Connection=Yes" in arguments[0]
    assert EntraLogin(credential)(driver.dialect, None, arguments, options) == "a connection"
    ((words,), given) = driver.calls[0]
    assert words == "DRIVER={ODBC Driver 18 for SQL Server};Server=host.database.windows.net;Database=windows"
    packed = given["attrs_before"][1256]
    assert struct.unpack("<i", packed[:4]) == (len(packed) - 4,) and packed[4:].decode("utf-16-le") == "token 1"
    assert credential.scopes == ["https://database.windows.net/.default"]


def test_a_paused_database_is_tried_again_with_a_token_of_that_moment(mocker: MockerFixture):
    driver, slept = Driver(mocker, 3, "[HY000] Database 'windows' is not currently available (40613)"), []
    login = EntraLogin(Credential(), sleep=slept.append)
    assert login(driver.dialect, None, [""], {}) == "a connection"
    assert len(slept) == 3 and len({str(options) for _, options in driver.calls}) == 4


def test_a_database_that_stays_paused_is_given_up_after_three_minutes(mocker: MockerFixture):
    driver, slept = Driver(mocker, 1000, "(40613)"), []
    with pytest.raises(PyodbcError):
        EntraLogin(Credential(), sleep=slept.append)(driver.dialect, None, [""], {})
    assert sum(slept) == 180


def test_other_refusals_are_not_tried_again(mocker: MockerFixture):
    driver, slept = Driver(mocker, 1, "(18456) Login failed"), []
    with pytest.raises(PyodbcError, match="18456"):
        EntraLogin(Credential(), sleep=slept.append)(driver.dialect, None, [""], {})
    assert slept == []


def test_an_identity_that_is_missing_is_told_in_one_line(mocker: MockerFixture):
    credential = mocker.Mock()
    credential.get_token.side_effect = ClientAuthenticationError("no identity here\nand many lines more")
    with pytest.raises(UserError, match=r"no identity to log in to the database with: no identity here$"):
        EntraLogin(credential)(Driver(mocker).dialect, None, [""], {})


def test_the_store_opens_its_connections_through_the_login(tmp_path: Path, mocker: MockerFixture):
    """With SQLite in the place of the server: a real engine calls a real login."""
    file = str(tmp_path / "windows.db")
    with WindowStore(f"sqlite:///{file}") as store:
        store.create()
        store.insert(make_windows(SERIES[:1], range(1, 4)))
    opened = mocker.Mock(side_effect=lambda *_: sqlite3.connect(file))
    with WindowStore(f"sqlite:///{file}", connect=opened) as store:
        assert store.read(START, None).num_rows == 3
    assert opened.call_count == 1


def test_only_sql_server_is_asked_for_an_identity(tmp_path: Path, mocker: MockerFixture):
    identity = mocker.patch("scoring.cluster.stores.identity.own_credential")
    with open_window_store(f"sqlite:///{tmp_path / 'windows.db'}"):
        identity.assert_not_called()
    mocker.patch("scoring.cluster.stores.database_login.WindowStore")
    open_window_store(URL)
    identity.assert_called_once()
