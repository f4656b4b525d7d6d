"""The release's work inside the database: tables, and users for the two identities that use them.

Deliberately absent: passwords. Whoever deploys logs in with an Entra token and must be in the server's admin group.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from infra.release.database_users import Permission, user_statements
from infra.release.patience import Patience
from infra.release.resource_manager import ResourceManager
from infra.release.schema import migrate
from stream_queries.schema import WINDOW_TABLE

FIREWALL_API = "2023-08-01"
_RULE_PREFIX = "deployer-"


@dataclass(frozen=True)
class User:
    """An identity that becomes a user of the database: its name there, its client id, what it may do."""

    name: str
    client_id: str
    permissions: Sequence[Permission]


def create_tables(engine: sa.Engine, patience: Patience) -> str:
    """Bring the tables up to date; says what was done."""
    applied = patience.retry("database", lambda: migrate(engine))
    return f"applied {', '.join(migration.title for migration in applied)}" if applied else "up to date"


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

    A rule that a killed deployment left behind is removed too.
    """
    for address in addresses:
        patience.retry(
            "firewall", lambda address=address: manager.put(_rule(server_id, address), FIREWALL_API, _body(address))
        )
    try:
        yield
    finally:
        if addresses:
            for name in _left_open(
                patience.retry("firewall", lambda: manager.get(f"{server_id}/firewallRules", FIREWALL_API))
            ):
                patience.retry(
                    "firewall", lambda name=name: manager.delete(f"{server_id}/firewallRules/{name}", FIREWALL_API)
                )


def _rule(server_id: str, address: str) -> str:
    return f"{server_id}/firewallRules/{_RULE_PREFIX}{address.replace('.', '-')}"


def _body(address: str) -> dict[str, Mapping[str, str]]:
    return {"properties": {"startIpAddress": address, "endIpAddress": address}}


def _left_open(rules: Mapping[str, Sequence[Mapping[str, str]]] | None) -> list[str]:
    names = [rule["name"] for rule in (rules or {}).get("value", ())]
    return [name for name in names if name.startswith(_RULE_PREFIX)]
