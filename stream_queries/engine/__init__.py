"""Checks and runs an Azure Stream Analytics query text on DuckDB, as a batch or driven by a watermark."""

from stream_queries.engine.events import EVENT_SCHEMA, Decoded, UndecodableReason, decode
from stream_queries.engine.lint import QueryError, Remark
from stream_queries.engine.query import Query
from stream_queries.engine.streaming import StreamingQuery, run_batch

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
