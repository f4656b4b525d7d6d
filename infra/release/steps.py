"""A record's work as named steps: each prints one line, and a failure says which step, what, and what to do."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from sqlalchemy.exc import DBAPIError

_AGAIN = "then run `pulumi up` again, it goes on here"


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
            raise StepError(f"step {step!r}: {_in_one_line(error)}; {_advice(error)}, {_AGAIN}") from error


def _in_one_line(error: Exception) -> str:
    if isinstance(error, DBAPIError):
        error = error.orig if isinstance(error.orig, Exception) else error
    text = error.message if isinstance(error, HttpResponseError) else str(error)
    return " ".join((text or type(error).__name__).split())[:500].rstrip(".")


def _advice(error: Exception) -> str:
    if isinstance(error, ClientAuthenticationError):
        return "log in (`az login`, or set the variables of a service principal)"
    if isinstance(error, HttpResponseError) and error.status_code in (401, 403):
        return "give whoever deploys the rights in the `deployers` setting"
    if isinstance(error, DBAPIError):
        return "see that the deployer is in the server's admin group and comes from one of `deployerAddresses`"
    return "wait until Azure answers again" if isinstance(error, AzureError) else "mend that"
