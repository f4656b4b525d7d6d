"""The partition file keeps whole batches: torn tails are cut off, damage elsewhere is refused, strangers too."""

import logging
from pathlib import Path

import pytest

from simulator.event_hubs.storage.data_folder import DataFolder
from simulator.event_hubs.storage.records import Batch, RecordFile
from stream_queries.errors import UserError
from tests.simulator.event_hubs.full_disk import file_size_limit

BATCHES = [Batch(1000, [b"one", b"two"]), Batch(1001, [b"three" * 20]), Batch(1002, [b"four", b"", b"six"])]


def open_file(path: Path, *, partition: int = 0, partitions: int = 4) -> RecordFile:
    return RecordFile(path, partition=partition, partitions=partitions, now_ms=77)


def read(path: Path) -> list[Batch]:
    file = open_file(path)
    try:
        return list(file.recover())
    finally:
        file.close()


def append(path: Path, batch: Batch) -> None:
    file = open_file(path)
    try:
        list(file.recover())
        file.append(batch)
    finally:
        file.close()


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    path = tmp_path / "0.log"
    for batch in BATCHES:
        append(path, batch)
    return path


@pytest.fixture
def boundaries(tmp_path: Path) -> list[int]:
    """The file's sizes with no batch, one batch, and so on."""
    path = tmp_path / "boundaries.log"
    open_file(path).close()
    sizes = [path.stat().st_size]
    for batch in BATCHES:
        append(path, batch)
        sizes.append(path.stat().st_size)
    return sizes


def test_batches_come_back_whole_and_in_order(log_path: Path) -> None:
    assert read(log_path) == BATCHES


def test_a_tail_torn_at_any_byte_leaves_the_batches_before_it(
    log_path: Path, boundaries: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    whole = log_path.read_bytes()
    assert len(whole) == boundaries[3]
    for size in range(boundaries[2], boundaries[3]):
        log_path.write_bytes(whole[:size])
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert read(log_path) == BATCHES[:2]
        assert len(caplog.records) == (size > boundaries[2])
        assert log_path.stat().st_size == boundaries[2]
        append(log_path, BATCHES[2])
        assert log_path.read_bytes() == whole


def test_a_last_record_with_any_byte_damaged_is_cut_off(log_path: Path, boundaries: list[int]) -> None:
    whole = log_path.read_bytes()
    for position in range(boundaries[2], boundaries[3]):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        log_path.write_bytes(damaged)
        assert read(log_path) == BATCHES[:2]


def test_damage_before_other_records_is_refused_and_changes_nothing(log_path: Path, boundaries: list[int]) -> None:
    whole = log_path.read_bytes()
    for position in range(boundaries[0], boundaries[2]):
        damaged = bytearray(whole)
        damaged[position] ^= 0x01
        log_path.write_bytes(damaged)
        start = boundaries[0] if position < boundaries[1] else boundaries[1]
        with pytest.raises(UserError, match=f"{log_path}: the record at byte {start} is damaged"):
            read(log_path)
        assert log_path.read_bytes() == damaged


def test_damage_before_a_torn_record_is_refused(log_path: Path, boundaries: list[int]) -> None:
    damaged = bytearray(log_path.read_bytes()[:-3])
    damaged[boundaries[2] - 1] ^= 0x01  # in the second record; the third one's start shows that it was acknowledged
    log_path.write_bytes(damaged)
    with pytest.raises(UserError, match=f"byte {boundaries[1]} is damaged"):
        read(log_path)


def test_an_event_that_carries_a_record_is_not_taken_for_one(tmp_path: Path, log_path: Path) -> None:
    record = log_path.read_bytes()
    path = tmp_path / "carrier.log"
    append(path, Batch(1, [b"before"]))
    size = path.stat().st_size
    append(path, Batch(2, [record]))
    path.write_bytes(path.read_bytes()[:-1])
    assert read(path) == [Batch(1, [b"before"])]
    assert path.stat().st_size == size


def test_a_header_cut_short_is_written_again(log_path: Path, boundaries: list[int]) -> None:
    header = log_path.read_bytes()[: boundaries[0]]
    for size in range(len(header)):
        log_path.write_bytes(header[:size])
        assert read(log_path) == []
        assert log_path.read_bytes() == header


def test_another_number_of_partitions_is_refused(log_path: Path) -> None:
    with pytest.raises(UserError, match="a hub with 4 partitions, not 0 of 8"):
        open_file(log_path, partitions=8)
    with pytest.raises(UserError, match="is partition 0 of a hub"):
        open_file(log_path, partition=1)
    assert read(log_path) == BATCHES


def test_a_strangers_file_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    for content in (b"diary", b"Dear diary, today I have written forty-four bytes."):
        path.write_bytes(content)
        with pytest.raises(UserError, match="is not an event log"):
            open_file(path)
        assert path.read_bytes() == content


def test_a_batch_that_the_disk_does_not_take_leaves_no_trace(log_path: Path) -> None:
    size = log_path.stat().st_size
    file = open_file(log_path)
    try:
        list(file.recover())
        with file_size_limit(size + 50), pytest.raises(OSError, match="File too large"):
            file.append(Batch(1003, [b"x" * 100]))
        assert log_path.stat().st_size == size
        file.append(Batch(1004, [b"fits"]))
    finally:
        file.close()
    assert read(log_path) == [*BATCHES, Batch(1004, [b"fits"])]


def test_a_data_folder_has_one_server_at_a_time(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    with pytest.raises(UserError, match=f"another Event Hubs server uses the data folder {tmp_path / 'data'}"):
        DataFolder(tmp_path / "data")
    folder.close()
    DataFolder(tmp_path / "data").close()


def test_a_data_folder_that_cannot_be_made_is_a_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write to the data folder"):
        DataFolder(tmp_path / "file" / "data")
