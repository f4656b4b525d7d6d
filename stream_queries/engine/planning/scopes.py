"""What names mean where an expression stands: in a SELECT from an input, or from a step."""

from dataclasses import replace

from stream_queries.engine.compile.typed import Type, Typed
from stream_queries.engine.language import syntax
from stream_queries.engine.language.lint import RefusedError
from stream_queries.engine.planning import plan

METADATA = {
    "PartitionId": Typed("rows.partition_id", Type.BIGINT),
    "EventEnqueuedUtcTime": Typed("make_timestamp(rows.arrived_at)", Type.DATETIME),
    "EventProcessedUtcTime": Typed("make_timestamp(rows.arrived_at)", Type.DATETIME),
}
"""What Event Hubs adds to a body. There is no processing time here that could be repeated: it equals the arrival."""

EVENT_TIME = Typed("make_timestamp(rows.t)", Type.DATETIME)


class InputScope:
    """Columns of an input: whatever a body holds, untyped, and the metadata.

    `found` collects the fields, `conversions` what is made of them (None: nothing is shared, as in TIMESTAMP BY).
    """

    def __init__(self, alias: str, found: list[str], conversions: list[str] | None = None) -> None:
        self.alias = alias
        self.found = found
        self.conversions = conversions

    def column(self, name: syntax.Name) -> Typed:
        _check_qualifier(name, self.alias)
        if name.name in METADATA:
            return METADATA[name.name]
        for known in METADATA:
            if name.name.lower() == known.lower():
                raise RefusedError(name.line, f"{name.name} is spelled {known}", "names match exactly here")
        if any(mark in name.name for mark in '"\\'):
            raise RefusedError(name.line, f"a field cannot be called {name.name}", "leave quotes and backslashes out")
        if name.name not in self.found:
            self.found.append(name.name)
        return Typed(f"rows.f{self.found.index(name.name)}", Type.UNTYPED)

    def timestamp(self) -> Typed:
        return EVENT_TIME

    def shared(self, value: Typed) -> Typed:
        if self.conversions is None:
            return value
        if value.sql not in self.conversions:
            self.conversions.append(value.sql)
        return replace(value, sql=f"rows.v{self.conversions.index(value.sql)}")


class StepScope:
    """Columns of a step."""

    def __init__(self, alias: str, relation: plan.Relation) -> None:
        self.alias = alias
        self.relation = relation

    def column(self, name: syntax.Name) -> Typed:
        _check_qualifier(name, self.alias)
        for index, column in enumerate(self.relation.columns):
            if column.name == name.name:
                return Typed(f"rows.c{index}", column.type, column.fixed)
        columns = ", ".join(column.name for column in self.relation.columns)
        raise RefusedError(name.line, f"{self.relation.name} has no column {name.name}", f"it has {columns}")

    def timestamp(self) -> Typed:
        return EVENT_TIME

    def shared(self, value: Typed) -> Typed:
        return value


def _check_qualifier(name: syntax.Name, alias: str) -> None:
    if name.qualifier is not None and name.qualifier != alias:
        path = f"{name.qualifier}.{name.name}"
        raise RefusedError(name.line, f"the nested field {path} is not supported here", f"the source is {alias}")
