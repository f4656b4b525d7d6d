"""A partition's log numbers its events, never turns back its clock, and finds a reader's place."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.event_hubs.protocol import codec
from simulator.event_hubs.protocol.codec import DecodeError
from simulator.event_hubs.protocol.messages import ANNOTATIONS, DATA, sections
from simulator.event_hubs.storage.log import PartitionLog, SelectorError
from simulator.event_hubs.storage.records import RecordFile


def event(body: bytes) -> bytes:
    return codec.described(DATA, codec.binary(body))


def place(stored: bytes) -> tuple[int, int, int]:
    """Sequence number, offset and enqueued time that a stored event carries."""
    annotations = next(
        codec.decode(stored, value)[0] for section, _, value, _ in sections(stored) if section == ANNOTATIONS
    )
    return (
        annotations["x-opt-sequence-number"],
        int(annotations["x-opt-offset"]),
        annotations["x-opt-enqueued-time"],
    )


def open_log(path: Path, *, clock: Iterator[int]) -> PartitionLog:
    file = RecordFile(path, partition=0, partitions=1, now_ms=0)
    return PartitionLog(file, clock_ms=lambda: next(clock))


def test_enqueued_times_never_go_backwards_even_across_a_restart(tmp_path: Path) -> None:
    log = open_log(tmp_path / "0.log", clock=iter([500, 400, 600]))
    for _ in range(3):
        log.append([event(b"a")])
    before = [place(stored) for stored in log.events]
    assert [time for _, _, time in before] == [500, 500, 600]
    log.close()

    log = open_log(tmp_path / "0.log", clock=iter([100]))
    assert [place(stored) for stored in log.events] == before
    log.append([event(b"a")])
    sequence, offset, time = place(log.events[3])
    assert (sequence, time) == (3, 600)
    assert offset > before[2][1]
    assert (log.last_offset, log.last_enqueued_ms) == (offset, 600)
    log.close()


def test_a_batch_with_one_bad_event_is_not_stored_at_all() -> None:
    bad = [
        b"",
        b"garbage",
        codec.described(ANNOTATIONS, codec.map_of([])),  # no body
        event(b"x") + codec.described(ANNOTATIONS, codec.map_of([])) + event(b"y"),  # out of order
        codec.described(ANNOTATIONS, codec.list_of()) + event(b"x"),
        event(b"x")[:-1],
    ]
    for message in bad:
        log = PartitionLog(clock_ms=lambda: 1)
        with pytest.raises(DecodeError):
            log.append([event(b"good"), message])
        assert log.next_sequence == 0


def test_an_event_stored_again_carries_only_its_new_place() -> None:
    log = PartitionLog(clock_ms=lambda: 5)
    own = codec.described(ANNOTATIONS, codec.map_of([(codec.symbol("x-opt-partition-key"), codec.string("k"))]))
    log.append([event(b"a"), own + event(b"b")])
    log.append([log.events[1]])
    assert log.events[2].count(b"x-opt-offset") == 1 and log.events[2].count(b"x-opt-partition-key") == 1
    assert place(log.events[2]) == (2, log.last_offset, 5)


@pytest.fixture
def log() -> PartitionLog:
    """Events 0 to 5, two to a batch, at 10, 20 and 30 ms."""
    times = iter([10, 20, 30])
    log = PartitionLog(clock_ms=lambda: next(times))
    for _ in range(3):
        log.append([event(b"a"), event(b"b")])
    return log


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (None, 0),
        ("amqp.annotation.x-opt-offset > '-1'", 0),
        ("amqp.annotation.x-opt-offset > '@latest'", 6),
        ("amqp.annotation.x-opt-offset > '0'", 1),
        ("amqp.annotation.x-opt-offset >= '0'", 0),
        ("amqp.annotation.x-opt-offset > '999999'", 6),
        ("amqp.annotation.x-opt-sequence-number > '3'", 4),
        ("amqp.annotation.x-opt-sequence-number >= '3'", 3),
        ("amqp.annotation.x-opt-sequence-number > '-5'", 0),
        ("amqp.annotation.x-opt-sequence-number > '99'", 6),
        ("amqp.annotation.x-opt-enqueued-time > '10'", 2),
        ("amqp.annotation.x-opt-enqueued-time >= '10'", 0),
        ("amqp.annotation.x-opt-enqueued-time > '29'", 4),
    ],
)
def test_a_filter_finds_its_place(log: PartitionLog, selector: str | None, expected: int) -> None:
    assert log.position(selector) == expected


@pytest.mark.parametrize(
    "selector", ["", "rubbish", "amqp.annotation.x-opt-offset > 'abc'", "amqp.annotation.x-opt-offset < '1'"]
)
def test_a_filter_that_says_nothing_is_refused(log: PartitionLog, selector: str) -> None:
    with pytest.raises(SelectorError):
        log.position(selector)
