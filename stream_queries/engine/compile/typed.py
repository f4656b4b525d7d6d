"""A compiled expression: DuckDB SQL together with its Stream Analytics type."""

from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    """Stream Analytics' types, and what else an expression can be before it is a value."""

    BIGINT = "bigint"
    FLOAT = "float"
    TEXT = "nvarchar(max)"
    DATETIME = "datetime"
    BIT = "bit"
    UNTYPED = "untyped"  # a field of a body: any JSON value, held as its JSON text
    NULL = "null"  # the word NULL, which fits everywhere
    CONDITION = "condition"  # what WHERE and WHEN take; not a value


NUMBERS = frozenset({Type.BIGINT, Type.FLOAT})
DUCKDB_TYPES = {
    Type.BIGINT: "BIGINT",
    Type.FLOAT: "DOUBLE",
    Type.TEXT: "VARCHAR",
    Type.DATETIME: "TIMESTAMP",
    Type.BIT: "BOOLEAN",
    Type.UNTYPED: "VARCHAR",
}


@dataclass(frozen=True)
class Typed:
    """SQL and type; `fixed` marks texts that come from the query itself, so that their case is known."""

    sql: str
    type: Type
    fixed: bool = False


def identifier(name: str) -> str:
    """A name, quoted for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(value: str) -> str:
    """A text, quoted for DuckDB."""
    return "'" + value.replace("'", "''") + "'"
