"""How readings reach the hub: most at once, some late, out of order or twice, and now and then something malformed.

All times are milliseconds since the plan's start.
"""

import numpy as np

from simulator.devices.events import EventKind
from simulator.devices.fleet_plan import FleetPlan
from simulator.devices.malformed import MALFORMED, UNDECODABLE
from stream_queries.time_policy import DEFAULT_TIME_POLICY

COLUMNS = np.dtype(
    [
        ("arrival", np.int64),
        ("series", np.int32),
        ("ts", np.int64),
        ("value", np.float64),
        ("kind", np.int8),  # index into KINDS
        ("variant", np.int16),  # which of MALFORMED or UNDECODABLE
    ]
)
"""One row per event, 31 bytes: the form in which an hour of a fleet is held."""

KINDS = tuple(EventKind)

_LATENCY = (20, 500)
_LATE_BY = (30_000, 600_000)
"""How much later than the time policy tolerates a late reading arrives."""
_OUT_OF_ORDER_MARGIN = 10_000
"""An out-of-order reading arrives at least this much before it would be late."""
_REPEATED_AFTER = (1_000, 20_000)
_UNDECODABLE_SHARE = 0.25
_LATE_AFTER = round(DEFAULT_TIME_POLICY.late_arrival.total_seconds() * 1000)
_OUT_OF_ORDER_AFTER = round(DEFAULT_TIME_POLICY.out_of_order.total_seconds() * 1000)


def deliver(
    random: np.random.Generator, plan: FleetPlan, *, series: int, ts: np.ndarray, value: np.ndarray, kept: np.ndarray
) -> np.ndarray:
    """Turn one series' readings into events (`COLUMNS`, in no order); readings marked `kept` are never late.

    Every reading takes the same random numbers whatever the rates are, so changing one rate changes nothing else.
    """
    count = len(ts)
    fate, place, latency, again, again_after, wrong, variant = random.random((7, count))
    is_late = (fate < plan.late_rate) & ~kept
    is_out_of_order = ~is_late & (fate >= 1 - plan.out_of_order_rate)
    delay = _between(_LATENCY, latency)
    delay = np.where(is_late, _LATE_AFTER + _between(_LATE_BY, place), delay)
    delay = np.where(is_out_of_order, _between(_out_of_order_delay(plan), place), delay)

    readings: np.ndarray = np.zeros(count, COLUMNS)
    readings["arrival"] = ts + delay
    readings["series"] = series
    readings["ts"] = ts
    readings["value"] = value
    readings["kind"] = np.select(
        [is_late, is_out_of_order],
        [KINDS.index(EventKind.LATE), KINDS.index(EventKind.OUT_OF_ORDER)],
        KINDS.index(EventKind.READING),
    )

    is_repeated = (again < plan.duplicate_rate) & ~is_late & ~is_out_of_order
    duplicates = readings[is_repeated]
    duplicates["arrival"] += _between(_REPEATED_AFTER, again_after)[is_repeated]
    duplicates["kind"] = KINDS.index(EventKind.DUPLICATE)

    is_wrong = wrong < plan.malformed_rate
    is_undecodable = variant < _UNDECODABLE_SHARE
    malformed = readings[is_wrong]
    malformed["arrival"] = (ts + _between(_LATENCY, latency) + 1)[is_wrong]
    malformed["kind"] = np.where(is_undecodable, KINDS.index(EventKind.UNDECODABLE), KINDS.index(EventKind.MALFORMED))[
        is_wrong
    ]
    malformed["variant"] = np.where(
        is_undecodable,
        variant / _UNDECODABLE_SHARE * len(UNDECODABLE),
        (variant - _UNDECODABLE_SHARE) / (1 - _UNDECODABLE_SHARE) * len(MALFORMED),
    )[is_wrong]
    return np.concatenate([readings, duplicates, malformed])


def _between(limits: tuple[int, int], place: np.ndarray) -> np.ndarray:
    """Whole milliseconds between `limits`, for places from 0 to 1."""
    low, high = limits
    return (low + place * (high - low)).astype(np.int64)


def _out_of_order_delay(plan: FleetPlan) -> tuple[int, int]:
    """Longer than the series' period where the policy leaves room for it, so that its own next reading overtakes."""
    longest = min(_LATE_AFTER, _OUT_OF_ORDER_AFTER) - _OUT_OF_ORDER_MARGIN
    overtaken = plan.period_seconds * 1000 + _LATENCY[1] + 1
    return min(overtaken, longest - 10_000), longest
