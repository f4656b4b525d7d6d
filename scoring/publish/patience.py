"""Trying again what Azure refuses for a while: roles that are not yet known everywhere, throttling, broken connections.

The SDK itself tries three times; what is still refused then is tried again here as a whole, which is harmless because
every step looks first at what is there.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import requests
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
)
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential

from stream_queries.command_line import UserError

Result = TypeVar("Result")

_ROLES_UNKNOWN, _MOMENTARY = 403, frozenset({408, 429, 500, 502, 503, 504})
_CONNECTION_ERRORS = (
    ServiceRequestError,
    ServiceResponseError,
    IncompleteReadError,
    ConnectionError,
    requests.ConnectionError,  # the SDK uploads code with requests and nothing in between
    requests.Timeout,
)
_BACK_OFF = wait_exponential(multiplier=2, max=60)


@dataclass(frozen=True)
class Patience:
    """How long to wait, in all, for one step. `sleep` is for tests, which have no time."""

    seconds: float = 900
    sleep: Callable[[float], None] = time.sleep

    def __call__(self, what: str, call: Callable[[], Result]) -> Result:
        """Return what `call` returns; UserError, beginning with `what`, where Azure refuses for good or too long."""
        attempts = Retrying(
            retry=retry_if_exception(_is_momentary),
            wait=_wait,
            stop=lambda state: state.idle_for >= self.seconds,
            sleep=self.sleep,
            reraise=True,
        )
        try:
            return attempts(call)
        except UserError:
            raise
        except Exception as error:
            refused = _azure_error(error)
            if refused is None:
                raise
            raise UserError(f"{what}: {_reason(refused)}{self._advice(refused)}") from error

    def _advice(self, error: AzureError) -> str:
        if getattr(error, "status_code", None) == _ROLES_UNKNOWN:
            return (
                f" (for {self.seconds / 60:g} minutes): give whoever deploys the roles that `deployers` in the stack's "
                "settings grants, then deploy again"
            )
        return f" (tried for {self.seconds / 60:g} minutes): deploy again" if _is_momentary(error) else ""


def _wait(state: RetryCallState) -> float:
    """As long as the service asks for, at least twice as long as the last time, at most a minute of our own."""
    error = state.outcome.exception() if state.outcome else None
    asked = _retry_after(_azure_error(error)) if error else ""
    return max(float(asked) if asked.isdigit() else 0.0, _BACK_OFF(state))


def _retry_after(error: AzureError | None) -> str:
    headers = getattr(getattr(error, "response", None), "headers", {})
    return str(headers.get("Retry-After", ""))


def _is_momentary(error: BaseException) -> bool:
    if isinstance(error, UserError):
        return False
    status = getattr(_azure_error(error), "status_code", None)
    return (
        status == _ROLES_UNKNOWN
        or status in _MOMENTARY
        or (status is None and any(isinstance(cause, _CONNECTION_ERRORS) for cause in _causes(error)))
    )


def _azure_error(error: BaseException) -> AzureError | None:
    """What Azure answered, where the SDK raises errors of its own because of it; else what the SDK says itself."""
    found = [cause for cause in _causes(error) if isinstance(cause, AzureError)]
    answers = [cause for cause in found if isinstance(cause, HttpResponseError)]
    return next(iter([*answers, *found]), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__  # not what merely came before, such as the 404 of something that was then to be made


def _reason(error: AzureError) -> str:
    """The first line of what Azure says, which goes on with details for programs."""
    lines = (line.strip() for line in str(error.message).splitlines())
    return next(filter(None, lines), type(error).__name__)
