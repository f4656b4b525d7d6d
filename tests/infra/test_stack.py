"""The real program with the real stack files: what it declares, said in sentences."""

import ast
import base64
import re
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from uuid import UUID

import pulumi
import pytest
import sqlglot
from pytest_mock import MockerFixture

from infra import names
from infra.stages.database import SERVICES_INSIDE_AZURE
from infra.stages.image_task import STEPS, task_text
from infra.stages.registry import CONTEXT_FILES, ENVIRONMENT
from scoring.publish import pipeline
from simulator.azure.arm.types import resource_type
from stream_queries import query_file
from stream_queries.engine import Query
from stream_queries.schema import ARRIVALS_INPUT, FEATURES, READINGS_INPUT, WINDOW_COLUMNS
from stream_queries.schema import names as column_names
from stream_queries.time_policy import DEFAULT_TIME_POLICY
from stream_queries.window_store import sensor_windows
from tests.infra.baseline import rules_of_the_baseline as baseline
from tests.support.recording import Recording, record, recorded
from tests.support.recording_monitor import Recorded

INFRA = Path(__file__).parents[2] / "infra"
STACKS = ("dev", "prod")
DATABASE = {"adminGroup": {"name": "admins", "objectId": "33333333-3333-3333-3333-333333333333"}}
DEPLOYER = "44444444-4444-4444-4444-444444444444"


@pytest.fixture(scope="module", params=STACKS)
def stack(request: pytest.FixtureRequest) -> Recording:
    recording = recorded(request.param)
    assert recording.error is None
    return recording


@pytest.fixture(scope="module")
def dev() -> Recording:
    return recorded("dev")


def walk(value: Any) -> list[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    if isinstance(value, dict):
        return [*value.items(), *(pair for inner in value.values() for pair in walk(inner))]
    if isinstance(value, list):
        return [pair for inner in value for pair in walk(inner)]
    return []


def job_of(recording: Recording) -> Recorded:
    return recording.one("streamanalytics:StreamingJob")


def definition_of(recording: Recording) -> Recorded:
    return recording.one("resources:Deployment")


def children_of(recording: Recording, kind: str) -> dict[str, dict[str, Any]]:
    """Properties of the job's inputs, outputs or transformations, by name."""
    found = definition_of(recording).inputs["properties"]["template"]["resources"]
    return {each["name"].partition("/")[2]: each["properties"] for each in found if each["type"].endswith(f"/{kind}")}


# ---- Bodies


def test_every_body_is_what_azures_published_types_ask_for(stack: Recording):
    assert [str(problem) for problem in stack.problems()] == []


def test_the_security_baseline_holds(stack: Recording):
    assert baseline.failures(stack) == []


def test_a_preview_of_a_new_stack_knows_no_id_and_still_passes():
    recording = record("dev", preview=True)
    assert recording.error is None and [str(problem) for problem in recording.problems()] == []


def test_every_kind_of_resource_is_there(stack: Recording):
    kinds = {resource.type.removeprefix("azure-native:") for resource in stack.azure()}
    assert kinds >= {
        "resources:ResourceGroup",
        "eventhub:Namespace",
        "eventhub:EventHub",
        "eventhub:ConsumerGroup",
        "storage:StorageAccount",
        "storage:BlobContainer",
        "storage:BlobServiceProperties",
        "storage:ManagementPolicy",
        "sql:Server",
        "sql:Database",
        "sql:FirewallRule",
        "sql:BackupShortTermRetentionPolicy",
        "sql:ServerBlobAuditingPolicy",
        "sql:ServerSecurityAlertPolicy",
        "streamanalytics:StreamingJob",
        "resources:Deployment",
        "containerregistry:Registry",
        "containerregistry:TaskRun",
        "keyvault:Vault",
        "machinelearningservices:Workspace",
        "machinelearningservices:Compute",
        "managedidentity:UserAssignedIdentity",
        "operationalinsights:Workspace",
        "applicationinsights:Component",
        "applicationinsights:Workbook",
        "monitor:DiagnosticSetting",
        "monitor:ActionGroup",
        "monitor:ActivityLogAlert",
        "monitor:MetricAlert",
        "monitor:ScheduledQueryRule",
        "consumption:Budget",
        "authorization:RoleAssignment",
    }


# ---- Keys, rights, exposure


def test_no_blob_is_public_and_every_local_way_in_is_off(stack: Recording):
    for account in stack.of_type("storage:StorageAccount"):
        assert account.inputs["allowBlobPublicAccess"] is False and account.inputs["allowSharedKeyAccess"] is False
    assert {container.inputs["publicAccess"] for container in stack.of_type("storage:BlobContainer")} == {"None"}
    assert stack.one("eventhub:Namespace").inputs["disableLocalAuth"] is True
    assert stack.one("containerregistry:Registry").inputs["adminUserEnabled"] is False
    assert stack.one("containerregistry:Registry").inputs["anonymousPullEnabled"] is False
    assert stack.one("sql:Server").inputs["administrators"]["azureADOnlyAuthentication"] is True


def test_every_hop_of_the_stream_job_is_keyless(stack: Recording):
    modes = [value for key, value in walk(dict(definition_of(stack).inputs)) if key == "authenticationMode"]
    assert modes == ["Msi"] * 5


def test_no_key_or_password_is_given_or_exported(stack: Recording):
    secret = re.compile(r"(?i)(password|accountkey|sharedaccesspolicykey|connectionstring|sastoken|secret)$")
    for resource in stack.azure():
        given = [key for key, value in walk(dict(resource.inputs)) if secret.search(key) and value]
        assert given == [], resource.name
    assert not any(secret.search(name) for name in stack.exports)


@pytest.mark.slow
def test_the_workspaces_store_takes_keys_only_if_that_is_set():
    recording = record("dev", {"cluster": {"keylessStore": False}})
    accounts = {
        account.name: account.inputs["allowSharedKeyAccess"] for account in recording.of_type("storage:StorageAccount")
    }
    assert accounts == {"scoringdata": False, "scoringml": True}


def test_roles_are_given_to_identities_below_the_resource_group(stack: Recording):
    for role in stack.of_type("authorization:RoleAssignment"):
        assert role.inputs["principalType"] == "ServicePrincipal"
        assert role.inputs["scope"].count("/providers/") >= 1, role.name
    assert len(stack.of_type("authorization:RoleAssignment")) == 8


@pytest.mark.slow
def test_a_deployer_gets_what_publishing_needs_and_nothing_more():
    recording = record("dev", {"deployers": [{"objectId": DEPLOYER, "type": "Group"}]})
    own = [role for role in recording.of_type("authorization:RoleAssignment") if role.inputs["principalId"] == DEPLOYER]
    assert sorted(role.name.removeprefix(f"{DEPLOYER}-") for role in own) == [
        "publishes",
        "reads-predictions",
        "replays",
        "sends-readings",
        "uploads",
    ]
    assert {role.inputs["principalType"] for role in own} == {"Group"}


def test_role_assignments_are_named_after_their_group_so_that_no_two_deployments_share_one(stack: Recording):
    roles = stack.of_type("authorization:RoleAssignment")
    group = stack.exports["resourceGroup"]
    assert all(role.inputs["roleAssignmentName"] == names.role_assignment(role.name, group) for role in roles)
    assert names.role_assignment("a", "scoring1") != names.role_assignment("a", "scoring2")


@pytest.mark.slow
def test_the_firewall_lets_in_azure_and_nobody_else_for_longer_than_a_release():
    recording = record(
        "dev", {"database": {"adminGroup": {"name": "a", "objectId": DEPLOYER}, "deployerAddresses": ["20.1.2.3"]}}
    )
    rules = {
        (rule.inputs["startIpAddress"], rule.inputs["endIpAddress"]) for rule in recording.of_type("sql:FirewallRule")
    }
    assert rules == {(SERVICES_INSIDE_AZURE, SERVICES_INSIDE_AZURE)}


# ---- The work after the deployment


def record_of(stack: Recording, name: str) -> Recorded:
    (found,) = (each for each in stack.resources if each.type.endswith(":Stash") and each.name == name)
    return found


@pytest.mark.parametrize("name", ["schema", "release"])
def test_the_work_is_done_before_its_record_is_written_and_never_on_deletion(stack: Recording, name: str):
    assert record_of(stack, name).hooks == {"before_create": (name,), "before_update": (name,)}
    assert name in stack.hooks


def test_the_tables_exist_before_the_definition_and_everything_else_before_the_release(stack: Recording):
    schema, release = record_of(stack, "schema"), record_of(stack, "release")
    assert schema.urn in definition_of(stack).dependencies
    waiting = [*release.dependencies]
    by_urn = {each.urn: each for each in stack.resources}
    reached = {*waiting}
    while waiting:
        more = by_urn[waiting.pop()].dependencies - reached
        reached |= more
        waiting += more
    assert {each.urn for each in stack.azure()} <= reached


def test_a_change_stops_the_stream_job_and_starts_it_again(stack: Recording):
    assert job_of(stack).hooks == {
        "before_update": ("stop-stream-job",),
        "after_update": ("start-stream-job",),
        "on_error": ("start-stream-job-after-failure",),
    }
    assert definition_of(stack).hooks == {
        "before_create": ("wait-for-rights",),
        "after_create": ("start-with-definition",),
        "before_update": ("wait-for-rights",),
        "after_update": ("start-with-definition",),
        "on_error": ("start-with-old-definition",),
    }


@pytest.mark.slow
def test_the_release_names_what_it_publishes():
    content = record_of(recorded("dev"), "release").inputs["input"]
    changed = record_of(record("dev", {"stream": {"streamingUnits": 3}}), "release").inputs["input"]
    assert content["streamJob"]["definition"] != changed["streamJob"]["definition"]
    assert content | {"streamJob": 0} == changed | {"streamJob": 0}
    assert set(content["published"]) == {"code", "environment", "fleet", "pipeline", "schedule"}
    again = record_of(record("dev", {"release": {"retries": 5}, "schedule": {"settleMinutes": 9}}), "release")
    assert again.inputs["input"]["streamJob"] == content["streamJob"]
    assert again.inputs["input"]["pipeline"]["retries"] == 5
    assert again.inputs["input"]["schedule"]["settleMinutes"] == 9


@pytest.mark.slow
def test_the_release_changes_with_how_the_pipeline_is_defined(mocker: MockerFixture):
    before = record_of(record("dev"), "release").inputs["input"]["published"]
    mocker.patch.object(pipeline, "SECONDS_TO_FIRST_TASK", 7)
    after = record_of(record("dev"), "release").inputs["input"]["published"]
    assert {name for name in before if before[name] != after[name]} == {"pipeline", "schedule"}


# ---- The data path


def test_the_job_runs_the_file_that_is_tested_and_run_on_one_machine(stack: Recording):
    assert children_of(stack, "transformations")["query"]["query"] == query_file().read_text()


def test_the_jobs_inputs_and_outputs_are_those_of_the_query(stack: Recording):
    query = Query.parse(query_file().read_text(), name="sensor_windows.asaql")
    assert children_of(stack, "inputs").keys() == set(query.inputs)
    assert children_of(stack, "outputs").keys() == set(query.outputs)


def test_each_input_reads_the_hub_through_its_own_group(stack: Recording):
    sources = [each["datasource"]["properties"] for each in children_of(stack, "inputs").values()]
    groups = {source["consumerGroupName"] for source in sources}
    assert groups == {READINGS_INPUT, ARRIVALS_INPUT}
    declared = {group.inputs["consumerGroupName"] for group in stack.of_type("eventhub:ConsumerGroup")}
    assert declared == groups | {"replay"}


def test_table_query_and_scoring_speak_of_the_same_columns(stack: Recording):
    query = Query.parse(query_file().read_text(), name="sensor_windows.asaql")
    (windows,) = [output for output in query.plan.outputs if output.name == "sensor_windows"]
    target = children_of(stack, "outputs")["sensor_windows"]["datasource"]["properties"]
    columns = column_names(WINDOW_COLUMNS)
    assert [column.name for column in windows.columns] == columns
    assert [column.name for column in sensor_windows.columns] == columns and set(FEATURES) < set(columns)
    assert target["table"] == f"dbo.{sensor_windows.name}"


def test_the_time_policies_come_from_their_one_home(stack: Recording):
    job = job_of(stack).inputs
    assert job["eventsLateArrivalMaxDelayInSeconds"] == DEFAULT_TIME_POLICY.late_arrival.total_seconds()
    assert job["eventsOutOfOrderMaxDelayInSeconds"] == DEFAULT_TIME_POLICY.out_of_order.total_seconds()
    assert job["eventsOutOfOrderPolicy"] == "Adjust" and job["outputErrorPolicy"] == "Stop"


def test_the_job_is_not_started_by_its_creation_nor_told_anything_that_its_roles_must_allow(stack: Recording):
    assert not {"outputStartMode", "inputs", "outputs", "transformation", "functions"} & job_of(stack).inputs.keys()
    assert set(job_of(stack).ignore_changes) == {"outputStartMode", "outputStartTime"}


@pytest.mark.slow
def test_the_job_has_the_sku_and_the_units_that_are_set():
    second = record("dev", {"stream": {"sku": "StandardV2", "streamingUnits": 10}})
    assert job_of(second).inputs["sku"] == {"name": "StandardV2"} and second.problems() == []
    assert children_of(second, "transformations")["query"]["streamingUnits"] == 10


def test_the_definition_waits_for_the_jobs_roles_and_users_and_for_everything_slow(stack: Recording):
    waits_for = {urn.rpartition("::")[2] for urn in definition_of(stack).dependencies}
    roles = {each.name for each in stack.of_type("authorization:RoleAssignment")}
    slow = {"scoring-image", "scoring-compute", "scoring-workspace", "scoring-windows", "scoring-raw"}
    assert roles | slow | {"schema", "scoring-stream"} <= waits_for


def test_each_part_of_the_definition_waits_for_the_one_before_it(stack: Recording):
    """They all change one job, and the query names the others."""
    template = definition_of(stack).inputs["properties"]["template"]
    before = [[]] + [[f"{job_of(stack).id}/{place(each)}"] for each in template["resources"]]
    assert [each["dependsOn"] for each in template["resources"]] == before[:-1]
    assert place(template["resources"][-1]) == "transformations/query"
    assert template["metadata"]["streamJob"] == job_of(stack).id


def place(child: Mapping[str, Any]) -> str:
    return f"{child['type'].rpartition('/')[2]}/{child['name'].partition('/')[2]}"


# ---- The image


def test_the_image_is_built_from_the_environments_files(dev: Recording):
    image = dev.exports["image"].partition("/")[2]
    files = {file: (ENVIRONMENT / file).read_bytes() for file in CONTEXT_FILES}
    assert built(dev) == task_text(image, files)
    assert image == f"scoring:{names.image_tag(files, STEPS)}"


def built(recording: Recording) -> str:
    request = recording.one("containerregistry:TaskRun").inputs["runRequest"]
    return base64.b64decode(request["encodedTaskContent"]).decode()


@pytest.mark.slow
def test_an_image_is_built_again_by_another_word_and_keeps_its_name(dev: Recording):
    again = record("dev", {"image": {"rebuild": "1"}})
    once, twice = (one.one("containerregistry:TaskRun").inputs for one in (dev, again))
    assert twice["forceUpdateTag"] == f"{once['forceUpdateTag']}-1"
    assert {**twice, "forceUpdateTag": once["forceUpdateTag"]} == once
    assert again.exports["image"] == dev.exports["image"]


def test_the_tag_changes_with_every_file_and_step_and_with_nothing_else():
    files = {"Dockerfile": b"FROM x", "requirements.txt": b"a==1"}
    tag = names.image_tag(files, "steps")
    assert names.image_tag(dict(reversed(files.items())), "steps") == tag
    others = [
        names.image_tag(files | {"Dockerfile": b"FROM y"}, "steps"),
        names.image_tag(files | {"requirements.txt": b"a==2"}, "steps"),
        names.image_tag(files, "other steps"),
    ]
    assert len({tag, *others}) == 4


@pytest.mark.slow
def test_an_existing_image_is_used_and_none_is_built():
    recording = record("dev", {"image": {"existing": "host.azurecr.io/scoring:7"}})
    assert recording.of_type("containerregistry:TaskRun") == []
    assert recording.exports["image"] == "host.azurecr.io/scoring:7"


# ---- The cluster


def test_the_cluster_scales_from_zero_with_an_identity_of_its_own(stack: Recording):
    cluster = stack.one("machinelearningservices:Compute")
    scale = cluster.inputs["properties"]["properties"]["scaleSettings"]
    assert scale["minNodeCount"] == 0 < scale["maxNodeCount"]
    assert scale["nodeIdleTimeBeforeScaleDown"] in ("PT2M", "PT5M")
    assert cluster.inputs["identity"]["type"] == "UserAssigned" and cluster.retain_on_delete


@pytest.mark.slow
def test_a_cluster_of_another_size_or_priority_has_another_name():
    found = {
        record("dev", {"cluster": settings}).one("machinelearningservices:Compute").inputs["computeName"]
        for settings in ({}, {"vmSize": "STANDARD_DS4_V2"}, {"priority": "Dedicated"}, {"maxNodes": 9})
    }
    assert len(found) == 3 and all(re.fullmatch(r"[a-z][a-z0-9-]{2,23}", name) for name in found)


# ---- Growth


def prefixes(recording: Recording, name: str) -> list[str]:
    rule, *_ = recording.one("storage:ManagementPolicy", name).inputs["policy"]["rules"]
    return rule["definition"]["filters"]["prefixMatch"]


def test_what_runs_leave_in_the_workspaces_account_goes_after_some_days(stack: Recording):
    policy = stack.one("storage:ManagementPolicy", "scoring-ml-life-cycle")
    assert policy.inputs["accountName"] == stack.one("storage:StorageAccount", "scoringml").inputs["accountName"]
    blocks, appended = (rule["definition"] for rule in policy.inputs["policy"]["rules"])
    assert blocks["actions"]["baseBlob"]["delete"] == {"daysAfterModificationGreaterThan": 30}
    assert blocks["actions"]["version"]["delete"] == {"daysAfterCreationGreaterThan": 7}
    assert (blocks["filters"]["blobTypes"], appended["filters"]["blobTypes"]) == (["blockBlob"], ["appendBlob"])
    assert appended["actions"] == {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": 30}}}
    assert appended["filters"]["prefixMatch"] == blocks["filters"]["prefixMatch"]


def test_uploaded_code_and_models_are_never_deleted_with_what_runs_leave(stack: Recording):
    given = prefixes(stack, "scoring-ml-life-cycle")
    (blobs,) = {prefix.partition("/")[0] for prefix in given} - {"azureml"}
    assert re.fullmatch(r"azureml-blobstore-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", blobs)
    left = [
        f"{blobs}/azureml/run/prepared/shard-000.arrow",
        "azureml/ExperimentRun/dcid.run/logs/azureml/stderrlogs.txt",
    ]
    kept = [f"{blobs}/LocalUpload/0123/code/score.py", f"{blobs}/managed-models/fleet.json", "0123-code/score.py"]
    assert all(blob.startswith(tuple(given)) for blob in left)
    assert not any(blob.startswith(tuple(given)) for blob in kept)


@pytest.mark.slow
def test_windows_are_kept_for_as_many_days_as_is_set():
    content = record_of(record("dev", {"database": DATABASE | {"windowDays": 17}}), "release").inputs["input"]
    assert content["pipeline"]["windowDays"] == 17


@pytest.mark.slow
def test_the_database_may_be_in_a_region_of_its_own():
    recording = record("dev", {"database": DATABASE | {"region": "northeurope"}})
    places = {each.type: each.inputs["location"] for each in recording.of_type("sql:Server", "sql:Database")}
    assert set(places.values()) == {"northeurope"} and len(places) == 2
    assert recording.one("resources:ResourceGroup").inputs["location"] == "westeurope"


@pytest.mark.slow
def test_a_schedule_that_is_off_is_published_so():
    recording = record("dev", {"schedule": {"enabled": False}})
    assert record_of(recording, "release").inputs["input"]["schedule"]["enabled"] is False


# ---- Life


def test_everything_goes_with_the_resource_group(stack: Recording):
    group = stack.one("resources:ResourceGroup")
    for resource in stack.azure():
        if resource is not group:
            assert resource.deleted_with == group.urn, resource.name


def test_what_holds_data_is_protected_in_production_and_only_there_and_so_is_the_record_that_goes_first(
    stack: Recording,
):
    protected = {resource.name for resource in stack.resources if resource.protect}
    holds_data = {
        "scoring",
        "scoring-readings",
        "scoringdata",
        "scoringml",
        "scoring-sql",
        "scoring-windows",
        "scoring-workspace",
        *(f"scoring-{container}" for container in names.CONTAINERS),
    }
    assert protected == (holds_data | {"release"} if stack.stack == "prod" else set())


def test_a_change_of_partitions_is_called_a_replacement_and_the_old_hub_goes_first(stack: Recording):
    hub = stack.one("eventhub:EventHub")
    assert hub.replace_on_changes == ("partitionCount",) and hub.delete_before_replace


def test_the_server_gets_no_second_body_and_the_record_of_the_schema_changes_its_administrators(stack: Recording):
    server = stack.one("sql:Server")
    assert set(server.ignore_changes) == {"administrators", "tags"}
    told = record_of(stack, "schema").inputs["input"]["administrators"]
    created = server.inputs["administrators"]
    assert told == {"name": created["login"], "objectId": created["sid"], "tenant": created["tenantId"]}


def taggable_type(resource: Recorded) -> bool:
    """Whether Azure's published type of this resource has tags."""
    type_ = resource_type(resource.type)
    return type_ is not None and "tags" in type_.sdk_inputs


def test_every_resource_that_can_be_tagged_is(stack: Recording):
    """Except the definition: it costs nothing, and another tag would stop the job."""
    taggable = [each for each in stack.azure() if taggable_type(each) and each.name != definition_of(stack).name]
    assert {
        resource.name for resource in taggable if resource.inputs.get("tags", {}).get("stack") != stack.stack
    } == set()
    assert len(taggable) > 20


@pytest.mark.slow
def test_tags_that_are_set_are_on_everything_too():
    assert record("dev", {"tags": {"owner": "me"}}).one("sql:Server").inputs["tags"]["owner"] == "me"


# ---- Health


def test_every_alert_reaches_the_action_group(stack: Recording):
    group = stack.one("monitor:ActionGroup").id
    for alert in stack.of_type("monitor:MetricAlert"):
        assert [action["actionGroupId"] for action in alert.inputs["actions"]] == [group], alert.name
    for alert in stack.of_type("monitor:ScheduledQueryRule"):
        assert alert.inputs["actions"]["actionGroups"] == [group], alert.name
    for alert in stack.of_type("monitor:ActivityLogAlert"):
        assert [each["actionGroupId"] for each in alert.inputs["actions"]["actionGroups"]] == [group], alert.name
    notices = stack.one("consumption:Budget").inputs["notifications"].values()
    assert all(notice["contactGroups"] == [group] for notice in notices) and len(notices) == 2


def test_every_resource_that_has_diagnostic_settings_has_one(stack: Recording):
    with_logs = {
        "Microsoft.EventHub/namespaces",
        "Microsoft.StreamAnalytics/streamingjobs",
        "Microsoft.KeyVault/vaults",
        "Microsoft.ContainerRegistry/registries",
        "Microsoft.MachineLearningServices/workspaces",
        "Microsoft.Sql/servers/databases",
        "Microsoft.Storage/storageAccounts/blobServices",
        "Microsoft.OperationalInsights/workspaces",
    }
    reporting = {setting.inputs["resourceUri"].lower() for setting in stack.of_type("monitor:DiagnosticSetting")}
    wanted = {str(resource.id).lower() for resource in stack.azure() if resource.arm_type in with_logs}
    assert len(wanted) == 9 and wanted < reporting
    assert any(uri.endswith("/databases/master") for uri in reporting)


def test_the_audit_waits_for_the_database_with_which_a_new_servers_master_is_there(dev: Recording):
    audit = dev.one("monitor:DiagnosticSetting", "scoring-audit")
    assert audit.inputs["resourceUri"].endswith("/databases/master")
    assert dev.one("sql:Database").urn in audit.dependencies


def test_the_workbook_is_named_after_its_group_whose_name_is_random(dev: Recording):
    workbook, group = dev.one("applicationinsights:Workbook"), dev.one("resources:ResourceGroup")
    assert workbook.input_dependencies["resourceName"] == workbook.input_dependencies["displayName"] == {group.urn}
    assert names.workbook("scoring1") == names.workbook("scoring1") != names.workbook("scoring2")
    assert str(UUID(names.workbook("scoring1"))) == names.workbook("scoring1")


# ---- What Azure would refuse


def run_hook(recording: Recording, name: str, **inputs: Any) -> None:
    recording.hooks[name](pulumi.ResourceHookArgs("urn", "id", "scoringdata", "type", **inputs))


def test_a_budget_is_not_made_with_a_start_that_is_past(dev: Recording):
    budget = dev.one("consumption:Budget")
    assert budget.hooks == {"before_create": ("budget-start",)} and budget.ignore_changes == ("timePeriod",)
    run_hook(dev, "budget-start", new_inputs=budget.inputs)
    late = {**budget.inputs, "timePeriod": {"startDate": "2024-01-01T00:00:00Z"}}
    with pytest.raises(Exception, match=r"^monitoring.budget.start is 2024-01-01: .* leave it out for this month$"):
        run_hook(dev, "budget-start", new_inputs=late)


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ("LRS", "RAGRS", None),
        ("GZRS", "ZRS", None),
        ("ZRS", "GZRS", "Try `az storage account update --sku Standard_GZRS`"),
        ("LRS", "ZRS", "Migrate the account .`az storage account migration start`"),
        ("GZRS", "LRS", "Migrate the account .`az storage account migration start`"),
    ],
)
def test_a_storage_account_is_not_given_a_redundancy_that_needs_a_migration(
    dev: Recording, old: str, new: str, refused: str | None
):
    for account in dev.of_type("storage:StorageAccount"):
        assert account.hooks == {"before_update": ("storage-redundancy",)}
    before, after = ({"sku": {"name": f"Standard_{kind}"}} for kind in (old, new))
    expected = pytest.raises(Exception, match=refused) if refused else nullcontext()
    with expected:
        run_hook(dev, "storage-redundancy", old_inputs=before, new_inputs=after)


# ---- The program itself


def test_wrong_settings_end_the_program_before_anything_is_registered():
    recording = record("dev", {"ingest": {"partitions": 99}, "surprise": 1})
    assert recording.resources == ()
    assert recording.error is not None
    assert "batch-scoring:ingest.partitions is 99: give a whole number from 1 to 32" in recording.error
    assert "batch-scoring:surprise is no setting" in recording.error


def test_the_exports_are_what_a_person_or_a_tool_needs(stack: Recording):
    assert set(stack.exports) == {
        "subscriptionId",
        "resourceGroup",
        "eventHubsHost",
        "databaseHost",
        "streamJob",
        "workspace",
        "cluster",
        "image",
        "predictions",
        "readme",
    }
    named = set(re.findall(r"\$\{outputs\.(\w+)\}", stack.exports["readme"]))
    assert named == set(stack.exports) - {"readme"}


def test_the_main_program_fits_one_page():
    assert len((INFRA / "__main__.py").read_text().splitlines()) <= 90


def test_no_input_of_a_resource_is_a_dictionary_literal_where_a_type_exists():
    """The provider drops keys of a plain dictionary that fits several types; only maps of names are dictionaries."""
    allowed = {"notifications", "tags"}
    for file in (file for room in (".", "stages", "watching") for file in (INFRA / room).glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and re.search(r"^[a-z]+\.[A-Z]", ast.unparse(node.func)):
                literal = [word.arg for word in node.keywords if isinstance(word.value, ast.Dict | ast.DictComp)]
                assert set(literal) <= allowed, f"{file.name}:{node.lineno}: {literal}"


def test_no_resource_and_no_export_is_made_inside_an_apply():
    for file in INFRA.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "apply":
                argument = ast.unparse(node.args[0])
                assert argument.startswith(("partial(names.", "names.", "partial(_digests,")), (
                    f"{file.name}:{node.lineno}: a named pure function"
                )


def test_the_tables_definition_parses_as_t_sql():
    from sqlalchemy.dialects import mssql
    from sqlalchemy.schema import CreateTable

    text = str(CreateTable(sensor_windows).compile(dialect=mssql.dialect()))
    assert isinstance(sqlglot.parse_one(text, read="tsql"), sqlglot.exp.Create)
