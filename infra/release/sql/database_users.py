"""The T-SQL that lets a managed identity into the database, with rights on one table and nothing else.

Only text: who runs it, and when it is tried again, is not decided here. Every statement may run any number of times.
"""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

Permission = Literal["SELECT", "INSERT", "DELETE"]

SCHEMA = "dbo"
NAME_MAX_LENGTH = 128  # of SQL Server's type sysname


def sid_of(client_id: str) -> str:
    """The security identifier under which SQL Server knows an identity: `0x` and its client id's 16 bytes.

    The bytes are those of a Windows GUID: the first three groups little-endian, the rest as written. It is the client
    (application) id that counts, not the principal's object id. Raises ValueError if `client_id` is not a GUID.

    Source: https://learn.microsoft.com/sql/t-sql/statements/create-user-transact-sql (SID, TYPE = E)
    """
    return f"0x{UUID(client_id).bytes_le.hex().upper()}"


def user_statements(name: str, client_id: str, permissions: Sequence[Permission], table: str) -> list[str]:
    """The statements, in order, after which the identity is a user `name` with `permissions` on `table`.

    An identity that was created anew keeps its name but has another client id: its old user is dropped first. The user
    is created by SID because `FROM EXTERNAL PROVIDER` needs rights to read the directory. Raises ValueError if
    `client_id` is not a GUID, or if a name or the permissions are missing or too long.
    """
    if not permissions:
        raise ValueError(f"user {name!r} of table {table!r} would have no permission")
    sid, user, literal = sid_of(client_id), _quoted(name), _literal(name)
    same_name = f"SELECT 1 FROM sys.database_principals WHERE name = {literal}"
    return [
        f"IF EXISTS ({same_name} AND sid <> {sid}) DROP USER {user}",
        f"IF NOT EXISTS ({same_name}) CREATE USER {user} WITH SID = {sid}, TYPE = E",
        f"GRANT {', '.join(permissions)} ON {_quoted(SCHEMA)}.{_quoted(table)} TO {user}",
    ]


def _quoted(name: str) -> str:
    """An identifier in brackets, whatever it is made of."""
    if not 0 < len(name) <= NAME_MAX_LENGTH:
        raise ValueError(f"{name!r} is no name of SQL Server: it must have 1 to {NAME_MAX_LENGTH} characters")
    return f"[{name.replace(']', ']]')}]"


def _literal(text: str) -> str:
    """A string as T-SQL writes it."""
    return "N'{}'".format(text.replace("'", "''"))
