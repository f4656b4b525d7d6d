"""Checks and runs an Azure Stream Analytics query text on DuckDB, as a batch or driven by a watermark."""

from stream_queries.engine.language.lint import QueryError, Remark
from stream_queries.engine.planning.query import Query
from stream_queries.engine.run.events import EVENT_SCHEMA, Decoded, UndecodableReason, decode
from stream_queries.engine.run.streaming import StreamingQuery, run_batch

__all__ = [
    "EVENT_SCHEMA",
    "Decoded",
    "Query",
    "QueryError",
    "Remark",
    "StreamingQuery",
    "UndecodableReason",
    "decode",
    "run_batch",
]
