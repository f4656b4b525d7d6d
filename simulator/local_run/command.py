"""`python -m simulator run`: the whole path on one machine."""

import argparse
from pathlib import Path

from simulator.devices.event_sources import add_source_options, source_from
from simulator.local_run.run import LocalRun, run_local
from stream_queries.errors import UserError

REFERENCE_TRAIN_HOURS = 3.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.description = "Run all stages on this machine; run again after an interruption, it goes on where it stopped."
    add_source_options(parser)
    run = parser.add_argument_group("run")
    run.add_argument(
        "--train-hours", type=float, metavar="N", help="history to train on (3 for the reference, else half)"
    )
    run.add_argument(
        "--interval", type=int, default=15, metavar="MINUTES", help="what one scoring run covers (default 15)"
    )
    run.add_argument("--processes", type=int, default=2, metavar="N", help="worker processes that score (default 2)")
    run.add_argument(
        "--out", type=Path, metavar="FOLDER", help="folder of the run (default: below out/, by its source)"
    )
    run.add_argument("--fresh", action="store_true", help="remove an older run from the folder first")


def run(arguments: argparse.Namespace) -> int:
    """Run it, and print the summary."""
    if arguments.interval < 1 or 24 * 60 % arguments.interval:
        raise UserError(f"--interval is {arguments.interval}: give whole minutes that divide a day, such as 15")
    if arguments.processes < 1:
        raise UserError(f"--processes is {arguments.processes}: give at least 1")
    if arguments.train_hours is not None and not 0 < arguments.train_hours < 24 * 366:
        raise UserError(f"--train-hours is {arguments.train_hours:g}: give a number of hours above 0")
    hours = arguments.train_hours
    if hours is None and arguments.reference:
        hours = REFERENCE_TRAIN_HOURS
    source = source_from(arguments)
    if hours is None:
        hours = source.hours / 2
    if source.anomalies is not None:  # the history that trains the models stays free of injected anomalies
        source = source_from(arguments, anomalies_after_hours=hours)
    out = arguments.out or Path("out", _folder_name(arguments))
    return run_local(LocalRun(source, hours, arguments.interval, arguments.processes), out, fresh=arguments.fresh)


def _folder_name(arguments: argparse.Namespace) -> str:
    if arguments.reference:
        return "reference"
    if arguments.csv:
        return arguments.csv.stem
    names = ("devices", "sensors", "hours", "seed")
    given = [f"{getattr(arguments, name):g}{name}" for name in names if getattr(arguments, name) is not None]
    return "-".join(["fleet", *given])
