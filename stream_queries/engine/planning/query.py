"""A query, parsed and checked: what the rest of the repository holds in its hands."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from stream_queries.engine.language.lint import QueryError, RefusedError, Remark, remarks
from stream_queries.engine.language.parser import parse
from stream_queries.engine.planning.plan import Plan
from stream_queries.engine.planning.planner import Planner


@dataclass(frozen=True)
class Query:
    """A query text that this engine runs as Stream Analytics would, as far as its behaviour is documented."""

    name: str
    text: str
    plan: Plan
    remarks: tuple[Remark, ...]
    """What the author should know, in the order of lines."""

    @classmethod
    def parse(cls, text: str, *, name: str) -> "Query":
        """Parse and check; raises `QueryError`, whose text begins with `name:line`."""
        try:
            script = parse(text)
            planner = Planner(script)
            plan = planner.query_plan()
        except RefusedError as refused:
            raise QueryError(name=name, line=refused.line, what=refused.what, advice=refused.advice) from None
        found = sorted({*planner.remarks, *remarks(script)}, key=lambda remark: (remark.line, remark.text))
        return cls(name, text, plan, tuple(found))

    @property
    def inputs(self) -> Mapping[str, str | None]:
        """Input aliases, each with its TIMESTAMP BY (None: arrival time)."""
        return MappingProxyType({each.alias: each.timestamp_text for each in self.plan.inputs})

    @property
    def outputs(self) -> tuple[str, ...]:
        """Output aliases, in the order of the text."""
        return tuple(each.name for each in self.plan.outputs)

    @property
    def horizon(self) -> timedelta:
        """How far back a final row may look: the longest window, summed over steps."""
        return timedelta(microseconds=max(each.horizon for each in self.plan.outputs))

    @property
    def windows(self) -> tuple[str, ...]:
        """The windows, for people, in the order of the text."""
        return tuple(each.window.text for each in self.plan.aggregations())

    @property
    def digest(self) -> str:
        """Tells query texts apart."""
        return hashlib.sha256(self.text.encode()).hexdigest()
