"""The simulated devices: a pure function from a fleet's plan to the events that arrive, and to its anomalies' labels.

The same plan gives the same bytes. A series depends neither on the fleet around it nor on how long the plan runs; the
rates of what goes wrong on the way (delays, duplicates, malformed events) do not change a single value.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta

import numpy as np

from simulator.devices.anomalies import Anomaly, Disturbance, disturb, plan_disturbances
from simulator.devices.delivery import COLUMNS, KINDS, deliver
from simulator.devices.events import CHUNK_LENGTH, Chunk, Event, EventKind, timestamp
from simulator.devices.fleet_plan import FleetPlan, device_name, sensor_name
from simulator.devices.malformed import MALFORMED, UNDECODABLE
from simulator.devices.series import Purpose, Series, random_for
from stream_queries.schema import DEVICE, SENSOR, TS, VALUE
from stream_queries.time_policy import EARLY_ARRIVAL_LIMIT

_HOUR = 3600 * 1000
_CHUNK = round(CHUNK_LENGTH.total_seconds() * 1000)
_EARLY_BY = EARLY_ARRIVAL_LIMIT + timedelta(minutes=5)
_MALFORMED = tuple(MALFORMED.values())
_UNDECODABLE = tuple(UNDECODABLE.values())


@dataclass(frozen=True)
class _Source:
    """A series with what disturbs it, and the parts of its bodies that never change."""

    series: Series
    disturbances: list[Disturbance]
    device: str
    sensor: str
    head: str

    @classmethod
    def of(cls, plan: FleetPlan, device: int, sensor: int) -> "_Source":
        names = device_name(device), sensor_name(sensor)
        head = f'{{"{DEVICE}":"{names[0]}","{SENSOR}":"{names[1]}","{TS}":"'
        return cls(Series.draw(plan, device, sensor), _disturbances(plan, device, sensor), *names, head)


def fleet_events(plan: FleetPlan) -> Iterator[Chunk]:
    """Everything the fleet sends, in arrival order: lists of `Event`, one per 10 minutes of arrival time, none empty.

    Works hour by hour: the memory taken is that of one hour of the fleet as columns and of one chunk as events.
    """
    sources = _sources(plan)
    waiting = np.zeros(0, COLUMNS)
    hours = -(-plan.readings_per_series * plan.period_seconds // 3600)
    for hour in range(hours):
        sent = [_hour_of(plan, index, source, hour) for index, source in enumerate(sources)]
        waiting = np.concatenate([waiting, *sent])
        waiting = waiting[np.lexsort((waiting["kind"], waiting["ts"], waiting["series"], waiting["arrival"]))]
        # What is sent in later hours arrives later, so all that arrives within this one is known now.
        known = len(waiting) if hour == hours - 1 else int(np.searchsorted(waiting["arrival"], (hour + 1) * _HOUR))
        arrived, waiting = waiting[:known], waiting[known:]
        bounds = np.flatnonzero(np.diff(arrived["arrival"] // _CHUNK)) + 1
        for part in np.split(arrived, bounds):
            if len(part):
                yield _events(plan, sources, part)


def labels(plan: FleetPlan) -> list[Anomaly]:
    """The anomalies in the fleet's readings, by device, sensor and time."""
    found = []
    for source in _sources(plan):
        for disturbance in source.disturbances:
            ticks = np.array([disturbance.first, disturbance.end - 1])
            start, end = (plan.start + timedelta(milliseconds=int(ts)) for ts in source.series.times(ticks))
            found.append(Anomaly(source.device, source.sensor, start, end, disturbance.kind))
    return found


def _sources(plan: FleetPlan) -> list[_Source]:
    return [_Source.of(plan, device, sensor) for device in range(plan.devices) for sensor in range(plan.sensors)]


def _disturbances(plan: FleetPlan, device: int, sensor: int) -> list[Disturbance]:
    first = -(-round(plan.anomalies_after_hours * 3600) // plan.period_seconds)
    return plan_disturbances(
        random_for(plan, device, sensor, Purpose.ANOMALIES),
        rate=plan.anomaly_rate,
        ticks=range(first, plan.readings_per_series),
        period_seconds=plan.period_seconds,
    )


def _hour_of(plan: FleetPlan, index: int, source: _Source, hour: int) -> np.ndarray:
    """The events (`COLUMNS`) of one series' readings in one hour of the plan."""
    first, end = (-(-hours * 3600 // plan.period_seconds) for hours in (hour, hour + 1))
    ticks = np.arange(first, min(end, plan.readings_per_series))
    series = source.series
    key = plan, series.device, series.sensor
    values = series.expected(ticks) + series.noise * random_for(*key, Purpose.NOISE, hour).normal(size=len(ticks))
    disturbed = disturb(values, ticks, expected=series.expected, noise=series.noise, disturbances=source.disturbances)
    return deliver(
        random_for(*key, Purpose.DELIVERY, hour),
        plan,
        series=index,
        ts=series.times(ticks),
        value=values,
        kept=disturbed,
    )


def _events(plan: FleetPlan, sources: list[_Source], rows: np.ndarray) -> Chunk:
    start = np.datetime64(plan.start.replace(tzinfo=None), "ms")
    spelled = np.datetime_as_string(start + rows["ts"].astype("timedelta64[ms]"), unit="ms").tolist()
    arrivals = (start + rows["arrival"].astype("timedelta64[ms]")).astype(object).tolist()
    columns = (rows["series"].tolist(), rows["value"].tolist(), rows["kind"].tolist(), rows["variant"].tolist())
    chunk = []
    for arrival, ts, index, value, code, variant in zip(arrivals, spelled, *columns, strict=True):
        source, kind, arrived_at = sources[index], KINDS[code], arrival.replace(tzinfo=UTC)
        if kind is EventKind.UNDECODABLE:
            body = _UNDECODABLE[variant]
        elif kind is EventKind.MALFORMED:
            body = (
                _MALFORMED[variant]
                .format(
                    device=f'"{source.device}"',
                    sensor=f'"{source.sensor}"',
                    ts=f'"{ts}Z"',
                    early_ts=f'"{timestamp(arrived_at + _EARLY_BY)}"',
                    value=f"{value:.4f}",
                )
                .encode()
            )
        else:
            body = f'{source.head}{ts}Z","{VALUE}":{value:.4f}}}'.encode()
        chunk.append(Event(arrived_at, source.device, body, kind))
    return chunk
