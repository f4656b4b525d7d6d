"""When schedules are due."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator.azure.cloud.machine_learning.triggers import last_due
from stream_queries.errors import UserError

NOON = datetime(2018, 5, 1, 12, 0, tzinfo=UTC)  # a Tuesday
QUARTER = {"triggerType": "Recurrence", "frequency": "Minute", "interval": 15, "startTime": "2018-01-01T00:04:00"}


def cron(expression: str, **more: str) -> dict[str, Any]:
    return {"triggerType": "Cron", "expression": expression, **more}


@pytest.mark.parametrize(
    ("trigger", "due"),
    [
        (QUARTER, "2018-05-01T11:49"),
        (QUARTER | {"interval": 7, "frequency": "hour", "startTime": "2018-05-01T00:30:00"}, "2018-05-01T07:30"),
        (QUARTER | {"startTime": "2018-05-02T00:00:00"}, None),
        (QUARTER | {"endTime": "2018-05-01T10:00:00"}, "2018-05-01T09:49"),
        (
            QUARTER | {"frequency": "day", "interval": 1, "schedule": {"hours": [3, 15], "minutes": [15]}},
            "2018-05-01T03:15",
        ),
        (
            QUARTER | {"frequency": "week", "schedule": {"hours": [3], "minutes": [15], "weekDays": ["Monday"]}},
            "2018-04-30T03:15",
        ),
        (cron("10/25 * * * *"), "2018-05-01T11:35"),
        (cron("5,35 8-10/2 * * 1-5"), "2018-05-01T10:35"),
        (cron("0 9 * * 0"), "2018-04-29T09:00"),
        (cron("30 13 * * *", timeZone="W. Europe Standard Time"), "2018-05-01T11:30"),
    ],
)
def test_the_last_due_time_is_found(trigger: dict[str, Any], due: str | None):
    found = last_due(trigger, after=None, until=NOON)
    assert found == (datetime.fromisoformat(due).replace(tzinfo=UTC) if due else None)


def test_a_time_is_due_once():
    first = last_due(QUARTER, after=None, until=NOON)
    assert first is not None
    assert last_due(QUARTER, after=first, until=NOON) is None
    assert last_due(QUARTER, after=first, until=first + timedelta(minutes=15)) == first + timedelta(minutes=15)


@pytest.mark.parametrize(
    "trigger", [cron("0 9 * *"), QUARTER | {"timeZone": "Europe/Berlin"}, QUARTER | {"frequency": "month"}]
)
def test_what_is_not_simulated_says_so(trigger: dict[str, Any]):
    with pytest.raises(UserError):
        last_due(trigger, after=None, until=NOON)
