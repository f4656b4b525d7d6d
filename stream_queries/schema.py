"""The shape of the data, stated once: readings, windows, rejects, predictions.

Nothing else in the repository spells a column's name for the first time: the query's outputs, the database table, the
feature matrix and the prediction files are checked against, or built from, what stands here.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal

ColumnType = Literal["name", "time", "count", "number", "text", "flag"]
"""What a column holds: a device or sensor name, a point in time (UTC), a count, a float, free text, a Boolean."""


@dataclass(frozen=True)
class Column:
    """One column of a relation; an `optional` one of a table may be NULL: rows from before it was added have no value.

    A column that is added to a deployed table must be optional, or have a migration (`infra/release/sql/schema.py`).
    """

    name: str
    type: ColumnType
    optional: bool = False


# ---- A reading, as a device sends it: the body of an event, a JSON object in UTF-8; the partition key is the device.
DEVICE, SENSOR, TS, VALUE = "device", "sensor", "ts", "value"

NAME_MAX_LENGTH = 128
NAME_PATTERN = rf"^[A-Za-z0-9._:-]{{1,{NAME_MAX_LENGTH}}}$"
"""What a device or sensor may be called. Names compare exactly, case and all."""

VALUE_MAX_MAGNITUDE = 1e100
"""Larger values are refused: their squares would still fit a float, a sum of many would not."""

READING_COLUMNS = (Column(DEVICE, "name"), Column(SENSOR, "name"), Column(TS, "time"), Column(VALUE, "number"))

# ---- The inputs and outputs of the query.
READINGS_INPUT, ARRIVALS_INPUT = "readings", "arrivals"
"""Two inputs read the same hub: `readings` at the devices' own time, `arrivals` at arrival time."""

WINDOWS_OUTPUT, ARCHIVE_OUTPUT, REJECTS_OUTPUT = "sensor_windows", "archive", "rejects"

# ---- A window: one series' readings of one minute, (start, end].
WINDOW_LENGTH = timedelta(minutes=1)
WINDOW_TABLE = "sensor_windows"
WINDOW_END, READING_COUNT = "window_end", "reading_count"
MEAN, MIN, MAX, STDEV = "mean_value", "min_value", "max_value", "stdev_value"

WINDOW_COLUMNS = (
    Column(DEVICE, "name"),
    Column(SENSOR, "name"),
    Column(WINDOW_END, "time"),
    Column(READING_COUNT, "count"),
    Column(MEAN, "number"),
    Column(MIN, "number"),
    Column(MAX, "number"),
    Column(STDEV, "number"),  # sample standard deviation, 0 for a single reading
)
WINDOW_KEY = (DEVICE, SENSOR, WINDOW_END)

FEATURES = (MEAN, MIN, MAX, STDEV)
"""What a model sees of a window, in this order."""

# ---- The archive: every event that could be decoded, with its arrival.
ARRIVED_AT, PARTITION_ID = "arrived_at", "partition_id"
ARCHIVE_COLUMNS = (
    Column(ARRIVED_AT, "time"),
    Column(PARTITION_ID, "count"),
    Column(DEVICE, "text"),
    Column(SENSOR, "text"),
    Column(TS, "text"),
    Column(VALUE, "number"),
)

# ---- Rejects: events that no window counts, each with exactly one reason.
REASON = "reason"
REJECT_COLUMNS = (
    Column(ARRIVED_AT, "time"),
    Column(PARTITION_ID, "count"),
    Column(DEVICE, "text"),
    Column(SENSOR, "text"),
    Column(TS, "text"),
    Column(VALUE, "text"),
    Column(REASON, "text"),
)


class RejectReason(StrEnum):
    """Why no window counts an event; the first that applies, in this order."""

    INVALID_NAME = "invalid_name"
    INVALID_VALUE = "invalid_value"
    INVALID_TIME = "invalid_time"
    EARLY = "early"  # ahead of its arrival by more than the stream job accepts
    LATE = "late"  # the time policy moved it: it came too late, or too far out of order


# ---- A prediction: one window's score under its series' model.
SCORE, IS_ANOMALY, MODEL_VERSION = "score", "is_anomaly", "model_version"
PREDICTION_COLUMNS = (
    Column(DEVICE, "name"),
    Column(SENSOR, "name"),
    Column(WINDOW_END, "time"),
    Column(SCORE, "number"),  # the model's decision function: below 0 is an anomaly
    Column(IS_ANOMALY, "flag"),
    Column(MODEL_VERSION, "text"),
)


def names(columns: tuple[Column, ...]) -> list[str]:
    """The columns' names, in order."""
    return [column.name for column in columns]
