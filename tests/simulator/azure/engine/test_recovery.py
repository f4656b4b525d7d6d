"""Deployments that are killed, or lose an answer, and what docs/operations.md says then: it ends deployed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.recovery.mending import entry
from infra.recovery.resource_ids import kind_of
from infra.recovery.survey import Found
from simulator.azure import arm
from simulator.azure.cloud import running_cloud
from simulator.azure.cloud.blobs import azurite
from simulator.azure.command import cloud_environment, pulumi_environment
from simulator.azure.engine.shell import Shell, ShellError
from simulator.azure.provider import Fault, serve
from simulator.azure.subscription import Subscription
from simulator.delivery.rehearsal.kills import RECOVER, FirstCreations, Kills
from tests.support.azure.deployment import Deployment
from tests.support.azure.engine_stack import copy_tree, require_cli
from tests.support.azure.shapes import shape

SMALL = """
import pulumi
from infra.commands.command_line import hand_over
hand_over()
from pulumi_azure_native import authorization, managedidentity, resources, storage
login = authorization.get_client_config_output()
group = resources.ResourceGroup("group", location="westeurope", tags={"stack": "dev"})
place = {"resource_group_name": group.name, "location": "westeurope"}
identity = managedidentity.UserAssignedIdentity("identity", **place)
account = storage.StorageAccount("account", **place, kind="StorageV2", sku=storage.SkuArgs(name="Standard_LRS"))
container = storage.BlobContainer("raw", resource_group_name=group.name, account_name=account.name)
authorization.RoleAssignment(
    "reads", role_assignment_name="00000000-0000-4000-8000-000000000001", scope=container.id,
    principal_id=identity.principal_id, principal_type="ServicePrincipal",
    role_definition_id=pulumi.Output.format("/subscriptions/{0}/providers/r/d", login.subscription_id),
)
"""
TYPES = ["authorization:RoleAssignment", "managedidentity:UserAssignedIdentity", "resources:ResourceGroup"]
TYPES += ["storage:BlobContainer", "storage:StorageAccount"]
"""Names that are random or given, of the top level or below, or of what extends another: all ways to have an id."""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[tuple[Kills, Subscription]]:
    """A stack dev of a small program that is killed at every creation, unless it is released first."""
    require_cli()
    if not azurite.PROGRAM.is_file():
        pytest.skip("Azurite is not installed: install Node.js 20, then run `make test`")
    tree, subscription, creations = copy_tree(tmp_path / "tree"), Subscription(), FirstCreations()
    (tree / "infra" / "__main__.py").write_text(SMALL, encoding="utf-8")
    with serve(subscription, creations) as port, running_cloud(tmp_path / "cloud", subscription) as cloud:
        shell = Shell(tree, tmp_path, {**pulumi_environment(port, tmp_path), **cloud_environment(cloud)})
        shell.run("pulumi stack init dev")
        yield Kills(shell, "dev", creations), subscription


def test_killed_at_every_creation_it_ends_deployed_and_nothing_is_there_twice(small: tuple[Kills, Subscription]):
    kills, subscription = small
    kills.up_until_nothing_is_new()
    assert len(kills.killed) >= 3 and len(kills.creations.seen) == len(TYPES)
    kills.shell.run("pulumi preview --expect-no-changes")
    assert made(subscription) == TYPES
    assert "The state knows of all" in kills.shell.run(RECOVER.format("dev"))


def test_with_the_answer_to_every_creation_lost_it_ends_deployed_and_nothing_is_there_twice(
    small: tuple[Kills, Subscription],
):
    kills, subscription = small
    kills.creations.hold_none()
    kills.creations.inject(*(Fault("lost-resource", token, "create") for token in TYPES))
    assert lost_an_answer(kills.shell)
    with pytest.raises(ShellError, match="give --yes"):
        kills.shell.run(RECOVER.replace("--yes ", "").format("dev"))
    kills.shell.run(RECOVER.format("dev"))
    while lost_an_answer(kills.shell):
        kills.shell.run(RECOVER.format("dev"))
    assert sorted(fault.resource for _, _, fault in kills.creations.struck) == TYPES
    kills.shell.run("pulumi preview --expect-no-changes")
    assert made(subscription) == TYPES


def lost_an_answer(shell: Shell) -> bool:
    """Whether a deployment failed because of it."""
    try:
        shell.run("pulumi up --yes")
    except ShellError as error:
        if "the connection was lost" in str(error):
            return True
        raise
    return False


def made(subscription: Subscription) -> list[str]:
    return sorted(str(one.token).removeprefix(f"{arm.PACKAGE}:") for one in subscription.list())


def test_the_next_deployment_finishes_any_resource_of_the_program_and_replaces_none(dev: Deployment, tmp_path: Path):
    before, exported = shape(dev), json.loads(dev.pulumi("stack", "export"))
    resources, entered = exported["deployment"]["resources"], list[str]()
    for place, one in enumerate(resources):
        kind, there = kind_of(one["type"]), dev.subscription.get(one.get("id", ""))
        if kind is not None and there is not None:
            resources[place] = entry(Found(one, there.body, kind))
            entered += [] if kind.once else [one["urn"]]
    file = tmp_path / "state.json"
    file.write_text(json.dumps(exported))
    dev.pulumi("stack", "import", "--file", str(file))
    done = dev.engine.up()
    assert set(done.changes.values()) == {"update"} and len(done.changes) == len(entered) > 50
    assert dev.engine.preview().changes == {} and shape(dev) == before
