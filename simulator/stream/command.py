"""`python -m simulator stream`: the stream job on one machine, over all that a hub holds."""

import argparse
import logging
from datetime import timedelta
from pathlib import Path

from simulator.hub_clients.address import DEFAULT_HUB, HubAddress
from simulator.stream.processor import StreamProcessor
from stream_queries import query_file
from stream_queries.engine import Query
from stream_queries.errors import UserError
from stream_queries.terminal import ProgressBar
from stream_queries.time_policy import DEFAULT_TIME_POLICY, TimePolicy


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.description = "Run the stream query over a hub's events, to the hub's end; run again, it goes on."
    parser.add_argument("--connection-string", required=True, metavar="TEXT", help="of the loopback server")
    parser.add_argument("--hub", default=DEFAULT_HUB, metavar="NAME", help="the event hub (default %(default)s)")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for archive, rejects and windows")
    parser.add_argument("--query", type=Path, default=query_file(), metavar="FILE", help="another query text")
    late, disorder = DEFAULT_TIME_POLICY.late_arrival, DEFAULT_TIME_POLICY.out_of_order
    parser.add_argument("--late-arrival", type=float, default=late.total_seconds(), metavar="SECONDS")
    parser.add_argument("--out-of-order", type=float, default=disorder.total_seconds(), metavar="SECONDS")


def run(arguments: argparse.Namespace) -> int:
    """Process the hub and print what was done."""
    logging.getLogger("azure").addHandler(logging.NullHandler())  # the SDK's warnings repeat what our errors say
    try:
        text = arguments.query.read_text(encoding="utf-8")
        policy = TimePolicy(
            late_arrival=timedelta(seconds=arguments.late_arrival),
            out_of_order=timedelta(seconds=arguments.out_of_order),
        )
    except OSError as error:
        raise UserError(f"cannot read the query {arguments.query}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(str(error)) from error
    query = Query.parse(text, name=arguments.query.name)
    address = HubAddress(hub=arguments.hub, connection_string=arguments.connection_string)
    processor = StreamProcessor(query, policy, out=arguments.out, state=arguments.out / "state" / "stream")
    try:
        with ProgressBar(title="stream", total=None, unit="events") as bar:
            done = processor.run(address, on_progress=bar.advance)
    finally:
        processor.close()
    print(f"processed {done.events:,} events, {done.undecodable:,} of them undecodable, in {done.step} steps")
    return 0
