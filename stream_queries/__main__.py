"""Check, run and test queries: `python -m stream_queries check | run | test`."""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from stream_queries.command import run_command
from stream_queries.commands.cases import CASES, find_cases, load_query
from stream_queries.commands.event_files import EVENT_FORM, read_events, row_lines
from stream_queries.engine import decode, run_batch
from stream_queries.engine.language.lint import UNDOCUMENTED
from stream_queries.errors import UserError
from stream_queries.time_policy import DEFAULT_TIME_POLICY, TimePolicy


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    return run_command("stream_queries", lambda: options.command(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stream_queries", description=__doc__)
    commands = parser.add_subparsers(required=True)

    check = commands.add_parser("check", help="say what queries read, write and rest on; refuse what is not run here")
    check.add_argument("queries", nargs="*", metavar="NAME|FILE", default=["sensor_windows"])
    check.add_argument("--undocumented", action="store_true", help="also list what Microsoft leaves open")
    check.set_defaults(command=_check)

    run = commands.add_parser("run", help="run a query over events in files")
    run.add_argument("query", metavar="NAME|FILE")
    run.add_argument(
        "--input", action="append", required=True, metavar="ALIAS=FILE", help=f"JSON lines such as {EVENT_FORM}"
    )
    run.add_argument("--out", type=Path, metavar="DIR", help="write <output>.jsonl there; otherwise print")
    run.add_argument("--late-arrival", type=_seconds, metavar="S", default=DEFAULT_TIME_POLICY.late_arrival)
    run.add_argument("--out-of-order", type=_seconds, metavar="S", default=DEFAULT_TIME_POLICY.out_of_order)
    run.set_defaults(command=_run)

    test = commands.add_parser("test", help="run the query cases, each as a batch and as a stream")
    test.add_argument("folder", nargs="?", type=Path, default=CASES)
    test.set_defaults(command=_test)
    return parser


def _seconds(text: str) -> timedelta:
    duration = timedelta(seconds=float(text))
    if duration < timedelta(0):
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return duration


def _check(options: argparse.Namespace) -> int:
    for name in options.queries:
        query = load_query(name)
        print(query.name)
        for alias, timestamp in query.inputs.items():
            print(f"  input    {alias}, {f'TIMESTAMP BY {timestamp}' if timestamp else 'at arrival time'}")
        for output in query.plan.outputs:
            print(f"  output   {output.name}: {', '.join(f'{each.name} {each.type}' for each in output.columns)}")
        for window in query.windows:
            print(f"  window   {window}")
        print(f"  horizon  {query.horizon}")
        for remark in query.remarks:
            print(f"  warning  line {remark.line}: {remark.text}")
    if options.undocumented:
        print("not documented by Microsoft:")
        for text in UNDOCUMENTED:
            print(f"  {text}")
    return 0


def _run(options: argparse.Namespace) -> int:
    query = load_query(options.query)
    files = dict(_assignment(text) for text in options.input)
    if set(files) != set(query.inputs):
        raise UserError(f"--input names {', '.join(sorted(files))}; the query reads {', '.join(sorted(query.inputs))}")
    inputs = {}
    for alias, file in files.items():
        decoded = decode(read_events(file))
        inputs[alias] = decoded.events
        for reason in decoded.undecodable["reason"].to_pylist():
            print(f"{alias}: an undecodable event: {reason}", file=sys.stderr)
    policy = TimePolicy(late_arrival=options.late_arrival, out_of_order=options.out_of_order)
    for output, table in run_batch(query, inputs, policy=policy).items():
        if options.out is None:
            print(f"-- {output}")
            print(row_lines(table), end="")
        else:
            options.out.mkdir(parents=True, exist_ok=True)
            (options.out / f"{output}.jsonl").write_text(row_lines(table), encoding="utf-8")
    return 0


def _assignment(text: str) -> tuple[str, Path]:
    alias, separator, file = text.partition("=")
    if not separator:
        raise UserError(f"--input {text}: write ALIAS=FILE")
    return alias, Path(file)


def _test(options: argparse.Namespace) -> int:
    failed = 0
    for case in find_cases(options.folder):
        failures = case.failures()
        failed += bool(failures)
        print(f"{'FAILED' if failures else 'passed'}  {case.name}")
        for failure in failures:
            print(f"  {failure}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
