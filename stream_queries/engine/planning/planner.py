"""From syntax to plan: find sources, windows and columns, and refuse what does not fit together."""

from dataclasses import replace

from stream_queries.engine.compile.expressions import WINDOWS, Compiler
from stream_queries.engine.compile.typed import Type, Typed
from stream_queries.engine.language import syntax
from stream_queries.engine.language.lint import RefusedError, Remark
from stream_queries.engine.planning import plan
from stream_queries.engine.planning.aggregates import captured
from stream_queries.engine.planning.grouping import GroupCompiler
from stream_queries.engine.planning.scopes import InputScope, StepScope
from stream_queries.engine.planning.windows import Window, window


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
            if any(isinstance(part, syntax.SystemTimestamp) for part in syntax.walk(source.timestamp_by)):
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
            elif any(isinstance(part, syntax.SystemTimestamp) for part in syntax.walk(key)):
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
