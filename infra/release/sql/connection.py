"""A connection to the stack's database for the release, with the login of whoever deploys."""

import os
import re
import time
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.default import DefaultDialect

from infra.driver import require_driver
from scoring.cluster.steps import URL_VARIABLE
from scoring.cluster.stores.database_login import EntraLogin
from scoring.cluster.stores.identity import own_credential
from stream_queries.errors import UserError

ADDRESS_REFUSED, LOGIN_REFUSED = "40615", "18456"
SECONDS_UNTIL_A_LOGIN_IS_KNOWN = 180.0

_CLIENT = re.compile(r"IP address '([0-9.]+)'")


def substitute() -> dict[str, str]:
    """What a record holds of a database that takes the place of the stack's own: without it the work is to be done."""
    return {"databaseInstead": os.environ[URL_VARIABLE]} if os.environ.get(URL_VARIABLE) else {}


@contextmanager
def connect(url: str, addresses: Collection[str] = ()) -> Generator[sa.Engine]:
    """An engine for `url`, or for what the environment gives instead of it, while the context lasts.

    `addresses` are those that the firewall has been opened for. UserError where the driver is missing.
    """
    engine = sa.create_engine(os.environ.get(URL_VARIABLE) or url)
    if engine.dialect.name == "mssql":
        require_driver()
        event.listen(engine, "do_connect", Door(EntraLogin(own_credential()), addresses))
    try:
        yield engine
    finally:
        engine.dispose()


class Door:
    """Opens connections as `login` does; a refusal that waiting cannot change becomes a UserError with what to do.

    The firewall's names the address that it refused: where that was let in, it only takes Azure up to five minutes.
    A login that is refused for three minutes is not on its way any more. The server knows its administrators since it
    exists, but who is in that group stands in a token that may be older.
    Source: https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues
    """

    def __init__(
        self, login: Callable[..., Any], addresses: Collection[str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._login, self._addresses, self._clock = login, addresses, clock
        self._refused_since: float | None = None

    def __call__(self, dialect: DefaultDialect, record: object, arguments: list[str], options: dict[str, Any]) -> Any:
        """Return a new connection."""
        try:
            return self._login(dialect, record, arguments, options)
        except dialect.loaded_dbapi.Error as error:
            text = str(error)
            if ADDRESS_REFUSED in text and (found := _CLIENT.search(text)) and found[1] not in self._addresses:
                raise UserError(
                    f"the database's firewall refuses this machine: add {found[1]} to database.deployerAddresses"
                ) from error
            if LOGIN_REFUSED in text and self._is_refused_for_long():
                raise UserError(
                    "the database refuses the login of whoever deploys: put it into the group of the server's "
                    "administrators and log in again (`python -m infra doctor` says who it is)"
                ) from error
            raise

    def _is_refused_for_long(self) -> bool:
        now = self._clock()
        self._refused_since = now if self._refused_since is None else self._refused_since
        return now - self._refused_since >= SECONDS_UNTIL_A_LOGIN_IS_KNOWN
