"""The commands of `python -m infra`, and how they are told from the Pulumi program, which is started by Pulumi."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from stream_queries.command import run_command

COMMANDS = {
    "init": ("infra.commands.init", "write a stack's settings from the account that is signed in"),
    "doctor": ("infra.commands.doctor", "say what would stop `pulumi up`, and what to do about it"),
    "recover": ("infra.commands.recover", "go on after a deployment that was killed or lost an answer"),
}
"""Each command with the module that holds it; a module is imported only when its command is run."""

MODULE = "infra.__main__"


def hand_over() -> None:
    """End this process with a command's exit code if it was started as `python -m infra`; else return to the program.

    Both are one file: Pulumi's `main` is a folder, and so is what `-m` runs. Arguments do not tell them apart, because
    whatever runs the program may have some of its own. The module that Python itself was started with does: Pulumi's
    language host, a test, any other tool that runs the file by `runpy` is itself that module.
    """
    if getattr(sys.modules["__main__"].__spec__, "name", None) == MODULE:
        raise SystemExit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; exit code 0 is success, 1 a finding or a failure, 2 a mistake of the user's."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, (module, help_text) in COMMANDS.items():
        command = commands.add_parser(name, help=help_text)
        if name in arguments[:1]:
            importlib.import_module(module).configure(command)
    parsed = parser.parse_args(arguments)
    return run_command("infra", lambda: importlib.import_module(COMMANDS[parsed.command][0]).run(parsed))
