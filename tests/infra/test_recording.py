import sys
from pathlib import Path
from types import ModuleType

import pytest

from simulator.azure.arm.values import UNKNOWN
from tests.support.recording import Recording, record, stack_values

PROGRAM = """
import pulumi
from pulumi import ResourceHook, ResourceHookBinding, ResourceOptions
from pulumi_azure_native import authorization, managedidentity, resources, storage

from sample.sizes import redundancy

config = pulumi.Config()
if config.require("region") == "nowhere":
    raise pulumi.RunError("region is nowhere: give a region of Azure")
if config.require("region") == "faulty":
    raise TypeError("a fault of the program")

deployer = authorization.get_client_config_output()
group = resources.ResourceGroup("group", location=config.require("region"), opts=ResourceOptions(protect=True))


class Storage(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("sample:index:Storage", name)
        self.account = storage.StorageAccount(
            f"{name}account", resource_group_name=group.name, kind=storage.Kind.STORAGE_V2,
            sku=storage.SkuArgs(name=redundancy(config.require_int("copies"))),
            opts=ResourceOptions(parent=self, deleted_with=group, ignore_changes=["tags"], retain_on_delete=True),
        )
        self.register_outputs({"inner": self.account.name})


data = Storage("data")
identity = managedidentity.UserAssignedIdentity(
    "identity",
    resource_group_name=group.name,
    opts=ResourceOptions(depends_on=[data.account], replace_on_changes=["location"]),
)
hook = ResourceHook("release", lambda args: None)
hooks = ResourceHookBinding(before_create=[hook])
record = pulumi.Stash("record", input=identity.principal_id, opts=ResourceOptions(hooks=hooks))
pulumi.log.warn("mind the gap")
pulumi.export("blobs", data.account.primary_endpoints.blob)
pulumi.export("account", data.account.name)
pulumi.export("tenant", deployer.tenant_id)
"""
PROJECT = """
name: sample
runtime: python
config:
  copies: {type: integer, default: 1}
  region: {type: string}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project with one stack, its program in two modules."""
    folder = tmp_path_factory.mktemp("project")
    files = {
        "Pulumi.yaml": PROJECT,
        "Pulumi.dev.yaml": "config: {sample:region: westeurope}",
        "sample/__init__.py": "",
        "sample/__main__.py": PROGRAM,
        "sample/sizes.py": "def redundancy(copies):\n    return 'Standard_LRS' if copies == 1 else 'Standard_ZRS'\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def recording(folder: Path) -> Recording:
    return record("dev", folder=folder, program="sample")


def test_resources_come_with_the_inputs_that_the_engine_would_get(recording: Recording) -> None:
    account = recording.one("storage:StorageAccount")

    assert recording.error is None
    assert account.inputs == {"kind": "StorageV2", "resourceGroupName": "group", "sku": {"name": "Standard_LRS"}}
    assert account.body == {"kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    assert recording.problems() == []


def test_options_of_resources_are_kept(recording: Recording) -> None:
    group, account = recording.one("resources:ResourceGroup"), recording.one("storage:StorageAccount")
    identity = recording.one("managedidentity:UserAssignedIdentity")

    assert group.protect
    assert not account.protect
    assert recording.by_urn(account.deleted_with) is group
    assert account.ignore_changes == ("tags",)
    assert account.retain_on_delete
    assert not identity.retain_on_delete
    assert identity.replace_on_changes == ("location",)
    assert identity.dependencies == {group.urn, account.urn}
    assert identity.input_dependencies["resourceGroupName"] == {group.urn}


def test_components_have_children(recording: Recording) -> None:
    component = recording.one("sample:index:Storage")

    assert recording.children(component) == [recording.one("storage:StorageAccount")]
    assert component not in recording.azure()


def test_ids_and_outputs_are_as_azure_would_answer(recording: Recording) -> None:
    account = recording.one("storage:StorageAccount", "dataaccount")

    assert account.id is not None
    assert account.id.endswith("/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/dataaccount")
    assert recording.by_id(account.id.upper()) is account
    assert recording.exports["blobs"] == "blob of dataaccount"
    assert recording.exports["account"] == "dataaccount"


def test_only_the_stacks_own_outputs_are_exports(recording: Recording) -> None:
    assert set(recording.exports) == {"account", "blobs", "tenant"}


def test_hooks_calls_and_messages_are_kept(recording: Recording) -> None:
    record_ = recording.one("pulumi:index:Stash")

    assert record_.hooks == {"before_create": ("release",)}
    assert set(recording.hooks) == {"release"}
    assert [call.token for call in recording.invokes] == ["azure-native:authorization:getClientConfig"]
    assert recording.messages == ("mind the gap",)


def test_a_preview_knows_no_ids_and_no_outputs_of_azure(folder: Path) -> None:
    preview = record("dev", folder=folder, program="sample", preview=True)

    assert preview.exports["blobs"] is UNKNOWN
    assert preview.exports["account"] is UNKNOWN
    assert preview.one("pulumi:index:Stash").inputs == {"input": UNKNOWN}
    assert preview.problems() == []


def test_overrides_replace_values_of_the_stack_and_every_run_is_a_fresh_one(folder: Path, recording: Recording) -> None:
    (folder / "sample" / "sizes.py").write_text(
        "def redundancy(copies):\n    return f'copies-{copies}'\n", encoding="utf-8"
    )

    second = record("dev", {"copies": 3}, folder=folder, program="sample")

    assert second.one("storage:StorageAccount").inputs["sku"] == {"name": "copies-3"}
    assert len(second.resources) == len(recording.resources)


def test_a_refused_setting_is_an_error_of_one_line_and_nothing_is_declared(folder: Path) -> None:
    refused = record("dev", {"region": "nowhere"}, folder=folder, program="sample")

    assert refused.error == "region is nowhere: give a region of Azure"
    assert refused.resources == ()


def test_a_missing_setting_is_an_error_that_names_it(folder: Path) -> None:
    missing = record("dev", {"region": None}, folder=folder, program="sample")

    assert missing.error is not None
    assert "sample:region" in missing.error


def test_an_error_of_the_program_is_raised_as_it_is(folder: Path) -> None:
    with pytest.raises(TypeError, match="a fault of the program"):
        record("dev", {"region": "faulty"}, folder=folder, program="sample")


def test_a_module_imported_before_is_not_used_by_the_run_and_is_there_afterwards(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = ModuleType("sample.sizes")
    monkeypatch.setitem(sys.modules, "sample.sizes", former)

    assert record("dev", folder=folder, program="sample").error is None
    assert sys.modules["sample.sizes"] is former


def test_a_run_leaves_modules_and_search_path_as_they_were(folder: Path) -> None:
    modules, path = set(sys.modules), list(sys.path)

    record("dev", {"region": "nowhere"}, folder=folder, program="sample")

    assert {name for name in set(sys.modules) - modules if name.startswith("sample")} == set()
    assert sys.path == path


def test_values_are_the_stacks_over_the_projects_defaults(folder: Path) -> None:
    assert stack_values(folder, "dev", {"deployers": [{"kind": "Group"}]}) == {
        "sample:copies": "1",
        "sample:region": "westeurope",
        "sample:deployers": '[{"kind": "Group"}]',
    }


def test_a_resource_that_is_not_there_is_named_with_those_that_are(recording: Recording) -> None:
    with pytest.raises(LookupError, match="declared: dataaccount"):
        recording.one("storage:StorageAccount", "other")
