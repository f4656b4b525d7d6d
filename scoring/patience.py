"""Waiting for what takes Azure a while: a role that is not known everywhere yet, a paused database, throttling.

The SDKs try a request three times themselves, for some seconds. What still fails then is tried again here, as a whole:
whoever is patient must be able to do the same twice.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import requests
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
)
from sqlalchemy.exc import DBAPIError
from tenacity import RetryCallState, RetryError, Retrying, retry_if_exception, retry_if_result, wait_exponential

from stream_queries.errors import UserError

Result = TypeVar("Result")

_STATUS = {403: "a role is not known yet", 408: "the request took too long", 429: "Azure asks to slow down"}
_CONNECTION_ERRORS = (
    ServiceRequestError,
    ServiceResponseError,
    IncompleteReadError,
    ConnectionError,
    requests.ConnectionError,  # azure-ai-ml uploads code with requests and nothing in between
    requests.Timeout,
)
_SQL = {
    "40613": "the database is waking up",
    "40197": "the database is being moved",
    "40501": "the database is busy",
    "49918": "the database is busy",
    "10928": "the database is busy",
    "10929": "the database is busy",
    "18456": "the login is not known yet",
    "40615": "the firewall does not know the address yet",
    "HYT00": "the database did not answer in time",
    "08S01": "the connection broke",
    "08001": "the database is not reachable yet",
}
"""Errors of SQL Server that pass by themselves, and ODBC's own states for a broken or late connection.
Source: https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-errors-issues"""


SECONDS_FOR_RIGHTS = 30 * 60.0
"""How long to wait for a new role: Stream Analytics' pages say up to 8 minutes, caches elsewhere hold on for up to 30.
Source: https://learn.microsoft.com/azure/stream-analytics/event-hubs-managed-identity,
https://github.com/Azure/bicep/issues/9634"""


@dataclass(frozen=True)
class Patience:
    """How long to wait for one thing, in seconds, requests and waits together.

    `say` tells a person why nothing happens.

    A wait is twice as long as the last one, up to `longest_wait`, unless the service asks for more. `sleep` is for
    tests, which have no time.
    """

    seconds: float = 900
    first_wait: float = 2
    longest_wait: float = 60
    say: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], None] = time.sleep

    def retry(self, what: str, action: Callable[[], Result]) -> Result:
        """Do `action`, again and again while it fails with something that passes; `what` is for people.

        When the time is over, or when it fails with anything else, the last error is raised.
        """

        def tell(state: RetryCallState) -> None:
            reason = passing_reason(_raised(state))
            self.say(f"{what}: {reason}, again in {state.upcoming_sleep:.0f} s")

        return Retrying(
            retry=retry_if_exception(lambda error: passing_reason(error) is not None),
            wait=self._wait,
            stop=self._is_over,
            before_sleep=tell,
            sleep=self.sleep,
            reraise=True,
        )(action)

    def attempt(self, what: str, action: Callable[[], Result]) -> Result:
        """As `retry`; where Azure refuses for good or for too long, UserError that begins with `what`."""
        try:
            return self.retry(what, action)
        except UserError:
            raise
        except Exception as error:
            passing, refused = passing_reason(error), azure_error(error)
            if passing is None and refused is None:
                raise
            tried = f" (tried for {self.seconds / 60:g} minutes)" if passing else ""
            raise UserError(f"{what}: {first_line(refused or error)}{tried}; {advice(error)}") from error

    def until(self, what: str, ask: Callable[[], Result], enough: Callable[[Result], object] = bool) -> Result:
        """Ask until the answer is `enough`, and return it; raises TimeoutError when the time is over."""
        try:
            return Retrying(
                retry=retry_if_result(lambda answer: not enough(answer)),
                wait=wait_exponential(multiplier=self.first_wait / 2, max=self.longest_wait / 2),
                stop=self._is_over,
                sleep=self.sleep,
            )(ask)
        except RetryError as error:
            raise TimeoutError(f"{what} took more than {self.seconds:.0f} s") from error

    def _wait(self, state: RetryCallState) -> float:
        own = wait_exponential(multiplier=self.first_wait, max=self.longest_wait)(state)
        return max(own, _retry_after(azure_error(_raised(state))))

    def _is_over(self, state: RetryCallState) -> bool:
        """By the clock, or by what was slept of it: tests have no time."""
        return max(state.idle_for, state.seconds_since_start or 0) >= self.seconds


def passing_reason(error: BaseException | None) -> str | None:
    """Why an error is expected to pass by itself, in words; None if it will not."""
    if error is None or isinstance(error, UserError):
        return None
    if isinstance(error, DBAPIError):
        return next((reason for code, reason in _SQL.items() if re.search(rf"\b{code}\b", str(error.orig))), None)
    status = getattr(azure_error(error), "status_code", None)
    if status is not None:
        return "Azure had an error of its own" if status >= 500 else _STATUS.get(status)
    broken = any(isinstance(cause, _CONNECTION_ERRORS) for cause in _causes(error))
    return "the connection broke" if broken else None


def advice(error: BaseException) -> str:
    """What a person may do about an error, in a few words."""
    refused = azure_error(error)
    if isinstance(refused, ClientAuthenticationError):
        return "log in (`az login`, or set the variables of a service principal)"
    if getattr(refused, "status_code", None) in (401, 403):
        return "give whoever deploys the rights in the `deployers` setting"
    return "wait until Azure answers again" if passing_reason(error) or isinstance(error, TimeoutError) else "mend that"


def first_line(error: BaseException) -> str:
    """What an error says; Azure goes on after that line with details for programs."""
    text = error.message if isinstance(error, AzureError) else str(error)
    lines = (line.strip() for line in str(text).splitlines())
    return next(filter(None, lines), type(error).__name__)


def azure_error(error: BaseException | None) -> AzureError | None:
    """What Azure answered, where the SDK raises errors of its own because of it; else what the SDK says itself."""
    found = [cause for cause in _causes(error) if isinstance(cause, AzureError)]
    answers = [cause for cause in found if isinstance(cause, HttpResponseError)]
    return next(iter([*answers, *found]), None)


def _retry_after(error: AzureError | None) -> float:
    headers = getattr(getattr(error, "response", None), "headers", {})
    asked = str(headers.get("Retry-After", ""))
    return float(asked) if asked.isdigit() else 0.0


def _raised(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__  # not what merely came before, such as the 404 of something that was then to be made
