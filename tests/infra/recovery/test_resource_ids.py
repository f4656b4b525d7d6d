"""The id of each resource of the program, told from its inputs alone."""

import pytest

from infra.recovery.resource_ids import KINDS, kind_of
from simulator.azure import arm
from simulator.azure.arm.types import resource_type
from tests.support.recording import recorded


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_each_resource_of_the_program_has_the_id_that_azure_gives_it(stack: str):
    for resource in recorded(stack).azure():
        kind = kind_of(resource.type)
        assert kind is not None, f"{resource.type} is missing in infra/recovery/resource_ids.py"
        assert kind.resource_id(arm.SUBSCRIPTION, {kind.name_input: resource.name, **resource.inputs}) == resource.id


@pytest.mark.parametrize("token", KINDS)
def test_each_type_has_the_api_version_and_the_name_of_the_published_tables(token: str):
    published = resource_type(f"{arm.PACKAGE}:{token}")
    assert published is not None and KINDS[token].api_version == published.api_version
    lies_in_group = published.arm_type.count("/") == 1 and not published.path[0].startswith("scope:")
    assert KINDS[token].arm_type == (published.arm_type if lies_in_group else "")


def test_what_is_not_known_yet_has_no_id():
    account = KINDS["storage:StorageAccount"]
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    assert account.resource_id("s", {"resourceGroupName": "g"}) is None
    assert account.resource_id("s", {"resourceGroupName": unknown, "accountName": "a"}) is None
    assert account.resource_id("", {"resourceGroupName": "g", "accountName": "a"}) is None
    assert account.resource_id("s", {"resourceGroupName": "g", "accountName": "a"}) == (
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a"
    )
