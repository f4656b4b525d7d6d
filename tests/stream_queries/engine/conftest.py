"""Events for the engine's tests, and streams that are cut at given moments."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from stream_queries.engine import EVENT_SCHEMA, Query, StreamingQuery
from stream_queries.time_policy import TimePolicy

START = datetime(2026, 1, 1, tzinfo=UTC)

Events = Callable[..., pa.Table]
Streamed = Callable[..., dict[str, pa.Table]]


@pytest.fixture(scope="session")
def events() -> Events:
    """Events from (body, seconds of arrival after START[, partition]); a body is a dict or JSON text."""

    def build(rows: Sequence[tuple]) -> pa.Table:
        return pa.table(
            {
                "body": [row[0] if isinstance(row[0], str) else json.dumps(row[0]) for row in rows],
                "partition_id": [row[2] if len(row) > 2 else 0 for row in rows],
                "sequence_number": list(range(len(rows))),
                "arrived_at": [START + timedelta(seconds=row[1]) for row in rows],
            },
            schema=EVENT_SCHEMA,
        )

    return build


@pytest.fixture(scope="session")
def streamed() -> Streamed:
    """All rows of a stream that is pushed up to each moment (seconds after START), saved in between if asked."""

    def run(
        query: Query,
        inputs: Mapping[str, pa.Table],
        policy: TimePolicy,
        moments: Sequence[float],
        file: Path | None = None,
    ) -> dict[str, pa.Table]:
        running = StreamingQuery(query, policy=policy)
        parts = []
        begin = START - timedelta(days=1)
        for moment in sorted(moments):
            end = START + timedelta(seconds=moment)
            parts.append(running.push({name: between(table, begin, end) for name, table in inputs.items()}, clock=end))
            begin = end
            if file is not None:
                running.save(file)
                running = StreamingQuery.restore(query, policy=policy, file=file)
        rest = {name: between(table, begin, START + timedelta(days=1)) for name, table in inputs.items()}
        parts.append(running.push(rest, clock=begin))
        parts.append(running.close())
        return {name: pa.concat_tables([part[name] for part in parts]) for name in query.outputs}

    return run


def between(table: pa.Table, begin: datetime, end: datetime) -> pa.Table:
    return table.filter(pa.array([begin <= moment < end for moment in table["arrived_at"].to_pylist()], pa.bool_()))
