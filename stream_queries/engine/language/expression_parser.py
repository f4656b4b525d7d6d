"""The grammar of expressions, from the loosest binding to the tightest."""

from dataclasses import replace

from stream_queries.engine.language import syntax
from stream_queries.engine.language.lint import REFUSED_WORDS, RefusedError
from stream_queries.engine.language.syntax import Node
from stream_queries.engine.language.tokens import Token, tokens

RESERVED = frozenset(
    (
        *("SELECT", "FROM", "WHERE", "GROUP", "BY", "HAVING", "INTO", "AS", "AND", "OR", "NOT", "CASE", "WHEN", "THEN"),
        *("ELSE", "END", "IS", "NULL", "IN", "LIKE", "BETWEEN", "UNION", "WITH", *REFUSED_WORDS),
    )
)
"""Words that name nothing unless they stand in [brackets]."""

COMPARISONS: dict[str, syntax.ComparisonOperator] = {
    "=": "=",
    "<>": "<>",
    "!=": "<>",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}


class ExpressionParser:
    """Recursive descent; one method for each part of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.index = 0

    # -- reading tokens

    @property
    def current(self) -> Token:
        return self.tokens[self.index]

    def ahead(self, offset: int = 1) -> Token:
        return self.tokens[min(self.index + offset, len(self.tokens) - 1)]

    def advance(self) -> Token:
        token = self.current
        self.index = min(self.index + 1, len(self.tokens) - 1)
        return token

    def at(self, *values: str) -> bool:
        token = self.current
        return token.word in values or (token.kind == "symbol" and token.value in values)

    def take(self, *values: str) -> bool:
        if self.at(*values):
            self.advance()
            return True
        return False

    def expect(self, *values: str) -> Token:
        if not self.at(*values):
            raise self.unexpected(" or ".join(values))
        return self.advance()

    def unexpected(self, wanted: str) -> RefusedError:
        token = self.current
        if advice := REFUSED_WORDS.get(token.word):
            return RefusedError(token.line, f"{token.word} is not supported here", advice)
        return RefusedError(token.line, f"unexpected {token.value!r}", f"expected {wanted}")

    def name(self, what: str) -> Token:
        token = self.current
        if token.kind not in ("word", "quoted") or token.word in RESERVED:
            raise self.unexpected(what)
        return self.advance()

    # -- expressions, from the loosest binding to the tightest

    def condition(self) -> Node:
        left = self.conjunction()
        while self.at("OR"):
            line = self.advance().line
            left = syntax.Logical(line=line, operator="OR", left=left, right=self.conjunction())
        return left

    def conjunction(self) -> Node:
        left = self.negation()
        while self.at("AND"):
            line = self.advance().line
            left = syntax.Logical(line=line, operator="AND", left=left, right=self.negation())
        return left

    def negation(self) -> Node:
        if self.at("NOT"):
            line = self.advance().line
            return syntax.Not(line=line, operand=self.negation())
        return self.predicate()

    def predicate(self) -> Node:
        left = self.sum()
        line = self.current.line
        if self.current.kind == "symbol" and self.current.value in COMPARISONS:
            operator = COMPARISONS[self.advance().value]
            return syntax.Comparison(line=line, operator=operator, left=left, right=self.sum())
        if self.take("IS"):
            negated = self.take("NOT")
            self.expect("NULL")
            return syntax.IsNull(line=line, operand=left, negated=negated)
        negated = self.at("NOT") and self.ahead().word in ("IN", "LIKE", "BETWEEN") and bool(self.advance())
        if self.take("BETWEEN"):
            low = self.sum()
            self.expect("AND")
            return syntax.Between(line=line, operand=left, low=low, high=self.sum(), negated=negated)
        if self.take("LIKE"):
            return syntax.Like(line=line, operand=left, pattern=self.sum(), negated=negated)
        if self.take("IN"):
            self.expect("(")
            choices = self.arguments()
            return syntax.Among(line=line, operand=left, choices=choices, negated=negated)
        return left

    def sum(self) -> Node:
        left = self.product()
        while self.at("+", "-"):
            token = self.advance()
            operator = "+" if token.value == "+" else "-"
            left = syntax.Arithmetic(line=token.line, operator=operator, left=left, right=self.product())
        return left

    def product(self) -> Node:
        left = self.signed()
        while self.at("*", "/", "%"):
            token = self.advance()
            operator = "*" if token.value == "*" else "/" if token.value == "/" else "%"
            left = syntax.Arithmetic(line=token.line, operator=operator, left=left, right=self.signed())
        return left

    def signed(self) -> Node:
        if self.at("-"):
            line = self.advance().line
            operand = self.signed()
            if isinstance(operand, syntax.Number) and not operand.text.startswith("-"):
                return replace(operand, text=f"-{operand.text}")
            return syntax.Negative(line=line, operand=operand)
        self.take("+")
        return self.primary()

    def primary(self) -> Node:
        token = self.current
        if token.kind == "number":
            self.advance()
            return syntax.Number(line=token.line, text=token.value)
        if token.kind == "text":
            self.advance()
            return syntax.Text(line=token.line, value=token.value)
        if self.take("NULL"):
            return syntax.Null(line=token.line)
        if self.take("("):
            if self.at("SELECT"):
                raise RefusedError(token.line, "subqueries are not supported here", "write a step under WITH")
            inner = self.condition()
            self.expect(")")
            return inner
        if self.at("CASE"):
            return self.case()
        if self.at("CAST", "TRY_CAST") and self.ahead().value == "(":
            return self.cast()
        if (
            token.kind == "word"
            and self.ahead().kind == "symbol"
            and self.ahead().value == "("
            and (token.word not in RESERVED or token.word == "LEFT")
        ):
            return self.call()
        return self.path()

    def case(self) -> Node:
        line = self.expect("CASE").line
        operand = None if self.at("WHEN") else self.condition()
        branches: list[tuple[Node, Node]] = []
        while self.take("WHEN"):
            when = self.condition()
            self.expect("THEN")
            branches.append((when, self.condition()))
        otherwise = self.condition() if self.take("ELSE") else None
        self.expect("END")
        if not branches:
            raise RefusedError(line, "this CASE has no WHEN", "add one")
        return syntax.Case(line=line, operand=operand, branches=tuple(branches), otherwise=otherwise)

    def cast(self) -> Node:
        token = self.advance()
        self.expect("(")
        operand = self.condition()
        self.expect("AS")
        target = self.name("a type").value.lower()
        if self.take("("):
            target += f"({self.advance().value.lower()})"
            self.expect(")")
        self.expect(")")
        return syntax.Cast(line=token.line, operand=operand, target=target, attempt=token.word == "TRY_CAST")

    def call(self) -> Node:
        token = self.advance()
        function = token.word
        self.expect("(")
        if function == "COUNT" and self.at("*"):
            self.advance()
            self.expect(")")
            called = syntax.Call(line=token.line, function=function, star=True)
        else:
            distinct = function == "COUNT" and self.take("DISTINCT")
            called = syntax.Call(line=token.line, function=function, arguments=self.arguments(), distinct=distinct)
        if self.at("OVER"):
            raise RefusedError(token.line, f"{token.value} … OVER is not supported here", REFUSED_WORDS["OVER"])
        return called

    def arguments(self) -> tuple[Node, ...]:
        """What stands before the closing bracket, separated by commas, and the bracket."""
        if self.take(")"):
            return ()
        if self.at("SELECT"):
            raise RefusedError(self.current.line, "subqueries are not supported here", "write a step under WITH")
        found = [self.condition()]
        while self.take(","):
            found.append(self.condition())
        self.expect(")")
        return tuple(found)

    def path(self) -> Node:
        first = self.name("a value")
        parts = [first]
        while self.take("."):
            parts.append(self.name("a name"))
        called = self.at("(")
        words = [part.word for part in parts]
        if words == ["SYSTEM", "TIMESTAMP"]:
            if self.take("("):
                self.expect(")")
            return syntax.SystemTimestamp(line=first.line)
        if called and words[0] == "UDF":
            raise RefusedError(
                first.line, f"the function udf.{parts[-1].value} is not supported here", "write it in SQL"
            )
        if called or words[0] == "SYSTEM":
            path = ".".join(part.value for part in parts)
            raise RefusedError(first.line, f"{path} is not supported here", "of System only System.Timestamp() is run")
        if len(parts) > 2:
            path = ".".join(part.value for part in parts)
            raise RefusedError(first.line, f"the nested field {path} is not supported here", "send it at the top level")
        return syntax.Name(line=first.line, name=parts[-1].value, qualifier=parts[0].value if len(parts) == 2 else None)
