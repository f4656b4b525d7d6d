"""`python -m infra recover`: go on after a deployment that was killed, or that lost Azure's answer.

It asks Azure what exists of the stack, and takes into the stack's state what the state does not know, so that the next
`pulumi up` finishes it instead of stopping at it. Nothing is changed in Azure.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import closing

from infra.recovery.mending import mended
from infra.recovery.stack import Stack
from infra.recovery.survey import Findings, Resource, survey
from infra.release.work.resource_manager import ResourceManager
from scoring.cluster.stores.identity import own_credential
from scoring.patience import Patience
from stream_queries.errors import UserError

ANSWERED_IN, MADE_IN = 120, 3600
"""Seconds that Azure's answers are waited for, and what it is still making: the image's build may take that long."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.description = (
        "After a deployment was killed or lost an answer: say what Azure has and the stack's state does not know, and "
        "take it into the state, so that the next `pulumi up` goes on. Changes the state only, nothing in Azure."
    )
    parser.add_argument("--stack", default="dev", metavar="NAME", help="the stack (default: %(default)s)")
    parser.add_argument("--yes", action="store_true", help="do not ask, as in a script")


def run(arguments: argparse.Namespace) -> int:
    """Look, say what is to be done, ask, do it."""
    stack, patience = Stack(arguments.stack), Patience(seconds=ANSWERED_IN, say=print)
    exported, planned = stack.export(), stack.planned()
    deployment = exported["deployment"]
    with closing(ResourceManager(own_credential())) as manager:
        what = "asking Azure what it has of the stack"
        findings = patience.attempt(what, lambda: survey(deployment, planned, manager))
        for line in report(findings):
            print(line)
        if not findings.mends:
            print("The state knows of all that was made: go on with pulumi up.")
            return 0
        if not (arguments.yes or _agreed()):
            print("Nothing was changed.")
            return 1
        _wait(findings, manager)
    stack.write({**exported, "deployment": mended(deployment, findings)})
    print(f"Done: go on with pulumi up --stack {arguments.stack}.")
    return 0


def report(findings: Findings) -> Iterator[str]:
    """What was found and what is to be done about it, a line for each resource."""
    for found in findings.found:
        then = "" if found.kind.once else ", and the next pulumi up finishes it"
        yield f"+ {_title(found.resource)} exists: into the state{then} ({found.id})"
    for resource in findings.not_made:
        yield f"- {_title(resource)} was begun and does not exist: the next pulumi up makes it"
    for resource in findings.changing:
        yield f"~ {_title(resource)} was being changed: the next pulumi up does it again"
    for found in findings.finished:
        yield f"+ {_title(found.resource)} is finished in Azure: in the state, too ({found.id})"
    for resource in findings.unreadable:
        yield f"? {_title(resource)} is of a type that this command does not know: look for it yourself"
    for stray in findings.strays:
        yield f"! left over, another one took its place: if it holds nothing, az resource delete --ids {stray}"


def _title(resource: Resource) -> str:
    return f"{resource['type'].partition(':')[2]} {resource['urn'].rpartition('::')[2]}"


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise UserError("nobody is there to ask: give --yes to have the state changed like this")
    return input("Change the state like this? [y/N] ").strip().lower() in ("y", "yes")


def _wait(findings: Findings, manager: ResourceManager) -> None:
    """Wait for what Azure is still making: it would refuse the next request for it."""
    at_work = [found for found in findings.found if found.is_in_the_making]
    for found in at_work:
        print(f"Azure is still making {_title(found.resource)}: waiting for it")
    try:
        Patience(seconds=MADE_IN).until("making it", lambda: not any(found.ask_again(manager) for found in at_work))
    except TimeoutError as error:
        raise UserError(f"{error}: look at it in the portal, then give this command again") from error
