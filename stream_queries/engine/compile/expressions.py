"""From expressions of the query language to DuckDB SQL, type by type, through an explicit list of node types."""

from collections.abc import Callable, Sequence
from typing import Protocol

from stream_queries.engine.compile import functions
from stream_queries.engine.compile.casts import cast, type_name
from stream_queries.engine.compile.regular_expressions import PatternError, depends_on_newlines, to_re2
from stream_queries.engine.compile.typed import NUMBERS, Type, Typed, text_literal
from stream_queries.engine.language import syntax
from stream_queries.engine.language.lint import REFUSED_FUNCTIONS, RefusedError, Remark
from stream_queries.engine.language.syntax import Node

AGGREGATES = frozenset({"COUNT", "SUM", "AVG", "MIN", "MAX", "STDEV", "STDEVP", "VAR", "VARP"})
WINDOWS = frozenset({"TUMBLINGWINDOW", "HOPPINGWINDOW", "SLIDINGWINDOW"})


class Scope(Protocol):
    """What names mean where an expression stands."""

    def column(self, name: syntax.Name) -> Typed: ...

    def timestamp(self) -> Typed: ...

    def shared(self, value: Typed) -> Typed:
        """The same value, computed once for all expressions that read it, where that pays."""
        ...


class Compiler:
    """Compiles expressions in one scope; `remarks` collects what `check` should say."""

    def __init__(self, scope: Scope, remarks: list[Remark]) -> None:
        self.scope = scope
        self.remarks = remarks

    # -- entry points

    def condition(self, node: Node) -> str:
        """A WHERE, HAVING or WHEN."""
        compiled = self.compile(node)
        if compiled.type is not Type.CONDITION:
            raise RefusedError(node.line, f"a {compiled.type} is not a condition", "compare it with something")
        return compiled.sql

    def value(self, node: Node) -> Typed:
        """Something that a column can hold."""
        compiled = self.compile(node)
        if compiled.type is Type.CONDITION:
            raise RefusedError(node.line, "a condition is not a value", "write CASE WHEN … THEN 1 ELSE 0 END")
        return compiled

    def typed(self, node: Node) -> Typed:
        """A value whose type is known."""
        compiled = self.value(node)
        if compiled.type is Type.UNTYPED:
            field = node.name if isinstance(node, syntax.Name) else "this"
            raise RefusedError(node.line, f"{field} has no type, it is a field of an event", "TRY_CAST it first")
        return compiled

    def compile(self, node: Node) -> Typed:
        """Any expression."""
        match node:
            case syntax.Number() | syntax.Text() | syntax.Null():
                return self.constant(node)
            case syntax.Name():
                return self.scope.column(node)
            case syntax.SystemTimestamp():
                return self.scope.timestamp()
            case syntax.Call():
                return self.call(node)
            case syntax.Cast(operand=operand, target=target, attempt=attempt):
                converted = cast(self.value(operand), target, attempt=attempt, line=node.line)
                return self.scope.shared(converted) if attempt and isinstance(operand, syntax.Name) else converted
            case syntax.Case():
                return self.case(node)
            case syntax.Negative(operand=operand):
                number = self.number_of(operand)
                return functions.calculated("-{0}", number)
            case syntax.Arithmetic():
                return self.arithmetic(node)
            case _:
                return Typed(f"({self.predicate(node)})", Type.CONDITION)

    # -- conditions

    def predicate(self, node: Node) -> str:
        match node:
            case syntax.Logical(operator=operator, left=left, right=right):
                return f"{self.condition(left)} {operator} {self.condition(right)}"
            case syntax.Not(operand=operand):
                return f"NOT {self.condition(operand)}"
            case syntax.Comparison(operator=operator, left=left, right=right):
                first, second = self.comparable([left, right])
                return f"{first.sql} {operator} {second.sql}"
            case syntax.Between(operand=operand, low=low, high=high, negated=negated):
                middle, first, second = self.comparable([operand, low, high])
                return f"{middle.sql} {_not(negated)}BETWEEN {first.sql} AND {second.sql}"
            case syntax.Among(operand=operand, choices=choices, negated=negated):
                first, *rest = self.comparable([operand, *choices])
                return f"{first.sql} {_not(negated)}IN ({', '.join(choice.sql for choice in rest)})"
            case syntax.IsNull(operand=operand, negated=negated):
                return f"{self.value(operand).sql} IS {_not(negated)}NULL"
            case syntax.Like(operand=operand, pattern=syntax.Text(value=pattern), negated=negated):
                return self.like(node, self.text_of(operand), pattern, negated=negated)
            case syntax.Like():
                raise RefusedError(node.line, "LIKE with a computed pattern is not run here", "write it as a text")
            case _:
                raise RefusedError(node.line, f"{type(node).__name__} is not run here", "write it differently")

    def like(self, node: Node, operand: Typed, pattern: str, *, negated: bool) -> str:
        if "[" in pattern:
            raise RefusedError(node.line, "LIKE with [ ] is not run here", "use REGEXMATCH")
        if not operand.fixed and pattern.upper() != pattern.lower():
            self.remark(node, "whether LIKE regards case is not documented: here it does")
        return f"{operand.sql} {_not(negated)}LIKE {text_literal(pattern)}"

    def comparable(self, nodes: Sequence[Node]) -> list[Typed]:
        """Values of one type (bigint and float count as one); a bit compares with the numbers 0 and 1."""
        values = [self.typed(node) for node in nodes]
        types = {value.type for value in values} - {Type.NULL}
        if Type.BIT in types and Type.BIGINT in types:
            values = [
                cast(value, "bigint", attempt=True, line=node.line) if value.type is Type.BIT else value
                for value, node in zip(values, nodes, strict=True)
            ]
            types = {value.type for value in values} - {Type.NULL}
        if len(types) > 1 and not types <= NUMBERS:
            names = " with a ".join(sorted(types))
            raise RefusedError(nodes[0].line, f"comparing a {names} is not run here", "TRY_CAST one of them")
        if Type.TEXT in types and not all(value.fixed for value in values):
            constants = [node.value for node in nodes if isinstance(node, syntax.Text)]
            if len(constants) != len(nodes) - 1 or any(text.upper() != text.lower() for text in constants):
                self.remark(nodes[0], "whether comparing texts regards case is not documented: here it does")
        return values

    def remark(self, node: Node, text: str) -> None:
        self.remarks.append(Remark(node.line, text))

    # -- values

    def constant(self, node: syntax.Number | syntax.Text | syntax.Null) -> Typed:
        if isinstance(node, syntax.Null):
            return Typed("NULL", Type.NULL, fixed=True)
        if isinstance(node, syntax.Text):
            return Typed(text_literal(node.value), Type.TEXT, fixed=True)
        if any(mark in node.text for mark in ".eE"):
            return Typed(f"CAST('{node.text}' AS DOUBLE)", Type.FLOAT)
        if not -(2**63) <= int(node.text) < 2**63:
            raise RefusedError(node.line, f"{node.text} is not a bigint", "write a decimal point for a float")
        return Typed(f"CAST('{node.text}' AS BIGINT)", Type.BIGINT)

    def arithmetic(self, node: syntax.Arithmetic) -> Typed:
        left, right = self.number_of(node.left), self.number_of(node.right)
        both = {left.type, right.type}
        result = Type.FLOAT if Type.FLOAT in both else Type.BIGINT
        if node.operator == "/" and result is Type.BIGINT:
            raise RefusedError(node.line, "what dividing two bigints gives is not documented", "TRY_CAST one AS float")
        if node.operator == "%" and result is Type.FLOAT:
            raise RefusedError(node.line, "% of floats is not run here", "use bigints")
        divisor = "nullif({1}, 0)" if node.operator in "/%" else "{1}"
        return functions.calculated(f"{{0}} {node.operator} {divisor}", left, right)

    def case(self, node: syntax.Case) -> Typed:
        results = [result for _, result in node.branches] + ([node.otherwise] if node.otherwise else [])
        values = self.unified(results)
        branches: list[str] = []
        for (when, _), value in zip(node.branches, values, strict=False):
            if node.operand is None:
                condition = self.condition(when)
            else:
                first, second = self.comparable([node.operand, when])
                condition = f"{first.sql} = {second.sql}"
            branches.append(f"WHEN {condition} THEN {value.sql}")
        otherwise = f" ELSE {values[-1].sql}" if node.otherwise else ""
        known = {value.type for value in values} - {Type.NULL}
        result = Type.FLOAT if known == NUMBERS else next(iter(known))
        return Typed(f"(CASE {' '.join(branches)}{otherwise} END)", result, fixed=all(value.fixed for value in values))

    def unified(self, nodes: Sequence[Node]) -> list[Typed]:
        """Values of one type; bigints become floats beside floats."""
        values = [self.typed(node) for node in nodes]
        types = {value.type for value in values} - {Type.NULL}
        if not types:
            raise RefusedError(nodes[0].line, "only NULLs: the type is not known", "CAST one of them")
        if len(types) > 1 and types != NUMBERS:
            raise RefusedError(nodes[0].line, f"this mixes {' and '.join(sorted(types))}", "give all the same type")
        if types == NUMBERS:
            return [
                cast(value, "float", attempt=True, line=node.line) if value.type is Type.BIGINT else value
                for value, node in zip(values, nodes, strict=True)
            ]
        return values

    def number_of(self, node: Node) -> Typed:
        value = self.typed(node)
        if value.type not in NUMBERS:
            raise RefusedError(node.line, f"arithmetic with a {value.type} is not run here", "use numbers, or CONCAT")
        return value

    def text_of(self, node: Node) -> Typed:
        value = self.typed(node)
        if value.type is not Type.TEXT:
            raise RefusedError(node.line, f"a {value.type} is not a text", "TRY_CAST it AS nvarchar(max)")
        return value

    # -- functions

    def call(self, node: syntax.Call) -> Typed:
        special: dict[str, Callable[[syntax.Call], Typed]] = {
            "GETTYPE": self.get_type,
            "REGEXMATCH": self.regex_match,
            "COALESCE": self.coalesce,
            "NULLIF": self.null_if,
            "DATEADD": self.date_function,
            "DATEDIFF": self.date_function,
            "DATEPART": self.date_function,
        }
        name = node.function
        if name in special:
            return special[name](node)
        if name in AGGREGATES:
            raise RefusedError(node.line, f"{name} cannot stand here", "aggregates need GROUP BY and a window")
        if name in WINDOWS:
            raise RefusedError(node.line, f"{name} cannot stand here", "windows stand in GROUP BY")
        function = functions.FUNCTIONS.get(name)
        if function is None:
            advice = REFUSED_FUNCTIONS.get(name, "Stream Analytics has no such function")
            raise RefusedError(node.line, f"the function {name} is not supported here", advice)
        if name == "CHARINDEX":
            self.remark(node, "whether CHARINDEX regards case is not documented: here it does")
        return function.build(self.arguments_of(node, function))

    def arguments_of(self, node: syntax.Call, function: functions.Function) -> list[Typed]:
        wanted = len(function.parameters)
        given = len(node.arguments)
        if given != wanted and not (function.variadic and given > wanted):
            self.wrong_count(node, f"{wanted}{' or more' if function.variadic else ''}")
        found: list[Typed] = []
        for index, argument in enumerate(node.arguments):
            value = self.typed(argument)
            allowed = function.parameters[min(index, wanted - 1)]
            if value.type not in allowed:
                names = " or ".join(sorted(allowed))
                raise RefusedError(argument.line, f"{node.function} takes a {names}, not a {value.type}", "TRY_CAST it")
            found.append(value)
        return found

    def wrong_count(self, node: syntax.Call, wanted: str) -> None:
        what = f"{node.function} takes {wanted} arguments, not {len(node.arguments)}"
        raise RefusedError(node.line, what, "see its page in the query reference")

    def get_type(self, node: syntax.Call) -> Typed:
        if len(node.arguments) != 1:
            self.wrong_count(node, "1")
        name = type_name(self.value(node.arguments[0]))
        return self.scope.shared(name) if isinstance(node.arguments[0], syntax.Name) else name

    def regex_match(self, node: syntax.Call) -> Typed:
        if len(node.arguments) != 2:
            self.wrong_count(node, "2")
        text, pattern = self.text_of(node.arguments[0]), node.arguments[1]
        if not isinstance(pattern, syntax.Text):
            raise RefusedError(node.line, "REGEXMATCH with a computed pattern is not run here", "write it as a text")
        try:
            translated = to_re2(pattern.value)
        except PatternError as error:
            raise RefusedError(
                node.line, f"{error} in a REGEXMATCH pattern is not run here", "use letters, classes, groups, * + ? { }"
            ) from None
        if depends_on_newlines(pattern.value):
            self.remark(node, "how . and $ in REGEXMATCH treat a newline is not documented: say what you mean in [ ]")
        matches = f"regexp_matches({text.sql}, {text_literal(translated)})"
        up_to_match = text_literal(rf"^([\s\S]*?)(?:{translated})")
        before = f"regexp_extract({text.sql}, {up_to_match}, 1)"
        position = f"CASE WHEN {matches} THEN length({before}) + 1 WHEN {text.sql} IS NOT NULL THEN 0 END"
        return Typed(f"({position})", Type.BIGINT)

    def coalesce(self, node: syntax.Call) -> Typed:
        if len(node.arguments) < 2:
            self.wrong_count(node, "2 or more")
        values = self.unified(node.arguments)
        known = {value.type for value in values} - {Type.NULL}
        return Typed(
            f"coalesce({', '.join(value.sql for value in values)})",
            next(iter(known)),
            fixed=all(value.fixed for value in values),
        )

    def null_if(self, node: syntax.Call) -> Typed:
        if len(node.arguments) != 2:
            self.wrong_count(node, "2")
        first, second = self.comparable(node.arguments)
        return Typed(f"(CASE WHEN {first.sql} = {second.sql} THEN NULL ELSE {first.sql} END)", first.type, first.fixed)

    def date_function(self, node: syntax.Call) -> Typed:
        wanted = 2 if node.function == "DATEPART" else 3
        if len(node.arguments) != wanted:
            self.wrong_count(node, str(wanted))
        unit, *operands = node.arguments
        part = functions.DATE_PARTS.get(unit.name.lower()) if isinstance(unit, syntax.Name) else None
        if part is None:
            units = ", ".join(sorted(set(functions.DATE_PARTS.values())))
            raise RefusedError(unit.line, f"this unit of {node.function} is not run here", f"use {units}")
        bigint_first = node.function == "DATEADD"
        values = [
            self.of_type(operand, Type.BIGINT if bigint_first and index == 0 else Type.DATETIME)
            for index, operand in enumerate(operands)
        ]
        match node.function:
            case "DATEADD":
                return functions.date_add(part, *values)
            case "DATEDIFF":
                return functions.date_difference(part, *values)
            case _:
                return functions.date_part(part, *values)

    def of_type(self, node: Node, wanted: Type) -> Typed:
        value = self.typed(node)
        if value.type is not wanted:
            raise RefusedError(node.line, f"a {value.type} is not a {wanted}", f"TRY_CAST it AS {wanted}")
        return value


def _not(negated: bool) -> str:
    return "NOT " if negated else ""
