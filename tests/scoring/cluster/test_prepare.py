from datetime import timedelta
from pathlib import Path

import pytest

from scoring.cluster.interval import Interval
from scoring.cluster.model.fleet import Fleet
from scoring.cluster.prepare import delete_old_windows, prepare
from scoring.cluster.shards import read_shard
from stream_queries.errors import UserError
from stream_queries.window_store import WindowStore
from tests.scoring.samples import MINUTE, SERIES, START, make_windows
from tests.scoring.steps import SECOND_HOUR
from tests.simulator.event_hubs.full_disk import file_size_limit


def test_what_was_prepared_is_counted(tmp_path: Path, database: str, fleet: Fleet):
    with WindowStore(database) as store:
        prepared = prepare(store, SECOND_HOUR, fleet, tmp_path / "prepared")
    assert (prepared.windows, prepared.series) == (60 * len(SERIES), len(SERIES))
    assert sorted(prepared.files) == sorted((tmp_path / "prepared").iterdir())


def test_windows_belong_to_the_interval_that_they_end_in(tmp_path: Path, database: str, fleet: Fleet):
    interval = Interval(START + 60 * MINUTE, START + 62 * MINUTE)
    with WindowStore(database) as store:
        files = prepare(store, interval, fleet, tmp_path / "prepared").files
    ends = {time for file in files for time in read_shard(file)["window_end"].to_pylist()}
    assert ends == {START + 61 * MINUTE, START + 62 * MINUTE}


def test_the_same_windows_give_the_same_bytes(tmp_path: Path, database: str, fleet: Fleet):
    with WindowStore(database) as store:
        one, two = (prepare(store, SECOND_HOUR, fleet, tmp_path / name).files for name in ("one", "two"))
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]


@pytest.mark.parametrize("folder", ["windows.db", "windows.db/prepared"])
def test_a_place_that_is_no_folder_is_named(tmp_path: Path, database: str, fleet: Fleet, folder: str):
    message = f"^cannot write shards to {tmp_path / folder}: "
    with WindowStore(database) as store, pytest.raises(UserError, match=message):
        prepare(store, SECOND_HOUR, fleet, tmp_path / folder)


def test_a_full_disk_is_said(tmp_path: Path, database: str, fleet: Fleet):
    message = f"^cannot write shards to {tmp_path / 'prepared'}: .*File too large"
    day = Interval(START, START + 1_440 * MINUTE)
    with WindowStore(database) as store:
        store.insert(make_windows([SERIES[0]], range(121, 1_441)))
        with file_size_limit(50_000), pytest.raises(UserError, match=message):  # SQLite needs 32 KiB to read
            prepare(store, day, fleet, tmp_path / "prepared")


def test_a_database_that_is_missing_is_named_and_nothing_is_written(tmp_path: Path, fleet: Fleet):
    missing = tmp_path / "missing.db"
    with WindowStore(f"sqlite:///{missing}") as store, pytest.raises(UserError, match=f"no database at {missing}"):
        prepare(store, SECOND_HOUR, fleet, tmp_path / "prepared")
    assert not missing.exists() and not (tmp_path / "prepared").exists()


def test_windows_that_are_too_old_for_an_interval_go_and_a_future_one_deletes_no_more(database: str):
    day, ends = timedelta(days=1), Interval(START + 59 * MINUTE, START + 60 * MINUTE)
    with WindowStore(database) as store:
        future = Interval(ends.start + 9 * day, ends.end + 9 * day)
        assert delete_old_windows(store, future, 1, START).startswith("0 windows deleted")
        later = Interval(ends.start + day, ends.end + day)
        assert delete_old_windows(store, later, 1, START + 9 * day).startswith(f"{60 * len(SERIES)} windows deleted")
        assert store.range() == (START + 61 * MINUTE, START + 120 * MINUTE)


def test_windows_that_cannot_be_deleted_are_left_to_the_next_run(tmp_path: Path):
    file = tmp_path / "windows.db"
    file.write_text("not a database, but long enough to be read as a header of one" * 20)
    with WindowStore(f"sqlite:///{file}") as store:
        assert delete_old_windows(store, SECOND_HOUR, 1, START).startswith(
            "old windows were not deleted: cannot delete"
        )
