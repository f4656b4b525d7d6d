"""What is waited for, how long, and what is told in the end."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceRequestError
from pytest_mock import MockerFixture

from scoring.publish import Patience
from stream_queries.command_line import UserError


@pytest.fixture
def refused(mocker: MockerFixture):
    """Makes answers of a status."""

    def answer(status: int, **headers: str) -> HttpResponseError:
        response = mocker.Mock(status_code=status, reason="refused", headers=headers)
        response.text.return_value = ""
        return HttpResponseError("refused\nwith details", response=response)

    return answer


def call_with(*errors: Exception) -> Any:
    """A call that raises each error in turn and then succeeds."""
    left: Iterator[Exception] = iter(errors)

    def call() -> str:
        for error in left:
            raise error
        return "done"

    return call


def test_what_succeeds_is_not_waited_for():
    slept: list[float] = []
    assert Patience(sleep=slept.append)("step", call_with()) == "done" and slept == []


@pytest.mark.parametrize("status", [403, 408, 429, 500, 502, 503, 504])
def test_momentary_answers_are_waited_for_longer_each_time_up_to_a_minute(refused, status: int):
    slept: list[float] = []
    assert Patience(sleep=slept.append)("step", call_with(*[refused(status)] * 8)) == "done"
    assert slept == [2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 412])
def test_answers_that_will_stay_are_told_at_once(refused, status: int):
    slept: list[float] = []
    with pytest.raises(UserError, match=r"^step: refused$"):
        Patience(sleep=slept.append)("step", call_with(refused(status)))
    assert slept == []


def test_the_service_may_ask_for_more_time_but_not_for_less(refused):
    slept: list[float] = []
    errors = [refused(429, **{"Retry-After": "45"}), refused(429, **{"Retry-After": "1"}), refused(429)]
    assert Patience(sleep=slept.append)("step", call_with(*errors)) == "done"
    assert slept == [45, 4, 8]


@pytest.mark.parametrize(
    "error", [ServiceRequestError("reset"), requests.ConnectionError("cut"), ConnectionResetError()]
)
def test_broken_connections_are_waited_for_whoever_reports_them(error: Exception):
    slept: list[float] = []
    assert Patience(sleep=slept.append)("step", call_with(error)) == "done" and slept == [2]


def test_an_answer_counts_where_the_sdk_raises_an_error_of_its_own(refused):
    def call() -> None:
        try:
            raise refused(403)
        except HttpResponseError as error:
            raise ValueError("the SDK's own") from error

    slept: list[float] = []
    with pytest.raises(UserError, match=r"^step: refused \(for 15 minutes\): give whoever deploys the roles"):
        Patience(sleep=slept.append)("step", call)
    assert 900 <= sum(slept) < 960


def test_patience_ends(refused):
    slept: list[float] = []
    with pytest.raises(UserError, match=r"^step: refused \(tried for 1 minutes\): deploy again$"):
        Patience(seconds=60, sleep=slept.append)("step", call_with(*[refused(500)] * 100))
    assert sum(slept) == 62


def test_mistakes_of_the_users_and_of_ours_pass():
    slept: list[float] = []
    for error in (UserError("a fleet is damaged"), KeyError("a bug")):
        try:
            raise ResourceNotFoundError("an earlier answer")
        except ResourceNotFoundError:
            with pytest.raises(type(error)):
                Patience(sleep=slept.append)("step", call_with(error))
    assert slept == []
