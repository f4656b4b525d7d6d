import copy
import json
from pathlib import Path
from typing import Any

import pytest

from simulator.azure import arm
from simulator.azure.arm import regenerate
from simulator.azure.arm.types import FOLDER, resource_type
from simulator.azure.arm.values import UNKNOWN, plain

ACCOUNT, VAULT, JOB = (
    "azure-native:storage:StorageAccount",
    "azure-native:keyvault:Vault",
    "azure-native:streamanalytics:StreamingJob",
)
COMPUTE, ASSIGNMENT = "azure-native:machinelearningservices:Compute", "azure-native:authorization:RoleAssignment"

GOOD: dict[str, dict[str, Any]] = {
    ACCOUNT: {
        "resourceGroupName": "group",
        "accountName": "readings",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "enableHttpsTrafficOnly": True,
        "networkRuleSet": {"defaultAction": "Deny", "bypass": "AzureServices"},
        "tags": {"stack": "dev"},
    },
    VAULT: {
        "resourceGroupName": "group",
        "vaultName": "the-vault",
        "properties": {
            "tenantId": "00000000-0000-0000-0000-0000000000aa",
            "sku": {"family": "A", "name": "standard"},
            "softDeleteRetentionInDays": 7,
        },
    },
    JOB: {
        "resourceGroupName": "group",
        "jobName": "job",
        "sku": {"name": "Standard"},
        "eventsOutOfOrderPolicy": "Adjust",
        "transformation": {"name": "main", "query": "SELECT 1", "streamingUnits": 3},
        "outputs": [
            {
                "name": "rejects",
                "datasource": {"type": "Microsoft.Storage/Blob", "container": "rejects", "authenticationMode": "Msi"},
                "serialization": {"type": "Json", "encoding": "UTF8", "format": "LineSeparated"},
            }
        ],
    },
    COMPUTE: {
        "resourceGroupName": "group",
        "workspaceName": "workspace",
        "computeName": "cluster",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": ["/subscriptions/s/identity"]},
        "properties": {
            "computeType": "AmlCompute",
            "properties": {"vmSize": "Standard_D2s_v3", "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 4}},
        },
    },
    ASSIGNMENT: {
        "scope": "/subscriptions/s/resourceGroups/g",
        "principalId": UNKNOWN,
        "principalType": "ServicePrincipal",
        "roleDefinitionId": "/role",
    },
}


def changed(token: str, path: str, value: object = None) -> dict[str, Any]:
    """The good inputs with the value at a dotted path replaced, or removed when `value` is None."""
    inputs = copy.deepcopy(GOOD[token])
    *containers, last = path.split(".")
    holder: Any = inputs
    for name in containers:
        holder = holder[int(name) if isinstance(holder, list) else name]
    if value is None:
        del holder[last]
    else:
        holder[last] = value
    return inputs


@pytest.mark.parametrize("token", GOOD)
def test_a_resource_as_azure_wants_it_has_no_problems(token: str) -> None:
    assert arm.problems(token, "one", GOOD[token]) == []


@pytest.mark.parametrize(
    ("token", "path", "value", "kind", "reported"),
    [
        (ACCOUNT, "minimumTlsVersoin", "TLS1_2", "unknown-property", "minimumTlsVersoin"),
        (ACCOUNT, "network_rule_set", {}, "unknown-property", "network_rule_set"),
        (ACCOUNT, "sku", None, "missing-required", "sku"),
        (ACCOUNT, "sku.name", None, "missing-required", "sku.name"),
        (ACCOUNT, "resourceGroupName", None, "missing-required", "resourceGroupName"),
        (ACCOUNT, "resourceGroupName", "", "pattern", "resourceGroupName"),
        (ACCOUNT, "enableHttpsTrafficOnly", "yes", "wrong-type", "enableHttpsTrafficOnly"),
        (ACCOUNT, "tags", ["dev"], "wrong-type", "tags"),
        (ACCOUNT, "tags.stack", 3, "wrong-type", "tags['stack']"),
        (ACCOUNT, "networkRuleSet.defaultAction", "deny", "bad-enum", "networkRuleSet.defaultAction"),
        (ACCOUNT, "accountName", "ab", "range", "accountName"),
        (VAULT, "properties.sku.family", "B", "bad-enum", "properties.sku.family"),
        (VAULT, "properties.tenantId", "x" * 36, "pattern", "properties.tenantId"),
        (VAULT, "properties.softDeleteRetentionInDays", 7.5, "wrong-type", "properties.softDeleteRetentionInDays"),
        (JOB, "outputs.0.datasource.type", "Blob", "bad-enum", "outputs[0].datasource.type"),
        (JOB, "outputs.0.datasource.type", None, "missing-required", "outputs[0].datasource.type"),
        (JOB, "outputs.0.datasource.table", "t", "unknown-property", "outputs[0].datasource.table"),
        (
            JOB,
            "outputs.0.datasource.authentication_mode",
            "Msi",
            "unknown-property",
            "outputs[0].datasource.authentication_mode",
        ),
        (JOB, "jobState", "Running", "unknown-property", "jobState"),
        (COMPUTE, "properties.computeType", "Cluster", "bad-enum", "properties.computeType"),
        (
            COMPUTE,
            "properties.properties.scaleSettings.maxNodeCount",
            None,
            "missing-required",
            "properties.properties.scaleSettings.maxNodeCount",
        ),
        (ASSIGNMENT, "scope", "group", "pattern", "scope"),
        (ASSIGNMENT, "principalId", None, "missing-required", "principalId"),
    ],
)
def test_each_kind_of_fault_is_reported_where_it_is(
    token: str, path: str, value: object, kind: str, reported: str
) -> None:
    found = {(problem.kind, problem.path) for problem in arm.problems(token, "one", changed(token, path, value))}

    assert (kind, reported) in found


def test_a_problem_names_the_resource_the_place_and_a_better_spelling() -> None:
    (problem,) = arm.problems(ACCOUNT, "data", changed(ACCOUNT, "allowBlobPublicAcces", False))

    assert str(problem) == (
        "azure-native:storage:StorageAccount 'data': allowBlobPublicAcces: is dropped silently by the provider "
        "(did you mean 'allowBlobPublicAccess'?) [unknown-property]"
    )


def test_the_body_has_what_the_sdk_lifts_and_renames_where_azure_wants_it() -> None:
    assert arm.body(ACCOUNT, GOOD[ACCOUNT]) == {
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "tags": {"stack": "dev"},
        "properties": {
            "supportsHttpsTrafficOnly": True,
            "networkAcls": {"defaultAction": "Deny", "bypass": "AzureServices"},
        },
    }


def test_a_list_of_identities_becomes_a_map_and_a_variant_keeps_its_own_properties() -> None:
    body = arm.body(COMPUTE, GOOD[COMPUTE])

    assert body["identity"]["userAssignedIdentities"] == {"/subscriptions/s/identity": {}}
    assert body["properties"]["properties"]["scaleSettings"] == {"minNodeCount": 0, "maxNodeCount": 4}


def test_the_body_leaves_out_what_the_provider_drops() -> None:
    assert "publicNetworkAcess" not in str(arm.body(ACCOUNT, changed(ACCOUNT, "publicNetworkAcess", "Disabled")))


def test_unknown_values_are_no_problem_anywhere() -> None:
    inputs = dict.fromkeys(GOOD[ACCOUNT], UNKNOWN)

    assert arm.problems(ACCOUNT, "one", inputs) == []


def test_a_type_of_azure_without_a_table_is_a_problem_and_other_packages_are_not_checked() -> None:
    (problem,) = arm.problems("azure-native:portal:Dashboard", "board", {})

    assert problem.kind == "unknown-type"
    assert arm.problems("pulumi:index:Stash", "schema", {"input": 1}) == []


def test_ids_have_azures_form() -> None:
    group, scope = f"/subscriptions/{arm.SUBSCRIPTION}/resourceGroups/group", "/subscriptions/s/thing"
    container = {"resourceGroupName": "group", "accountName": "a", "containerName": "raw"}

    assert arm.resource_id("azure-native:resources:ResourceGroup", "group", {}) == group
    assert arm.resource_id("azure-native:storage:BlobContainer", "c", container) == (
        f"{group}/providers/Microsoft.Storage/storageAccounts/a/blobServices/default/containers/raw"
    )
    assert arm.resource_id("azure-native:monitor:DiagnosticSetting", "logs", {"resourceUri": scope}) == (
        f"{scope}/providers/Microsoft.Insights/diagnosticSettings/logs"
    )


def test_secrets_are_unwrapped_and_whole_numbers_are_integers() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": 3.0}

    assert plain({"a": [secret], "b": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}) == {"a": [3], "b": UNKNOWN}


# The tables


def full_table() -> dict[str, Any]:
    """A resource type with a property of each form, its types numbered as in Azure's published tables."""

    def of(number: int, flags: int = 0) -> dict[str, Any]:
        return {"type": {"$ref": f"#/{number}"}, "flags": flags}

    root = {"id": of(0, 10), "name": of(1, 9), "properties": of(3, 1), "systemData": of(5, 2)}
    inner = {"level": of(4), "size": of(2, 1), "state": of(0, 2), "endpoints": of(6, 2), "Old_Name": of(0)}
    types: list[dict[str, Any]] = [
        {"$type": "StringType"},
        {"$type": "StringType", "minLength": 3, "maxLength": 9},
        {"$type": "IntegerType", "minValue": 1, "maxValue": 8},
        {"$type": "ObjectType", "name": "Inner", "properties": inner},
        {"$type": "UnionType", "elements": [{"$ref": "#/7"}, {"$ref": "#/0"}]},
        {"$type": "ObjectType", "name": "SystemData", "properties": {"createdBy": of(0)}},
        {"$type": "ObjectType", "name": "Endpoints", "properties": {"blob": of(0, 2), "count": of(2, 2)}},
        {"$type": "StringLiteralType", "value": "High"},
        {"$type": "ObjectType", "name": "Root", "properties": root},
    ]
    text, number = {"k": "str"}, {"k": "int"}
    return {
        "token": "azure-native:things:Thing",
        "apiVersion": "2024-01-01",
        "armType": "Microsoft.Things/things",
        "path": ["resourceGroupName", "thingName"],
        "query": [],
        "alias": {"Inner": {"newName": "Old_Name", "other": "notHere"}},
        "free": {},
        "source": {"file": "generated/things/types.json"},
        "body": 8,
        "types": {str(position): type_ for position, type_ in enumerate(types)},
        "sdk": {
            "inputs": {
                "level": {"req": False, "t": {"k": "union", "of": [text, {"k": "enum", "ref": "things:Level"}]}},
                "newName": {"req": False, "t": text},
                "resourceGroupName": {"req": True, "t": text},
                "size": {"req": True, "t": number},
                "state": {"req": False, "t": text},
                "thingName": {"req": False, "t": text},
            },
            "types": {"things:Unreachable": {}},
            "enums": {"things:Level": ["High"]},
        },
    }


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """A folder with one full table."""
    folder = tmp_path / "full"
    folder.mkdir()
    index = {"bicepTypes": {"commit": "c", "repo": "r"}, "package": "pulumi-azure-native", "version": "1.2.3"}
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "things.Thing.json").write_text(json.dumps(full_table()), encoding="utf-8")
    return folder


def test_trimming_keeps_what_checks_and_answers_need_and_nothing_else(full: Path) -> None:
    regenerate.regenerate(full, full.parent / "trimmed", ("things.Thing",))

    table = json.loads((full.parent / "trimmed" / "things.Thing.json").read_text(encoding="utf-8"))
    assert table["name"] == {"string": {"minimum": 3, "maximum": 9}}
    assert table["sdk_inputs"]["level"] == {"type": "string"}
    assert table["sdk_inputs"]["size"] == {"type": "integer", "required": True}
    assert table["sdk_objects"] == {}
    assert table["objects"] == {
        "Root": {
            "properties": {
                "properties": {"required": True, "type": {"object": "Inner"}},
                "systemData": {"read_only": True, "type": "any"},
            }
        },
        "Inner": {
            "properties": {
                "level": {"type": {"open": True, "values": ["High"]}},
                "size": {"required": True, "type": {"integer": {"minimum": 1, "maximum": 8}}},
                "state": {"read_only": True, "type": "string"},
                "endpoints": {"read_only": True, "type": {"object": "Endpoints"}},
                "Old_Name": {"type": "string"},
            },
            "renames": {"newName": "Old_Name"},
        },
        "Endpoints": {"properties": {"blob": {"read_only": True, "type": "string"}}},
    }


def test_trimming_twice_gives_the_same_bytes_and_removes_tables_no_longer_wanted(full: Path) -> None:
    first, second = full.parent / "first", full.parent / "second"
    second.mkdir()
    (second / "things.Former.json").write_text("{}", encoding="utf-8")

    for folder in (first, second):
        regenerate.regenerate(full, folder, ("things.Thing",))

    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()
    }


def test_an_input_that_only_azure_sets_is_read_only(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    regenerate.regenerate(full, full.parent / "trimmed", ("things.Thing",))
    monkeypatch.setattr("simulator.azure.arm.types.FOLDER", full.parent / "trimmed")
    inputs = {"resourceGroupName": "group", "size": 3, "state": "Running", "newName": "n"}

    (problem,) = arm.problems("azure-native:things:Thing", "one", inputs)

    assert (problem.kind, problem.path) == ("read-only", "state")
    assert arm.body("azure-native:things:Thing", inputs) == {"properties": {"size": 3, "Old_Name": "n"}}


def test_trimming_refuses_what_it_does_not_know() -> None:
    table = full_table()
    table["types"]["4"] = {"$type": "UnionType", "elements": [{"$ref": "#/2"}, {"$ref": "#/0"}]}

    with pytest.raises(ValueError, match="is not known here"):
        regenerate.trimmed(table)


def test_every_table_is_read_and_is_listed_in_the_index() -> None:
    index = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))

    assert {path.stem for path in FOLDER.glob("*.json")} == {*index["types"], "index"}
    for name in index["types"]:
        type_ = resource_type(f"azure-native:{name.replace('.', ':')}")
        assert type_ is not None
        assert type_.token == f"azure-native:{name.replace('.', ':')}"
