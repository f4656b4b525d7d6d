"""What the database refuses for good ends the release at once, and says what to do; what passes is waited for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyodbc
import pytest
import sqlalchemy as sa
from azure.core.credentials import AccessToken
from pytest_mock import MockerFixture
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from infra.driver import DRIVER
from infra.release.sql.connection import Door, connect
from infra.release.sql.setup import User, create_tables, create_users
from scoring.cluster.stores.database_login import EntraLogin
from scoring.patience import Patience
from stream_queries.errors import UserError

URL = "mssql+pyodbc://host.database.windows.net/windows?driver=ODBC+Driver+18+for+SQL+Server"
FIREWALL = (
    "Cannot open server 'host' requested by the login. Client with IP address '203.0.113.7' is not allowed to access "
    "the server. To enable access, use the Azure Management Portal or run sp_set_firewall_rule on the master database "
    "to create a firewall rule for this IP address or address range. It may take up to five minutes for this change to "
    "take effect. (40615) (SQLDriverConnect)"
)
"""Source: https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues"""

LOGIN = "Login failed for user '<token-identified principal>'. (18456) (SQLDriverConnect)"


class Credential:
    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken("token", 0)


@dataclass
class Server:
    """A server that refuses every connection; `now` is the time, which only patience lets go by."""

    refusal: str
    tries: int = 0
    now: float = 0.0
    says: list[str] = field(default_factory=list)

    def connect(self, *_: object, **__: object) -> None:
        self.tries += 1
        raise pyodbc.Error("42000", f"[42000] [Microsoft][{DRIVER}][SQL Server]{self.refusal}")

    @property
    def patience(self) -> Patience:
        return Patience(sleep=self.sleep, say=self.says.append)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def refusing(mocker: MockerFixture) -> Callable[[str], Server]:
    """Make the server refuse everybody in these words."""
    mocker.patch("pyodbc.drivers", return_value=[DRIVER])
    mocker.patch("infra.release.sql.connection.own_credential", return_value=Credential())

    def refuse(words: str) -> Server:
        server = Server(words)
        mocker.patch("pyodbc.connect", server.connect)
        return server

    return refuse


@pytest.mark.parametrize("addresses", [(), ("203.0.113.8",)])
def test_an_address_that_is_not_let_in_is_named_at_once(refusing: Callable[[str], Server], addresses: tuple[str, ...]):
    server = refusing(FIREWALL)
    with (
        connect(URL, addresses) as engine,
        pytest.raises(UserError, match=r"add 203\.0\.113\.7 to database\.deployerAddresses"),
    ):
        create_tables(engine, server.patience)
    assert (server.tries, server.now) == (1, 0)


def test_a_rule_for_the_address_takes_a_while_and_is_waited_for(refusing: Callable[[str], Server]):
    server = refusing(FIREWALL)
    with connect(URL, ["203.0.113.7"]) as engine, pytest.raises(DBAPIError, match="40615"):
        create_tables(engine, server.patience)
    assert server.now >= 300


def doors(server: Server) -> Iterator[sa.Engine]:
    engine = sa.create_engine(URL)
    event.listen(engine, "do_connect", Door(EntraLogin(Credential()), (), clock=lambda: server.now))
    yield engine
    engine.dispose()


def test_a_login_that_is_refused_for_three_minutes_is_explained(refusing: Callable[[str], Server]):
    server = refusing(LOGIN)
    for engine in doors(server):
        with pytest.raises(UserError, match=r"group of the server's administrators and log in again"):
            create_users(engine, [User("job", "33333333-3333-3333-3333-333333333333", ["SELECT"])], server.patience)
    assert 180 <= server.now < 300 and server.tries > 3


def test_a_missing_driver_is_told_before_the_server_is_asked(refusing: Callable[[str], Server], mocker: MockerFixture):
    server = refusing("")
    mocker.patch("pyodbc.drivers", return_value=["SQLite3"])
    with pytest.raises(UserError, match=rf"{DRIVER} is not installed here; install Microsoft's package"), connect(URL):
        pass
    assert server.tries == 0


def test_a_database_of_another_kind_needs_no_driver(mocker: MockerFixture):
    mocker.patch("pyodbc.drivers", return_value=[])
    with connect("sqlite://") as engine, engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
