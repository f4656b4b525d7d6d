"""Logging in to Azure SQL without a password: an Entra token goes with every new connection.

The token travels as a connection attribute of Microsoft's ODBC driver
(https://learn.microsoft.com/sql/connect/odbc/using-azure-active-directory#authenticating-with-an-access-token).
"""

import struct
import time
from collections.abc import Callable
from typing import Any

from azure.core.credentials import TokenCredential
from azure.core.exceptions import ClientAuthenticationError
from sqlalchemy.engine.default import DefaultDialect

from stream_queries.errors import UserError
from stream_queries.window_store import WindowStore

TOKEN_ATTRIBUTE = 1256  # SQL_COPT_SS_ACCESS_TOKEN
SQL_SCOPE = "https://database.windows.net/.default"
DATABASE_PAUSED = "40613"
SECONDS_TO_RESUME, SECONDS_BETWEEN_TRIES = 180.0, 5.0


def open_window_store(url: str) -> WindowStore:
    """The window store at `url`; on SQL Server as `scoring.cluster.stores.identity` says who we are."""
    if not url.startswith("mssql"):
        return WindowStore(url)
    from scoring.cluster.stores.identity import own_credential  # here: a laptop's database needs no identity

    return WindowStore(url, connect=EntraLogin(own_credential()))


class EntraLogin:
    """Opens connections for SQLAlchemy's event `do_connect`, each with a token of `credential`.

    A serverless database that has paused refuses its first connections with error 40613 while it resumes: these are
    tried again, for at most three minutes.
    """

    def __init__(self, credential: TokenCredential, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._credential, self._sleep = credential, sleep

    def __call__(self, dialect: DefaultDialect, _: object, arguments: list[str], options: dict[str, Any]) -> Any:
        """Return a new connection; UserError where no token is to be had."""
        # SQLAlchemy asks for Windows' own login when a URL names no user; the driver refuses that beside a token
        words = [word.replace(";Trusted_Connection=Yes", "") for word in arguments]
        waited = 0.0
        while True:
            attributes = {TOKEN_ATTRIBUTE: _packed(self._token())}
            try:
                return dialect.connect(*words, **options | {"attrs_before": attributes})
            except dialect.loaded_dbapi.Error as error:
                if DATABASE_PAUSED not in str(error) or waited >= SECONDS_TO_RESUME:
                    raise
            self._sleep(SECONDS_BETWEEN_TRIES)
            waited += SECONDS_BETWEEN_TRIES

    def _token(self) -> str:
        try:
            return self._credential.get_token(SQL_SCOPE).token
        except ClientAuthenticationError as error:
            reason = next(iter(str(error.message).splitlines()), type(error).__name__)
            raise UserError(f"no identity to log in to the database with: {reason}") from error


def _packed(token: str) -> bytes:
    """A token as the driver takes it: its length in bytes as a little-endian 32-bit number, then UTF-16."""
    encoded = token.encode("utf-16-le")
    return struct.pack("<i", len(encoded)) + encoded
