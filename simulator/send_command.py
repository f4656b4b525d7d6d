"""`python -m simulator send`: readings of simulated devices, of a CSV file or of the reference recording, to a hub."""

import argparse
import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.devices import fleet_events
from simulator.events import Chunk, EventKind
from simulator.fleet_plan import FleetPlan
from simulator.hub_address import DEFAULT_HUB, HubAddress
from simulator.live_sender import send_live
from simulator.replay import csv_events, reference_events
from simulator.sender import replay
from stream_queries.command_line import UserError, progress

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
class _Source:
    """Where the events come from: what opens them, and how many readings a second they hold by nature."""

    title: str
    open: Callable[[], Iterable[Chunk]]
    readings_per_second: float
    chunks: int | None


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to `parser`."""
    source = parser.add_argument_group("source", "a simulated fleet, unless a recording is named")
    source.add_argument(
        "--csv", type=Path, metavar="FILE", help="a CSV file with the columns TS, Device, Sensor, Value"
    )
    source.add_argument("--reference", action="store_true", help="the reference readings that come with the simulator")
    for name, (kind, help_text) in _FLEET_OPTIONS.items():
        source.add_argument("--" + name.replace("_", "-"), type=kind, metavar="N", help=help_text)
    target = parser.add_argument_group("target")
    target.add_argument("--connection-string", metavar="TEXT", help="of the loopback server, or of a hub with keys")
    target.add_argument(
        "--namespace", metavar="HOST", help="NAME.servicebus.windows.net; signs in as you are signed in"
    )
    target.add_argument("--hub", default=DEFAULT_HUB, metavar="NAME", help="the event hub (default %(default)s)")
    pace = parser.add_argument_group("pace", "real time, with the times moved to the present, unless told otherwise")
    pace.add_argument("--speed", type=float, metavar="FACTOR", help="this many times as fast as the devices")
    pace.add_argument("--rate", type=float, metavar="N", help="so fast that N readings a second are sent on average")
    pace.add_argument(
        "--replay",
        action="store_true",
        help="as fast as it goes with the original times; run again, it sends what the hub does not have yet",
    )


def run(args: argparse.Namespace) -> int:
    """Send, and print what was sent; raises `UserError` for what does not fit together."""
    logging.getLogger("azure").addHandler(logging.NullHandler())  # the SDK's warnings repeat what our errors say
    _check_pace(args)
    address = HubAddress(hub=args.hub, connection_string=args.connection_string, namespace=args.namespace)
    source = _source(args)

    def open_events() -> Iterable[Chunk]:
        return progress(source.open(), title=source.title, total=source.chunks, unit="chunk")

    if args.replay:
        sent = replay(open_events, address)
        print(_summary(sent.kinds, address, already_there=sent.already_there))
    else:
        speed = args.rate / source.readings_per_second if args.rate else args.speed or 1.0
        print(_summary(send_live(open_events(), address, speed=speed), address))
    return 0


def _check_pace(args: argparse.Namespace) -> None:
    chosen = [f"--{name}" for name in ("speed", "rate", "replay") if getattr(args, name) not in (None, False)]
    if len(chosen) > 1:
        raise UserError(f"{' and '.join(chosen)} exclude each other: give one of them")
    for name in ("speed", "rate"):
        value = getattr(args, name)
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise UserError(f"--{name} is {value:g}: give a number above 0")


def _source(args: argparse.Namespace) -> _Source:
    fleet: dict[str, Any] = {name: getattr(args, name) for name in _FLEET_OPTIONS if getattr(args, name) is not None}
    named = [option for option, given in (("--csv", args.csv), ("--reference", args.reference)) if given]
    if fleet and named:
        named.append("--" + next(iter(fleet)).replace("_", "-"))
    if len(named) > 1:
        raise UserError(f"{' and '.join(named)} exclude each other: name one source")
    if named:
        chunks = csv_events(args.csv) if args.csv else reference_events()
        seconds = (chunks[-1][-1].arrived_at - chunks[0][0].arrived_at).total_seconds()
        return _Source(
            title=args.csv.name if args.csv else "reference readings",
            open=lambda: chunks,
            readings_per_second=sum(map(len, chunks)) / max(seconds, 1.0),
            chunks=len(chunks),
        )
    plan = FleetPlan(**_FLEET_DEFAULTS | fleet)
    return _Source(
        title=f"{plan.devices} devices",
        open=lambda: fleet_events(plan),
        readings_per_second=plan.readings_per_second,
        chunks=math.ceil(plan.hours * 6),
    )


def _summary(kinds: Counter[EventKind], address: HubAddress, *, already_there: int = 0) -> str:
    parts = ", ".join(f"{kinds[kind]:,} {kind.replace('_', ' ')}" for kind in EventKind if kinds[kind])
    before = f"; {already_there:,} were there before" if already_there else ""
    return f"sent {kinds.total():,} events to {address}: {parts}{before}"
