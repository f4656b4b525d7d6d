"""The steps' commands, as far as they are not those of a laptop: which interval a run covers."""

from pathlib import Path

import pytest

from scoring.fleet import Fleet
from scoring.steps import main

Capture = pytest.CaptureFixture[str]


def prepare(tmp_path: Path, database: str, fleet: Fleet, *interval: str) -> int:
    places = ["--fleet", str(fleet.folder), "--database", database, "--out", str(tmp_path / "prepared")]
    return main(["prepare", *places, "--interval", *interval])


SCHEDULED = ["latest", "--interval-minutes", "15", "--settle-minutes", "3", "--trigger-time"]


@pytest.mark.parametrize(
    "trigger_time",
    [
        "2026-01-01 01:18:00",
        "2026-01-01T01:18:00Z",
        "2026-01-01T01:19:59.1234567Z",
        "2026-01-01T02:32:59+01:00",
    ],
)
def test_a_scheduled_run_covers_the_last_interval_that_had_settled(
    tmp_path: Path, database: str, fleet: Fleet, capsys: Capture, trigger_time: str
):
    assert prepare(tmp_path, database, fleet, *SCHEDULED, trigger_time) == 0
    expected = "2026/01/01/20260101T010000Z--20260101T011500Z: 180 windows of 12 series in 4 shards"
    assert capsys.readouterr().out.startswith(expected)


def test_a_trigger_a_moment_before_windows_have_settled_means_the_interval_before(
    tmp_path: Path, database: str, fleet: Fleet, capsys: Capture
):
    assert prepare(tmp_path, database, fleet, *SCHEDULED, "2026-01-01 01:17:59") == 0
    assert capsys.readouterr().out.startswith("2026/01/01/20260101T004500Z--20260101T010000Z")


@pytest.mark.parametrize(
    "interval",
    [
        ["2026-01-01 01:00:00/2026-01-01 01:15:00"],
        ["2026-01-01T01:00Z", "2026-01-01T01:15Z"],
        ["2026-01-01 01:00:00/2026-01-01 01:15:00", "--trigger-time", "2030-01-01 00:00:00"],
    ],
    ids=["one word", "two words", "whatever the trigger time"],
)
def test_an_interval_can_be_given(tmp_path: Path, database: str, fleet: Fleet, capsys: Capture, interval: list[str]):
    assert prepare(tmp_path, database, fleet, *interval) == 0
    assert capsys.readouterr().out.startswith("2026/01/01/20260101T010000Z--20260101T011500Z")


@pytest.mark.parametrize(
    ("interval", "message"),
    [
        (["latest"], "needs --trigger-time, --interval-minutes and --settle-minutes"),
        ([*SCHEDULED, "01/02/2026 10:00"], "--trigger-time '01/02/2026 10:00' is not a time"),
        (["latest", "--trigger-time", "2026-01-01", "--interval-minutes", "0", "--settle-minutes", "3"], "give 1 to"),
        (["2026-01-01"], "give START END, START/END or latest"),
        (["2026-01-02/2026-01-01"], "not after its start"),
    ],
)
def test_what_is_no_interval_is_refused_in_one_line(
    tmp_path: Path, database: str, fleet: Fleet, capsys: Capture, interval: list[str], message: str
):
    assert prepare(tmp_path, database, fleet, *interval) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_rehearsals_database_takes_the_place_of_the_one_that_was_published(
    tmp_path: Path, database: str, fleet: Fleet, capsys: Capture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BATCH_SCORING_DATABASE_URL", database)
    published = "mssql+pyodbc://nowhere/windows?driver=none"
    assert prepare(tmp_path, published, fleet, "2026-01-01 01:00:00/2026-01-01 01:15:00") == 0
    assert "180 windows" in capsys.readouterr().out
