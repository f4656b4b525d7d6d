import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulator.local_run.accounting import Accounting, account
from simulator.stream.outputs import StreamOutputs
from stream_queries.arrow_schemas import ARCHIVE_SCHEMA, REJECT_SCHEMA
from stream_queries.errors import UserError

RIGHT = Accounting(
    sent=11,
    undecodable=1,
    archived=10,
    in_windows=6,
    duplicates=1,
    rejected={"late": 3},
    windows=2,
)


def test_what_adds_up_has_no_mistakes():
    assert RIGHT.mistakes() == []


@pytest.mark.parametrize(
    "change", [{"sent": 12}, {"undecodable": 0}, {"in_windows": 7}, {"rejected": {}}, {"duplicates": 0}]
)
def test_a_single_event_too_many_or_too_few_is_a_mistake(change: dict):
    counts = replace(RIGHT, **change)
    assert len(counts.mistakes()) == 1


def test_an_event_missing_from_the_archive_breaks_both_equations():
    assert len(replace(RIGHT, archived=9).mistakes()) == 2


def write_outputs(out: Path, archive: list[tuple[str, str, str]], rejects: list[tuple[str, str, str]]) -> None:
    StreamOutputs(out).close()
    rows = [
        {"device": d, "sensor": s, "ts": ts, "value": 1.0, "partition_id": 0, "arrived_at": None}
        for d, s, ts in archive
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=ARCHIVE_SCHEMA), out / "archive" / "step-000001.parquet")
    lines = [
        json.dumps(dict.fromkeys(REJECT_SCHEMA.names) | {"device": d, "sensor": s, "ts": ts, "reason": "late"})
        for d, s, ts in rejects
    ]
    (out / "rejects" / "step-000001.jsonl").write_text("".join(f"{line}\n" for line in lines))


ONE, SAME_INSTANT = ("a", "s", "2026-01-01T00:00:00.000Z"), ("a", "s", "2026-01-01T01:00:00+01:00")
TWO, UNREADABLE = ("a", "s", "2026-01-01T00:00:01.000Z"), ("a", "s", "yesterday")


@pytest.mark.parametrize(
    ("archive", "rejects", "duplicates"),
    [
        ([ONE, TWO], [], 0),
        ([ONE, ONE, ONE, TWO], [], 2),
        ([ONE, SAME_INSTANT], [], 1),  # one instant written in two ways is one key
        ([ONE, ONE], [ONE], 0),  # the copy came late: it is rejected, not a duplicate
        ([ONE, ONE, ONE], [ONE], 1),
        ([UNREADABLE, UNREADABLE, ONE], [UNREADABLE, UNREADABLE], 0),
        ([], [], 0),
    ],
)
def test_duplicates_are_copies_that_were_not_rejected(tmp_path: Path, archive: list, rejects: list, duplicates: int):
    write_outputs(tmp_path, archive, rejects)
    counts = account(tmp_path, sent=len(archive))
    assert (counts.archived, counts.duplicates, sum(counts.rejected.values())) == (
        len(archive),
        duplicates,
        len(rejects),
    )


def test_outputs_that_were_never_written_count_nothing(tmp_path: Path):
    StreamOutputs(tmp_path).close()
    counts = account(tmp_path, sent=0)
    assert (counts.archived, counts.undecodable, counts.windows, counts.mistakes()) == (0, 0, 0, [])
    assert set(counts.rejected) == {"invalid_name", "invalid_value", "invalid_time", "early", "late"}


def test_a_time_without_a_zone_is_utc_wherever_the_machine_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    without_zone = ("a", "s", "2026-01-01T00:00:00.000")
    write_outputs(tmp_path, [ONE, without_zone, SAME_INSTANT], [])
    assert account(tmp_path, sent=3).duplicates == 2


def test_a_damaged_output_is_said_in_one_line(tmp_path: Path):
    write_outputs(tmp_path, [ONE], [])
    (tmp_path / "archive" / "step-000001.parquet").write_text("junk")
    with pytest.raises(UserError, match=r"cannot count the outputs in .*--fresh"):
        account(tmp_path, sent=1)
