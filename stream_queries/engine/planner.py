"""From syntax to plan: resolve names, compile expressions, find windows; refuse what does not fit."""

from dataclasses import fields, replace

from stream_queries.engine import plan, syntax
from stream_queries.engine.aggregates import Aggregate, captured
from stream_queries.engine.expressions import AGGREGATES, WINDOWS, Compiler
from stream_queries.engine.lint import RefusedError, Remark
from stream_queries.engine.syntax import Node
from stream_queries.engine.typed import NUMBERS, Type, Typed
from stream_queries.engine.windows import Window, window

METADATA = {
    "PartitionId": Typed("rows.partition_id", Type.BIGINT),
    "EventEnqueuedUtcTime": Typed("make_timestamp(rows.arrived_at)", Type.DATETIME),
    "EventProcessedUtcTime": Typed("make_timestamp(rows.arrived_at)", Type.DATETIME),
}
"""What Event Hubs adds to a body. There is no processing time here that could be repeated: it equals the arrival."""

EVENT_TIME = Typed("make_timestamp(rows.t)", Type.DATETIME)
WINDOW_END = Typed("make_timestamp(window_end)", Type.DATETIME)


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


class GroupCompiler(Compiler):
    """Compiles what stands after GROUP BY: keys, aggregates, the window's end, and what is made of them."""

    def __init__(self, rows: Compiler, keys: dict[str, Typed]) -> None:
        super().__init__(rows.scope, rows.remarks)
        self.rows = Compiler(rows.scope, [])
        self.keys = keys
        self.arguments: dict[str, Typed] = {}
        self.aggregates: list[Aggregate] = []

    def compile(self, node: Node) -> Typed:
        if isinstance(node, syntax.SystemTimestamp):
            return WINDOW_END
        if isinstance(node, syntax.Call) and node.function in AGGREGATES:
            return self.aggregate(node)
        key = self.keys.get(self.row_sql(node))
        if key is not None:
            return key
        if isinstance(node, syntax.Name):
            raise RefusedError(node.line, f"{node.name} is neither in GROUP BY nor in an aggregate", "put it into one")
        return super().compile(node)

    def row_sql(self, node: Node) -> str:
        try:
            return self.rows.compile(node).sql
        except RefusedError:
            return ""

    def aggregate(self, node: syntax.Call) -> Typed:
        if node.star:
            return self.add(Aggregate("COUNT", None, Type.BIGINT))
        if len(node.arguments) != 1:
            self.wrong_count(node, "1")
        (argument,) = node.arguments
        if any(isinstance(part, syntax.SystemTimestamp) for part in _walk(argument)):
            raise RefusedError(node.line, "System.Timestamp() in an aggregate is not run here", "name it in a step")
        plain_count = node.function == "COUNT" and not node.distinct
        rows = Compiler(self.scope, self.remarks)
        value = rows.value(argument) if plain_count else rows.typed(argument)
        self.check_argument(node, value)
        column = f"a{len(self.arguments)}"
        column = self.arguments.setdefault(captured(value), replace(value, sql=column)).sql
        return self.add(Aggregate(node.function, column, value.type, node.distinct))

    @staticmethod
    def check_argument(node: syntax.Call, value: Typed) -> None:
        function = node.function
        if function == "COUNT" and value.type is not Type.NULL:
            return
        if function in ("MIN", "MAX") and value.type is Type.DATETIME:
            return
        if value.type not in NUMBERS:
            raise RefusedError(node.line, f"{function} over a {value.type} is not run here", "TRY_CAST it AS float")
        if function == "AVG" and value.type is Type.BIGINT:
            raise RefusedError(node.line, "which type AVG over bigint gives is not documented", "TRY_CAST it AS float")

    def add(self, aggregate: Aggregate) -> Typed:
        if aggregate not in self.aggregates:
            self.aggregates.append(aggregate)
        return Typed(f"r{self.aggregates.index(aggregate)}", aggregate.result)


class Planner:
    """Plans one script."""

    def __init__(self, script: syntax.Script) -> None:
        self.script = script
        self.remarks: list[Remark] = []
        self.steps: dict[str, plan.Relation] = {}
        self.sources: dict[str, syntax.Source] = {}
        self.fields: dict[str, list[str]] = {}
        self.conversions: dict[str, list[str]] = {}
        self.used: set[str] = set()
        self.aggregations = 0

    def query_plan(self) -> plan.Plan:
        for index, step in enumerate(self.script.steps):
            if step.name in self.steps or step.name in self.sources:
                raise RefusedError(step.line, f"two steps or inputs are called {step.name}", "rename the step")
            self.steps[step.name] = self.relation(step, f"step_{index}")
        outputs: list[plan.Relation] = []
        for index, output in enumerate(self.script.outputs):
            if output.name in {each.name for each in outputs}:
                raise RefusedError(output.line, f"two SELECTs write INTO {output.name}", "join them with UNION")
            relation = self.relation(output, f"output_{index}")
            for column in relation.columns:
                if column.type is Type.UNTYPED:
                    raise RefusedError(output.line, f"{output.name}.{column.name} has no type", "TRY_CAST it")
            outputs.append(relation)
        for step in self.script.steps:
            if step.name not in self.used:
                self.remarks.append(Remark(step.line, f"nothing reads the step {step.name}"))
        inputs = tuple(self.input(alias, index) for index, alias in enumerate(self.sources))
        return plan.Plan(inputs, tuple(self.steps.values()), tuple(outputs))

    # -- sources

    def input(self, alias: str, index: int) -> plan.Input:
        source = self.sources[alias]
        timestamp = None
        if source.timestamp_by is not None:
            compiler = Compiler(InputScope(source.alias, self.fields[alias]), self.remarks)
            value = compiler.value(source.timestamp_by)
            if value.type is Type.UNTYPED:
                value = Typed(f"asa_json_datetime({value.sql})", Type.DATETIME)
            if value.type is not Type.DATETIME:
                raise RefusedError(source.line, f"TIMESTAMP BY takes a datetime, not a {value.type}", "CAST it")
            if any(isinstance(part, syntax.SystemTimestamp) for part in _walk(source.timestamp_by)):
                raise RefusedError(source.line, "TIMESTAMP BY System.Timestamp() defines itself", "use a field")
            timestamp = f"epoch_us({value.sql})"
        return plan.Input(
            alias=alias,
            table=f"input_{index}",
            fields=tuple(self.fields[alias]),
            conversions=tuple(self.conversions[alias]),
            timestamp=timestamp,
            timestamp_text=source.timestamp_text,
        )

    def source(self, source: syntax.Source) -> tuple[str, Compiler, int]:
        """The table to read, a compiler for its columns, and its horizon."""
        if source.name in self.steps:
            if source.timestamp_by is not None:
                raise RefusedError(source.line, f"TIMESTAMP BY on the step {source.name}", "only inputs have it")
            self.used.add(source.name)
            step = self.steps[source.name]
            return step.table, Compiler(StepScope(source.alias, step), self.remarks), step.horizon
        if source.name in {step.name for step in self.script.steps}:
            raise RefusedError(source.line, f"the step {source.name} is defined later", "move it up")
        first = self.sources.setdefault(source.name, source)
        if first.timestamp_text != source.timestamp_text:
            what = f"{source.name} is read twice, with different TIMESTAMP BY"
            raise RefusedError(
                source.line, what, "give each its own input: whether one can serve both is not documented"
            )
        found, conversions = self.fields.setdefault(source.name, []), self.conversions.setdefault(source.name, [])
        table = f"input_{list(self.sources).index(source.name)}_now"
        return table, Compiler(InputScope(source.alias, found, conversions), self.remarks), 0

    # -- relations

    def relation(self, relation: syntax.Relation, table: str) -> plan.Relation:
        parts: list[plan.Projection | plan.Aggregation] = []
        columns: tuple[plan.Column, ...] = ()
        horizon = 0
        for select in relation.selects:
            part, found, reach = self.select(select)
            if parts and [(each.name, each.type) for each in found] != [(each.name, each.type) for each in columns]:
                raise RefusedError(select.line, "the parts of this UNION differ in columns", "same names, types, order")
            columns = tuple(
                replace(new, fixed=new.fixed and old.fixed) for new, old in zip(found, columns or found, strict=True)
            )
            parts.append(part)
            horizon = max(horizon, reach)
        return plan.Relation(relation.name, table, columns, tuple(parts), horizon)

    def select(self, select: syntax.Select) -> tuple[plan.Projection | plan.Aggregation, tuple[plan.Column, ...], int]:
        table, rows, horizon = self.source(select.source)
        where = f" WHERE {rows.condition(select.where)}" if select.where else ""
        if select.group_by is None:
            if select.having is not None:
                raise RefusedError(select.having.line, "HAVING without GROUP BY", "use WHERE")
            items, columns = self.items(select, rows)
            return plan.Projection(f"SELECT rows.t, {items} FROM {table} AS rows{where}"), columns, horizon
        frame, keys = self.keys(select, rows)
        group = GroupCompiler(rows, {value.sql: replace(value, sql=f"k{index}") for index, value in enumerate(keys)})
        items, columns = self.items(select, group)
        having = group.condition(select.having) if select.having else None
        capture = [f"{captured(value)} AS k{index}" for index, value in enumerate(keys)]
        capture += [f"{sql} AS {value.sql}" for sql, value in group.arguments.items()]
        types = [(f"k{index}", value.type) for index, value in enumerate(keys)]
        types += [(value.sql, value.type) for value in group.arguments.values()]
        aggregation = plan.Aggregation(
            table=f"rows_{self.aggregations}",
            capture=f"SELECT {', '.join(['rows.t', *capture])} FROM {table} AS rows{where}",
            captured_types=tuple(types),
            keys=tuple(f"k{index}" for index in range(len(keys))),
            aggregates=tuple(group.aggregates),
            window=frame,
            items=items,
            having=having,
        )
        self.aggregations += 1
        return aggregation, columns, horizon + frame.size

    def keys(self, select: syntax.Select, rows: Compiler) -> tuple[Window, list[Typed]]:
        """The window and the other keys of a GROUP BY."""
        frames: list[Window] = []
        keys: list[Typed] = []
        for key in select.group_by or ():
            if isinstance(key, syntax.SystemTimestamp):
                frames.append(Window("snapshot"))
            elif isinstance(key, syntax.Call) and key.function in WINDOWS:
                frames.append(window(key))
            elif isinstance(key, syntax.Number | syntax.Text | syntax.Null):
                raise RefusedError(key.line, "a constant in GROUP BY is not run here", "leave it out")
            elif any(isinstance(part, syntax.SystemTimestamp) for part in _walk(key)):
                raise RefusedError(key.line, "System.Timestamp() within a key is not run here", "name it in a step")
            else:
                keys.append(rows.typed(key))
        if len(frames) != 1:
            what = "GROUP BY has no window" if not frames else "GROUP BY has more than one window"
            raise RefusedError(select.line, what, "add one, such as TumblingWindow(minute, 1), or System.Timestamp()")
        return frames[0], keys

    def items(self, select: syntax.Select, compiler: Compiler) -> tuple[str, tuple[plan.Column, ...]]:
        found: list[str] = []
        columns: list[plan.Column] = []
        for index, item in enumerate(select.items):
            if item.name.lower() in {column.name.lower() for column in columns}:
                raise RefusedError(item.line, f"two columns are called {item.name}", "rename one (case does not count)")
            value = compiler.value(item.expression)
            if value.type is Type.NULL:
                raise RefusedError(item.line, f"{item.name} is only NULL", "give it a type: CAST(NULL AS float)")
            found.append(f"{value.sql} AS c{index}")
            columns.append(plan.Column(item.name, value.type, value.fixed))
        return ", ".join(found), tuple(columns)


def _walk(node: Node) -> list[Node]:
    """The node and everything below it."""
    found = [node]
    for field in fields(node):
        value = getattr(node, field.name)
        for child in value if isinstance(value, tuple) else (value,):
            for part in child if isinstance(child, tuple) else (child,):
                if isinstance(part, Node):
                    found += _walk(part)
    return found
