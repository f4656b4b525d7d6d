"""What is waited for, how long, and what is told meanwhile and in the end."""

from collections.abc import Callable, Iterator
from typing import Any

import pyodbc
import pytest
import requests
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from pytest_mock import MockerFixture
from sqlalchemy.exc import DBAPIError

from scoring.patience import Patience, advice, passing_reason
from stream_queries.errors import UserError

PASSING = [
    ServiceRequestError("no route"),
    ServiceResponseError("connection cut"),
    requests.ConnectionError("cut"),
    ConnectionResetError(),
    DBAPIError("SELECT", None, pyodbc.Error("HY000", "[HY000] Database 'w' is not available. (40613) (SQLConnect)")),
    DBAPIError("SELECT", None, pyodbc.Error("08S01", "[08S01] [Microsoft] Communication link failure (0)")),
]
STAYING = [
    ClientAuthenticationError("no login"),
    DBAPIError("SELECT", None, pyodbc.Error("42000", "[42000] Cannot find the object (15151)")),
    DBAPIError("SELECT", None, pyodbc.Error("42000", "[42000] column of 140613 characters (2714)")),
    ValueError("a mistake of ours"),
    UserError("a mistake of the user's"),
]


@pytest.fixture
def refused(mocker: MockerFixture) -> Callable[..., HttpResponseError]:
    """Makes answers of a status."""

    def answer(status: int, **headers: str) -> HttpResponseError:
        response = mocker.Mock(status_code=status, reason="refused", headers=headers)
        response.text.return_value = ""
        return HttpResponseError("refused\nwith details", response=response)

    return answer


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def patience(slept: list[float], told: list[str]) -> Patience:
    return Patience(say=told.append, sleep=slept.append)


def call_with(*errors: Exception) -> Any:
    """A call that raises each error in turn and then succeeds."""
    left: Iterator[Exception] = iter(errors)

    def call() -> str:
        for error in left:
            raise error
        return "done"

    return call


def test_what_succeeds_is_not_waited_for(patience, slept):
    assert patience.retry("step", call_with()) == "done" and slept == []


@pytest.mark.parametrize("status", [403, 408, 429, 500, 502, 503, 504])
def test_momentary_answers_are_waited_for_longer_each_time_up_to_a_minute(refused, patience, slept, told, status):
    assert patience.retry("step", call_with(*[refused(status)] * 8)) == "done"
    assert slept == [2, 4, 8, 16, 32, 60, 60, 60]
    assert len(told) == 8 and all(line.startswith("step: ") for line in told) and told[3].endswith("again in 16 s")


@pytest.mark.parametrize("error", PASSING, ids=str)
def test_broken_connections_and_busy_databases_are_waited_for_whoever_reports_them(patience, slept, error):
    assert patience.retry("step", call_with(error)) == "done" and slept == [2]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 412])
def test_answers_that_will_stay_are_raised_at_once(refused, patience, slept, status):
    with pytest.raises(HttpResponseError):
        patience.retry("step", call_with(refused(status)))
    assert slept == []


@pytest.mark.parametrize("error", STAYING, ids=str)
def test_mistakes_are_raised_at_once(patience, slept, error):
    with pytest.raises(type(error)):
        patience.retry("step", call_with(error))
    assert slept == [] and passing_reason(error) is None


def test_the_service_may_ask_for_more_time_but_not_for_less(refused, patience, slept):
    errors = [refused(429, **{"Retry-After": "45"}), refused(429, **{"Retry-After": "1"}), refused(429)]
    assert patience.retry("step", call_with(*errors)) == "done"
    assert slept == [45, 4, 8]


def test_patience_ends_with_the_last_error(refused, slept):
    with pytest.raises(HttpResponseError, match="refused"):
        Patience(seconds=60, sleep=slept.append).retry("step", call_with(*[refused(500)] * 100))
    assert slept == [2, 4, 8, 16, 32]


def test_a_refusal_is_told_in_one_line_with_what_was_tried_and_what_to_do(refused, patience):
    def call() -> None:
        try:
            raise refused(403)
        except HttpResponseError as error:
            raise ValueError("the SDK's own") from error

    with pytest.raises(UserError) as raised:
        patience.attempt("step", call)
    assert str(raised.value) == (
        "step: refused (tried for 15 minutes); give whoever deploys the rights in the `deployers` setting"
    )


def test_a_refusal_for_good_is_told_at_once(refused, patience, slept):
    with pytest.raises(UserError, match=r"^step: refused; mend that$"):
        patience.attempt("step", call_with(refused(400)))
    assert slept == []


def test_a_connection_that_stays_broken_is_told_too(patience):
    with pytest.raises(UserError, match=r"^step: cut \(tried for 15 minutes\); wait until Azure answers again$"):
        patience.attempt("step", call_with(*[requests.ConnectionError("cut")] * 100))


@pytest.mark.parametrize("error", [UserError("a fleet is damaged"), KeyError("a bug")], ids=str)
def test_mistakes_pass_as_they_are_whatever_came_before_them(patience, slept, error):
    try:
        raise ResourceNotFoundError("an earlier answer")
    except ResourceNotFoundError:
        with pytest.raises(type(error), match=str(error)):
            patience.attempt("step", call_with(error))
    assert slept == []


def test_a_state_is_asked_for_until_it_is_reached(patience, slept):
    answers = iter([False, False, False, True])
    patience.until("starting", lambda: next(answers))
    assert list(answers) == [] and slept == [1, 2, 4]


def test_a_state_that_is_never_reached_says_what_took_too_long(slept):
    with pytest.raises(TimeoutError, match="starting took more than 90 s"):
        Patience(seconds=90, sleep=slept.append).until("starting", lambda: False)
    assert 90 <= sum(slept) <= 120


def test_an_error_of_azures_own_is_to_be_waited_for_and_another_to_be_mended(refused):
    assert advice(refused(503)) == advice(TimeoutError()) == "wait until Azure answers again"
    assert advice(refused(400)) == advice(ValueError()) == "mend that"
    assert advice(ClientAuthenticationError("no login")).startswith("log in (`az login`")
