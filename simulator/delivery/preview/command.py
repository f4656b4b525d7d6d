"""`python -m simulator preview`: what the working tree would change in Azure, found without Azure."""

import argparse
import sys
import tempfile
from pathlib import Path

from simulator.azure.engine import find_cli
from simulator.delivery.preview.comparison import Comparison
from simulator.delivery.preview.reports import as_json, as_markdown, as_text, failure_as_markdown
from simulator.delivery.preview.trees import extract, find_base, working_tree
from simulator.delivery.preview.two_trees import TreeError, compare
from stream_queries.errors import UserError
from stream_queries.terminal import ProgressBar

MISTAKE = 64
"""Exit code of a wrong call, for 2 is taken (sysexits.h: EX_USAGE)."""

_CHANGES, _LOSES_DATA = 2, 3
_FORMATS = {"text": as_text, "markdown": as_markdown, "json": as_json}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Deploy the base to a simulated subscription and preview the working tree against it; uncommitted changes\n"
        "count. "
        "Needs the Pulumi command line tool, no account, no network."
    )
    parser.epilog = (
        "exit codes: 0 no changes, 2 changes or something to know, 3 data would be lost (a resource that holds data\n"
        "would be replaced or deleted, or would keep it for a shorter time), 1 the program of one of the trees cannot\n"
        f"be run, {MISTAKE} a wrong call or a missing tool"
    )
    parser.add_argument(
        "--base", metavar="REF", help="commit to compare with (default: where this branch left origin/main or main)"
    )
    parser.add_argument("--stack", default="dev", help="whose settings: Pulumi.STACK.yaml (default: %(default)s)")
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        default="text",
        help="text, markdown for a comment, or json (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the difference; the exit code says how grave it is."""
    find_cli()
    try:
        comparison = _compare(arguments.base, arguments.stack)
    except TreeError as error:
        if arguments.format == "markdown":
            print(failure_as_markdown(arguments.stack, str(error)), end="")
        print(f"simulator: {error}", file=sys.stderr)
        return 1
    print(_FORMATS[arguments.format](comparison), end="")
    if comparison.loses_data:
        return _LOSES_DATA
    return _CHANGES if comparison.changes else 0


def _compare(ref: str | None, stack: str) -> Comparison:
    head = working_tree(Path.cwd())
    base = find_base(head, ref)
    stack_file = f"Pulumi.{stack}.yaml"
    if not (head / stack_file).is_file():
        there = ", ".join(path.name[7:-5] for path in sorted(head.glob("Pulumi.*.yaml")))
        raise UserError(f"--stack {stack}: {head} has no {stack_file}; there is {there or 'none'}")
    with (
        tempfile.TemporaryDirectory(prefix="base-") as folder,
        ProgressBar(title="base and working tree", total=None, unit="resources") as bar,
    ):
        before = extract(head, base.commit, Path(folder))
        has_stack = (before / stack_file).is_file()
        name = str(base) if has_stack else f"{base}, which has no stack {stack}"
        return compare(before if has_stack else None, head, stack, base_name=name, on_step=lambda _: bar.advance(1))
