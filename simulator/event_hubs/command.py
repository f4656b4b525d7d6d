"""`python -m simulator event-hubs`: the server as a process of its own.

Its one line on standard output is the connection string, written once clients can connect; logs go to standard error.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from simulator.event_hubs.loopback import DEFAULT_HUB, connection_string
from simulator.event_hubs.service.server import Tls, serving
from simulator.event_hubs.storage.namespace import Hub, Namespace
from stream_queries.errors import UserError

log = logging.getLogger(__name__)

DEFAULT_PORT = 5672
"""Of AMQP without TLS; where clients with `UseDevelopmentEmulator` look unless they are told another one."""

_PARENT_CHECK_SECONDS = 0.2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.description = "Serve Event Hubs on this machine to the azure-eventhub SDK."
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="port to listen on, 0 is any free one (default: %(default)s)"
    )
    parser.add_argument(
        "--hub",
        action="append",
        default=[],
        metavar="NAME[:PARTITIONS[:GROUP,GROUP]]",
        help=f"a hub to serve; may be repeated (default: {hub_text(DEFAULT_HUB)})",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="hubs from a Config.json of Microsoft's emulator")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder that keeps the events (default: memory only)")
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="NAME=KEY",
        help="a shared access key that tokens must be signed with; may be repeated (default: every token is good)",
    )
    parser.add_argument(
        "--tls",
        nargs=2,
        type=Path,
        metavar=("CERT", "KEY"),
        help="speak TLS with this certificate and key (PEM); the SDK then connects to port 5671",
    )
    parser.add_argument("--verbose", action="store_true", help="log every AMQP performative")
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end when the process that started this one ends"
    )
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input is closed")


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal (SIGINT, SIGTERM) or the parent's end."""
    parent = os.getppid()
    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.INFO, format="%(asctime)s %(name)s: %(message)s"
    )
    keys = dict(parse_key(text) for text in arguments.key)
    hubs = [*(hubs_of_config(arguments.config) if arguments.config else []), *map(parse_hub, arguments.hub)]
    namespace = Namespace(hubs or [DEFAULT_HUB], data=arguments.data, keys=keys)
    try:
        asyncio.run(_serve(namespace, arguments, parent))
    finally:
        namespace.close()
    log.info("%s", namespace.stats)
    return 0


async def _serve(namespace: Namespace, arguments: argparse.Namespace, parent: int) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if arguments.until_stdin_closes:
        threading.Thread(target=_await_end_of_input, args=(loop, stop), daemon=True).start()
    tls = Tls(*arguments.tls) if arguments.tls else None
    async with serving(namespace, host=arguments.host, port=arguments.port, tls=tls) as port:
        print(connection_string(arguments.host, port, keys=namespace.keys, tls=tls is not None), flush=True)
        if arguments.exit_with_parent:
            await _parent_or_stop(parent, stop)
        else:
            await stop.wait()


async def _parent_or_stop(parent: int, stop: asyncio.Event) -> None:
    """Wait for `stop`, or until another process has inherited this one because its parent is gone."""
    while os.getppid() == parent and not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), _PARENT_CHECK_SECONDS)
        except TimeoutError:
            continue


def _await_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Read standard input to its end. Below Python's buffers, whose lock would disturb the interpreter's exit."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    loop.call_soon_threadsafe(stop.set)


# ---- What is served
def hub_text(hub: Hub) -> str:
    """The hub as it is written on the command line."""
    return f"{hub.name}:{hub.partitions}:{','.join(hub.groups)}"


def parse_hub(text: str) -> Hub:
    """A hub from `NAME[:PARTITIONS[:GROUP,GROUP]]`."""
    name, _, rest = text.partition(":")
    partitions, _, groups = rest.partition(":")
    if not partitions.isdecimal() and partitions:
        raise UserError(
            f"--hub {text}: {partitions!r} is no number of partitions; write NAME[:PARTITIONS[:GROUP,GROUP]]"
        )
    try:
        count = int(partitions or DEFAULT_HUB.partitions)
        return Hub(name, count, tuple(group for group in groups.split(",") if group))
    except ValueError as error:
        raise UserError(f"--hub {text}: {error}; write NAME[:PARTITIONS[:GROUP,GROUP]]") from error


def parse_key(text: str) -> tuple[str, str]:
    """A shared access key from `NAME=KEY`."""
    name, separator, key = text.partition("=")
    if not (name and separator and key):
        raise UserError("--key: write NAME=KEY")
    return name, key


def hubs_of_config(path: Path) -> list[Hub]:
    """The hubs of a Config.json as Microsoft's Event Hubs emulator reads it; other settings in it mean nothing here.

    Source: https://learn.microsoft.com/azure/event-hubs/test-locally-with-event-hub-emulator
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return [
            Hub(
                entity["Name"],
                int(entity.get("PartitionCount", 1)),
                tuple(group["Name"] for group in entity.get("ConsumerGroups", [])),
            )
            for namespace in config["UserConfig"]["NamespaceConfig"]
            for entity in namespace["Entities"]
        ]
    except OSError as error:
        raise UserError(f"--config {path}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(
            f"--config {path}: not a configuration of Microsoft's Event Hubs emulator ({type(error).__name__}: {error})"
        ) from error
