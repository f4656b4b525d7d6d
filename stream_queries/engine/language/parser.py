"""From query text to syntax: a parser for exactly the language that is run, so that anything else is refused by name.

A general SQL parser would accept far more than Stream Analytics has (STDDEV for STDEV, say) and hide the difference.
"""

from stream_queries.engine.language import syntax
from stream_queries.engine.language.expression_parser import RESERVED, ExpressionParser
from stream_queries.engine.language.lint import REFUSED_WORDS, RefusedError


def parse(text: str) -> syntax.Script:
    """The script, or `RefusedError`."""
    parser = Parser(text)
    try:
        return parser.script()
    except RecursionError:
        raise RefusedError(parser.current.line, "the query is nested too deeply", "write it in steps") from None


class Parser(ExpressionParser):
    """The grammar of statements."""

    # -- statements

    def script(self) -> syntax.Script:
        steps: list[syntax.Relation] = []
        outputs: list[syntax.Relation] = []
        if self.take("WITH"):
            steps.append(self.step())
            while self.take(","):
                steps.append(self.step())
        while self.current.kind != "end":
            if self.take(";"):
                continue
            selects = self.selects()
            if selects[0].into is None:
                raise RefusedError(selects[0].line, "this SELECT has no output", "add INTO and the output's alias")
            outputs.append(syntax.Relation(line=selects[0].line, name=selects[0].into, selects=selects))
        if not outputs:
            raise RefusedError(self.current.line, "the query has no output", "end it with SELECT … INTO …")
        return syntax.Script(line=1, steps=tuple(steps), outputs=tuple(outputs))

    def step(self) -> syntax.Relation:
        name = self.name("the name of a step")
        self.expect("AS")
        self.expect("(")
        selects = self.selects()
        self.expect(")")
        if selects[0].into is not None:
            raise RefusedError(name.line, f"the step {name.value} has INTO", "only a final SELECT writes to an output")
        return syntax.Relation(line=name.line, name=name.value, selects=selects)

    def selects(self) -> tuple[syntax.Select, ...]:
        found = [self.select()]
        while self.take("UNION"):
            found.append(self.select())
            if found[-1].into is not None:
                raise RefusedError(found[-1].line, "INTO after UNION", "INTO belongs into the first SELECT of a UNION")
        return tuple(found)

    def select(self) -> syntax.Select:
        line = self.expect("SELECT").line
        items = [self.item()]
        while self.take(","):
            items.append(self.item())
        into = self.name("an output's alias").value if self.take("INTO") else None
        self.expect("FROM")
        source = self.source()
        where = self.condition() if self.take("WHERE") else None
        group_by = None
        if self.take("GROUP"):
            self.expect("BY")
            keys = [self.condition()]
            while self.take(","):
                keys.append(self.condition())
            group_by = tuple(keys)
        having = self.condition() if self.take("HAVING") else None
        if not (self.current.kind == "end" or self.at(")", ";", "SELECT", "UNION")):
            raise self.unexpected("the end of this SELECT")
        return syntax.Select(
            line=line, items=tuple(items), into=into, source=source, where=where, group_by=group_by, having=having
        )

    def item(self) -> syntax.Item:
        token = self.current
        if self.at("*"):
            raise RefusedError(token.line, "SELECT * is not supported here", "name the columns")
        expression = self.condition()
        if self.take("AS"):
            return syntax.Item(line=token.line, expression=expression, name=self.name("a column's name").value)
        if isinstance(expression, syntax.Name):
            return syntax.Item(line=token.line, expression=expression, name=expression.name)
        if self.at(",", "FROM", "INTO"):
            raise RefusedError(token.line, "this column has no name", "add AS and a name")
        raise self.unexpected("AS and a name")

    def source(self) -> syntax.Source:
        if self.at("("):
            raise RefusedError(self.current.line, "subqueries are not supported here", "write a step under WITH")
        name = self.name("an input or a step")
        alias = name
        if self.take("AS") or (
            self.current.kind in ("word", "quoted") and self.current.word not in RESERVED and not self.at_timestamp_by()
        ):
            alias = self.name("an alias")
        timestamp_by, text = None, None
        if self.at_timestamp_by():
            self.index += 2
            start = self.current.start
            timestamp_by = self.sum()
            text = self.text[start : self.tokens[self.index - 1].end]
        if self.at(","):
            raise RefusedError(self.current.line, "a second source is not supported here", REFUSED_WORDS["JOIN"])
        return syntax.Source(
            line=name.line, name=name.value, alias=alias.value, timestamp_by=timestamp_by, timestamp_text=text
        )

    def at_timestamp_by(self) -> bool:
        return self.current.word == "TIMESTAMP" and self.ahead().word == "BY"
