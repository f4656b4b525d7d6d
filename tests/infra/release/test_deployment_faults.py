"""Whole deployments that are killed at each step, or whose requests fail: the next one, or the same, completes."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from scoring.models.default_fleet import DEFAULT_FLEET
from simulator.azure.cloud import Fault
from simulator.azure.engine import EngineError
from tests.support.azure.engine_stack import edited
from tests.support.case_tables import Case
from tests.support.connections import trace_connections
from tests.support.release.deployed_stack import DEFINITION, DeployedStack, Moment
from tests.support.release.release_alone import PROGRAM, ROOT
from tests.support.release.release_cases import DEPLOYMENT_KILLS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", DEPLOYMENT_KILLS)
def test_deployments_that_are_killed_one_after_the_other_are_completed_by_the_last(
    stack: DeployedStack, after_up: Moment, kind: str, request: pytest.FixtureRequest
):
    settings = None
    with ExitStack() as changes:
        if kind == "first":
            stack.go_back(after_up.without("schema", DEFINITION, "release"))
        else:
            settings = {"cluster": {"vmSize": "STANDARD_DS4_V2"}}
            query = stack.tree / "stream_queries/sensor_windows.asaql"
            changes.enter_context(edited(query, "SELECT", "SELECT /* changed */"))
        for number, step in enumerate(DEPLOYMENT_KILLS[kind]):
            case = Case(request.node, "deployment killed", f"{kind} {number + 1} {step.purpose}", "next deployment")
            stack.kill_up(Fault("answer lost", step.method, step.pattern, times=None), settings)
            case.came_to("goes on")
        stack.up(settings)
        case.came_to("completes")
        assert stack.problems() == []
        assert stack.up(settings).changes == {} and stack.cloud.refused == []


def test_a_deployment_completes_although_requests_to_azure_ml_fail_in_every_way(stack: DeployedStack, after_up: Moment):
    stack.go_back(after_up.without("release"))
    faults = [
        Fault("status", "PUT", "/models/sensor-models/", status=403, times=2),
        Fault("status", "PUT", "/environments/", status=429, headers={"Retry-After": "1"}),
        Fault("status", "PUT", "/components/scoring_prepare/", status=500),
        Fault("cut", "PUT", "/code/scoring/cluster/score.py"),
        Fault("cut", "PUT", "/components/scoring_score/"),
        Fault("answer lost", "PUT", "/codes/"),
        Fault("answer lost", "PUT", "/components/scoring/"),
        Fault("answer lost", "PUT", "/schedules/"),
    ]
    for fault in faults:
        stack.cloud.faults.inject(fault)
    stack.up()
    assert [fault for fault in faults if not fault.hits] == [] and stack.problems() == []
    (waiting, longer) = [line for line in stack.said("models sensor-models") if "a role is not known yet" in line]
    assert waiting.endswith("again in 2 s") and longer.endswith("again in 4 s")


def test_the_firewall_is_shut_when_the_database_is_not_to_be_had(stack: DeployedStack, after_up: Moment):
    stack.go_back(after_up.without("schema", "release"))
    nowhere = {"BATCH_SCORING_DATABASE_URL": "sqlite:////nowhere/windows.db"}
    with (
        stack.another_engine(stack.engine.workspace.folder, **nowhere) as engine,
        pytest.raises(EngineError, match="step 'tables': unable to open database file; see that the deployer is in"),
    ):
        engine.up()
    rule = "firewallRules/deployer-8-8-8-8"
    assert stack.written() == [f"PUT {rule}", f"DELETE {rule}"] and stack.open_addresses() == set()


def test_nothing_of_a_release_reaches_for_another_machine(stack: DeployedStack, after_up: Moment, tmp_path: Path):
    stack.go_back(after_up.without("release"))
    asked = tmp_path / "asked"
    asked.write_text(json.dumps({"content": after_up.record, "fleet": str(DEFAULT_FLEET)}) + "\n")
    command = ["sh", "-c", f"exec {sys.executable} {PROGRAM} < {asked}"]
    traced = trace_connections(command, cwd=ROOT, environment=stack.environment | {"PYTHONPATH": str(ROOT)})
    assert '{"ended": 0}' in traced.stdout and stack.problems() == []
    assert traced.addresses and traced.off_loopback == []
