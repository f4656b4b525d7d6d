"""Query cases as data: `<query>/<case>/` holds events and the rows that each output must have.

* `events.jsonl` feeds every input; `<input>.jsonl` feeds one. The form of a line is told in `event_files`.
* `<output>.expected.jsonl` holds an output's rows, in any order; an output without such a file must have none.
* `policy.json` may set `late_arrival` and `out_of_order` in seconds.

Every case runs as a batch, then as a stream in random cuts.
"""

import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from stream_queries import query_file
from stream_queries.commands.event_files import read_events, read_rows, rows
from stream_queries.engine import EVENT_SCHEMA, Query, StreamingQuery, decode, run_batch
from stream_queries.errors import UserError
from stream_queries.time_policy import DEFAULT_TIME_POLICY, TimePolicy

CASES = Path(__file__).parents[2] / "tests" / "stream_queries" / "cases"
CUTS = 2
TOLERANCE = 1e-12


@dataclass(frozen=True)
class Case:
    """One folder."""

    query: Query
    folder: Path

    @property
    def name(self) -> str:
        return f"{self.folder.parent.name}/{self.folder.name}"

    def failures(self) -> list[str]:
        """Every difference between what the query gives and what the case expects, one line each; empty is good."""
        policy = read_policy(self.folder / "policy.json")
        inputs = self._inputs()
        found = self._differences("batch", run_batch(self.query, inputs, policy=policy))
        for seed in range(CUTS):
            found += self._differences(f"stream cut {seed}", stream(self.query, inputs, policy, random.Random(seed)))
        return found

    def _inputs(self) -> dict[str, pa.Table]:
        inputs: dict[str, pa.Table] = {}
        for alias in self.query.inputs:
            own, common = self.folder / f"{alias}.jsonl", self.folder / "events.jsonl"
            inputs[alias] = decode(read_events(own if own.exists() else common)).events
        return inputs

    def _differences(self, how: str, outputs: Mapping[str, pa.Table]) -> list[str]:
        found: list[str] = []
        for name, table in outputs.items():
            file = self.folder / f"{name}.expected.jsonl"
            expected = sorted(read_rows(file) if file.exists() else [], key=_order)
            actual = sorted(rows(table), key=_order)
            for index in range(max(len(expected), len(actual))):
                wanted = expected[index] if index < len(expected) else None
                got = actual[index] if index < len(actual) else None
                if not same_row(wanted, got):
                    found.append(f"{self.name}, {how}, {name}: expected {wanted}, got {got}")
                    break
        return found


def find_cases(folder: Path = CASES) -> list[Case]:
    """All cases below `folder`, by name; a folder of cases is called like its query."""
    queries: dict[str, Query] = {}
    found: list[Case] = []
    for case in sorted(path for path in folder.glob("*/*") if path.is_dir()):
        name = case.parent.name
        if name not in queries:
            queries[name] = load_query(name)
        found.append(Case(queries[name], case))
    if not found:
        raise UserError(f"{folder}: holds no cases: make <query>/<case>/events.jsonl")
    return found


def load_query(name: str) -> Query:
    """A query by name (`sensor_windows`) or file."""
    file = query_file(name) if query_file(name).exists() else Path(name)
    try:
        return Query.parse(file.read_text(encoding="utf-8"), name=_from_here(file))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{name}: no such query, and not a readable file: {error}") from None


def _from_here(file: Path) -> str:
    """The file's path as a reader would type it."""
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)


def read_policy(file: Path) -> TimePolicy:
    """The policy in a case's `policy.json`, or the default."""
    if not file.exists():
        return DEFAULT_TIME_POLICY
    try:
        seconds = json.loads(file.read_text(encoding="utf-8"))
        return TimePolicy(**{name: timedelta(seconds=value) for name, value in seconds.items()})
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f'{file}: not a policy ({error}): write {{"late_arrival": 60, "out_of_order": 60}}') from None


def stream(
    query: Query, inputs: Mapping[str, pa.Table], policy: TimePolicy, chance: random.Random
) -> dict[str, pa.Table]:
    """Push events, which are in order of arrival, at random moments; all rows that came out."""
    arrivals = sorted({moment for table in inputs.values() for moment in table["arrived_at"].to_pylist()})
    running = StreamingQuery(query, policy=policy)
    parts = []
    begin = datetime.min.replace(tzinfo=UTC)
    for clock in sorted(chance.sample(arrivals, min(len(arrivals), chance.randrange(1, 5)))):
        parts.append(running.push(_between(inputs, begin, clock), clock=clock))
        begin = clock
    running.receive(_between(inputs, begin, datetime.max.replace(tzinfo=UTC)))
    parts.append(running.close())
    return {name: pa.concat_tables([part[name] for part in parts]) for name in query.outputs}


def _between(inputs: Mapping[str, pa.Table], begin: datetime, end: datetime) -> dict[str, pa.Table]:
    """The events that arrived in [begin, end)."""
    return {
        alias: table.filter(pa.array([begin <= moment < end for moment in table["arrived_at"].to_pylist()], pa.bool_()))
        for alias, table in inputs.items()
        if table.schema == EVENT_SCHEMA
    }


def _order(row: dict) -> str:
    """An order in which rows that differ only in a float's last digits keep their places."""
    return json.dumps({name: f"{value:.9g}" if isinstance(value, float) else value for name, value in row.items()})


def same_row(expected: dict | None, actual: dict | None) -> bool:
    """Same columns in the same order, and the same values; floats to 1e-12."""
    if expected is None or actual is None or list(expected) != list(actual):
        return expected is actual
    return all(_same(expected[name], actual[name]) for name in expected)


def _same(expected: object, actual: object) -> bool:
    if isinstance(expected, float) and isinstance(actual, float):
        if math.isnan(expected) or math.isnan(actual):
            return math.isnan(expected) and math.isnan(actual)
        return math.isclose(expected, actual, rel_tol=TOLERANCE)
    return type(expected) is type(actual) and expected == actual
