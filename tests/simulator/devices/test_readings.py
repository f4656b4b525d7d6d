"""The simulated fleet: repeatable, separable, in arrival order, wrong at the stated rates, and truthfully labelled."""

import itertools
import json
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.devices.anomalies import Anomaly, AnomalyKind
from simulator.devices.events import CHUNK_LENGTH, Event, EventKind, timestamp
from simulator.devices.fleet_plan import FleetPlan
from simulator.devices.malformed import MALFORMED, UNDECODABLE
from simulator.devices.readings import fleet_events, labels
from stream_queries.schema import NAME_PATTERN, VALUE_MAX_MAGNITUDE, WINDOW_LENGTH
from stream_queries.time_policy import DEFAULT_TIME_POLICY, EARLY_ARRIVAL_LIMIT

CLEAN = FleetPlan(
    devices=1,
    sensors=1,
    hours=1,
    anomaly_rate=0,
    duplicate_rate=0,
    late_rate=0,
    out_of_order_rate=0,
    malformed_rate=0,
)
TRUE_READINGS = (EventKind.READING, EventKind.LATE, EventKind.OUT_OF_ORDER)

rates = st.sampled_from([0.0, 0.01, 0.2, 0.5])
plans = st.builds(
    FleetPlan,
    devices=st.integers(1, 3),
    sensors=st.integers(1, 2),
    hours=st.sampled_from([0.02, 0.5, 1.0, 2.5]),
    seed=st.integers(0, 2**63 - 1),
    period_seconds=st.sampled_from([7, 30, 60]),
    start=st.datetimes(datetime(1970, 1, 1), datetime(2100, 12, 31), timezones=st.just(UTC)).map(
        lambda moment: moment.replace(microsecond=0)
    ),
    anomaly_rate=rates,
    duplicate_rate=rates,
    late_rate=rates,
    out_of_order_rate=rates,
    malformed_rate=rates,
    anomalies_after_hours=st.sampled_from([0.0, 0.3, 5.0]),
)


def sent(plan: FleetPlan) -> list[Event]:
    return list(itertools.chain.from_iterable(fleet_events(plan)))


def ts_of(event: Event) -> datetime:
    return datetime.fromisoformat(json.loads(event.body)["ts"])


def values(plan: FleetPlan) -> dict[tuple[str, str, datetime], float]:
    """Every true reading's value by device, sensor and time."""
    found = {}
    for event in sent(plan):
        if event.kind in TRUE_READINGS:
            reading = json.loads(event.body)
            found[reading["device"], reading["sensor"], datetime.fromisoformat(reading["ts"])] = reading["value"]
    return found


def readings_of(anomaly: Anomaly, readings: Iterable[tuple[str, str, datetime]]) -> list[tuple[str, str, datetime]]:
    """Those of `readings` that the label names, in time order."""
    series = anomaly.device, anomaly.sensor
    return sorted(
        reading for reading in readings if reading[:2] == series and anomaly.start <= reading[2] <= anomaly.end
    )


@settings(max_examples=25)
@given(plan=plans)
def test_the_same_plan_gives_the_same_events_in_arrival_order(plan: FleetPlan) -> None:
    chunks = list(fleet_events(plan))
    assert chunks == list(fleet_events(plan))
    arrivals = [event.arrived_at for chunk in chunks for event in chunk]
    assert arrivals == sorted(arrivals)
    for chunk in chunks:
        assert chunk[-1].arrived_at - chunk[0].arrived_at < CHUNK_LENGTH


@settings(max_examples=25)
@given(plan=plans)
def test_a_fleet_sends_every_reading_once_and_readings_keep_to_the_contract(plan: FleetPlan) -> None:
    readings = [json.loads(event.body) for event in sent(plan) if event.kind in TRUE_READINGS]
    assert len(readings) == plan.readings
    assert len({(reading["device"], reading["sensor"], reading["ts"]) for reading in readings}) == plan.readings
    for reading in readings:
        assert list(reading) == ["device", "sensor", "ts", "value"]
        assert re.match(NAME_PATTERN, reading["device"]) and re.match(NAME_PATTERN, reading["sensor"])
        assert re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", reading["ts"])
        assert abs(reading["value"]) <= VALUE_MAX_MAGNITUDE
        taken = datetime.fromisoformat(reading["ts"])
        assert plan.start <= taken < plan.start + timedelta(hours=plan.hours)


@settings(max_examples=10)
@given(plan=plans, more=st.integers(1, 2))
def test_more_devices_sensors_or_hours_leave_the_readings_there_were_unchanged(plan: FleetPlan, more: int) -> None:
    before = values(replace(plan, anomaly_rate=0))
    larger = replace(
        plan, devices=plan.devices + more, sensors=plan.sensors + more, hours=plan.hours + more, anomaly_rate=0
    )
    after = values(larger)
    assert before.items() <= after.items()


@settings(max_examples=15)
@given(plan=plans)
def test_a_device_added_leaves_the_other_devices_events_unchanged(plan: FleetPlan) -> None:
    larger = sent(replace(plan, devices=plan.devices + 1))
    assert [event for event in larger if event.device != f"device-{plan.devices + 1:04d}"] == sent(plan)


def test_another_seed_gives_other_readings() -> None:
    plan = FleetPlan(devices=1, sensors=1, hours=1, seed=1)
    assert values(plan) != values(replace(plan, seed=2))


def test_what_goes_wrong_on_the_way_changes_no_value() -> None:
    plan = FleetPlan(devices=2, sensors=2, hours=2, duplicate_rate=0.3, late_rate=0.2, out_of_order_rate=0.2)
    assert values(plan) == values(replace(plan, duplicate_rate=0, late_rate=0, out_of_order_rate=0, malformed_rate=0))


@settings(max_examples=20)
@given(plan=plans)
def test_each_kind_of_event_is_what_its_name_says(plan: FleetPlan) -> None:
    readings = set()
    for event in sent(plan):
        match event.kind:
            case EventKind.UNDECODABLE:
                assert event.body in UNDECODABLE.values()
            case EventKind.MALFORMED:
                assert isinstance(json.loads(event.body), dict)
            case EventKind.LATE:
                assert event.arrived_at - ts_of(event) > DEFAULT_TIME_POLICY.late_arrival
            case EventKind.OUT_OF_ORDER:
                lag = event.arrived_at - ts_of(event)
                assert (
                    timedelta(seconds=5) < lag < min(DEFAULT_TIME_POLICY.late_arrival, DEFAULT_TIME_POLICY.out_of_order)
                )
            case EventKind.DUPLICATE:
                assert event.body in readings
                assert event.arrived_at - ts_of(event) < DEFAULT_TIME_POLICY.out_of_order
            case EventKind.READING:
                assert timedelta(0) < event.arrived_at - ts_of(event) < timedelta(seconds=1)
                readings.add(event.body)


def test_out_of_order_readings_are_overtaken_by_their_own_series() -> None:
    plan = replace(CLEAN, devices=4, sensors=2, hours=3, out_of_order_rate=0.02)
    newest: dict[bytes, datetime] = {}
    overtaken = []
    for event in sent(plan):
        series, ts = event.body.split(b',"ts"')[0], ts_of(event)
        if event.kind is EventKind.OUT_OF_ORDER:
            overtaken.append(ts < newest[series])
        newest[series] = max(ts, newest.get(series, ts))
    assert len(overtaken) > 30
    assert sum(overtaken) > 0.9 * len(overtaken)  # not where the next reading is out of order, or there is none


def test_the_default_rates_are_about_what_they_say() -> None:
    plan = FleetPlan(devices=40, sensors=5, hours=3)
    kinds = Counter(event.kind for event in sent(plan))
    assert kinds[EventKind.DUPLICATE] / plan.readings == pytest.approx(0.005, rel=0.2)
    assert kinds[EventKind.LATE] / plan.readings == pytest.approx(0.002, rel=0.3)
    assert kinds[EventKind.OUT_OF_ORDER] / plan.readings == pytest.approx(0.01, rel=0.2)
    assert (kinds[EventKind.MALFORMED] + kinds[EventKind.UNDECODABLE]) / plan.readings == pytest.approx(0.001, rel=0.5)
    assert kinds[EventKind.UNDECODABLE] > 0


@pytest.mark.parametrize("rate", [0.01, 0.1])
def test_anomalies_reach_about_the_stated_share_of_the_windows(rate: float) -> None:
    plan = FleetPlan(devices=100, sensors=5, hours=24, anomaly_rate=rate)
    windows = plan.devices * plan.sensors * plan.hours * 60
    reached = sum((anomaly.end - anomaly.start) / WINDOW_LENGTH + 1 for anomaly in labels(plan))
    assert reached / windows == pytest.approx(rate, rel=0.1)


def test_every_malformed_and_undecodable_body_is_sent_sooner_or_later() -> None:
    bodies = defaultdict(list)
    for event in sent(replace(CLEAN, devices=4, sensors=3, hours=2, malformed_rate=0.5)):
        bodies[event.kind].append(event.body)
    assert set(bodies[EventKind.UNDECODABLE]) == set(UNDECODABLE.values())
    shapes = {
        re.sub(rb"device-\d+|sensor-\d|2026-01-01T[0-9:.]*Z|\d\d\.\d{4}", b"~", body)
        for body in bodies[EventKind.MALFORMED]
    }
    assert len(shapes) == len(MALFORMED)


def test_a_time_too_early_is_further_ahead_than_any_job_accepts() -> None:
    plan = replace(CLEAN, devices=4, sensors=3, hours=2, malformed_rate=0.5)
    today = f'"ts":"{plan.start:%Y-%m-%d}'.encode()
    malformed = [event for event in sent(plan) if event.kind is EventKind.MALFORMED and today in event.body]
    ahead = [ts_of(event) - event.arrived_at for event in malformed]
    assert max(ahead) > EARLY_ARRIVAL_LIMIT
    assert min(ahead) < timedelta(0)


@settings(max_examples=15)
@given(plan=plans)
def test_labels_name_exactly_the_readings_that_anomalies_changed(plan: FleetPlan) -> None:
    disturbed, undisturbed = values(plan), values(replace(plan, anomaly_rate=0))
    changed = {reading for reading, value in disturbed.items() if value != undisturbed[reading]}
    labelled = set()
    for anomaly in labels(plan):
        inside = readings_of(anomaly, disturbed)
        assert changed.issuperset((inside[0], inside[-1])) or anomaly.kind is AnomalyKind.STUCK
        assert not changed.isdisjoint(inside)
        labelled.update(inside)
        assert anomaly.start >= plan.start + timedelta(hours=plan.anomalies_after_hours)
    assert changed <= labelled
    assert len(changed) >= 0.98 * len(labelled)  # a stuck value may equal what would have been sent


def test_readings_of_an_anomaly_are_never_late() -> None:
    plan = FleetPlan(devices=5, sensors=2, hours=4, anomaly_rate=0.3, late_rate=0.3)
    bodies = [json.loads(event.body) for event in sent(plan) if event.kind is EventKind.LATE]
    late = [(body["device"], body["sensor"], datetime.fromisoformat(body["ts"])) for body in bodies]
    assert len(late) > 100 and labels(plan)
    assert not any(readings_of(anomaly, late) for anomaly in labels(plan))


@pytest.mark.slow
def test_spikes_jump_drifts_ramp_and_stuck_series_hold_one_value() -> None:
    plan = replace(CLEAN, devices=20, sensors=2, hours=6, anomaly_rate=0.05)
    disturbed, undisturbed = values(plan), values(replace(plan, anomaly_rate=0))
    series = defaultdict(list)
    for reading, value in undisturbed.items():
        series[reading[:2]].append(value)
    spread = {key: statistics.stdev(values) for key, values in series.items()}
    seen = Counter()
    for anomaly in labels(plan):
        inside = readings_of(anomaly, disturbed)
        distance = [(disturbed[reading] - undisturbed[reading]) / spread[reading[:2]] for reading in inside]
        size = [abs(one) for one in distance]
        minutes = (anomaly.end - anomaly.start) / timedelta(minutes=1)
        seen[anomaly.kind] += 1
        match anomaly.kind:
            case AnomalyKind.SPIKE:
                assert 1 <= len(inside) <= 3
                assert min(size) > 3 and max(size) < 14
            case AnomalyKind.DRIFT:
                assert 9 <= minutes <= 30
                assert size == sorted(size) and 3 < size[-1] < 11
            case AnomalyKind.STUCK:
                assert 4 <= minutes <= 20
                assert len({disturbed[reading] for reading in inside}) == 1
    assert min(seen[kind] for kind in AnomalyKind) > 3


def test_an_hour_changes_a_series_less_than_its_noise() -> None:
    plan = replace(CLEAN, devices=10, sensors=3, hours=6)
    halves = defaultdict(lambda: ([], []))
    for (device, sensor, ts), value in values(plan).items():
        halves[device, sensor][ts >= plan.start + timedelta(hours=3)].append(value)
    for before, after in halves.values():
        assert abs(statistics.mean(after) - statistics.mean(before)) < statistics.stdev(before)


def test_times_are_spelled_with_milliseconds() -> None:
    assert timestamp(datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=UTC)) == "2026-01-02T03:04:05.006Z"
