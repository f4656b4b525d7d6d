"""Recordings as events: the reference readings, and what is wrong with a CSV file said in one line."""

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulator.devices.events import CHUNK_LENGTH, Event, EventKind
from simulator.devices.replay import csv_events, reference_events
from stream_queries.errors import UserError

HEADER = "TS,Device,Sensor,Value\n"
ROW = "2018-08-28 23:00:05.000,1,4,84.53\n"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "readings.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def events_of(path: Path) -> list[Event]:
    return list(itertools.chain.from_iterable(csv_events(path)))


def test_the_reference_readings_are_all_replayed_in_the_order_of_their_times() -> None:
    chunks = reference_events()
    events = list(itertools.chain.from_iterable(chunks))
    assert len(events) == 17_768
    assert [event.arrived_at for event in events] == sorted(event.arrived_at for event in events)
    assert all(chunk and chunk[-1].arrived_at - chunk[0].arrived_at < CHUNK_LENGTH for chunk in chunks)
    assert events[0] == Event(
        datetime(2018, 8, 28, 23, 0, 5, tzinfo=UTC),
        "1",
        b'{"device":"1","sensor":"1","ts":"2018-08-28T23:00:05.000Z","value":10.16}',
        EventKind.READING,
    )
    assert len({(event.device, json.loads(event.body)["sensor"]) for event in events}) == 15


@pytest.mark.parametrize(
    "text",
    [
        HEADER + ROW,
        "\ufeff" + HEADER + ROW,
        "ts,device,SENSOR,Value\n2018-08-28T23:00:05Z,1,4,84.53\n",
        "Value,Sensor,Site,Device,TS\n84.53,4,Bonn,1,2018-08-29T01:00:05+02:00\n",
        HEADER + "\n" + ROW + "\r\n",
        "TS, Device, Sensor, Value\n2018-08-28 23:00:05, 1, 4, 84.53\n",
    ],
    ids=["plain", "byte order mark", "other case", "other columns and zone", "blank lines", "spaces"],
)
def test_a_recording_may_be_laid_out_in_several_ways(tmp_path: Path, text: str) -> None:
    (event,) = events_of(written(tmp_path, text))
    assert event.arrived_at == datetime(2018, 8, 28, 23, 0, 5, tzinfo=UTC)
    assert json.loads(event.body) == {"device": "1", "sensor": "4", "ts": "2018-08-28T23:00:05.000Z", "value": 84.53}


def test_lines_in_any_order_are_replayed_in_the_order_of_their_times(tmp_path: Path) -> None:
    later = ROW.replace("23:00:05", "23:20:05")
    chunks = csv_events(written(tmp_path, HEADER + later + ROW))
    assert [[event.arrived_at.minute for event in chunk] for chunk in chunks] == [[0], [20]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no readings"),
        (HEADER, "holds no readings"),
        ("TS,Device,Value\n2018-08-28,1,2\n", "line 1: no column sensor (found ts, device, value)"),
        (HEADER + ROW + "yesterday,1,4,84.53\n", "line 3 column ts: 'yesterday' is no time"),
        (HEADER + "0001-01-01T00:00:00+10:00,1,4,8\n", "line 2 column ts: '0001-01-01T00:00:00+10:00' is no time"),
        (HEADER + ROW + ROW + "2018-08-28 23:00:05,1,4,warm\n", "line 4 column value: 'warm' is no finite number"),
        (HEADER + "2018-08-28 23:00:05,1,4,nan\n", "line 2 column value: 'nan' is no finite number"),
        (HEADER + "2018-08-28 23:00:05,1,4,\n", "line 2 column value: '' is no finite number"),
        (HEADER + "2018-08-28 23:00:05,,4,1\n", "line 2 column device: the cell is empty"),
        (HEADER + "2018-08-28 23:00:05,1,4\n", "line 2: 3 cells, the header has 4"),
        (b"\xff\xfe\x00", "is no text in UTF-8"),
        (HEADER + '"2018', "is no CSV file"),
    ],
)
def test_what_is_wrong_with_a_recording_is_said_with_line_and_column(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UserError) as error:
        csv_events(path)
    assert str(path) in str(error.value) and message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_recording_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*missing\.csv: No such file"):
        csv_events(tmp_path / "missing.csv")
    with pytest.raises(UserError, match=r"cannot read .*: Is a directory"):
        csv_events(tmp_path)
