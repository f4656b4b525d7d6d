"""`python -m simulator send`: readings of simulated devices, of a CSV file or of the reference recording, to a hub."""

import argparse
import json
import logging
import math
from collections import Counter
from collections.abc import Iterable

from simulator.devices.event_sources import add_source_options, source_from
from simulator.devices.events import Chunk, EventKind
from simulator.hub_clients.address import DEFAULT_HUB, HubAddress
from simulator.hub_clients.live_sender import send_live
from simulator.hub_clients.replay_sender import replay
from stream_queries.errors import UserError
from stream_queries.terminal import progress


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to `parser`."""
    add_source_options(parser)
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
    parser.add_argument("--json", action="store_true", help="print the closing line as JSON")


def run(args: argparse.Namespace) -> int:
    """Send, and print what was sent; raises `UserError` for what does not fit together."""
    logging.getLogger("azure").addHandler(logging.NullHandler())  # the SDK's warnings repeat what our errors say
    _check_pace(args)
    address = HubAddress(hub=args.hub, connection_string=args.connection_string, namespace=args.namespace)
    source = source_from(args)

    def open_events() -> Iterable[Chunk]:
        return progress(source.open(), title=source.title, total=source.chunks, unit="chunk")

    if args.replay:
        sent = replay(open_events, address)
        kinds, already_there = sent.kinds, sent.already_there
    else:
        speed = args.rate / source.readings_per_second if args.rate else args.speed or 1.0
        kinds, already_there = send_live(open_events(), address, speed=speed), 0
    if args.json:
        by_kind = {kind.value: kinds[kind] for kind in EventKind}
        print(json.dumps({"sent": kinds.total(), "already_there": already_there, "by_kind": by_kind}))
    else:
        print(_summary(kinds, address, already_there=already_there))
    return 0


def _check_pace(args: argparse.Namespace) -> None:
    chosen = [f"--{name}" for name in ("speed", "rate", "replay") if getattr(args, name) not in (None, False)]
    if len(chosen) > 1:
        raise UserError(f"{' and '.join(chosen)} exclude each other: give one of them")
    for name in ("speed", "rate"):
        value = getattr(args, name)
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise UserError(f"--{name} is {value:g}: give a number above 0")


def _summary(kinds: Counter[EventKind], address: HubAddress, *, already_there: int) -> str:
    parts = ", ".join(f"{kinds[kind]:,} {kind.replace('_', ' ')}" for kind in EventKind if kinds[kind])
    before = f"; {already_there:,} were there before" if already_there else ""
    return f"sent {kinds.total():,} events to {address}: {parts}{before}"
