"""The steps' commands, as far as they are not those of a laptop: which interval a run covers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from scoring.cluster.interval import Interval
from scoring.cluster.model.fleet import Fleet
from scoring.cluster.steps import main
from scoring.cluster.stores.result_store import FolderStore
from scoring.models.fleet_writer import FleetWriter
from stream_queries.window_store import WindowStore
from tests.scoring.samples import MINUTE, SERIES, START, make_windows, some_model
from tests.scoring.steps import score_run

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
        "1/1/2026 1:18:00 AM",
        "Thu, 01 Jan 2026 01:18:00 GMT",
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


def test_a_trigger_time_in_an_unknown_form_does_not_end_the_run(
    tmp_path: Path, database: str, fleet: Fleet, capsys: Capture
):
    before = datetime.now(UTC)
    assert prepare(tmp_path, database, fleet, *SCHEDULED, "am Freitag") == 0
    out, err = capsys.readouterr()
    end = datetime.strptime(out.partition("--")[2][:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert before - timedelta(minutes=18) < end <= datetime.now(UTC) - timedelta(minutes=3)
    (line,) = err.splitlines()
    assert "warning: --trigger-time 'am Freitag' has no known form: taken is the clock of this run" in line


def test_a_trigger_time_with_its_day_first_is_said_and_does_not_score_another_month(
    tmp_path: Path, database: str, fleet: Fleet, capsys: Capture, mocker: MockerFixture
):
    clock = mocker.patch("scoring.cluster.steps.datetime")
    clock.now.return_value = datetime(2026, 1, 2, 0, 20, tzinfo=UTC)
    assert prepare(tmp_path, database, fleet, *SCHEDULED, "02/01/2026 00:18:00") == 0
    out, err = capsys.readouterr()
    assert out.startswith("2026/01/02/20260102T000000Z--20260102T001500Z")
    (line,) = err.splitlines()
    assert "warning: --trigger-time '02/01/2026 00:18:00' is read with its day first, 2026-01-02T00:18:00+00:00" in line


@pytest.mark.parametrize("trigger_time", ["am Freitag", "2026-01-01 05:00:00"])
def test_the_last_step_covers_the_interval_that_the_first_prepared(
    tmp_path: Path, database: str, fleet: Fleet, capsys: Capture, trigger_time: str
):
    prepare(tmp_path, database, fleet, *SCHEDULED, "2026-01-01 01:18:00")
    places = ["--fleet", fleet.folder, "--prepared", tmp_path / "prepared", "--scored", tmp_path / "none"]
    arguments = [*places, "--predictions", tmp_path / "predictions", "--interval", *SCHEDULED, trigger_time]
    capsys.readouterr()
    assert main(["collect", *map(str, arguments)]) == 1
    assert capsys.readouterr().out.startswith("2026/01/01/20260101T010000Z--20260101T011500Z: 0 predictions")


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
        (["01/02/2026 10:00/01/02/2026 10:15"], "give START END, START/END or latest"),
        (["01.02.2026 10:00/01.02.2026 10:15"], "is not a time: write it like"),
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


def test_a_run_waits_for_late_windows_only_if_it_is_told_to(
    tmp_path: Path, database: str, fleet: Fleet, capsys: Capture
):
    complete = "2026-01-01 01:00:00/2026-01-01 01:15:00"
    assert prepare(tmp_path, database, fleet, complete, "--wait-minutes", "10") == 0
    assert prepare(tmp_path, database, fleet, "2026-01-01 01:50:00/2026-01-01 02:50:00") == 0
    assert prepare(tmp_path, database, fleet, complete, "--wait-minutes", "-1") == 2
    assert capsys.readouterr().err == "scoring: --wait-minutes is -1: give 0 or more\n"


def test_a_run_that_waits_completes_where_devices_have_long_been_silent(
    tmp_path: Path, database: str, fleet: Fleet, capsys: Capture
):
    silent = "2026-02-01 01:00:00/2026-02-01 01:15:00"
    assert prepare(tmp_path, database, fleet, silent, "--wait-minutes", "10") == 0
    printed = capsys.readouterr()
    assert "0 windows of 0 series" in printed.out
    assert printed.err.startswith("scoring: warning: 2026/02/01/") and printed.err.count("\n") == 1


TEN_MINUTES = Interval(START + 60 * MINUTE, START + 70 * MINUTE)


def collect_with_one_of_four_unknown(tmp_path: Path, share: str) -> int:
    """Score four series, one of which the fleet has no model of, and collect."""
    fleet = FleetWriter(origin={"kind": "test"}, models={one: some_model() for one in SERIES[:3]}).write(
        tmp_path / "fleet"
    )
    with WindowStore("sqlite://") as store:
        store.create()
        store.insert(make_windows(SERIES[:4], range(61, 71)))
        score_run(store, fleet, tmp_path, interval=TEN_MINUTES)
    folders = ["--prepared", str(tmp_path / "prepared"), "--scored", str(tmp_path / "scored")]
    places = ["--fleet", str(fleet.folder), *folders, "--predictions", str(tmp_path / "predictions")]
    interval = [TEN_MINUTES.start.isoformat(), TEN_MINUTES.end.isoformat()]
    return main(["collect", *places, "--interval", *interval, "--max-unscored-share", share])


@pytest.mark.parametrize(("share", "code"), [("0", 1), ("0.24", 1), ("0.25", 0), ("1", 0)])
def test_too_many_series_without_a_model_fail_the_run_after_its_predictions_are_kept(
    tmp_path: Path, capsys: Capture, share: str, code: int
):
    assert collect_with_one_of_four_unknown(tmp_path, share) == code
    manifest = FolderStore(tmp_path / "predictions").read_manifest(TEN_MINUTES.folder)
    assert manifest is not None and b'"scored": 3' in manifest.content
    said = capsys.readouterr().err
    assert (
        said == "" if code == 0 else said.startswith("scoring: 1 of 4 series with windows were not scored (1 without")
    )


def test_a_share_that_is_none_is_refused_before_anything_is_kept(tmp_path: Path, capsys: Capture):
    assert collect_with_one_of_four_unknown(tmp_path, "5") == 2
    assert capsys.readouterr().err == "scoring: --max-unscored-share is 5: give a share from 0 to 1\n"
    assert not (tmp_path / "predictions").exists()
