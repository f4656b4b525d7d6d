"""`python -m simulator rehearse`: a full dress rehearsal of the deployment on this machine."""

import argparse
import shutil
import sys
from pathlib import Path

from simulator.azure.engine import EngineError, find_cli
from simulator.azure.engine.shell import ShellError
from simulator.delivery.rehearsal.hostile import HostileRehearsal
from simulator.delivery.rehearsal.rehearsal import Rehearsal
from simulator.delivery.rehearsal.report import RehearsalError, Report
from simulator.local_run.stages import StageError
from stream_queries.errors import UserError

REPORT = "rehearsal.json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.description = (
        "Deploy to a simulated subscription with the real Pulumi engine, stream the reference readings through the "
        "deployed query, run the published pipeline on schedule, change query and fleet, run again, destroy. Needs the "
        "Pulumi command line tool and Node.js, no account, no network."
    )
    parser.add_argument("--stack", default="dev", help="whose settings: Pulumi.STACK.yaml (default: %(default)s)")
    parser.add_argument(
        "--hostile",
        action="store_true",
        help="instead, deploy while everything goes wrong: killed at each resource, late roles, an image that fails",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("out/rehearsal"),
        metavar="FOLDER",
        help="for everything that is made; an earlier rehearsal in it is removed (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Rehearse and print a report; exit code 0 if all went as it should, 1 if not."""
    find_cli()
    folder = _emptied(arguments.out)
    report = Report()
    try:
        rehearsal = HostileRehearsal if arguments.hostile else Rehearsal
        rehearsal(folder, arguments.stack, report).run()
    except (RehearsalError, EngineError, StageError, ShellError) as error:
        print(f"simulator: the rehearsal failed at {report.acts[-1].title!r}: {error}", file=sys.stderr)
        return 1
    finally:
        report.write(folder / REPORT)
    print(f"Everything went as it should, in {sum(act.seconds for act in report.acts):.0f} s; see {folder}/{REPORT}.")
    return 0


def _emptied(folder: Path) -> Path:
    """The folder, made anew; UserError if it holds something that is no rehearsal."""
    if folder.exists() and any(folder.iterdir()) and not (folder / REPORT).is_file():
        raise UserError(f"{folder} holds something that is not a rehearsal: choose another folder with --out")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / REPORT).write_text("{}\n")
    return folder.resolve()
