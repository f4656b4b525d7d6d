"""A connection to the stack's database for the release, with the login of whoever deploys."""

import os
from collections.abc import Generator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy import event

from scoring.database_login import EntraLogin
from scoring.identity import own_credential
from scoring.steps import URL_VARIABLE


def substitute() -> dict[str, str]:
    """What a record holds of a database that takes the place of the stack's own: without it the work is to be done."""
    return {"databaseInstead": os.environ[URL_VARIABLE]} if os.environ.get(URL_VARIABLE) else {}


@contextmanager
def connect(url: str) -> Generator[sa.Engine]:
    """An engine for `url`, or for what the environment gives instead of it, while the context lasts."""
    engine = sa.create_engine(os.environ.get(URL_VARIABLE) or url)
    if engine.dialect.name == "mssql":
        event.listen(engine, "do_connect", EntraLogin(own_credential()))
    try:
        yield engine
    finally:
        engine.dispose()
