"""A live send: times moved to the present, the fleet's own pace, and bodies otherwise unchanged."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from simulator.devices.events import Event, EventKind
from simulator.devices.fleet_plan import FleetPlan
from simulator.devices.readings import fleet_events
from simulator.event_hubs import Hub, LoopbackEventHubs
from simulator.hub_clients.address import HubAddress
from simulator.hub_clients.live_sender import Shift, send_live

PAST = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.time = NOW
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


def reading(ts: str, kind: EventKind = EventKind.READING) -> Event:
    body = f'{{"device":"a","sensor":"b","ts":"{ts}","value":1.5000}}'
    return Event(PAST + timedelta(seconds=60), "a", body.encode(), kind)


def test_the_first_moment_is_now_and_later_ones_follow_at_the_given_speed() -> None:
    shift = Shift(PAST, NOW, speed=60)
    assert shift.moment(PAST) == NOW
    assert shift.moment(PAST + timedelta(hours=1)) == NOW + timedelta(minutes=1)


def test_a_shifted_body_differs_in_its_time_alone() -> None:
    shift = Shift(PAST, NOW, speed=1)
    body = shift.body(reading("2026-01-01T00:00:30.250Z"))
    assert body == b'{"device":"a","sensor":"b","ts":"2031-05-06T07:08:39.250Z","value":1.5000}'


def test_copies_of_a_reading_stay_copies() -> None:
    shift = Shift(PAST, NOW, speed=7)
    original = reading("2026-01-01T00:00:30.250Z")
    again = original._replace(arrived_at=original.arrived_at + timedelta(seconds=9), kind=EventKind.DUPLICATE)
    assert shift.body(original) == shift.body(again) != original.body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"[1]",
        b"17",
        b'{"value":1}',
        b'{"ts":17}',
        b'{"ts":null}',
        b'{"ts":"yesterday"}',
        b'{"ts":"2026-01-01T00:00:00"}',
        b'{"ts":"0001-01-01T00:00:00.000Z"}',
        b'{"ts":"9999-12-31T23:59:59.999Z"}',
        b'{"ts":"\xff"}',
    ],
)
def test_a_body_without_a_sensible_time_stays_as_it_is(body: bytes) -> None:
    event = Event(PAST, "a", body, EventKind.MALFORMED)
    assert Shift(PAST, NOW, speed=1).body(event) == body


@pytest.mark.slow
def test_a_fleet_is_sent_at_its_own_pace_times_the_speed() -> None:
    speed = 20.0
    plan = FleetPlan(devices=3, sensors=1, hours=0.1, malformed_rate=0, late_rate=0, out_of_order_rate=0)
    chunks = list(fleet_events(plan))
    last = chunks[-1][-1].arrived_at - chunks[0][0].arrived_at
    clock = Clock()
    with LoopbackEventHubs([Hub("readings", 1)]) as hub:
        address = HubAddress(connection_string=hub.connection_string)
        kinds = send_live(chunks, address, speed=speed, now=clock.now, sleep=clock.sleep)
        assert hub.stats.events_in == sum(map(len, chunks))
    assert kinds == Counter(event.kind for chunk in chunks for event in chunk)
    assert last / speed <= clock.time - NOW <= last / speed + timedelta(milliseconds=100)
    assert min(clock.slept) >= 0.1, "what is due at about the same time travels together"
