"""`python -m simulator azure`: a simulated subscription for the plain Pulumi CLI, in the foreground."""

import argparse
import shlex
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

from simulator.azure.provider import Faults, serve
from simulator.azure.subscription import Subscription
from stream_queries.command_line import UserError

DEFAULT_STATE = Path(".cache/azure/subscription.json")
COMMANDS = ("pulumi stack init dev", "pulumi up", "pulumi destroy")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.description = (
        "Serve a simulated Azure subscription to the Pulumi CLI, until interrupted. Prints the environment that the "
        "CLI needs, for another terminal. Nothing leaves this machine."
    )
    parser.add_argument(
        "--state",
        type=Path,
        default=DEFAULT_STATE,
        metavar="FILE",
        help="file that keeps the subscription; Pulumi's own state is kept beside it (default: %(default)s)",
    )
    parser.add_argument(
        "--faults", type=Path, metavar="FILE", help="JSON file of faults to inject, read before every operation"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal (SIGINT, SIGTERM)."""
    subscription = open_subscription(arguments.state)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with serve(subscription, Faults(file=arguments.faults)) as port:
        print(guide(port, arguments.state.resolve().parent), flush=True)
        stopped.wait()
    return 0


def open_subscription(file: Path) -> Subscription:
    """The subscription kept in `file`, an empty one where there is none."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return Subscription(file)
    except OSError as error:
        raise UserError(f"--state {file}: {error.strerror}; choose a file that can be written") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(f"--state {file}: not a simulated subscription; choose another file or delete it") from error


def environment(port: int, folder: Path) -> Mapping[str, str]:
    """What the Pulumi CLI needs to know to deploy to the provider at `port`, and to keep its state in `folder`."""
    return {
        "PULUMI_BACKEND_URL": f"file://{folder / 'stacks'}",
        "PULUMI_CONFIG_PASSPHRASE": "simulated",
        "PULUMI_DEBUG_PROVIDERS": f"azure-native:{port}",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def guide(port: int, folder: Path) -> str:
    """The environment as lines for a shell, and the commands to go on with."""
    (folder / "stacks").mkdir(exist_ok=True)
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment(port, folder).items()]
    return "\n".join(
        [
            "# A simulated subscription is served. In another terminal, in the project's folder:",
            *exports,
            *COMMANDS,
            "# stack init adds a line to Pulumi.dev.yaml, which git restore Pulumi.dev.yaml takes back.",
            "# Interrupt to end; what is deployed stays in the state file.",
        ]
    )
