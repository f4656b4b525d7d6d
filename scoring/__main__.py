"""`python -m scoring`: train, look at and import fleets; score intervals; the steps of a run one by one."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from scoring.cluster.interval import Interval, parse_time
from scoring.cluster.steps import add_database, add_release, add_steps, run_line
from stream_queries.command import run_command
from stream_queries.errors import UserError
from stream_queries.terminal import progress

LONGEST_LINE = 120


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; exit code 0 is success, 1 a partial failure, 2 a mistake of the user's."""
    parser = argparse.ArgumentParser(prog="python -m scoring", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_train(commands)
    _add_show(commands)
    _add_import(commands)
    _add_score(commands)
    add_steps(commands)
    _add_submit(commands)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    return run_command("scoring", lambda: arguments.run(arguments))


def _add_train(commands: Any) -> None:
    parser = commands.add_parser("train", help="fit one one-class SVM per series from stored windows")
    add_database(parser)
    parser.add_argument("--start", metavar="TIME", help="train on windows that end after TIME (default: the first)")
    parser.add_argument("--end", metavar="TIME", help="... and at or before TIME (default: the last)")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the fleet folder to write")
    parser.add_argument(
        "--nu", type=float, default=0.01, help="share of training windows outside the boundary (default 0.01)"
    )
    parser.add_argument("--gamma", default="0.03", help="width of the RBF kernel: a number (default 0.03), or 'scale'")
    parser.add_argument("--min-windows", type=int, default=30, help="series with fewer windows get no model")
    parser.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> int:
    from scoring.cluster.stores.database_login import open_window_store
    from scoring.models.training import TrainingParameters, train

    start, end = (
        parse_time(text, what=what) if text else None
        for text, what in ((arguments.start, "--start"), (arguments.end, "--end"))
    )
    if start and end and end <= start:
        raise UserError(f"--end {end.isoformat()} is not after --start {start.isoformat()}")
    parameters = TrainingParameters(nu=arguments.nu, gamma=_gamma(arguments.gamma), min_windows=arguments.min_windows)
    with open_window_store(arguments.database) as store:
        fleet = train(store, start=start, end=end, parameters=parameters).write(arguments.out)
    return _report_fleet(fleet, arguments.out)


def _gamma(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _add_show(commands: Any) -> None:
    parser = commands.add_parser("show", help="print a fleet, or one model of it")
    parser.add_argument("fleet", type=Path, metavar="FLEET", help="the fleet folder")
    parser.add_argument("--device", help="with --sensor: the model of one series")
    parser.add_argument("--sensor")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_show)


def _show(arguments: argparse.Namespace) -> int:
    from scoring.cluster.model.fleet import Fleet
    from scoring.models.show import describe_fleet, describe_model

    if (arguments.device is None) != (arguments.sensor is None):
        raise UserError("--device and --sensor belong together: give both, or neither for the whole fleet")
    fleet = Fleet.open(arguments.fleet)
    described = (
        describe_fleet(fleet) if arguments.device is None else describe_model(fleet, arguments.device, arguments.sensor)
    )
    if arguments.json:
        print(json.dumps(described, indent=1))
    else:
        for name, value in described.items():
            is_long = isinstance(value, list) and len(str(value)) > LONGEST_LINE
            print(f"{name:<16} {f'{len(value)} entries, see --json' if is_long else value}")
    return 0


def _add_import(commands: Any) -> None:
    parser = commands.add_parser("import", help="pack scikit-learn models (DEVICE/SENSOR.skops) into a fleet")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="holds DEVICE/SENSOR.skops files")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the fleet folder to write")
    parser.set_defaults(run=_import)


def _import(arguments: argparse.Namespace) -> int:
    from scoring.models.importing import import_folder

    return _report_fleet(import_folder(arguments.folder).write(arguments.out), arguments.out)


def _report_fleet(fleet: Any, folder: Path) -> int:
    counts = fleet.manifest["counts"]
    kept = f", {counts['kept_estimators']} of them kept as scikit-learn" if counts["kept_estimators"] else ""
    print(f"fleet {fleet.version}: {counts['series']} models{kept}, in {folder}")
    for entry in fleet.manifest["skipped"]:
        print(f"  no model of {entry['device']} {entry['sensor']}: {entry['reason']}")
    return 0


def _add_score(commands: Any) -> None:
    parser = commands.add_parser("score", help="score an interval: prepare, score in parallel, collect")
    add_database(parser)
    parser.add_argument("--fleet", type=Path, required=True, metavar="FOLDER", help="the models")
    parser.add_argument(
        "--interval", nargs=2, required=True, metavar=("START", "END"), help="window ends in (START, END]"
    )
    add_release(parser)
    parser.add_argument("--every", type=float, metavar="MINUTES", help="cut the interval into runs of this length")
    parser.add_argument("--processes", type=int, default=2, help="worker processes (default 2)")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="time limit of one mini-batch")
    parser.add_argument("--predictions", required=True, metavar="PLACE", help="folder or https URL of a Blob container")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="for intermediate files (default: a temporary one)")
    parser.add_argument("--json", action="store_true", help="print the manifests' counts as JSON lines")
    parser.set_defaults(run=_score)


def _score(arguments: argparse.Namespace) -> int:
    from scoring.cluster.model.fleet import Fleet
    from scoring.cluster.stores.database_login import open_window_store
    from scoring.cluster.stores.opening import open_result_store
    from scoring.local.parallel import ParallelSettings
    from scoring.local.runner import Runner

    interval = Interval.parse(*arguments.interval)
    intervals = interval.split(_minutes(arguments.every)) if arguments.every is not None else [interval]
    if arguments.processes < 1:
        raise UserError(f"--processes is {arguments.processes}: give at least 1")
    if not arguments.timeout > 0:
        raise UserError(f"--timeout is {arguments.timeout:g}: give a positive number of seconds")
    fleet = Fleet.open(arguments.fleet)
    fleet.verify()
    settings = ParallelSettings(processes=arguments.processes, timeout_seconds=arguments.timeout)
    results = open_result_store(arguments.predictions)
    failed = 0
    with open_window_store(arguments.database) as store:
        runner = Runner(store, fleet, results, arguments.release, settings, arguments.work)
        for piece in progress(intervals, title="score", unit="intervals"):
            manifest = runner.score(piece)
            failed += manifest["counts"]["failed"]
            print(_line(piece, manifest, as_json=arguments.json), flush=True)
    if failed:
        print(f"scoring: {failed} series failed; the manifests say which and why", file=sys.stderr)
    return 1 if failed else 0


def _minutes(number: float) -> timedelta:
    try:
        return timedelta(minutes=number)
    except (ValueError, OverflowError) as error:
        raise UserError(f"--every is {number:g}: give a positive number of minutes") from error


def _line(interval: Interval, manifest: dict[str, Any], *, as_json: bool) -> str:
    counts = manifest["counts"]
    if as_json:
        return json.dumps({"interval": manifest["interval"], "counts": counts})
    return run_line(interval, manifest)


def _add_submit(commands: Any) -> None:
    parser = commands.add_parser("submit", help="start a run of the published pipeline now")
    place = parser.add_argument_group("where", "a Pulumi stack, or the three names of a workspace")
    place.add_argument("--stack", metavar="NAME", help="take the workspace from this stack's outputs")
    place.add_argument("--subscription", metavar="ID")
    place.add_argument("--resource-group", metavar="NAME")
    place.add_argument("--workspace", metavar="NAME")
    parser.add_argument(
        "--interval", nargs=2, metavar=("START", "END"), help="default: the latest that is complete by now"
    )
    parser.set_defaults(run=_submit)


def _submit(arguments: argparse.Namespace) -> int:
    from scoring.cluster.stores.identity import own_credential
    from scoring.publish.stack_outputs import find_workspace
    from scoring.publish.submit import submit

    interval = Interval.parse(*arguments.interval) if arguments.interval else None
    workspace = find_workspace(arguments.stack, arguments.subscription, arguments.resource_group, arguments.workspace)
    run = submit(workspace, interval, own_credential())
    print(f"{run.name}: {run.outcome}\n{run.url}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
