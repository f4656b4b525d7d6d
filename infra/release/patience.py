"""Waiting for what takes Azure a while: a role that has not arrived everywhere, a paused database, throttling.

Every step of the release goes through here, so that how long is waited, and for what, has one home.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import tenacity
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError
from sqlalchemy.exc import DBAPIError

Result = TypeVar("Result")

_PASSING_STATUS = {403: "a role has not arrived yet", 408: "a request timed out", 429: "Azure asks to slow down"}
_PASSING_SQL = {
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


def passing_reason(error: BaseException) -> str | None:
    """Why an error is expected to pass by itself, in words; None if it will not."""
    if isinstance(error, HttpResponseError):
        status = error.status_code or 0
        return "Azure had an error of its own" if status >= 500 else _PASSING_STATUS.get(status)
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return "the connection to Azure broke"
    if isinstance(error, DBAPIError):
        found = (reason for code, reason in _PASSING_SQL.items() if re.search(rf"\b{code}\b", str(error.orig)))
        return next(found, None)
    return None


@dataclass(frozen=True)
class Patience:
    """How long to wait for one thing, in seconds, and with which clock; `say` tells a person why nothing happens."""

    seconds: float = 600
    first_wait: float = 2
    longest_wait: float = 30
    say: Callable[[str], None] = print
    sleep: Callable[[float], None] = field(default=time.sleep)

    def retry(self, what: str, action: Callable[[], Result]) -> Result:
        """Do `action`, again and again while it fails with something that passes, until the time is over.

        Then, or when it fails with anything else, the last error is raised.
        """

        def tell(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            reason = passing_reason(error) if error else ""
            wait = state.next_action.sleep if state.next_action else 0
            self.say(f"{what}: {reason}, again in {wait:.0f} s")

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: passing_reason(error) is not None),
            wait=tenacity.wait_exponential_jitter(
                multiplier=self.first_wait, max=self.longest_wait, jitter=self.first_wait / 2
            ),
            stop=tenacity.stop_after_delay(self.seconds),
            before_sleep=tell,
            sleep=self.sleep,
            reraise=True,
        )
        return retrying(action)

    def until(self, what: str, ready: Callable[[], bool]) -> None:
        """Ask `ready` until it says yes; raises TimeoutError when the time is over."""
        try:
            tenacity.Retrying(
                retry=tenacity.retry_if_result(lambda answer: not answer),
                wait=tenacity.wait_exponential(multiplier=self.first_wait / 2, max=self.longest_wait),
                stop=tenacity.stop_after_delay(self.seconds),
                sleep=self.sleep,
            )(ready)
        except tenacity.RetryError as error:
            raise TimeoutError(f"{what} took more than {self.seconds:.0f} s") from error
