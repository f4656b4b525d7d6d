"""What is waited for and what is not, with a clock that does not wait."""

import pyodbc
import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from sqlalchemy.exc import DBAPIError

from infra.release.patience import Patience, passing_reason


def http_error(status: int) -> HttpResponseError:
    error = HttpResponseError("simulated")
    error.status_code = status
    return error


def sql_error(text: str) -> DBAPIError:
    return DBAPIError("statement", None, pyodbc.Error("HY000", text))


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def patience(told: list[str]) -> Patience:
    return Patience(seconds=0.2, first_wait=0.01, longest_wait=0.02, say=told.append, sleep=lambda seconds: None)


@pytest.mark.parametrize(
    "error",
    [
        *(http_error(status) for status in (403, 408, 429, 500, 502, 503)),
        ServiceRequestError("no route"),
        ServiceResponseError("connection cut"),
        sql_error("[HY000] Database 'windows' on server 's' is not currently available. (40613) (SQLDriverConnect)"),
        sql_error("[08S01] [Microsoft] Communication link failure (0)"),
    ],
    ids=str,
)
def test_what_passes_by_itself_is_waited_for(patience, told, error):
    left = [error, error]

    def action() -> str:
        if left:
            raise left.pop()
        return "done"

    assert patience.retry("thing", action) == "done"
    assert len(told) == 2 and all(line.startswith("thing: ") and "again in" in line for line in told)


@pytest.mark.parametrize(
    "error",
    [
        *(http_error(status) for status in (400, 401, 404, 409, 412)),
        ClientAuthenticationError("no login"),
        sql_error("[42000] Cannot find the object (15151)"),
        sql_error("[42000] column of 140613 characters (2714)"),
        ValueError("a mistake of ours"),
    ],
    ids=str,
)
def test_what_does_not_pass_is_raised_at_once(patience, told, error):
    with pytest.raises(type(error)):
        patience.retry("thing", lambda: (_ for _ in ()).throw(error))
    assert told == [] and passing_reason(error) is None


def test_after_the_deadline_the_last_error_is_raised(patience, told):
    with pytest.raises(HttpResponseError, match="simulated"):
        patience.retry("thing", lambda: (_ for _ in ()).throw(http_error(429)))
    assert told


def test_waits_grow_up_to_the_longest(told):
    waits = []
    patience = Patience(seconds=5, first_wait=1, longest_wait=8, say=told.append, sleep=waits.append)
    left = [http_error(503)] * 6
    patience.retry("thing", lambda: left.pop() and (_ for _ in ()).throw(http_error(503)) if left else None)
    assert len(waits) == 6 and waits[0] < 2 and waits[-1] == 8 and waits == sorted(waits)


def test_a_state_is_asked_for_until_it_is_reached(patience):
    answers = iter([False, False, True])
    patience.until("starting", lambda: next(answers))
    assert list(answers) == []


def test_a_state_that_is_never_reached_says_what_took_too_long(patience):
    with pytest.raises(TimeoutError, match="starting took more than 0 s"):
        patience.until("starting", lambda: False)
