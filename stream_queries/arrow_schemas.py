"""The relations of `stream_queries.schema` as Arrow schemas; times are in UTC, to the microsecond."""

from datetime import datetime

import pyarrow as pa

from stream_queries.schema import (
    ARCHIVE_COLUMNS,
    PREDICTION_COLUMNS,
    REJECT_COLUMNS,
    WINDOW_COLUMNS,
    Column,
    ColumnType,
)

_TYPES: dict[ColumnType, pa.DataType] = {
    "name": pa.string(),
    "text": pa.string(),
    "time": pa.timestamp("us", tz="UTC"),
    "count": pa.int64(),
    "number": pa.float64(),
    "flag": pa.bool_(),
}


def arrow_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """The Arrow schema of a relation."""
    return pa.schema([(column.name, _TYPES[column.type]) for column in columns])


WINDOW_SCHEMA = arrow_schema(WINDOW_COLUMNS)
ARCHIVE_SCHEMA = arrow_schema(ARCHIVE_COLUMNS)
REJECT_SCHEMA = arrow_schema(REJECT_COLUMNS)
PREDICTION_SCHEMA = arrow_schema(PREDICTION_COLUMNS)


def times(column: pa.ChunkedArray) -> list[datetime]:
    """The values of a column of times as datetimes in UTC that do not say so.

    Arrow looks a time zone up anew for every value that has one, which takes a hundred times as long.
    """
    return column.cast(pa.timestamp("us")).to_pylist()
