"""The parts of a query text: what the parser builds and the planner reads. Every node knows its line."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal as OneOf


@dataclass(frozen=True, kw_only=True)
class Node:
    """Anything that stands somewhere in the text."""

    line: int


@dataclass(frozen=True, kw_only=True)
class Number(Node):
    """A number as it was written."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Text(Node):
    """A text in single quotes, without them."""

    value: str


@dataclass(frozen=True, kw_only=True)
class Null(Node):
    """The word NULL."""


@dataclass(frozen=True, kw_only=True)
class Name(Node):
    """A column, possibly behind the name of its source; also the unit in DATEADD(minute, …)."""

    name: str
    qualifier: str | None = None


@dataclass(frozen=True, kw_only=True)
class SystemTimestamp(Node):
    """System.Timestamp(): an event's time, or a window's end."""


@dataclass(frozen=True, kw_only=True)
class Call(Node):
    """A function or an aggregate, its name in upper case; `star` is COUNT(*), `distinct` COUNT(DISTINCT x)."""

    function: str
    arguments: tuple[Node, ...] = ()
    star: bool = False
    distinct: bool = False


@dataclass(frozen=True, kw_only=True)
class Cast(Node):
    """CAST(operand AS target), or TRY_CAST if `attempt`."""

    operand: Node
    target: str
    attempt: bool


@dataclass(frozen=True, kw_only=True)
class Negative(Node):
    """-operand."""

    operand: Node


@dataclass(frozen=True, kw_only=True)
class Arithmetic(Node):
    """left + right, and so on."""

    operator: OneOf["+", "-", "*", "/", "%"]
    left: Node
    right: Node


ComparisonOperator = OneOf["=", "<>", "<", "<=", ">", ">="]


@dataclass(frozen=True, kw_only=True)
class Comparison(Node):
    """left = right, and so on; `<>` is the only spelling of inequality here."""

    operator: ComparisonOperator
    left: Node
    right: Node


@dataclass(frozen=True, kw_only=True)
class Logical(Node):
    """left AND right, left OR right."""

    operator: OneOf["AND", "OR"]
    left: Node
    right: Node


@dataclass(frozen=True, kw_only=True)
class Not(Node):
    """NOT operand."""

    operand: Node


@dataclass(frozen=True, kw_only=True)
class Between(Node):
    """operand [NOT] BETWEEN low AND high, both included."""

    operand: Node
    low: Node
    high: Node
    negated: bool


@dataclass(frozen=True, kw_only=True)
class Among(Node):
    """operand [NOT] IN (choices)."""

    operand: Node
    choices: tuple[Node, ...]
    negated: bool


@dataclass(frozen=True, kw_only=True)
class Like(Node):
    """operand [NOT] LIKE 'pattern'."""

    operand: Node
    pattern: Node
    negated: bool


@dataclass(frozen=True, kw_only=True)
class IsNull(Node):
    """operand IS [NOT] NULL."""

    operand: Node
    negated: bool


@dataclass(frozen=True, kw_only=True)
class Case(Node):
    """CASE [operand] WHEN … THEN … [ELSE …] END."""

    operand: Node | None
    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node | None


@dataclass(frozen=True, kw_only=True)
class Item(Node):
    """One column of a select list and its name."""

    expression: Node
    name: str


@dataclass(frozen=True, kw_only=True)
class Source(Node):
    """FROM name [alias] [TIMESTAMP BY …]."""

    name: str
    alias: str
    timestamp_by: Node | None
    timestamp_text: str | None


@dataclass(frozen=True, kw_only=True)
class Select(Node):
    """One SELECT."""

    items: tuple[Item, ...]
    into: str | None
    source: Source
    where: Node | None
    group_by: tuple[Node, ...] | None
    having: Node | None


@dataclass(frozen=True, kw_only=True)
class Relation(Node):
    """A step or an output: SELECTs joined by UNION, which keeps duplicates."""

    name: str
    selects: tuple[Select, ...]


@dataclass(frozen=True, kw_only=True)
class Script(Node):
    """A whole query text."""

    steps: tuple[Relation, ...]
    outputs: tuple[Relation, ...]


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below it."""
    for field in fields(node):
        yield from _nodes(getattr(node, field.name))


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _nodes(part)
