"""A record's work as named steps: each prints one line, and a failure says which step, what, and what to do."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from scoring.patience import advice, first_line
from stream_queries.errors import UserError

_AGAIN = ", then run `pulumi up` again, it goes on here"


class StepError(Exception):
    """A step did not succeed; the text is one line for whoever deploys."""


@dataclass(frozen=True)
class Steps:
    """Runs steps one after the other for the record `title`."""

    title: str
    say: Callable[[str], None]

    def run(self, step: str, action: Callable[[], str]) -> None:
        """Do one step and print what it says."""
        with self.named(step):
            outcome = action()
        self.say(f"{self.title}: {step}: {outcome}")

    @contextmanager
    def named(self, step: str) -> Generator[None]:
        """Raise whatever goes wrong inside as StepError, named after the step."""
        try:
            yield
        except StepError:
            raise
        except Exception as error:
            raise StepError(f"step {step!r}: {_in_one_line(error)}{_advice(error)}{_AGAIN}") from error


def _in_one_line(error: Exception) -> str:
    if isinstance(error, DBAPIError):
        error = error.orig if isinstance(error.orig, Exception) else error
    return " ".join(first_line(error).split())[:500].rstrip(".")


def _advice(error: Exception) -> str:
    """What to do first; nothing where the error's text says that already."""
    if isinstance(error, UserError):
        return ""
    if isinstance(error, DBAPIError):
        return "; see that the deployer is in the server's admin group and comes from one of `deployerAddresses`"
    return f"; {advice(error)}"
