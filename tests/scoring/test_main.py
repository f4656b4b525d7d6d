"""Every command of `python -m scoring`, and every mistake that a user can make with it."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn import svm

from scoring.__main__ import main
from scoring.cluster.model.fleet import Fleet, KeptEstimator
from scoring.cluster.stores.result_store import FolderStore
from scoring.models.fleet_writer import FleetWriter
from stream_queries.window_store import WindowStore
from tests.scoring.samples import SERIES, make_windows, some_model
from tests.scoring.steps import SECOND_HOUR, score_run

START, END = SECOND_HOUR.to_json().values()

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def arguments(tmp_path: Path, database: str, fleet: Fleet) -> dict[str, str]:
    """What the commands need, by the name of the option."""
    return {
        "database": database,
        "fleet": str(fleet.folder),
        "prepared": str(tmp_path / "prepared"),
        "scored": str(tmp_path / "scored"),
        "predictions": str(tmp_path / "predictions"),
    }


def options(arguments: dict[str, str], *names: str) -> list[str]:
    return [word for name in names for word in (f"--{name}", arguments[name])]


def score_command(arguments: dict[str, str], *more: str) -> list[str]:
    return ["score", *options(arguments, "database", "fleet", "predictions"), "--interval", START, END, *more]


def refused(capsys: Capture, command: list[str]) -> str:
    """Run a command that a mistake ends; returns its one line."""
    capsys.readouterr()
    assert main(command) == 2
    output = capsys.readouterr()
    assert output.out == "" and re.fullmatch(r"scoring: [^\n]+\n", output.err)
    return output.err.removeprefix("scoring: ").removesuffix("\n")


# ---- What each command does.


def test_train_writes_a_fleet_and_says_what_is_in_it(tmp_path: Path, database: str, capsys: Capture):
    with WindowStore(database) as store:
        store.insert(make_windows([("new", "sensor")], range(1, 11)))
    command = ["train", "--database", database, "--out", str(tmp_path / "fleet"), "--end", START, "--nu", "0.05"]
    assert main([*command, "--gamma", "scale", "--min-windows", "20"]) == 0
    fleet = Fleet.open(tmp_path / "fleet")
    assert capsys.readouterr().out.splitlines() == [
        f"fleet {fleet.version}: 12 models, in {tmp_path / 'fleet'}",
        "  no model of new sensor: 10 windows, a model needs 20",
    ]
    origin = fleet.manifest["origin"]
    assert origin["parameters"] == {"nu": 0.05, "gamma": "scale", "min_windows": 20}
    assert (origin["start"], origin["end"]) == (None, START)


def test_import_writes_a_fleet_and_says_which_models_it_keeps_as_they_are(tmp_path: Path, capsys: Capture):
    folder, history = tmp_path / "models" / "device-0", np.random.default_rng(1).normal(size=(40, 4))
    folder.mkdir(parents=True)
    skops.io.dump(svm.OneClassSVM().fit(history), folder / "packed.skops")
    skops.io.dump(svm.OneClassSVM(kernel="linear").fit(history), folder / "kept.skops")
    assert main(["import", str(tmp_path / "models"), "--out", str(tmp_path / "fleet")]) == 0
    version = Fleet.open(tmp_path / "fleet").version
    line = f"fleet {version}: 2 models, 1 of them kept as scikit-learn, in {tmp_path / 'fleet'}\n"
    assert capsys.readouterr().out == line


def test_show_prints_a_fleet_and_a_model_for_people_and_for_programs(fleet: Fleet, capsys: Capture):
    model = ["--device", SERIES[0][0], "--sensor", SERIES[0][1]]
    assert main(["show", str(fleet.folder)]) == 0
    assert f"version          {fleet.version}\nseries           12\n" in capsys.readouterr().out
    assert main(["show", str(fleet.folder), *model]) == 0
    shown = capsys.readouterr().out
    assert "gamma            0.03\n" in shown and re.search(r"^support_vectors +\d+ entries, see --json$", shown, re.M)
    assert main(["show", str(fleet.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == fleet.version
    assert main(["show", str(fleet.folder), *model, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["mean"]) == 4


def test_score_keeps_each_run_of_an_interval_and_prints_its_counts(
    tmp_path: Path, arguments: dict[str, str], capsys: Capture
):
    assert main(score_command(arguments, "--every", "30", "--release", "r1", "--processes", "1")) == 0
    output = capsys.readouterr()
    manifests = sorted((tmp_path / "predictions").rglob("manifest.json"))
    assert [file.parent.name for file in manifests] == [
        "20260101T010000Z--20260101T013000Z",
        "20260101T013000Z--20260101T020000Z",
    ]
    found = [json.loads(file.read_text()) for file in manifests]
    assert [manifest["release"] for manifest in found] == ["r1", "r1"]
    assert output.out.splitlines() == [
        f"2026/01/01/{file.parent.name}: 360 predictions, {counts['anomalies']} anomalies (12 scored series)"
        for file, counts in zip(manifests, [manifest["counts"] for manifest in found], strict=True)
    ]


@pytest.mark.slow
def test_score_with_a_series_that_fails_scores_the_others_and_exits_with_1(
    tmp_path: Path, arguments: dict[str, str], capsys: Capture
):
    """One model raises, one series holds an infinite value, two have no model, one no windows."""
    raising, infinite, *others = SERIES
    models = {series: some_model() for series in (infinite, *others[2:], ("quiet", "sensor"))}
    writer = FleetWriter(origin={}, models={raising: KeptEstimator(b"no skops file"), **models})
    writer.write(Path(arguments["fleet"]))
    with sqlite3.connect(tmp_path / "windows.db") as connection:
        update = "update sensor_windows set max_value = 9e999 where device = ? and sensor = ?"
        assert connection.execute(update, infinite).rowcount == 120
    connection.close()
    assert main(score_command(arguments, "--json", "--processes", "1")) == 1
    output = capsys.readouterr()
    printed = json.loads(output.out)
    assert printed["interval"] == {"start": START, "end": END}
    counts = {name: printed["counts"][name] for name in ("scored", "no_model", "no_data", "failed")}
    assert counts == {"scored": 8, "no_model": 2, "no_data": 1, "failed": 2}
    assert output.err.splitlines()[-1] == "scoring: 2 series failed; the manifests say which and why"
    (file,) = (tmp_path / "predictions").rglob("manifest.json")
    failed = [entry for entry in json.loads(file.read_text())["series"] if entry["status"] == "failed"]
    assert {(entry["device"], entry["sensor"]): entry["reason"] for entry in failed} == {
        raising: "BadZipFile: File is not a zip file",
        infinite: "a feature is not a finite number",
    }


def test_the_steps_of_a_run_can_be_run_one_by_one(
    tmp_path: Path, arguments: dict[str, str], fleet: Fleet, capsys: Capture
):
    interval = ["--interval", START, END]
    prepare = ["prepare", *options(arguments, "database", "fleet"), *interval, "--out", arguments["prepared"]]
    assert main(prepare) == 0
    assert (
        capsys.readouterr().out
        == f"{SECOND_HOUR.folder}: 720 windows of 12 series in 4 shards, in {arguments['prepared']}\n"
    )
    with WindowStore(arguments["database"]) as store:
        scored_run = score_run(store, fleet, tmp_path / "run")
    arguments["scored"] = str(scored_run.scored)
    collect = ["collect", *options(arguments, "fleet", "prepared", "scored", "predictions"), *interval]
    assert main([*collect, "--release", "test"]) == 0
    assert capsys.readouterr().out.startswith(f"{SECOND_HOUR.folder}: 720 predictions, ")
    here, there = FolderStore(tmp_path / "predictions"), FolderStore(tmp_path / "there")
    scored_run.collect(there)
    assert here.read_manifest(SECOND_HOUR.folder) == there.read_manifest(SECOND_HOUR.folder)

    (scored_run.scored / "status-000.json").unlink()
    assert main([*collect, "--release", "test"]) == 1
    assert " failed series)" in capsys.readouterr().out


# ---- What a user can get wrong.

MISTAKES: dict[str, tuple[list[str], str]] = {
    "end before start": (["--interval", END, START], "the interval ends at 2026-01-01T01:00:00+00:00, not after its"),
    "end at start": (["--interval", END, END], "not after its start"),
    "unreadable start": (["--interval", "noon", END], "the interval's start 'noon' is not a time: write it like 2026-"),
    "unreadable end": (["--interval", START, "2026-13-01"], "the interval's end '2026-13-01' is not a time"),
    "a time before all times": (
        ["--interval", "0001-01-01T00:00+14:00", END],
        "'0001-01-01T00:00+14:00' is not a time",
    ),
    "runs of no length": (["--every", "0"], "give a positive number of minutes"),
    "runs of negative length": (["--every", "-1"], "give a positive number of minutes"),
    "runs of no number": (["--every", "nan"], "--every is nan: give a positive number of minutes"),
    "runs without end": (["--every", "inf"], "--every is inf: give a positive number of minutes"),
    "runs of parts of a second": (["--every", "0.0001"], "an interval's bounds are whole seconds"),
    "no processes": (["--processes", "0"], "--processes is 0: give at least 1"),
    "no time": (["--timeout", "0"], "--timeout is 0: give a positive number of seconds"),
    "a time limit of no number": (["--timeout", "nan"], "--timeout is nan: give a positive number of seconds"),
    "missing fleet": (["--fleet", "nowhere"], "nowhere is not a fleet: it has no fleet.json; make one with"),
    "missing database": (["--database", "sqlite:///nowhere.db"], "no database at nowhere.db: store windows first"),
    "no database URL": (["--database", "windows.db"], "'windows.db' is not a database URL"),
    "a container without a name": (["--predictions", "https://"], "'https://' is not https://ACCOUNT.blob.core"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_score_is_one_line_and_writes_nothing(
    tmp_path: Path, arguments: dict[str, str], capsys: Capture, monkeypatch: pytest.MonkeyPatch, mistake: str
):
    monkeypatch.chdir(tmp_path)
    before = {path for path in tmp_path.rglob("*") if not path.name.startswith("windows.db")}
    more, message = MISTAKES[mistake]
    assert message in refused(capsys, score_command(arguments, *more))
    assert {path for path in tmp_path.rglob("*") if not path.name.startswith("windows.db")} == before


def damage_a_shard(fleet: Fleet) -> None:
    file = fleet.folder / fleet.manifest["shards"][1]
    file.write_bytes(file.read_bytes()[:-1] + b"?")


def change_the_version(fleet: Fleet) -> None:
    (fleet.folder / "fleet.json").write_text(json.dumps({**fleet.manifest, "format_version": 99}))


DAMAGED_FLEETS: dict[str, tuple[Callable[[Fleet], object], str]] = {
    "a damaged shard": (damage_a_shard, "is corrupt: its checksum is not the one in fleet.json"),
    "another version": (change_the_version, "has format version 99, this program reads 1; train it again"),
    "a damaged manifest": (lambda fleet: (fleet.folder / "fleet.json").write_text("{"), "cannot read"),
}


@pytest.mark.parametrize("damage", DAMAGED_FLEETS)
def test_a_damaged_fleet_is_one_line_before_anything_is_scored(
    arguments: dict[str, str], fleet: Fleet, capsys: Capture, damage: str
):
    change, message = DAMAGED_FLEETS[damage]
    change(fleet)
    assert message in refused(capsys, score_command(arguments))
    assert not Path(arguments["predictions"]).exists()


def test_a_database_without_the_table_and_a_file_that_is_no_database_are_named(
    tmp_path: Path, arguments: dict[str, str], capsys: Capture
):
    empty, text = tmp_path / "empty.db", tmp_path / "text.db"
    empty.touch()
    text.write_text("certainly not a database " * 10)
    for file, reason in [(empty, "no such table: sensor_windows"), (text, "file is not a database")]:
        line = refused(capsys, score_command(arguments | {"database": f"sqlite:///{file}"}))
        assert line == f"cannot read table sensor_windows in sqlite:///{file}: {reason}"


def test_predictions_below_a_file_are_refused(tmp_path: Path, arguments: dict[str, str], capsys: Capture):
    arguments["predictions"] = str(tmp_path / "windows.db")
    line = refused(capsys, score_command(arguments, "--processes", "1"))
    assert line == f"cannot write predictions to {tmp_path / 'windows.db' / SECOND_HOUR.folder}: Not a directory"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["train", "--out", "fleet", "--start", END, "--end", START], "is not after --start"),
        (["train", "--out", "fleet", "--end", "soon"], "--end 'soon' is not a time"),
        (["train", "--out", "fleet", "--end", "2020-01-01"], "no windows to train on"),
        (["train", "--out", "fleet", "--nu", "nan"], "nu is nan"),
        (["train", "--out", "fleet", "--gamma", "wide"], "gamma is 'wide'"),
        (["train", "--out", "fleet", "--gamma", "inf"], "gamma is inf"),
        (["train", "--out", "fleet", "--min-windows", "0"], "min_windows is 0"),
        (["train", "--out", "windows.db/fleet"], "cannot write the fleet to windows.db/fleet: Not a directory"),
    ],
)
def test_a_mistake_in_train_is_one_line(
    tmp_path: Path, database: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch, command: list[str], message: str
):
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, [*command, "--database", database])
    assert not Path("fleet").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--device", "device-0"], "--device and --sensor belong together"),
        (["--sensor", "sensor-0"], "--device and --sensor belong together"),
        (["--device", "nobody", "--sensor", "s"], "no model of device 'nobody', sensor 's'"),
    ],
)
def test_a_mistake_in_show_is_one_line(fleet: Fleet, capsys: Capture, more: list[str], message: str):
    assert message in refused(capsys, ["show", str(fleet.folder), *more])


def test_a_mistake_in_import_is_one_line(tmp_path: Path, capsys: Capture):
    line = refused(capsys, ["import", str(tmp_path / "nowhere"), "--out", str(tmp_path / "fleet")])
    assert line.startswith(f"{tmp_path / 'nowhere'} is not a folder") and not (tmp_path / "fleet").exists()


def test_a_mistake_in_prepare_and_in_collect_is_one_line(arguments: dict[str, str], capsys: Capture):
    interval = ["--interval", START, END]
    prepare = ["prepare", *options(arguments, "database", "fleet"), *interval, "--out", arguments["database"][10:]]
    assert "cannot write shards to" in refused(capsys, prepare)
    collect = ["collect", *options(arguments, "fleet", "prepared", "scored", "predictions"), *interval]
    assert "holds 0 shards" in refused(capsys, collect)
    shutil.rmtree(arguments["fleet"])
    assert "is not a fleet" in refused(capsys, collect)


@pytest.mark.parametrize("command", [[], ["predict"], ["score"], ["show"], ["train", "--nu", "some"]])
def test_a_command_line_that_makes_no_command_ends_with_2(command: list[str], capsys: Capture):
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 2 and "error: " in capsys.readouterr().err.splitlines()[-1]
