"""Labelled anomalies: which readings of a series are disturbed, how, and what that does to their values.

Everything counts in ticks: tick k of a series is its k-th reading. Magnitudes are in units of the series' noise.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np

from stream_queries.schema import WINDOW_LENGTH


class AnomalyKind(StrEnum):
    """How the readings of an anomaly differ from what the series would have sent."""

    SPIKE = "spike"  # 1 to 3 readings, 6 to 12 noise away
    DRIFT = "drift"  # a straight ramp over 10 to 30 minutes, up to 6 to 10 noise away
    STUCK = "stuck"  # one ordinary value, exactly, for 5 to 20 minutes


@dataclass(frozen=True)
class Anomaly:
    """A label: the series, the times (UTC) of the first and the last reading that differ, and how they differ."""

    device: str
    sensor: str
    start: datetime
    end: datetime
    kind: AnomalyKind


@dataclass(frozen=True)
class Disturbance:
    """An anomaly as the generator plans it: `count` readings from tick `first` on.

    `size` is the greatest distance from the undisturbed value (spike, drift) or the place of the held value within
    the noise (stuck), both in units of noise and signed.
    """

    first: int
    count: int
    kind: AnomalyKind
    size: float

    @property
    def end(self) -> int:
        """The tick after the last disturbed reading."""
        return self.first + self.count


_SHARES = {AnomalyKind.SPIKE: 0.6, AnomalyKind.DRIFT: 0.2, AnomalyKind.STUCK: 0.2}
_SPIKE_READINGS = (1, 3)
_SPIKE_SIZE = (6.0, 12.0)
_DRIFT_SIZE = (6.0, 10.0)
_MINUTES = {AnomalyKind.DRIFT: (10, 30), AnomalyKind.STUCK: (5, 20)}


def plan_disturbances(
    random: np.random.Generator, *, rate: float, ticks: range, period_seconds: int
) -> list[Disturbance]:
    """Disturb about `rate` of the windows that `ticks` fall in; ascending, never overlapping or touching.

    Undisturbed stretches are exponentially distributed, so neither their ends nor their number can be guessed. An
    anomaly that would outlast `ticks` is left out: half a drift would be a label without its point.
    """
    if rate <= 0:
        return []
    window_ticks = max(1.0, WINDOW_LENGTH.total_seconds() / period_seconds)
    mean_gap = _mean_windows(window_ticks, period_seconds) * (1 - rate) / rate * window_ticks
    kinds, shares = list(_SHARES), list(_SHARES.values())
    planned: list[Disturbance] = []
    tick = ticks.start
    while tick < ticks.stop:
        kind = kinds[int(random.choice(len(kinds), p=shares))]
        low, high = _tick_limits(kind, period_seconds)
        disturbance = Disturbance(
            first=tick + int(random.exponential(mean_gap)),
            count=int(random.integers(low, high, endpoint=True)),
            kind=kind,
            size=_draw_size(random, kind),
        )
        if disturbance.end <= ticks.stop:
            planned.append(disturbance)
        tick = disturbance.end + 1
    return planned


def disturb(
    values: np.ndarray,
    ticks: np.ndarray,
    *,
    expected: Callable[[np.ndarray], np.ndarray],
    noise: float,
    disturbances: list[Disturbance],
) -> np.ndarray:
    """Change `values`, the readings of the consecutive `ticks`, in place; return which changed (bool, same length).

    `expected` gives the values without noise at any ticks: a stuck series holds what was expected when it got stuck,
    which may lie before `ticks`.
    """
    changed = np.zeros(len(values), dtype=bool)
    for disturbance in disturbances:
        inside = (ticks >= disturbance.first) & (ticks < disturbance.end)
        if not inside.any():
            continue
        changed |= inside
        distance = disturbance.size * noise
        if disturbance.kind is AnomalyKind.SPIKE:
            values[inside] += distance
        elif disturbance.kind is AnomalyKind.DRIFT:
            values[inside] += distance * (ticks[inside] - disturbance.first + 1) / disturbance.count
        else:
            values[inside] = expected(np.array([disturbance.first]))[0] + distance
    return changed


def _tick_limits(kind: AnomalyKind, period_seconds: int) -> tuple[int, int]:
    if kind is AnomalyKind.SPIKE:
        return _SPIKE_READINGS
    low, high = (max(2, minutes * 60 // period_seconds) for minutes in _MINUTES[kind])
    return low, high


def _mean_windows(window_ticks: float, period_seconds: int) -> float:
    """How many windows an anomaly reaches on average: n readings reach 1 + (n - 1) / (readings per window)."""
    mean_ticks = sum(share * sum(_tick_limits(kind, period_seconds)) / 2 for kind, share in _SHARES.items())
    return 1 + (mean_ticks - 1) / window_ticks


def _draw_size(random: np.random.Generator, kind: AnomalyKind) -> float:
    if kind is AnomalyKind.STUCK:
        return float(random.normal())
    low, high = _SPIKE_SIZE if kind is AnomalyKind.SPIKE else _DRIFT_SIZE
    return float(random.uniform(low, high) * random.choice((-1.0, 1.0)))
