"""`python -m infra doctor`."""

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--stack", default="dev", metavar="NAME", help="the stack (default dev)")


def run(arguments: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    del arguments
    return 0
