"""What a query becomes: inputs, and relations in the order they are computed, each with its SQL."""

from collections.abc import Sequence
from dataclasses import dataclass

from stream_queries.engine.compile.typed import DUCKDB_TYPES, Type
from stream_queries.engine.planning.aggregates import Aggregate, aggregated
from stream_queries.engine.planning.windows import Window


@dataclass(frozen=True)
class Column:
    """A column of a relation; DuckDB knows it as c0, c1, … because its names disregard case."""

    name: str
    type: Type
    fixed: bool


@dataclass(frozen=True)
class Input:
    """Events of one input: the fields the query reads are kept as f0, f1, … beside t, arrived_at and partition_id."""

    alias: str
    table: str
    fields: tuple[str, ...]
    conversions: tuple[str, ...]
    """SQL of what the query makes of the fields, computed once as v0, v1, … when a row's time has come."""
    timestamp: str | None
    """SQL of the event's own time in microseconds; None for arrival time."""
    timestamp_text: str | None

    def due(self, watermark: int) -> str:
        """SQL of the rows whose time has come, with the conversions."""
        values = "".join(f", {sql} AS v{index}" for index, sql in enumerate(self.conversions))
        return f"SELECT rows.*{values} FROM {self.table} AS rows WHERE rows.t < {watermark}"


@dataclass(frozen=True)
class Projection:
    """A SELECT without GROUP BY: rows in, rows out."""

    sql: str


@dataclass(frozen=True)
class Aggregation:
    """A SELECT with a window: rows are captured in a table of their own until their windows are final."""

    table: str
    capture: str
    """SQL of new rows: t, keys k0…, arguments a0…"""
    captured_types: tuple[tuple[str, Type], ...]
    keys: tuple[str, ...]
    aggregates: tuple[Aggregate, ...]
    window: Window
    items: str
    having: str | None

    @property
    def definition(self) -> str:
        """Columns of the table."""
        return ", ".join(["t BIGINT", *(f"{name} {DUCKDB_TYPES[type_]}" for name, type_ in self.captured_types)])

    def result(self, begin: int, end: int) -> str:
        """SQL of the rows whose windows end in [begin, end)."""
        rows = self.window.assigned(self.table, self.keys, begin, end)
        condition = f" WHERE {self.having}" if self.having else ""
        return f"SELECT window_end AS t, {self.items} FROM ({aggregated(rows, self.keys, self.aggregates)}){condition}"


@dataclass(frozen=True)
class Relation:
    """A step or an output; its parts are joined by UNION."""

    name: str
    table: str
    columns: tuple[Column, ...]
    parts: tuple[Projection | Aggregation, ...]
    horizon: int
    """How far back rows may count, in microseconds: its own window and those of the steps before it."""


@dataclass(frozen=True)
class Plan:
    """A whole query."""

    inputs: tuple[Input, ...]
    steps: tuple[Relation, ...]
    outputs: tuple[Relation, ...]

    def aggregations(self) -> Sequence[Aggregation]:
        """All parts that keep rows."""
        relations = [*self.steps, *self.outputs]
        return [part for each in relations for part in each.parts if isinstance(part, Aggregation)]
