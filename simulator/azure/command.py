"""`python -m simulator azure`: a simulated subscription for the plain Pulumi CLI, in the foreground."""

import argparse
import shlex
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

from scoring.cluster.steps import URL_VARIABLE
from simulator.azure.cloud import Cloud, CloudSettings, running_cloud
from simulator.azure.cloud.entra.directory import Directory
from simulator.azure.provider import Faults, serve
from simulator.azure.subscription import Subscription
from stream_queries.errors import UserError

DEFAULT_STATE = Path(".cache/azure/subscription.json")
INIT = "python -m infra init --admin-group sql-admins-dev"
COMMANDS = ("pulumi stack init dev", INIT, "python -m infra doctor", "pulumi up", "pulumi destroy")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to its parser."""
    parser.description = (
        "Serve a simulated Azure subscription to the Pulumi CLI, until interrupted: resources, logins, Azure ML and "
        "Blob Storage, so that a release after the deployment works too. Prints the environment that the CLI needs, "
        "for another terminal; from there, nothing but this machine can be reached. Stream jobs and pipelines are "
        "started and scheduled, but do not run here: `python -m simulator rehearse` does that."
    )
    parser.epilog = (
        "Needs the full Pulumi CLI, with its language host for Python, in the version of requirements.txt; `make "
        "install` done before; and Azurite (Node.js, `make test` installs it). What is deployed stays in the state "
        "file and can be gone on with later, but blobs (what a release has published) are gone when this ends."
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
    folder = arguments.state.resolve().parent
    settings = CloudSettings(database_url=database_url(folder), directory=Directory(signed_in="user"))
    with (
        serve(subscription, Faults(file=arguments.faults)) as port,
        running_cloud(folder / "cloud", subscription, settings) as cloud,
    ):
        print(guide({**pulumi_environment(port, folder), **cloud_environment(cloud)}), flush=True)
        stopped.wait()
        for host in sorted(set(cloud.refused)):
            print(f"# refused: {host} is not of the simulated cloud")
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


def database_url(folder: Path) -> str:
    """The database that takes the place of the stack's own, whose server is not simulated."""
    return f"sqlite:///{folder / 'windows.db'}"


def pulumi_environment(port: int, folder: Path) -> Mapping[str, str]:
    """What the Pulumi CLI needs to know to deploy to the provider at `port`, and to keep its state in `folder`."""
    stacks = folder / "stacks"
    stacks.mkdir(exist_ok=True)
    return {
        "PULUMI_BACKEND_URL": f"file://{stacks}",
        "PULUMI_CONFIG_PASSPHRASE": "simulated",
        "PULUMI_DEBUG_PROVIDERS": f"azure-native:{port}",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def cloud_environment(cloud: Cloud) -> Mapping[str, str]:
    """What a program under the CLI needs to know to work in `cloud` after the deployment, as the release does."""
    return {**cloud.environment, URL_VARIABLE: str(cloud.settings.database_url)}


def guide(environment: Mapping[str, str]) -> str:
    """The environment as lines for a shell, and the commands to go on with."""
    return "\n".join(
        [
            "# A simulated subscription is served. In another terminal, in the project's folder:",
            *(f"export {name}={shlex.quote(value)}" for name, value in environment.items()),
            *COMMANDS,
            "# The first two write into Pulumi.dev.yaml, which git restore Pulumi.dev.yaml takes back.",
            "# Interrupt to end; what is deployed stays in the state file.",
        ]
    )
