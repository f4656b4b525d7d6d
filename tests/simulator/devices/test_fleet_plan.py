from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from simulator.devices.fleet_plan import FleetPlan
from stream_queries.errors import UserError


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("devices", 0, "from 1 to"),
        ("devices", 2.5, "whole number"),
        ("devices", True, "whole number"),
        ("sensors", -1, "from 1 to"),
        ("hours", 0, "a number from"),
        ("hours", float("nan"), "a number from"),
        ("hours", "six", "a number from"),
        ("seed", -1, "from 0 to"),
        ("period_seconds", 0, "from 1 to 3600"),
        ("anomaly_rate", 0.6, "from 0 to 0.5"),
        ("duplicate_rate", -0.1, "from 0 to 0.5"),
        ("late_rate", 1, "from 0 to 0.5"),
        ("out_of_order_rate", 1, "from 0 to 0.5"),
        ("malformed_rate", 1, "from 0 to 0.5"),
        ("anomalies_after_hours", -1, "from 0 to"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_name_itself_and_what_is_allowed(
    field: str, value: object, allowed: str
) -> None:
    settings: dict[str, Any] = {"devices": 1, "sensors": 1, "hours": 1, field: value}
    with pytest.raises(UserError) as error:
        FleetPlan(**settings)
    assert str(error.value).startswith(f"{field} is {value!r}")
    assert allowed in str(error.value)


@pytest.mark.parametrize(
    "start",
    [
        datetime(2026, 1, 1),
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        datetime(1, 1, 1, tzinfo=UTC),
    ],
)
def test_a_start_that_is_no_usable_time_in_utc_is_refused(start: datetime) -> None:
    with pytest.raises(UserError, match=r"^start is .* in UTC"):
        FleetPlan(devices=1, sensors=1, hours=1, start=start)


def test_a_plan_too_short_for_one_reading_is_refused() -> None:
    with pytest.raises(UserError, match=r"^hours is 0\.5: .* 3600 s"):
        FleetPlan(devices=1, sensors=1, hours=0.5, period_seconds=3600)


def test_a_plan_knows_how_much_it_will_send() -> None:
    plan = FleetPlan(devices=3, sensors=2, hours=1.5, period_seconds=30)
    assert (plan.readings_per_series, plan.readings, plan.readings_per_second) == (180, 1080, 0.2)
