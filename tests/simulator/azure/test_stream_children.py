"""Inputs, outputs and query of a stream job in a template: what is written, what is refused, what a GET tells."""

import dataclasses
import re
from typing import Any

import pytest

from simulator.azure.errors import ArmError
from simulator.azure.provider import Fault
from simulator.azure.provider.operations import UnfinishedError
from simulator.azure.provider.reads import refreshed_inputs
from simulator.azure.resources import known_type
from simulator.azure.roles import BLOB_CONTRIBUTOR, BLOB_READER, EVENT_HUBS_RECEIVER
from simulator.azure.stream_children import expanded, query_of
from tests.support.azure.estate import HUB, IDS, SQL, STORE, Estate, child, inputs, target, token


@pytest.fixture
def estate() -> Estate:
    return Estate()


def keyless(source: dict[str, Any]) -> dict[str, Any]:
    return source | {"properties": source["properties"] | {"authenticationMode": "Msi"}}


READS = child("inputs/arrivals", type="Stream", datasource=keyless(HUB))
WRITES = child("outputs/rejects", datasource=keyless(STORE))
UNAUTHORIZED = "Stream Analytics job has validation errors: Access to .* is not authorized"


def test_a_template_writes_what_the_job_does(estate: Estate):
    there = expanded(estate.subscription, estate.get("job"))
    assert [one["name"] for one in there["inputs"]] == ["arrivals"]
    assert [one["name"] for one in there["outputs"]] == ["rejects", "windows"]
    assert there["transformation"]["properties"] == {"query": "SELECT 1", "streamingUnits": 3}
    assert query_of(estate.subscription, estate.get("job")) == "SELECT 1"


@pytest.mark.parametrize(
    ("gone", "text"),
    [
        ("namespace", "datasource.eventHubName is"),
        ("hub", "datasource.eventHubName is"),
        ("arrivals", "datasource.consumerGroupName is"),
        ("store", "datasource.storageAccounts is"),
        ("rejects", "datasource.container is"),
        ("server", "datasource.server is"),
        ("database", "datasource.database is"),
        ("job", "the job job of job/arrivals was not found"),
    ],
)
def test_what_a_definition_names_must_exist(estate: Estate, gone: str, text: str):
    estate.subscription.delete(IDS[gone])
    with pytest.raises(UnfinishedError, match=text):
        estate.update("definition")


def test_a_hubs_default_group_needs_no_resource(estate: Estate):
    group = HUB | {"properties": HUB["properties"] | {"consumerGroupName": "$Default"}}
    estate.define(child("inputs/arrivals", type="Stream", datasource=group))


@pytest.mark.parametrize(("part", "role"), [(READS, EVENT_HUBS_RECEIVER), (WRITES, BLOB_CONTRIBUTOR)])
def test_a_job_is_told_to_use_only_what_its_identity_may_use(estate: Estate, part: dict[str, Any], role: str):
    """https://github.com/pulumi/pulumi-azure-native/issues/2607"""
    with pytest.raises(UnfinishedError, match=UNAUTHORIZED):
        estate.define(part)
    scope = IDS["hub" if part is READS else "rejects"]
    estate.assign("role", scope=scope, roleDefinitionId=f"/roles/{role}")
    assert estate.define(part).outputs["properties"]["provisioningState"] == "Succeeded"


@pytest.mark.parametrize(
    ("role", "scope", "principal"),
    [
        (BLOB_READER, "rejects", None),
        (BLOB_CONTRIBUTOR, "workspace", None),
        (BLOB_CONTRIBUTOR, "rejects", "00000000-0000-4000-8000-00000000000f"),
    ],
    ids=["another role", "another place", "somebody else's"],
)
def test_another_role_does_not_help(estate: Estate, role: str, scope: str, principal: str | None):
    who = {"principalId": principal} if principal else {}
    estate.assign("role", scope=IDS[scope], roleDefinitionId=f"/roles/{role}", **who)
    with pytest.raises(UnfinishedError, match=UNAUTHORIZED):
        estate.define(WRITES)


def test_a_job_made_with_keyless_inputs_in_its_own_body_is_refused(estate: Estate):
    """Its identity exists only with it. https://github.com/pulumi/pulumi-azure-native/issues/2607"""
    source = {"type": HUB["type"], **keyless(HUB)["properties"]}
    with pytest.raises(ArmError, match=UNAUTHORIZED) as refused:
        estate.create(
            "job", jobName="eager", inputs=[{"name": "in", "properties": {"type": "Stream", "datasource": source}}]
        )
    assert refused.value.status == 400


def test_what_was_written_before_a_refusal_stays_and_the_deployment_exists_as_failed(estate: Estate):
    changed = child("transformations/query", query="SELECT 2", streamingUnits=3)
    with pytest.raises(UnfinishedError, match="DeploymentFailed") as failure:
        estate.define(changed, READS)
    assert query_of(estate.subscription, estate.get("job")) == "SELECT 2"
    assert failure.value.resource.outputs["properties"]["provisioningState"] == "Failed"
    assert estate.get("definition").body["properties"]["provisioningState"] == "Failed"


def test_a_running_job_takes_no_definition(estate: Estate):
    estate.subscription.put(dataclasses.replace(estate.get("job"), state={"jobState": "Running"}))
    with pytest.raises(UnfinishedError, match="stop it first"):
        estate.update("definition")


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (child("inputs/arrivals", type="Strem", datasource=HUB), "type: 'Strem' is not one of"),
        (child("outputs/windows", datasource=SQL | {"table": "t"}), "datasource.table: does not exist in"),
        (child("transformations/query", query=1), "query: a string is needed"),
        (child("inputs/arrivals", type="Stream", datasource=HUB) | {"sku": 1}, "sku: a resource of a template"),
        (child("functions/f"), "type: '.*/functions' is not one of"),
        (child("inputs/a", type="Stream") | {"apiVersion": "2016-03-01"}, "apiVersion: '2016-03-01': checked are"),
        (child("inputs/a", type="Stream") | {"name": "[concat('job', '/a')]"}, "name: .* is not job/child"),
    ],
)
def test_a_template_is_held_against_azures_published_types(estate: Estate, part: dict[str, Any], text: str):
    properties = {"mode": "Incremental", "template": {"resources": [part]}}
    wanted = inputs("definition", properties=properties)
    ((_, reason), *_) = [
        (path, f"{path.rpartition('].')[2].removeprefix('properties.')}: {message}")
        for path, message in estate.operations.check(target("definition"), b"", wanted, {}).failures
    ]
    assert re.search(text, reason), reason


def test_brackets_in_a_query_are_no_expression_if_they_are_doubled(estate: Estate):
    estate.define(child("transformations/query", query="[[a] is a name", streamingUnits=3))
    assert query_of(estate.subscription, estate.get("job")) == "[a] is a name"
    with pytest.raises(UnfinishedError, match="InvalidTemplate"):
        estate.define(child("transformations/query", query="[a] is none", streamingUnits=3))


def test_a_get_of_a_deployment_leaves_out_its_template_and_a_refresh_changes_nothing(estate: Estate):
    read = estate.operations.read(target("definition"), IDS["definition"])
    assert read is not None and "template" not in read.outputs["properties"] and "template" not in str(read.body)
    given = inputs("definition")
    assert refreshed_inputs(known_type(token("resources:Deployment")), given, read.outputs, read.outputs) == given


def test_a_refresh_makes_an_input_of_what_a_start_wrote_into_the_job(estate: Estate):
    """So a program has to ignore it; a definition that somebody changed is not seen."""
    former, job = estate.get("job").outputs, estate.get("job")
    started = {"jobState": "Running", "outputStartMode": "JobStartTime", "outputStartTime": "2026-01-01T00:00:00Z"}
    estate.subscription.put(dataclasses.replace(job, state=started))
    read = estate.operations.read(target("job"), IDS["job"])
    assert read is not None
    found = refreshed_inputs(known_type(token("streamanalytics:StreamingJob")), inputs("job"), former, read.outputs)
    assert found == inputs("job") | {name: started[name] for name in ("outputStartMode", "outputStartTime")}


def test_a_put_of_the_job_may_drop_what_lies_below_it(estate: Estate):
    estate.faults.inject(Fault("lost-children", "job", "update"))
    estate.update("job", tags={"a": "b"})
    assert expanded(estate.subscription, estate.get("job")) == {"inputs": [], "outputs": [], "functions": []}
    assert estate.get("definition")
