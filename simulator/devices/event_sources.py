"""Where events come from: a simulated fleet, the reference recording, or a CSV file; as command-line options too."""

import argparse
import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.devices.anomalies import Anomaly
from simulator.devices.events import Chunk
from simulator.devices.fleet_plan import FleetPlan
from simulator.devices.readings import fleet_events, labels
from simulator.devices.replay import csv_events, reference_events
from stream_queries.errors import UserError

_FLEET_OPTIONS = {
    "devices": (int, "how many devices (default 10)"),
    "sensors": (int, "how many sensors each device has (default 3)"),
    "hours": (float, "how long the devices send (default 1)"),
    "seed": (int, "another seed, other readings"),
    "period_seconds": (int, "time between two readings of a sensor"),
    "anomaly_rate": (float, "share of the windows that anomalies reach"),
    "anomalies_after_hours": (float, "leave the first hours without anomalies, to train on"),
    "duplicate_rate": (float, "share of the readings sent twice"),
    "late_rate": (float, "share of the readings that arrive too late"),
    "out_of_order_rate": (float, "share of the readings that newer ones overtake"),
    "malformed_rate": (float, "malformed events per reading"),
}
_FLEET_DEFAULTS: dict[str, Any] = {"devices": 10, "sensors": 3, "hours": 1.0}


@dataclass(frozen=True)
class EventSource:
    """Events, and what is known of them."""

    title: str
    open: Callable[[], Iterable[Chunk]]
    readings_per_second: float
    """The natural pace."""
    chunks: int
    hours: float
    options: tuple[str, ...]
    """The command-line options that name this source."""
    content: str
    """Tells two sources with the same options apart: the checksum of a file that was read, else empty."""
    anomalies: Callable[[], Sequence[Anomaly]] | None = None
    """The labels of the anomalies that were injected; None for recordings, which have none."""


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a source."""
    source = parser.add_argument_group("source", "a simulated fleet, unless a recording is named")
    source.add_argument(
        "--csv", type=Path, metavar="FILE", help="a CSV file with the columns TS, Device, Sensor, Value"
    )
    source.add_argument("--reference", action="store_true", help="the reference readings that come with the simulator")
    for name, (kind, help_text) in _FLEET_OPTIONS.items():
        source.add_argument(_option(name), type=kind, metavar="N", help=help_text)


def source_from(arguments: argparse.Namespace, **fleet_defaults: Any) -> EventSource:
    """The source that the options name; `fleet_defaults` replace a fleet's defaults. UserError for a contradiction."""
    given = {name: getattr(arguments, name) for name in _FLEET_OPTIONS if getattr(arguments, name) is not None}
    named = [option for option, it in (("--csv", arguments.csv), ("--reference", arguments.reference)) if it]
    if given and named:
        named.append(_option(next(iter(given))))
    if len(named) > 1:
        raise UserError(f"{' and '.join(named)} exclude each other: name one source")
    if arguments.csv:
        chunks = csv_events(arguments.csv)
        content = hashlib.sha256(arguments.csv.read_bytes()).hexdigest()
        return _recording(arguments.csv.name, chunks, ("--csv", str(arguments.csv.resolve())), content)
    if arguments.reference:
        return _recording("reference readings", reference_events(), ("--reference",), "")
    return _fleet(_FLEET_DEFAULTS | fleet_defaults | given)


def _recording(title: str, chunks: list[Chunk], options: tuple[str, ...], content: str) -> EventSource:
    seconds = max((chunks[-1][-1].arrived_at - chunks[0][0].arrived_at).total_seconds(), 1.0)
    return EventSource(
        title=title,
        open=lambda: chunks,
        readings_per_second=sum(map(len, chunks)) / seconds,
        chunks=len(chunks),
        hours=seconds / 3600,
        options=options,
        content=content,
    )


def _fleet(settings: dict[str, Any]) -> EventSource:
    plan = FleetPlan(**settings)
    options = [text for name, value in settings.items() for text in (_option(name), str(value))]
    return EventSource(
        title=f"{plan.devices} devices with {plan.sensors} sensors",
        open=lambda: fleet_events(plan),
        readings_per_second=plan.readings_per_second,
        chunks=math.ceil(plan.hours * 6),
        hours=plan.hours,
        options=tuple(options),
        content="",
        anomalies=lambda: labels(plan),
    )


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
