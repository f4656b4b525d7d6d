"""Previews, reading, changes behind Pulumi's back, and deletion."""

import dataclasses

import pytest

from simulator.azure.arm.values import UNKNOWN
from simulator.azure.errors import RefusalError
from simulator.azure.resources import drift
from tests.support.azure.estate import GROUP, IDS, Estate, inputs, target, token


@pytest.fixture
def estate() -> Estate:
    return Estate()


def test_a_preview_of_a_new_resource_knows_what_it_was_given_and_nothing_else(estate: Estate):
    outputs = estate.operations.preview(token("streamanalytics:StreamingJob"), inputs("job"), None)
    assert outputs["sku"] == inputs("job")["sku"]
    assert outputs["name"] is outputs["jobState"] is outputs["identity"]["principalId"] is UNKNOWN
    datastore = {"name": "models", "workspaceName": "workspace", "resourceGroupName": "group"}
    assert estate.operations.preview(token("machinelearningservices:Datastore"), datastore, None)["name"] == "models"


def test_a_preview_of_a_change_keeps_what_azure_made_up(estate: Estate):
    job = estate.get("job")
    outputs = estate.operations.preview(
        token("streamanalytics:StreamingJob"), inputs("job", tags={"a": "b"}), job.outputs
    )
    assert outputs["tags"] == {"a": "b"}
    assert (outputs["name"], outputs["identity"]) == ("job", job.outputs["identity"])


def test_a_resource_is_read_as_it_was_written(estate: Estate):
    read = estate.operations.read(target("job"), IDS["job"].upper())
    assert read is not None and read.inputs == inputs("job")


def test_what_does_not_exist_or_is_of_another_type_is_not_read(estate: Estate):
    assert estate.operations.read(target("job"), f"{IDS['job']}2") is None
    assert estate.operations.read(target("job"), IDS["hub"]) is None


def test_the_state_of_a_job_is_read_as_it_is_now(estate: Estate):
    estate.subscription.put(dataclasses.replace(estate.get("job"), state={"jobState": "Running"}))
    read = estate.operations.read(target("job"), IDS["job"])
    assert read is not None and read.outputs["jobState"] == "Running"


def test_a_change_behind_pulumis_back_is_read(estate: Estate):
    path = "identity.type"
    drift(estate.subscription, IDS["job"], {path: "None", "tags.by-hand": "yes", "sku": None})
    read = estate.operations.read(target("job"), IDS["job"])
    assert read is not None
    found = estate.operations.compare(target("job"), inputs("job"), read.inputs)
    assert [(one.path, one.kind) for one in found] == [(path, "UPDATE"), ("sku", "DELETE"), ("tags", "ADD")]
    assert read.outputs["tags"] == read.body["tags"] == {"by-hand": "yes"}


def test_deleting_the_group_deletes_all_in_it(estate: Estate):
    estate.assign("reads")
    estate.operations.delete(target("group"), GROUP)
    assert estate.subscription.list() == []


def test_deleting_what_is_gone_is_no_error(estate: Estate):
    estate.operations.delete(target("job"), IDS["job"])
    estate.operations.delete(target("job"), IDS["job"])
    assert estate.subscription.get(IDS["job"]) is None


def test_what_pulumi_did_not_make_cannot_be_imported(estate: Estate):
    estate.subscription.put(dataclasses.replace(estate.get("compute"), token=None))
    with pytest.raises(RefusalError, match="was not made by Pulumi"):
        estate.operations.read(target("compute"), IDS["compute"])
