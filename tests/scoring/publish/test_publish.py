"""The unpatched SDK publishes the pipeline to the simulated cloud."""

from pathlib import Path
from typing import Any

import pytest

from scoring.cluster.model.fleet import Fleet
from scoring.publish.uploaded_code import uploaded_files
from simulator.azure.cloud import Cloud
from tests.scoring.publish.conftest import Published, Publisher, publication, running_publisher
from tests.simulator.azure.cloud.small_stack import WORKSPACE_ACCOUNT

pytestmark = pytest.mark.slow

STEPS = {"step scoring_prepare", "step scoring_score", "step scoring_collect"}
ALL = {"models sensor-models", "environment scoring", *STEPS, "pipeline scoring", "schedule scoring"}


def changes(outcomes: dict[str, str]) -> set[str]:
    return {part for part, outcome in outcomes.items() if outcome != "unchanged"}


def new(before: dict[str, set[str]], published: Published) -> dict[str, int]:
    """How many versions of each kind there are that were not there before."""
    return {kind: len(names - before[kind]) for kind, names in published.names().items()}


def test_a_first_publication_makes_everything_once(cloud: Cloud, publisher: Publisher):
    assert publisher.publish() == dict.fromkeys(ALL, "done")
    assert Published(cloud).counts() == {"models": 1, "codes": 1, "environments": 1, "components": 4}
    assert Published(cloud).schedule()["isEnabled"] is True


def test_a_publication_without_a_change_only_looks(cloud: Cloud, publisher: Publisher, published: Published):
    assert publisher.publish() == dict.fromkeys(ALL, "unchanged")
    asked = [one for one in cloud.requests if "login" not in one.host]
    assert {one.method for one in asked} == {"GET"} and len(asked) < 20
    assert new(published.names(), published) == dict.fromkeys(published.counts(), 0)


def test_the_uploaded_code_and_models_are_exactly_what_was_meant(cloud: Cloud, publisher: Publisher, fleet: Fleet):
    (fleet.folder / ".amlignore").write_text("*.arrow\n")
    (fleet.folder / "notes.txt").write_text("not part of the fleet")
    publisher.publish(fleet.folder)
    uploads, models = uploaded(cloud), {}
    for path in [path for path in uploads if "/sensor-models/" in path]:
        models[path.split("/sensor-models/")[1]] = uploads.pop(path)
    names = ("fleet.json", *fleet.manifest["files"])
    assert models == {name: (fleet.folder / name).read_bytes() for name in names}
    assert {path.split("/code/")[1]: content for path, content in uploads.items()} == uploaded_files()


def uploaded(cloud: Cloud) -> dict[str, bytes]:
    """What was uploaded to the workspace's account, by paths that begin with the container."""
    account = cloud.storage.account(WORKSPACE_ACCOUNT)
    assert account is not None
    found = {}
    for one in cloud.requests.uploads():
        _, container, blob = one.path.split("/", 2)
        found[one.path] = cloud.storage.container(account, container).download_blob(blob).readall()
    return found


def test_a_damaged_fleet_is_not_published(publisher: Publisher, fleet: Fleet, cloud: Cloud):
    (fleet.folder / fleet.manifest["shards"][0]).write_bytes(b"damaged")
    refusal = publisher.refusal(**publication(fleet.folder))
    assert "is corrupt" in refusal and Published(cloud).counts()["models"] == 0


def test_changing_a_scoring_module_changes_the_code_and_what_carries_it(
    cloud: Cloud, published: Published, tree: Path, tmp_path: Path
):
    before = published.names()
    for name in ("cluster/model/features.py", "models/training.py", "publish/schedule.py"):
        with (tree / "scoring" / name).open("a") as module:
            module.write("\n# a change\n")
    with running_publisher(cloud, tmp_path, tree) as other:
        assert changes(other.publish()) == {*STEPS, "pipeline scoring", "schedule scoring"}
    assert new(before, published) == {"models": 0, "codes": 1, "environments": 0, "components": 4}


def test_changing_what_no_step_runs_changes_nothing(cloud: Cloud, published: Published, tree: Path, tmp_path: Path):
    for name in ("models/training.py", "publish/schedule.py", "__main__.py", "environment/Dockerfile"):
        with (tree / "scoring" / name).open("a") as module:
            module.write("\n# a change\n")
    with running_publisher(cloud, tmp_path, tree) as other:
        assert changes(other.publish()) == set()


def test_changing_the_fleet_changes_the_models_and_the_schedule(
    publisher: Publisher, published: Published, fleet: Fleet
):
    before = published.names()
    assert changes(publisher.publish(fleet.folder)) == {"models sensor-models", "schedule scoring"}
    assert new(before, published) == {"models": 1, "codes": 0, "environments": 0, "components": 0}
    (model,) = [one for one in published.versions("models") if one.name == fleet.version]
    assert published.job()["inputs"]["fleet"] == {
        "jobInputType": "uri_folder",
        "mode": "ReadOnlyMount",
        "uri": model.body["properties"]["modelUri"],
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"image": "tests.azurecr.io/scoring:2"}, ALL - {"models sensor-models"}),
        ({"retries": 4}, {"step scoring_score", "pipeline scoring", "schedule scoring"}),
        ({"cluster": "scoring-other"}, {"schedule scoring"}),
    ],
    ids=["image", "retries", "cluster"],
)
def test_changing_a_setting_changes_what_it_is_part_of(
    publisher: Publisher, published: Published, settings: dict[str, Any], expected: set[str]
):
    published.add_cluster("scoring-other")
    assert changes(publisher.publish(**settings)) == expected


def test_a_paused_schedule_stays_paused_and_is_still_brought_up_to_date(publisher: Publisher, published: Published):
    published.change_schedule(isEnabled=False)
    assert publisher.publish(retries=3)["schedule scoring"] == "changed"
    assert published.schedule()["isEnabled"] is False and retries(published) == 3
    published.change_schedule(isEnabled=True)
    assert publisher.publish(retries=2)["schedule scoring"] == "changed"
    assert published.schedule()["isEnabled"] is True and retries(published) == 2


def enabled(published: Published) -> bool:
    return published.schedule()["isEnabled"]


def test_settings_switch_the_schedule_off_and_on_again_and_nothing_else_changes(
    publisher: Publisher, published: Published
):
    assert changes(publisher.publish(enabled=False)) == {"schedule scoring"} and not enabled(published)
    assert changes(publisher.publish(enabled=False)) == set() and not enabled(published)
    published.change_schedule(isEnabled=True)
    assert changes(publisher.publish(enabled=False)) == {"schedule scoring"} and not enabled(published)
    assert changes(publisher.publish()) == {"schedule scoring"} and enabled(published)
    assert changes(publisher.publish()) == set()


def test_a_pause_that_somebody_made_outlasts_the_settings_being_off_and_on(publisher: Publisher, published: Published):
    published.change_schedule(isEnabled=False)
    publisher.publish(enabled=False)
    publisher.publish()
    assert not enabled(published)
    published.change_schedule(isEnabled=True)
    publisher.publish(retries=3)
    assert enabled(published)


def test_a_schedule_that_is_off_from_the_beginning_never_is_on(publisher: Publisher, published: Published):
    (schedule,) = published.schedules()
    published.cloud.subscription.delete(schedule.id)
    published.cloud.requests.clear()
    assert publisher.publish(enabled=False)["schedule scoring"] == "done"
    puts = [one for one in published.cloud.requests if one.method == "PUT" and "/schedules/" in one.path]
    assert len(puts) == 1 and not enabled(published)
    publisher.publish()
    assert enabled(published)


def test_a_schedule_that_azure_ml_has_not_taken_is_put_again(publisher: Publisher, published: Published):
    published.change_schedule(provisioningState="Failed")
    assert changes(publisher.publish()) == {"schedule scoring"}
    assert published.schedule()["provisioningState"] == "Succeeded"


def retries(published: Published) -> int:
    return published.job()["jobs"]["score"]["retry_settings"]["max_retries"]


def test_the_schedule_states_a_past_start_the_trigger_time_and_identities(published: Published):
    trigger, job = published.schedule()["trigger"], published.job()
    assert trigger["startTime"] == "2018-01-01T00:04:00" and trigger["timeZone"] == "UTC"
    assert (trigger["frequency"], trigger["interval"]) == ("minute", 15)
    literal = {"value": "${{creation_context.trigger_time}}", "jobInputType": "literal"}
    assert job["inputs"]["trigger_time"] == literal
    assert job["settings"]["force_rerun"] is True and job["settings"]["continue_on_step_failure"] is False
    assert job["settings"]["default_compute"].endswith("/computes/cpu")
    for node in job["jobs"].values():
        assert node["identity"] == {"identity_type": "Managed"}
        assert node["environment_variables"]["DEFAULT_IDENTITY_CLIENT_ID"].startswith("11111111-")
        assert "/components/scoring_" in node["componentId"]
    specs = [one.state["sent"]["componentSpec"] for one in published.versions("components")]
    assert [spec["is_deterministic"] for spec in specs] == [False] * 4


def test_failures_of_the_parallel_step_are_not_ignored(published: Published):
    score = published.job()["jobs"]["score"]
    assert score["mini_batch_error_threshold"] == score["error_threshold"] == 0
    assert score["retry_settings"] == {"timeout": 600, "max_retries": 2} and score["mini_batch_size"] == 1
    for option in ("--error_threshold 0", "--allowed_failed_percent 0", "--first_task_creation_timeout 600"):
        assert option in score["task"]["program_arguments"]
    (code,) = published.versions("codes")
    assert score["task"]["code"] == f"azureml:{code.id}" and score["task"]["entry_script"] in uploaded_files()


def test_old_versions_are_archived_beyond_a_number_but_never_the_published_one(
    publisher: Publisher, published: Published
):
    for count in (3, 4):
        publisher.publish(retries=count, versions_kept=1)
    assert len(published.versions("components")) == 8 and len(shown_versions(published)) == 2
    # the oldest is hidden; publishing it again shows it, and hides the one before the last
    assert publisher.publish(retries=2, versions_kept=1)["step scoring_score"] == "done"
    assert retries(published) == 2 and len(published.versions("components")) == 8
    version = published.job()["jobs"]["score"]["componentId"].rsplit("/", 1)[1]
    assert version in shown_versions(published) and len(shown_versions(published)) == 2


def shown_versions(published: Published) -> set[str]:
    return {
        one.name
        for one in published.versions("components")
        if "/scoring_score/" in one.id and not one.body["properties"]["isArchived"]
    }
