"""The release's work inside the database: tables, and users for the two identities that use them.

Deliberately absent: passwords. Whoever deploys logs in with an Entra token and must be in the server's admin group.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from infra.release.sql.database_users import Permission, user_statements
from infra.release.sql.live_table import complete
from infra.release.sql.schema import migrate
from infra.release.work.resource_manager import ResourceManager
from scoring.patience import Patience
from stream_queries.schema import WINDOW_TABLE

FIREWALL_API = ADMINISTRATORS_API = "2023-08-01"
_PREFIX = "deployer-"


@dataclass(frozen=True)
class Administrators:
    """The Entra group that administers the server: its name, its object id and its tenant."""

    name: str
    object_id: str
    tenant_id: str


@dataclass(frozen=True)
class User:
    """An identity that becomes a user of the database: its name there, its client id, what it may do."""

    name: str
    client_id: str
    permissions: Sequence[Permission]


def put_administrators(
    manager: ResourceManager, server_id: str, wanted: Administrators, patience: Patience
) -> Literal["unchanged", "changed"]:
    """Make a group the server's administrators, if it is not; returns once Azure says so.

    The server's own body names them when it is created, and never again.
    Source: https://learn.microsoft.com/rest/api/sql/server-azure-ad-administrators/create-or-update
    """
    path = f"{server_id}/administrators/ActiveDirectory"

    def is_so() -> bool:
        found = (patience.retry("administrators", lambda: manager.get(path, ADMINISTRATORS_API)) or {}).get(
            "properties"
        )
        told = found or {}
        return told.get("login") == wanted.name and str(told.get("sid")).lower() == wanted.object_id

    if is_so():
        return "unchanged"
    body = {
        "properties": {
            "administratorType": "ActiveDirectory",
            "login": wanted.name,
            "sid": wanted.object_id,
            "tenantId": wanted.tenant_id,
        }
    }
    patience.retry("administrators", lambda: manager.put(path, ADMINISTRATORS_API, body))
    patience.until("the change of the database's administrators", is_so)
    return "changed"


def create_tables(engine: sa.Engine, patience: Patience) -> str:
    """Bring the tables up to date; says what was done. UserError if the window table is not the declared one then."""
    applied = patience.retry("database", lambda: migrate(engine))
    added = patience.retry("database", lambda: complete(engine))
    done = [f"applied {', '.join(migration.title for migration in applied)}"] if applied else []
    done += [f"added column {', '.join(added)}"] if added else []
    return "; ".join(done) or "up to date"


def create_users(engine: sa.Engine, users: Sequence[User], patience: Patience) -> str:
    """Let the identities in, with rights on the window table and nothing else; says who they are."""
    if engine.dialect.name != "mssql":
        return f"{engine.dialect.name} has no users"
    statements = [
        statement
        for user in users
        for statement in user_statements(user.name, user.client_id, user.permissions, WINDOW_TABLE)
    ]

    def run() -> None:
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    patience.retry("database users", run)
    return "; ".join(f"{user.name} may {', '.join(user.permissions)}" for user in users)


@contextmanager
def open_firewall(
    manager: ResourceManager, server_id: str, addresses: Sequence[str], patience: Patience
) -> Generator[None]:
    """Let the deployer's addresses through the server's firewall while the context lasts, and no longer.

    Rules that a killed deployment left behind are removed too, whichever addresses it had.
    """
    rules = f"{server_id}/firewallRules"
    own = {f"{rules}/{_PREFIX}{address.replace('.', '-')}": address for address in addresses}

    def shut(rule: str) -> None:
        patience.retry("firewall", lambda: manager.delete(rule, FIREWALL_API))

    try:
        for rule, address in own.items():
            body = {"properties": {"startIpAddress": address, "endIpAddress": address}}
            patience.retry("firewall", lambda rule=rule, body=body: manager.put(rule, FIREWALL_API, body))
        yield
    finally:
        for rule in own:
            shut(rule)
        listed = patience.retry("firewall", lambda: manager.get(rules, FIREWALL_API)) or {}
        for name in [rule["name"] for rule in listed.get("value", ())]:
            if name.startswith(_PREFIX):
                shut(f"{rules}/{name}")
