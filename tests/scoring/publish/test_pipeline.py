"""What is published, as plain data: its versions differ exactly when it does."""

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scoring.cluster.model.fleet import Fleet
from scoring.publish.pipeline import COLLECT, PREPARE, SCORE, Cron, Pipeline, PipelineSettings, Recurrence, digests

SETTINGS = PipelineSettings(
    cluster="scoring-1",
    image="host.azurecr.io/scoring:1",
    identity_client_id="11111111-1111-1111-1111-111111111111",
    database="mssql+pyodbc://host/windows?driver=ODBC+Driver+18+for+SQL+Server",
    predictions="https://account.blob.core.windows.net/predictions",
    interval=timedelta(minutes=15),
    settle=timedelta(minutes=3),
    schedule=Recurrence(count=15, unit="Minute"),
)
ALL = {"code", "environment", "fleet", "pipeline", "schedule"}

CHANGES: dict[str, tuple[Any, set[str]]] = {
    "cluster": ("scoring-2", {"schedule"}),
    "image": ("host.azurecr.io/scoring:2", {"environment", "pipeline", "schedule"}),
    "identity_client_id": ("22222222-2222-2222-2222-222222222222", {"pipeline", "schedule"}),
    "database": ("mssql+pyodbc://other/windows", {"pipeline", "schedule"}),
    "predictions": ("https://other.blob.core.windows.net/predictions", {"pipeline", "schedule"}),
    "interval": (timedelta(minutes=30), {"pipeline", "schedule"}),
    "settle": (timedelta(minutes=5), {"pipeline", "schedule"}),
    "schedule": (Cron("5 * * * *"), {"schedule"}),
    "enabled": (False, set()),  # compared by itself: whether it is on is no part of what a run is named after
    "window_days": (30, {"pipeline", "schedule"}),
    "nodes": (3, set()),  # more than the fleet has work for
    "processes_per_node": (4, {"pipeline", "schedule"}),
    "shards_per_mini_batch": (8, {"pipeline", "schedule"}),
    "retries": (0, {"pipeline", "schedule"}),
    "mini_batch_timeout": (timedelta(minutes=1), {"pipeline", "schedule"}),
    "versions_kept": (3, set()),
    "wait": (timedelta(minutes=5), {"pipeline", "schedule"}),
    "max_unscored_share": (0.5, {"pipeline", "schedule"}),
}


def changed(**settings: Any) -> PipelineSettings:
    return dataclasses.replace(SETTINGS, **settings)


def differing(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert before.keys() == after.keys() == ALL
    return {name for name in ALL if before[name] != after[name]}


def program_arguments() -> str:
    """The command line of the scoring step, as it is published."""
    return Pipeline(SETTINGS, "code", "fleet", 1).steps[SCORE]["task"]["program_arguments"]


def test_every_setting_is_in_the_table():
    assert CHANGES.keys() == {field.name for field in dataclasses.fields(PipelineSettings)}


@pytest.mark.parametrize("name", CHANGES)
def test_a_setting_changes_the_versions_of_what_it_is_part_of_and_no_other(fleet: Fleet, name: str):
    value, expected = CHANGES[name]
    assert differing(digests(SETTINGS, fleet.folder), digests(changed(**{name: value}), fleet.folder)) == expected


def test_another_fleet_changes_the_schedule_and_nothing_else(fleet: Fleet, other_fleet: Fleet):
    differences = differing(digests(SETTINGS, fleet.folder), digests(SETTINGS, other_fleet.folder))
    assert differences == {"fleet", "schedule"}


@pytest.mark.parametrize(
    ("full_shards", "settings", "nodes"),
    [
        (1, {"nodes": 4}, 1),
        (2, {"nodes": 4}, 1),
        (3, {"nodes": 4}, 2),
        (100, {"nodes": 4}, 4),
        (100, {"nodes": 40, "processes_per_node": 4, "shards_per_mini_batch": 5}, 5),
    ],
)
def test_a_run_asks_for_as_many_nodes_as_have_work_and_no_more_than_there_are(
    fleet: Fleet, full_shards: int, settings: dict[str, Any], nodes: int
):
    pipeline = dataclasses.replace(Pipeline.of(changed(**settings), fleet.folder), full_shards=full_shards)
    assert pipeline.steps[SCORE]["resources"] == {"instance_count": nodes}


def test_a_small_fleet_fills_one_shard_however_many_it_has(fleet: Fleet):
    assert (fleet.shards, fleet.full_shards) == (4, 1)
    assert dataclasses.replace(fleet, manifest={**fleet.manifest, "counts": {"series": 501}}).full_shards == 3


def test_only_the_step_that_a_setting_is_about_gets_another_version(fleet: Fleet):
    def versions(**settings: Any) -> dict[str, str]:
        steps = Pipeline.of(changed(**settings), fleet.folder).steps
        return {name: data["version"] for name, data in steps.items()}

    before = versions()
    assert list(before) == [PREPARE, SCORE, COLLECT]
    for settings, step in (
        ({"retries": 9}, SCORE),
        ({"database": "sqlite:///other.db"}, PREPARE),
        ({"predictions": "https://other.blob.core.windows.net/predictions"}, COLLECT),
    ):
        after = versions(**settings)
        assert {name for name in before if before[name] != after[name]} == {step}


def test_the_times_of_a_recurrence_are_stated_from_a_fixed_time_on(fleet: Fleet):
    pipeline = Pipeline.of(changed(schedule=Recurrence(2, "Hour", "W. Europe Standard Time")), fleet.folder)
    assert pipeline.trigger == {
        "type": "recurrence",
        "frequency": "hour",
        "interval": 2,
        "time_zone": "W. Europe Standard Time",
        "start_time": "2018-01-01T00:04:00",  # windows have settled, and a minute
    }


def test_a_cron_expression_is_stated_as_it_is(fleet: Fleet):
    pipeline = Pipeline.of(changed(schedule=Cron("5 */6 * * 1", "UTC")), fleet.folder)
    start = "2018-01-01T00:04:00"
    expected = {"type": "cron", "expression": "5 */6 * * 1", "time_zone": "UTC", "start_time": start}
    assert pipeline.trigger == expected


def test_no_step_is_ever_reused_and_none_reads_a_secret(fleet: Fleet):
    pipeline = Pipeline.of(SETTINGS, fleet.folder)
    components = [*pipeline.steps.values(), pipeline.component]
    assert [data["is_deterministic"] for data in components] == [False] * 4
    job = pipeline.job(pipeline.steps[SCORE]["task"], "azureml://place")
    assert job["settings"]["force_rerun"] is True
    assert {node["identity"]["type"] for node in job["jobs"].values()} == {"managed"}


def test_addresses_are_one_word_of_a_command_whatever_they_hold(fleet: Fleet):
    url = "mssql+pyodbc://host/windows?driver=ODBC+Driver+18&Encrypt=yes;echo"
    (command,) = [
        data["command"]
        for data in Pipeline.of(changed(database=url), fleet.folder).steps.values()
        if data["name"] == PREPARE
    ]
    assert f"--database '{url}' " in command


def test_a_folder_that_is_no_fleet_is_refused(tmp_path: Path):
    from stream_queries.errors import UserError

    with pytest.raises(UserError, match="is not a fleet"):
        digests(SETTINGS, tmp_path)
