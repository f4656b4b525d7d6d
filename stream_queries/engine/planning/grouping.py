"""What may stand in a SELECT with GROUP BY: keys, aggregates, the window's end, and what is made of them."""

from dataclasses import replace

from stream_queries.engine.compile.expressions import AGGREGATES, Compiler
from stream_queries.engine.compile.typed import NUMBERS, Type, Typed
from stream_queries.engine.language import syntax
from stream_queries.engine.language.lint import RefusedError
from stream_queries.engine.language.syntax import Node
from stream_queries.engine.planning.aggregates import Aggregate, captured

WINDOW_END = Typed("make_timestamp(window_end)", Type.DATETIME)


class GroupCompiler(Compiler):
    """Compiles the select list and HAVING over the groups that `keys` (SQL over rows, and what it is here) make."""

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
        if any(isinstance(part, syntax.SystemTimestamp) for part in syntax.walk(argument)):
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
