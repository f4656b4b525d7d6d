"""`python -m infra init`: write into a stack's file what the account that is signed in can tell."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from azure.core.exceptions import HttpResponseError

from infra.commands.checks.account import public_address
from infra.commands.checks.examination import Examination, NotCheckedError
from infra.commands.checks.machine import PLACEHOLDER_DOMAIN
from infra.commands.stack_file import StackFile, shown
from infra.release.work.principal import Principal
from stream_queries.errors import UserError

_PLACEHOLDER_ID = re.compile(r"(\d)\1{7}(-\1{4}){3}-\1{12}")
"""Object ids of the shipped files: one digit all over."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.description = (
        "Write Pulumi.STACK.yaml, or complete it, from the account that is signed in. What a person wrote there stays, "
        "with its comments, unless an option asks for something else; placeholders are replaced. Says what it wrote."
    )
    parser.add_argument("--stack", default="dev", metavar="NAME", help="the stack (default: %(default)s)")
    parser.add_argument(
        "--admin-group", metavar="NAME", help="the Entra group that administers the database, by its name"
    )
    parser.add_argument("--alert-address", metavar="MAIL", help="where alerts go (default: your own address)")
    parser.add_argument("--region", metavar="REGION", help="the Azure region (default: westeurope)")


def run(arguments: argparse.Namespace) -> int:
    """Complete the file and say what was written; 1 if the program would still refuse it."""
    with Examination(Path.cwd(), arguments.stack) as stack:
        file = stack.open_file()
        writer = Writer(file)
        principal = stack.sign_in()
        if not writer.given(str, "the name of an Azure region", "region") or arguments.region:
            writer.put(arguments.region or "westeurope", "region")
        _add_deployer(writer, principal)
        _set_admin_group(writer, stack, arguments.admin_group)
        _set_alert_address(writer, stack, arguments.alert_address)
        if own := public_address(principal.address):
            _add_address(writer, own)
        file.write()
    for line in writer.lines or [f"{file.name} says all that already: nothing was changed"]:
        print(line)
    problems = file.problems()
    for problem in problems:
        print(f"still wrong: {problem}")
    if not problems:
        print(f"next: python -m infra doctor --stack {arguments.stack}")
    return 1 if problems else 0


class Writer:
    """Changes a file and remembers in words what was changed."""

    def __init__(self, file: StackFile) -> None:
        self.file, self.lines = file, list[str]()

    def given(self, kind: type[Any], form: str, *keys: str) -> Any:
        """What a person wrote; UserError where it has another form, and would be written over."""
        for above in (keys[:count] for count in range(1, len(keys))):
            self._check(dict, "settings below it", above)
        return self._check(kind, form, keys)

    def _check(self, kind: type[Any], form: str, keys: tuple[str, ...]) -> Any:
        value = self.file.get(*keys)
        if value is None:
            return kind()
        if not isinstance(value, kind):
            raise UserError(f"{self.file.name}: {shown(keys)} is {value!r}: give {form}, or leave it out")
        return value

    def put(self, value: Any, *keys: str) -> None:
        """Set a value; nothing is said where it is there already."""
        old = self.file.get(*keys)
        if old != value:
            self.file.set(value, *keys)
            self.lines.append(f"{shown(keys)}: {value}" + (f" (was {old})" if old is not None else ""))

    def add(self, item: Any, words: str, *keys: str) -> None:
        """Append to a list."""
        self.file.add(item, *keys)
        self.lines.append(f"{shown(keys)}: added {words}")


def _add_deployer(writer: Writer, principal: Principal) -> None:
    listed = writer.given(list, "a list of {objectId, type}", "deployers")
    if not all(isinstance(one, dict) for one in listed):
        raise UserError(f"{writer.file.name}: deployers is {listed!r}: give a list of {{objectId, type}}")
    if principal.object_id.lower() not in {str(one.get("objectId")).lower() for one in listed}:
        writer.add({"objectId": principal.object_id, "type": principal.kind}, str(principal), "deployers")


def _set_admin_group(writer: Writer, stack: Examination, name: str | None) -> None:
    """The group by its name: the one asked for, or the file's own where its id is a placeholder."""
    given = {key: writer.given(str, "a text", "database", "adminGroup", key) for key in ("name", "objectId")}
    if name is None:
        if given["objectId"] and not _PLACEHOLDER_ID.fullmatch(given["objectId"]):
            return
        name = given["name"]
    if not name:
        raise UserError("no group administers the database yet: name one with --admin-group")
    by_hand = f"az ad group show --group {name} --query id tells the id, database.adminGroup.objectId takes it"
    found = _asked(lambda: stack.look_up(lambda directory: directory.groups_named(name)), by_hand)
    if not found:
        raise UserError(
            f"no group is called {name}: name another one with --admin-group, or make it (az ad group create "
            f"--display-name {name} --mail-nickname {name}) and put yourself in it (az ad group member add)"
        )
    if len(found) > 1:
        raise UserError(
            f"{len(found)} groups are called {name} ({', '.join(one.object_id for one in found)}): {by_hand}"
        )
    writer.put(found[0].name, "database", "adminGroup", "name")
    writer.put(found[0].object_id, "database", "adminGroup", "objectId")


def _set_alert_address(writer: Writer, stack: Examination, address: str | None) -> None:
    given = writer.given(str, "a mail address", "monitoring", "alertAddress")
    if address is None:
        if given and not given.endswith(PLACEHOLDER_DOMAIN):
            return
        address = _own_mail(stack)
    if not address:
        raise UserError("this account has no mail address for alerts: give one with --alert-address")
    writer.put(address, "monitoring", "alertAddress")


def _own_mail(stack: Examination) -> str | None:
    if stack.principal.kind != "User":
        return None
    return _asked(lambda: stack.look_up(lambda directory: directory.own_mail()), "give --alert-address")


def _add_address(writer: Writer, own: str) -> None:
    listed = writer.given(list, "a list of addresses", "database", "deployerAddresses")
    if own not in listed:
        writer.add(own, f"{own}, from where you are logged in", "database", "deployerAddresses")


def _asked(question: Callable[[], Any], instead: str) -> Any:
    """The answer of the directory; UserError with what to do instead where there is none."""
    try:
        return question()
    except NotCheckedError as error:
        raise UserError(f"{error.reason}: {instead}") from error
    except HttpResponseError as error:
        raise UserError(f"the directory did not answer ({error.status_code}): {instead}") from error
