"""Checks of this machine: the stack's file, Pulumi's tool and where it keeps its state, the database's driver."""

import importlib.metadata
import json
import os

from infra.commands.checks.examination import Examination, NotCheckedError, WrongError
from infra.driver import driver_problem
from scoring.cluster.steps import URL_VARIABLE
from stream_queries.errors import UserError

PLACEHOLDER_DOMAIN = "@example.com"
"""Of the shipped files' addresses: nobody has it (RFC 2606)."""


def settings(stack: Examination) -> str:
    """The program would take the stack's file, and nothing in it is still a placeholder."""
    try:
        file = stack.open_file()
    except UserError as error:
        raise WrongError(str(error), "mend that in the file") from error
    if not file.path.is_file():
        raise WrongError(f"there is no {file.name}", f"write it: python -m infra init --stack {stack.stack}")
    if problems := file.problems():
        raise WrongError(f"{file.name}: {'; '.join(problems)}", "mend that in the file")
    address = stack.settings.monitoring.alert_address
    if address.endswith(PLACEHOLDER_DOMAIN):
        raise WrongError(f"alerts would go to {address}, which nobody reads", "set monitoring.alertAddress to yours")
    return f"{file.name} is well-formed"


def pulumi_tool(stack: Examination) -> str:
    """Pulumi's command line is there and not older than the SDK that the program uses."""
    wanted = importlib.metadata.version("pulumi")
    found = stack.run("pulumi", "version")
    if found is None:
        raise WrongError(
            "the command pulumi is not found", f"install Pulumi {wanted}: https://www.pulumi.com/docs/install/"
        )
    if _numbers(found) < _numbers(wanted):
        raise WrongError(f"pulumi is {found}, older than {wanted}", "update it: https://www.pulumi.com/docs/install/")
    return f"pulumi {found}"


def state(stack: Examination) -> str:
    """Pulumi knows where state is kept, gets in there, and has the stack."""
    if stack.run("pulumi", "version") is None:
        raise NotCheckedError("there is no pulumi")
    known = stack.run("pulumi", "whoami", "--json", "--non-interactive")
    if known is None:
        raise WrongError(
            "pulumi has no place for its state, or does not get in (pulumi whoami fails)",
            "pulumi login, or pulumi login --local; in a workflow set PULUMI_ACCESS_TOKEN or PULUMI_BACKEND_URL",
        )
    listed = json.loads(stack.run("pulumi", "stack", "ls", "--json", "--non-interactive") or "[]")
    names = {str(one["name"]).rpartition("/")[2] for one in listed}
    place = json.loads(known).get("url", "")
    if stack.stack not in names:
        raise WrongError(f"{place} holds no stack {stack.stack}", f"make it: pulumi stack init {stack.stack}")
    return f"stack {stack.stack} is in {place}"


def odbc(_: Examination) -> str:
    """The driver by which the release talks to the database is installed, unless another one takes its place."""
    if os.environ.get(URL_VARIABLE):
        return f"not needed: {URL_VARIABLE} names a database instead"
    if problem := driver_problem():
        raise WrongError(*problem)
    return "the database's driver is installed"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").split("-")[0].split(".") if part.isdigit())
