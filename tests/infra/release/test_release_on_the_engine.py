"""The whole on the real engine: what a deployment leaves behind, what a second one does, and what a change changes."""

import re

import pytest

from scoring.cluster.model.fleet import Fleet
from scoring.publish.pipeline import SCHEDULE
from simulator.azure.stream_children import query_of
from tests.support.azure.engine_stack import edited
from tests.support.release.deployed_stack import SETTINGS, DeployedStack, Difference, Moment

pytestmark = pytest.mark.slow

COMPONENTS = (
    "components/scoring",
    "components/scoring_collect",
    "components/scoring_prepare",
    "components/scoring_score",
)
RELEASE, SCHEMA = "pulumi:index:Stash release", "pulumi:index:Stash schema"
DEFINITION = "resources:Deployment scoring-stream-definition"
CLUSTER = "machinelearningservices:Compute scoring-compute"


def changed_since(moment: Moment, stack: DeployedStack) -> Difference:
    return Difference.between(moment.subscription, stack.subscription.snapshot())


def test_after_a_deployment_the_system_runs(stack: DeployedStack, after_up: Moment):
    assert {"sensor_windows", "schema_versions"} <= stack.tables()
    assert stack.job_state() == "Running" and stack.job().state["outputStartMode"] == "JobStartTime"
    assert stack.problems() == []
    assert stack.schedule()["isEnabled"] is True
    job = stack.schedule()["action"]["jobDefinition"]
    assert job["settings"]["default_compute"].endswith(f"/computes/{after_up.record['cluster']['name']}")


def test_a_first_deployment_says_each_step_in_one_line_and_lets_the_deployer_in_only_while_it_works(
    stack: DeployedStack, after_up: Moment
):
    stack.go_back(after_up.without("schema", "release"))
    stack.up()
    assert [re.sub(r"[0-9a-f]{12}", "#", line) for line in stack.said("")] == [
        "schema: administrators: unchanged",
        "schema: tables: up to date",
        "schema: users: sqlite has no users",
        "release: stream job: started from now on, it never wrote before",
        "release: models: sensor-models #, done",
        "release: environment: scoring #, done",
        *(f"release: step: scoring_{step} #, done" for step in ("prepare", "score", "collect")),
        "release: pipeline: scoring #, done",
        "release: schedule: scoring #, done",
        "release: check: the stream job is running, and does what was declared",
    ]
    rule = "firewallRules/deployer-8-8-8-8"
    assert [request for request in stack.written() if "firewall" in request] == [f"PUT {rule}", f"DELETE {rule}"]
    assert stack.problems() == []


def test_a_second_deployment_asks_azure_for_nothing(stack: DeployedStack, after_up: Moment):
    assert stack.up().changes == {}
    assert stack.cloud.requests.entries == [] and stack.moment().subscription == after_up.subscription


def test_destroying_runs_no_program_and_leaves_nothing_although_the_job_runs(stack: DeployedStack):
    assert stack.job_state() == "Running" and stack.schedule()["isEnabled"] is True
    with edited(stack.tree / "infra/__main__.py", '"""', 'raise SystemExit("the program ran")\n"""'):
        stack.engine.destroy()
    assert stack.subscription.list() == [] and stack.cloud.requests.entries == []


def test_changing_a_scoring_module_changes_the_code_what_carries_it_and_the_schedule(
    stack: DeployedStack, after_up: Moment
):
    with edited(stack.tree / "scoring/cluster/model/features.py", "\n", "\n# a change\n"):
        assert stack.up().changes == {RELEASE: "update"}
    changed = changed_since(after_up, stack)
    assert changed == Difference(added=("codes", *COMPONENTS), changed=(f"schedules/{SCHEDULE}",), removed=())
    assert stack.problems(versions={"codes": 2, "components": 8}) == []


def test_changing_how_the_pipeline_is_defined_changes_it_and_the_schedule(stack: DeployedStack, after_up: Moment):
    with edited(stack.tree / "scoring/publish/pipeline.py", "SECONDS_TO_FIRST_TASK = ", "SECONDS_TO_FIRST_TASK = 1 + "):
        assert stack.up().changes == {RELEASE: "update"}
    changed = changed_since(after_up, stack)
    assert changed.added == ("components/scoring", "components/scoring_score")
    assert (changed.changed, changed.removed) == ((f"schedules/{SCHEDULE}",), ())


def test_changing_the_fleet_changes_the_models_and_the_schedule(
    stack: DeployedStack, after_up: Moment, other_fleet: Fleet
):
    settings = {"release": {"fleet": str(other_fleet.folder)}}
    assert stack.up(settings).changes == {RELEASE: "update"}
    changed = changed_since(after_up, stack)
    assert changed == Difference(added=("models/sensor-models",), changed=(f"schedules/{SCHEDULE}",), removed=())
    versions = stack.subscription.list("Microsoft.MachineLearningServices/workspaces/models/versions")
    (model,) = [one for one in versions if one.name == other_fleet.version]
    assert model.body["properties"]["modelUri"] in str(stack.schedule()["action"])


def test_changing_the_query_stops_the_job_and_starts_it_again(stack: DeployedStack, after_up: Moment):
    with edited(stack.tree / "stream_queries/sensor_windows.asaql", "SELECT", "SELECT /* changed */"):
        assert stack.up().changes == {DEFINITION: "update", RELEASE: "update"}
    name = stack.job().name
    posts = [request.removeprefix("POST ") for request in stack.written() if request.startswith("POST")]
    assert [post for post in posts if post.startswith(name)] == [f"{name}/stop", f"{name}/start"]
    assert stack.job_state() == "Running"
    assert "/* changed */" in query_of(stack.subscription, stack.job())
    changed = ("deployments/stream-definition", "transformations/query")
    assert changed_since(after_up, stack) == Difference((), changed, ())
    assert stack.said("stream job") == [
        "stream job: stop before a change: stopped",
        "stream job: rights: inputs, outputs and query are accepted (6)",
        "stream job: start after a change: started from now on, it never wrote before",
    ]


def test_another_vm_size_makes_a_new_cluster_then_moves_the_schedule_then_removes_the_old_one(
    stack: DeployedStack, after_up: Moment
):
    (old,) = stack.clusters()
    result = stack.up({"cluster": {"vmSize": "STANDARD_DS4_V2"}})
    assert result.changes == {CLUSTER: "replace", RELEASE: "update"}
    (new,) = stack.clusters()
    changed = changed_since(after_up, stack)
    assert changed == Difference((f"computes/{new}",), (f"schedules/{SCHEDULE}",), (f"computes/{old}",))
    assert stack.schedule()["action"]["jobDefinition"]["settings"]["default_compute"].endswith(f"/computes/{new}")
    assert stack.written()[-2:] == [f"PUT schedules/{SCHEDULE}", f"DELETE computes/{old}"]
    assert f"release: cluster: {old} deleted, changed" in stack.said("release")


def test_a_schedule_that_somebody_paused_is_changed_and_stays_paused(stack: DeployedStack):
    stack.change_schedule(isEnabled=False)
    stack.up({"release": {"retries": 3}})
    assert stack.schedule()["isEnabled"] is False
    assert stack.schedule()["action"]["jobDefinition"]["jobs"]["score"]["retry_settings"]["max_retries"] == 3


def test_other_administrators_are_put_in_place_of_the_old_ones_and_the_server_stays(
    stack: DeployedStack, after_up: Moment
):
    group = {"name": "others", "objectId": "99999999-9999-9999-9999-999999999999"}
    assert stack.up({"database": SETTINGS["database"] | {"adminGroup": group}}).changes == {SCHEMA: "update"}
    assert "schema: administrators: changed" in stack.said("schema")
    (server,) = stack.subscription.list("Microsoft.Sql/servers")
    told = server.state["administrators"]
    assert (told["login"], told["sid"]) == (group["name"], group["objectId"])
    assert changed_since(after_up, stack) == Difference((), (f"servers/{server.name}",), ())


def test_a_job_that_is_to_rest_is_stopped_and_stays_so_through_changes(stack: DeployedStack):
    stack.up({"stream": {"running": False}})
    assert stack.job_state() == "Stopped" and "release: stream job: stopped" in stack.said("release")
    stack.up({"stream": {"running": False, "streamingUnits": 3}})
    (query,) = stack.subscription.children(stack.job().id, "transformations")
    assert stack.job_state() == "Stopped" and query.body["properties"]["streamingUnits"] == 3
