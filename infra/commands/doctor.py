"""`python -m infra doctor`: what would stop or break a deployment, before it begins."""

import argparse
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from azure.core.exceptions import AzureError, HttpResponseError

from infra.commands.checks import account as account_checks
from infra.commands.checks import machine as machine_checks
from infra.commands.checks import naming as naming_checks
from infra.commands.checks import offer as offer_checks
from infra.commands.checks.examination import Examination, NotCheckedError, WrongError
from infra.commands.stack_file import require_project
from scoring.patience import first_line

CHECKS: dict[str, Callable[[Examination], str]] = {
    "settings": machine_checks.settings,
    "pulumi": machine_checks.pulumi_tool,
    "state": machine_checks.state,
    "driver": machine_checks.odbc,
    "login": account_checks.login,
    "subscription": account_checks.subscription,
    "providers": account_checks.providers,
    "rights": account_checks.rights,
    "deployers": account_checks.deployers,
    "administrators": account_checks.administrators,
    "address": account_checks.address,
    "database": offer_checks.database,
    "machine": offer_checks.machine,
    "quota": offer_checks.quota,
    "budget": offer_checks.budget,
    "names": naming_checks.deleted_names,
}
"""Each check by its name: it says in words what it has found to be right."""

_UNEXPECTED = "mend what that names if it is yours, else report it as a fault of doctor"


@dataclass(frozen=True)
class Finding:
    """What a check found: `ok`, `wrong`, or `?` where it cannot be told from here; `mend` is what to do."""

    check: str
    status: Literal["ok", "wrong", "?"]
    text: str
    mend: str = ""

    def __str__(self) -> str:
        mend = f"; {self.mend}" if self.mend else ""
        return f"{self.status:<6} {self.check:<15} {self.text}{mend}"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.description = (
        "Ask this machine, Azure and Microsoft Graph what would stop `pulumi up`; nothing is changed. One line each: "
        "ok, wrong (with what to do), or ? where it cannot be told from here. Exit code 1 if anything is wrong."
    )
    parser.add_argument("--stack", default="dev", metavar="NAME", help="the stack (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print all findings; 1 if something is wrong."""
    findings = []
    require_project(Path.cwd())
    logging.getLogger("azure").setLevel(logging.CRITICAL)  # what the SDK says of a login is said in one line here
    with Examination(Path.cwd(), arguments.stack) as stack:
        for finding in examine(stack):
            findings.append(finding)
            if not arguments.json:
                print(finding, flush=True)
    wrong = sum(finding.status == "wrong" for finding in findings)
    if arguments.json:
        print(json.dumps({"ok": not wrong, "checks": [asdict(finding) for finding in findings]}, indent=1))
    elif not wrong:
        unknown = sum(finding.status == "?" for finding in findings)
        so_far = f", as far as could be told ({unknown} could not)" if unknown else ""
        print(f"nothing is wrong{so_far}: pulumi up --stack {arguments.stack}")
    return 1 if wrong else 0


def examine(stack: Examination) -> Iterator[Finding]:
    """Run all checks, whatever some of them find."""
    for name, check in CHECKS.items():
        yield _finding(name, check, stack)


def _finding(name: str, check: Callable[[Examination], str], stack: Examination) -> Finding:
    try:
        return Finding(name, "ok", check(stack))
    except WrongError as error:
        return Finding(name, "wrong", error.text, error.mend)
    except NotCheckedError as error:
        return Finding(name, "?", f"not checked: {error.reason}", error.mend)
    except HttpResponseError as error:
        return Finding(name, "?", f"not checked: Azure refused to say ({error.status_code}: {_one_line(error)})")
    except AzureError as error:
        return Finding(name, "?", f"not checked: {_one_line(error)}")
    except Exception as error:  # whatever one check did not expect must not keep the others from being made
        return Finding(name, "wrong", f"this check failed: {type(error).__name__}: {_one_line(error)}", _UNEXPECTED)


def _one_line(error: Exception) -> str:
    return " ".join(first_line(error).split())[:200]
