"""`python -m simulator`: devices, the stand-ins for Azure services, and the whole path on one machine."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from stream_queries.command import run_command

COMMANDS = {
    "run": ("simulator.local_run.command", "the whole path on this machine"),
    "send": ("simulator.hub_clients.command", "send readings to an event hub"),
    "stream": ("simulator.stream.command", "run the stream query over a hub's events"),
    "preview": ("simulator.delivery.preview.command", "what the working tree would change in Azure"),
    "rehearse": ("simulator.delivery.rehearsal.command", "deploy, run, change and destroy on this machine"),
    "azure": ("simulator.azure.command", "a simulated Azure subscription for the Pulumi CLI"),
    "event-hubs": ("simulator.event_hubs.command", "a loopback Event Hubs for the azure-eventhub SDK"),
}
"""Each command with the module that holds it; a module is imported only when its command is run."""

MISTAKE = 2
"""Exit code of a user's mistake; a module says its own one, as `MISTAKE`, where 2 means something else."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; exit code 0 is success, 1 a failure, 2 (or the command's own) a mistake of the user's."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    mistake = MISTAKE
    for name, (module, help_text) in COMMANDS.items():
        command = commands.add_parser(name, help=help_text)
        if name in arguments[:1]:
            importlib.import_module(module).configure(command)
            mistake = getattr(importlib.import_module(module), "MISTAKE", MISTAKE)
    try:
        parsed = parser.parse_args(arguments)
    except SystemExit as end:
        raise SystemExit(mistake if end.code == MISTAKE else end.code) from None
    module = importlib.import_module(COMMANDS[parsed.command][0])
    return run_command("simulator", lambda: module.run(parsed), mistake=mistake)


if __name__ == "__main__":
    sys.exit(main())
