"""Running a query: events in as they arrive, final rows out as the watermark moves on.

Every relation is computed for one slice of time after the other, [previous watermark, watermark), and each row once:
rows wait in their input until their time has come, and in a window's table until all windows that hold them are final.
A batch is a stream that is pushed at once and closed, so the two cannot differ.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from stream_queries.engine.compile.casts import MACROS
from stream_queries.engine.compile.typed import Type
from stream_queries.engine.planning.plan import Aggregation, Input, Relation
from stream_queries.engine.planning.query import Query
from stream_queries.engine.planning.windows import BEGINNING, END
from stream_queries.engine.run import saved_state
from stream_queries.engine.run.events import ARRIVED_AT, EVENT_SCHEMA
from stream_queries.engine.run.timestamps import ARRIVING, microseconds, newest_after, stamped
from stream_queries.errors import UserError
from stream_queries.time_policy import TimePolicy

ARROW_TYPES = {
    Type.BIGINT: pa.int64(),
    Type.FLOAT: pa.float64(),
    Type.TEXT: pa.string(),
    Type.DATETIME: ARRIVED_AT,
    Type.BIT: pa.bool_(),
}


def run_batch(query: Query, inputs: Mapping[str, pa.Table], *, policy: TimePolicy) -> dict[str, pa.Table]:
    """All rows of every output for a closed set of events, ordered by time, then by their columns."""
    stream = StreamingQuery(query, policy=policy)
    stream.receive(inputs)
    return stream.close()


class StreamingQuery:
    """A running query. Not safe for several threads; a failed CAST ends it, as it stops a job."""

    def __init__(self, query: Query, *, policy: TimePolicy) -> None:
        self.query = query
        self.policy = policy
        self.watermark = BEGINNING
        self._clock = BEGINNING
        self._closed = False
        self._database = duckdb.connect(config={"threads": 2, "enable_external_access": False})
        self._database.execute(MACROS)
        for each in query.plan.inputs:
            fields = "".join(f", f{index} VARCHAR" for index in range(len(each.fields)))
            self._database.execute(
                f"CREATE TABLE {each.table} (t BIGINT, partition_id BIGINT, arrived_at BIGINT{fields})"
            )
            self._database.execute(f"CREATE TABLE {_newest(each)} (partition_id BIGINT, newest BIGINT)")
        for aggregation in query.plan.aggregations():
            self._database.execute(f"CREATE TABLE {aggregation.table} ({aggregation.definition})")

    def push(self, inputs: Mapping[str, pa.Table], *, clock: datetime) -> dict[str, pa.Table]:
        """Take events (EVENT_SCHEMA, by input alias) and return the rows that became final, one table per output.

        `clock` promises that every event still to come arrives at or after it. The watermark is `clock` minus the late
        arrival tolerance; rows whose System.Timestamp() lies before it are final, a window that ends exactly there not
        yet. A clock that goes back is ignored.
        """
        self.receive(inputs)
        self._clock = max(self._clock, microseconds(clock))
        return self._advance(max(self.watermark, self._clock - microseconds(self.policy.late_arrival)))

    def close(self) -> dict[str, pa.Table]:
        """The stream has ended: return everything left."""
        rows = self._advance(END)
        self._closed = True
        return rows

    def receive(self, inputs: Mapping[str, pa.Table]) -> None:
        """Take events without asking for rows."""
        if self._closed:
            raise ValueError("the stream is closed")
        if unknown := set(inputs) - set(self.query.inputs):
            raise ValueError(f"{self.query.name} has no input {', '.join(sorted(unknown))}")
        for each in self.query.plan.inputs:
            if each.alias in inputs and inputs[each.alias].num_rows:
                self._receive(each, inputs[each.alias].select(EVENT_SCHEMA.names).cast(EVENT_SCHEMA))

    def _receive(self, source: Input, events: pa.Table) -> None:
        arrived_at = events["arrived_at"].cast(pa.int64())
        if arrived_at.to_numpy().min() < self._clock:
            raise ValueError("an event arrived before the clock that the last push promised")
        batch = pa.table(
            {
                "body": events["body"],
                "partition_id": events["partition_id"],
                "arrived_at": arrived_at,
                "position": pa.array(range(events.num_rows), pa.int64()),
            }
        )
        self._database.register(ARRIVING, batch)
        self._replace("stamped", stamped(source, _newest(source), self.policy))
        self._database.unregister(ARRIVING)
        self._database.execute(f"INSERT INTO {source.table} BY NAME SELECT * EXCLUDE (position, moved) FROM stamped")
        if source.timestamp is not None:
            self._replace(_newest(source), newest_after("stamped", _newest(source)))

    def _advance(self, watermark: int) -> dict[str, pa.Table]:
        """Compute every relation for the times in [the last watermark, `watermark`)."""
        for each in self.query.plan.inputs:
            self._replace(f"{each.table}_now", each.due(watermark))
            self._replace(each.table, f"SELECT * FROM {each.table} WHERE t >= {watermark}")
        try:
            for step in self.query.plan.steps:
                self._replace(step.table, self._rows(step, watermark))
            results = {output.name: self._fetch(output, watermark) for output in self.query.plan.outputs}
        except duckdb.InvalidInputException as error:
            raise UserError(f"{self.query.name}: {str(error).splitlines()[0]}: use TRY_CAST") from None
        for aggregation in self.query.plan.aggregations():
            needed = aggregation.window.needed_from(watermark)
            self._replace(aggregation.table, f"SELECT * FROM {aggregation.table} WHERE {needed}")
        self.watermark = watermark
        return results

    def _rows(self, relation: Relation, watermark: int) -> str:
        """SQL of a relation's rows in this slice; captures what its windows need."""
        parts: list[str] = []
        for part in relation.parts:
            if isinstance(part, Aggregation):
                self._database.execute(f"INSERT INTO {part.table} BY NAME {part.capture}")
                parts.append(part.result(self.watermark, watermark))
            else:
                parts.append(part.sql)
        return " UNION ALL ".join(parts)

    def _fetch(self, output: Relation, watermark: int) -> pa.Table:
        columns = [f"c{index}" for index in range(len(output.columns))]
        rows = self._rows(output, watermark)
        sql = f"SELECT {', '.join(columns)} FROM ({rows}) ORDER BY {', '.join(['t', *columns])}"
        schema = pa.schema([(column.name, ARROW_TYPES[column.type]) for column in output.columns])
        return self._database.sql(sql).to_arrow_table().rename_columns(schema.names).cast(schema)

    def _replace(self, table: str, sql: str) -> None:
        self._database.execute(f"CREATE OR REPLACE TABLE {table} AS {sql}")

    # -- stopping and going on

    def _tables(self) -> list[str]:
        """Everything that outlasts a push."""
        inputs = [table for each in self.query.plan.inputs for table in (each.table, _newest(each))]
        return inputs + [each.table for each in self.query.plan.aggregations()]

    def save(self, file: Path) -> None:
        """Write everything needed to go on, atomically."""
        tables = {table: self._database.sql(f"SELECT * FROM {table}").to_arrow_table() for table in self._tables()}
        position = saved_state.Position(watermark=self.watermark, clock=self._clock, closed=self._closed)
        saved_state.write(file, saved_state.Owner.of(self.query, self.policy), position, tables)

    @classmethod
    def restore(cls, query: Query, *, policy: TimePolicy, file: Path) -> "StreamingQuery":
        """Go on where `save` was called; `UserError` if another query text or policy wrote the file."""
        position, tables = saved_state.read(file, saved_state.Owner.of(query, policy))
        stream = cls(query, policy=policy)
        stream.watermark, stream._clock, stream._closed = position.watermark, position.clock, position.closed
        for name in stream._tables():
            stream._database.register("saved", tables[name])
            stream._database.execute(f"INSERT INTO {name} BY NAME SELECT * FROM saved")
            stream._database.unregister("saved")
        return stream


def _newest(source: Input) -> str:
    """The table of each partition's newest time."""
    return f"{source.table}_newest"
