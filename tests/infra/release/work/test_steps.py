"""One line per step, and one line when a step fails."""

import pyodbc
import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from sqlalchemy.exc import DBAPIError

from infra.release.work.steps import StepError, Steps
from stream_queries.errors import UserError


def http_error(status: int, text: str) -> HttpResponseError:
    error = HttpResponseError(text)
    error.status_code = status
    return error


def raising(error: Exception):
    def action() -> str:
        raise error

    return action


def test_each_step_prints_one_line():
    lines: list[str] = []
    steps = Steps("release", lines.append)
    steps.run("tables", lambda: "up to date")
    steps.run("users", lambda: "two")
    assert lines == ["release: tables: up to date", "release: users: two"]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (http_error(403, "no\nrights"), "give whoever deploys the rights in the `deployers` setting"),
        (http_error(503, "try later"), "wait until Azure answers again"),
        (ClientAuthenticationError("no login"), "log in (`az login`"),
        (
            DBAPIError("SELECT 1", None, pyodbc.Error("28000", "Login failed (18456)")),
            "see that the deployer is in the server's admin group",
        ),
        (ValueError("odd"), "mend that"),
    ],
)
def test_a_failure_says_which_step_what_and_what_to_do(error, advice):
    with pytest.raises(StepError) as raised:
        Steps("release", print).run("users", raising(error))
    text = str(raised.value)
    assert text.startswith("step 'users': ") and advice in text and "\n" not in text and "SELECT 1" not in text
    assert text.endswith("then run `pulumi up` again, it goes on here")


def test_an_error_that_says_what_to_do_is_told_as_it_is():
    with pytest.raises(StepError) as raised:
        Steps("release", print).run("users", raising(UserError("the fleet is damaged: train it again")))
    assert str(raised.value) == (
        "step 'users': the fleet is damaged: train it again, then run `pulumi up` again, it goes on here"
    )


def test_a_failure_inside_a_step_keeps_its_own_name():
    steps = Steps("release", print)
    with pytest.raises(StepError, match="step 'inner'"), steps.named("outer"):
        steps.run("inner", raising(ValueError("odd")))
