"""The steps before and after scoring as commands: `python -m scoring.cluster.steps prepare`, then `collect`.

The published pipeline starts them so; `python -m scoring` has the same two commands.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scoring.cluster.interval import Interval
from scoring.cluster.trigger_time import read_day_first, read_trigger_time
from stream_queries.command import run_command
from stream_queries.errors import UserError

LATEST = "latest"
"""Stands for the last interval whose windows were complete when the run was triggered."""

URL_VARIABLE = "BATCH_SCORING_DATABASE_URL"
"""An SQLAlchemy URL that takes the place of `--database`: a rehearsal runs the published commands on another one."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one step; exit code 0 is success, 1 that some series failed, 2 a mistake."""
    parser = argparse.ArgumentParser(prog="python -m scoring.cluster.steps", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_steps(commands)
    arguments = parser.parse_args(argv)
    return run_command("scoring", lambda: arguments.run(arguments))


def add_steps(commands: Any) -> None:
    """Add both commands to a command line."""
    parser = commands.add_parser("prepare", help="first step alone: an interval's windows into shards")
    add_database(parser)
    _add_run(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder for the shards")
    parser.add_argument(
        "--wait-minutes",
        type=int,
        default=0,
        metavar="N",
        help="how long to wait for windows that are late (default 0)",
    )
    parser.add_argument("--keep-days", type=int, metavar="N", help="delete windows older than that")
    parser.set_defaults(run=_prepare)

    parser = commands.add_parser("collect", help="last step alone: scores into predictions and a manifest")
    _add_run(parser)
    add_release(parser)
    parser.add_argument("--prepared", type=Path, required=True, metavar="FOLDER", help="what prepare wrote")
    parser.add_argument("--scored", type=Path, required=True, metavar="FOLDER", help="what scoring wrote")
    parser.add_argument("--predictions", required=True, metavar="PLACE", help="folder or https URL of a Blob container")
    parser.add_argument(
        "--max-unscored-share",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="exit code 1 if more of the series with windows were not scored, 0 to 1 (default 1: never)",
    )
    parser.set_defaults(run=_collect)


def add_database(parser: argparse.ArgumentParser) -> None:
    """Add `--database`."""
    parser.add_argument("--database", required=True, metavar="URL", help="for instance sqlite:///out/windows.db")


def add_release(parser: argparse.ArgumentParser) -> None:
    """Add `--release`."""
    parser.add_argument("--release", default="local", help="name of the code and settings, kept in the manifest")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fleet", type=Path, required=True, metavar="FOLDER", help="the models")
    parser.add_argument(
        "--interval",
        nargs="+",
        required=True,
        metavar="TIME",
        help=f"START END or START/END: window ends in (START, END]; {LATEST}: by the trigger time",
    )
    latest = parser.add_argument_group(f"--interval {LATEST}")
    latest.add_argument("--trigger-time", metavar="TIME", help="when the run was due")
    latest.add_argument("--interval-minutes", type=int, metavar="N", help="how long intervals are")
    latest.add_argument("--settle-minutes", type=int, metavar="N", help="how long windows take to be complete")


def _interval(arguments: argparse.Namespace) -> Interval:
    """The run's interval; times without an offset are UTC."""
    bounds = "/".join(arguments.interval).split("/")
    if bounds == [LATEST]:
        trigger, length, settle = arguments.trigger_time, arguments.interval_minutes, arguments.settle_minutes
        if trigger is None or length is None or settle is None:
            raise UserError(f"--interval {LATEST} needs --trigger-time, --interval-minutes and --settle-minutes")
        if not 0 < length <= 24 * 60 or settle < 0:
            raise UserError(f"--interval-minutes {length}, --settle-minutes {settle}: give 1 to 1440, and 0 or more")
        return Interval.before(
            _due(trigger, datetime.now(UTC)), length=timedelta(minutes=length), settle=timedelta(minutes=settle)
        )
    if len(bounds) != 2:
        raise UserError(f"--interval {' '.join(arguments.interval)!r}: give START END, START/END or {LATEST}")
    return Interval.parse(*bounds)


def _due(trigger: str, now: datetime) -> datetime:
    """When the run was due; `now`, with a warning, where that cannot be read: no form may end every scheduled run."""
    due, day_first = read_trigger_time(trigger), read_day_first(trigger, now=now)
    if day_first is not None:
        print(
            f"scoring: warning: --trigger-time {trigger!r} is read with its day first, {day_first.isoformat()}: with "
            f"its month first it would be none, or far from the clock of this run, {now.isoformat(timespec='seconds')}",
            file=sys.stderr,
        )
        return day_first
    if due is None:
        print(
            f"scoring: warning: --trigger-time {trigger!r} has no known form: taken is the clock of this run, "
            f"{now.isoformat(timespec='seconds')}; a run that starts late then scores a later interval",
            file=sys.stderr,
        )
        return now
    return due


def _prepare(arguments: argparse.Namespace) -> int:
    from scoring.cluster.late_windows import wait_for_windows
    from scoring.cluster.model.fleet import Fleet
    from scoring.cluster.prepare import delete_old_windows, prepare
    from scoring.cluster.stores.database_login import open_window_store

    interval = _interval(arguments)
    if arguments.wait_minutes < 0:
        raise UserError(f"--wait-minutes is {arguments.wait_minutes}: give 0 or more")
    with open_window_store(os.environ.get(URL_VARIABLE) or arguments.database) as store:
        wait_for_windows(store, interval, most=timedelta(minutes=arguments.wait_minutes))
        prepared = prepare(store, interval, Fleet.open(arguments.fleet), arguments.out)
        what = f"{prepared.windows} windows of {prepared.series} series in {len(prepared.files)} shards"
        print(f"{interval.folder}: {what}, in {arguments.out}")
        if arguments.keep_days is not None:
            print(delete_old_windows(store, interval, arguments.keep_days, datetime.now(UTC)))
    return 0


def _collect(arguments: argparse.Namespace) -> int:
    from scoring.cluster.collect import Run, collect
    from scoring.cluster.model.fleet import Fleet
    from scoring.cluster.shards import prepared_interval
    from scoring.cluster.stores.opening import open_result_store

    most = arguments.max_unscored_share
    if not 0 <= most <= 1:
        raise UserError(f"--max-unscored-share is {most:g}: give a share from 0 to 1")
    # What `latest` was is known since the run was prepared, and need not be the same by the clock of this step.
    is_latest = arguments.interval == [LATEST]
    interval = prepared_interval(arguments.prepared) if is_latest else _interval(arguments)
    run = Run(interval, Fleet.open(arguments.fleet), arguments.release)
    manifest = collect(run, arguments.prepared, arguments.scored, open_result_store(arguments.predictions))
    print(run_line(run.interval, manifest))
    unscored = _too_many_unscored(manifest["counts"], most)
    if unscored:
        print(f"scoring: {unscored}", file=sys.stderr)
    return 1 if manifest["counts"]["failed"] or unscored else 0


def _too_many_unscored(counts: dict[str, int], most: float) -> str | None:
    """What to say if more than the share `most` of the series with windows were not scored.

    Predictions are kept by then: the exit code only makes the run count as failed, which is what an alert can see.
    """
    unscored = counts["no_model"] + counts["failed"]
    with_windows = counts["scored"] + unscored
    if not with_windows or unscored / with_windows <= most:
        return None
    return (
        f"{unscored} of {with_windows} series with windows were not scored ({counts['no_model']} without a model), "
        f"more than the share {most:g} that is set; the others' predictions are kept; train a fleet that knows them"
    )


def run_line(interval: Interval, manifest: dict[str, Any]) -> str:
    """What came of a run, in a line."""
    counts = manifest["counts"]
    states = ", ".join(f"{counts[name]} {name}" for name in ("scored", "no_model", "no_data", "failed") if counts[name])
    return f"{interval.folder}: {counts['predictions']} predictions, {counts['anomalies']} anomalies ({states} series)"


if __name__ == "__main__":
    sys.exit(main())
