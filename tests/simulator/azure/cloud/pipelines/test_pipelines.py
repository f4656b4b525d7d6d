"""The simulated cluster runs what was published, and nothing else."""

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulator.azure.cloud import Cloud
from simulator.azure.cloud.pipelines.pipeline_run import JobRun
from simulator.azure.roles import BLOB_CONTRIBUTOR
from tests.simulator.azure.cloud.conftest import CODE, Deployer
from tests.simulator.azure.cloud.small_stack import CLUSTER, DATA_ACCOUNT, PREDICTIONS

DUE = datetime(2018, 1, 1, 12, 3, tzinfo=UTC)
FACTOR, NUMBERS = 10, range(5)

pytestmark = pytest.mark.slow


def predicted_sum(cloud: Cloud) -> int:
    account = cloud.storage.account(DATA_ACCOUNT)
    assert account is not None
    with cloud.storage.container(account, PREDICTIONS) as container:
        return int(container.download_blob("sum.txt").readall())


def log(run: JobRun, step: str, name: str = "std_log.txt") -> str:
    return (run.step(step).logs / name).read_text()


def only(runs: list[JobRun]) -> JobRun:
    (run,) = runs
    return run


def test_a_due_schedule_runs_the_published_steps(cloud: Cloud, deployer: Deployer):
    deployer.publish()
    run = only(cloud.tick(DUE + timedelta(minutes=1)))
    assert (run.status, run.error) == ("Completed", None)
    assert [(step.name, step.status) for step in run.steps] == [
        ("prepare", "Completed"),
        ("score", "Completed"),
        ("collect", "Completed"),
    ]
    assert "prepared for 2018-01-01T12:03:00Z" in log(run, "prepare")
    assert predicted_sum(cloud) == FACTOR * sum(NUMBERS)
    assert "shut down" in log(run, "score", "process-00.txt") + log(run, "score", "process-01.txt")
    assert cloud.refused == []
    assert cloud.tick(DUE + timedelta(minutes=2)) == []
    cloud.settings.trigger_time = "space"
    assert "prepared for 2018-01-01 12:18:00" in log(only(cloud.tick(DUE + timedelta(minutes=15))), "prepare")


def test_what_the_code_did_not_bring_with_it_cannot_be_imported(cloud: Cloud, deployer: Deployer, tmp_path: Path):
    code = shutil.copytree(CODE, tmp_path / "code")
    with (code / "steps/prepare.py").open("a") as prepare:
        prepare.write("import os\nprint(sorted(os.environ))\nimport numpy\nimport stream_queries\n")
    deployer.publish(code)
    run = only(cloud.tick(DUE))
    assert run.status == "Failed"
    assert run.error == (
        "step prepare: the step ended with exit code 1: ModuleNotFoundError: No module named 'stream_queries'"
    )
    seen = log(run, "prepare")
    assert "'DEFAULT_IDENTITY_CLIENT_ID'" in seen and "AZURE_CLIENT_SECRET" not in seen
    assert [step.status for step in run.steps] == ["Failed", "NotRun", "NotRun"]


def test_a_mini_batch_whose_process_dies_or_hangs_is_tried_again(cloud: Cloud, deployer: Deployer):
    deployer.publish(arguments="--die 0.txt --hang 3.txt", timeout=2)
    run = only(cloud.tick(DUE))
    assert run.error is None
    tries = log(run, "score", "mini_batches.txt")
    assert re.search(r"\(0.txt 1.txt\), try 1, \S+: its process ended with exit code 3; to be tried again", tries)
    assert re.search(r"\(2.txt 3.txt\), try 1, \S+: it took longer than 2 s; to be tried again", tries)
    assert predicted_sum(cloud) == FACTOR * sum(NUMBERS)


def test_items_that_keep_failing_fail_the_job(cloud: Cloud, deployer: Deployer):
    deployer.publish(arguments="--fail 4.txt")
    run = only(cloud.tick(DUE))
    assert (run.status, run.error) == ("Failed", "step score: 1 items failed, error_threshold is 0")
    assert log(run, "score", "mini_batches.txt").count("0 results for 1 items") == 2


def test_a_submitted_job_runs_once_and_says_so(cloud: Cloud, deployer: Deployer):
    deployer.publish(submit="interval-1")
    assert deployer.publish(submit="interval-1")["job"] == "exists"
    run = only(cloud.run_submitted())
    assert (run.name, run.status, run.error) == ("interval-1", "Completed", None)
    assert [step.name.rpartition(".")[2] for step in run.steps] == ["scoring_pipeline", "prepare", "score", "collect"]
    assert cloud.run_submitted() == []
    (job,) = cloud.subscription.list("Microsoft.MachineLearningServices/workspaces/jobs")
    assert job.body["properties"]["status"] == "Completed"


def test_a_cluster_without_its_roles_or_that_is_gone_fails_the_job(cloud: Cloud, deployer: Deployer):
    deployer.publish()
    (on_predictions,) = (
        assignment
        for assignment in cloud.subscription.list("Microsoft.Authorization/roleAssignments")
        if f"/{PREDICTIONS}/" in assignment.id and assignment.inputs["roleDefinitionId"].endswith(BLOB_CONTRIBUTOR)
    )
    cloud.subscription.delete(on_predictions.id)
    run = only(cloud.tick(DUE))
    assert run.error is not None and run.error.startswith("step collect: ")
    assert "AuthorizationPermissionMismatch" in log(run, "collect")
    cluster = next(one for one in cloud.subscription.list() if one.id.endswith(f"/computes/{CLUSTER}"))
    cloud.subscription.delete(cluster.id)
    assert only(cloud.tick(DUE + timedelta(hours=1))).error == f"step prepare: the cluster {CLUSTER} does not exist"
