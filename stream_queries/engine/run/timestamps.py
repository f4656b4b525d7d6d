"""When an event counts: the time policies as SQL over one batch of events, each partition by itself.

Source: https://learn.microsoft.com/azure/stream-analytics/event-ordering and .../stream-analytics-time-handling
"""

from datetime import datetime, timedelta

from stream_queries.engine.compile.typed import text_literal
from stream_queries.engine.planning.plan import Input
from stream_queries.time_policy import EARLY_ARRIVAL_LIMIT, TimePolicy

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
MICROSECOND = timedelta(microseconds=1)

ARRIVING = "arriving"
"""The batch: body, partition_id, arrived_at in microseconds, position in the batch."""


def microseconds(moment: datetime | timedelta) -> int:
    """Microseconds since 1970, or of a duration; exact."""
    return (moment - EPOCH if isinstance(moment, datetime) else moment) // MICROSECOND


def stamped(source: Input, newest: str, policy: TimePolicy) -> str:
    """SQL: the batch's events that are not dropped, with System.Timestamp() as t, and `moved` for `newest_after`.

    Dropped are events whose own time is no datetime, or too far ahead of their arrival. Every other is moved to the
    oldest time still accepted, if it is older: first against its arrival, then against the newest of its partition.
    """
    # One look at the body for all fields; a JSON null is a missing value.
    paths = ", ".join(text_literal(f'$."{field}"') for field in source.fields)
    values = f"json_extract(body, [{paths}])" if source.fields else "NULL"
    fields = "".join(
        f", nullif(CAST(found[{index + 1}] AS VARCHAR), 'null') AS f{index}" for index in range(len(source.fields))
    )
    found = f"SELECT partition_id, arrived_at, position, {values} AS found FROM {ARRIVING}"
    rows = f"SELECT partition_id, arrived_at, position{fields} FROM ({found})"
    if source.timestamp is None:
        return f"SELECT *, arrived_at AS t, arrived_at AS moved FROM ({rows})"
    early, late = microseconds(EARLY_ARRIVAL_LIMIT), microseconds(policy.late_arrival)
    timed = f"SELECT *, {source.timestamp} AS own_time FROM ({rows}) AS rows"
    accepted = (
        f"SELECT * EXCLUDE (own_time), greatest(own_time, arrived_at - {late}) AS moved FROM ({timed}) "
        f"WHERE own_time <= arrived_at + {early}"
    )
    earlier = "PARTITION BY partition_id ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    known = (
        f"SELECT moments.*, newest, max(moved) OVER ({earlier}) AS before "
        f"FROM ({accepted}) AS moments LEFT JOIN {newest} USING (partition_id)"
    )
    tolerance = microseconds(policy.out_of_order)
    oldest = (
        f"newest - {tolerance}, before - {tolerance}"  # greatest passes over the NULLs of a partition's first event
    )
    return f"SELECT * EXCLUDE (newest, before), greatest(moved, {oldest}) AS t FROM ({known})"


def newest_after(stamped_rows: str, newest: str) -> str:
    """SQL: each partition's newest time once the batch is in."""
    both = f"SELECT partition_id, moved FROM {stamped_rows} UNION ALL SELECT partition_id, newest FROM {newest}"
    return f"SELECT partition_id, max(moved) AS newest FROM ({both}) GROUP BY partition_id"
