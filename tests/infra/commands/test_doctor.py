"""`python -m infra doctor` names what would stop a deployment, each with what to do about it."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from infra.commands.checks.account import NAMESPACES
from infra.commands.doctor import CHECKS
from infra.settings import Settings
from simulator.azure.arm.answers import client_config
from simulator.azure.arm.types import resource_type
from simulator.azure.cloud import Fault
from simulator.azure.cloud.entra.directory import ADMIN_GROUP, Directory, DirectoryObject, object_id
from simulator.azure.resources import build_resource
from tests.infra.commands.conftest import Place
from tests.support.recording import recorded

ME = client_config()["objectId"]
APPLICATION, GROUP, TEAM = object_id("application"), object_id(ADMIN_GROUP), object_id("platform-team")
STRANGERS = DirectoryObject(object_id("strangers"), "group", "strangers")
H100 = "STANDARD_ND96ISR_H100_V5"


def user(**changes: object) -> Directory:
    return replace(Directory(signed_in="user"), **changes)


def leave_the_group(place: Place) -> None:
    place.cloud.settings.directory.objects[TEAM].members.clear()


def found_another_group(place: Place) -> None:
    place.cloud.settings.directory.objects[STRANGERS.id] = STRANGERS


def rename_the_group(place: Place) -> None:
    place.cloud.settings.directory.objects[GROUP].name = "sql-admins"


def dissolve_the_group(place: Place) -> None:
    del place.cloud.settings.directory.objects[GROUP]


def list_deployer(object_id: str, kind: str) -> Callable[[Place], None]:
    return lambda place: place.configure("deployers", [{"objectId": object_id, "type": kind}])


def offer(**changes: object) -> Callable[[Place], None]:
    return lambda place: vars(place.cloud.settings.offer).update(changes)


def quota(**changes: int) -> Callable[[Place], None]:
    return lambda place: place.cloud.settings.offer.quota.update(changes)


def configure(key: str, value: object) -> Callable[[Place], None]:
    return lambda place: place.configure(key, value)


def together(*changes: Callable[[Place], None]) -> Callable[[Place], None]:
    def do(place: Place) -> None:
        for change in changes:
            change(place)

    return do


def set_variable(name: str, value: str) -> Callable[[Place], None]:
    return lambda place: place.monkeypatch.setenv(name, value)


FAULTS: dict[str, tuple[Callable[[Place], None], str, str, str]] = {
    "no stack file": (
        lambda place: place.stack_file.unlink(),
        "settings",
        "no Pulumi.dev.yaml",
        "python -m infra init",
    ),
    "a setting is misspelled": (configure("regoin", "x"), "settings", "regoin is no setting", "mend that in the file"),
    "alerts to nobody": (
        configure("monitoring", {"alertAddress": "operations@example.com"}),
        "settings",
        "operations@example.com, which nobody reads",
        "monitoring.alertAddress",
    ),
    "pulumi is missing": (
        together(
            lambda place: (place.folder / "bin/pulumi").unlink(),
            lambda place: place.monkeypatch.setenv("PATH", "/nowhere"),
        ),
        "pulumi",
        "pulumi is not found",
        "install Pulumi 3.",
    ),
    "pulumi is old": (
        lambda place: place.install_pulumi("v3.99.0"),
        "pulumi",
        "pulumi is v3.99.0, older than",
        "update it",
    ),
    "pulumi is not logged in": (
        lambda place: place.install_pulumi(logged_in=False),
        "state",
        "pulumi has no place for its state",
        "pulumi login --local",
    ),
    "there is no stack": (
        lambda place: place.install_pulumi(stacks="prod"),
        "state",
        "holds no stack dev",
        "pulumi stack init dev",
    ),
    "no driver": (
        lambda place: place.drivers("SQLite3"),
        "driver",
        "ODBC Driver 18 for SQL Server is not installed",
        "msodbcsql18",
    ),
    "not signed in": (
        set_variable("AZURE_CLIENT_SECRET", "stale"),
        "login",
        "nobody is logged in to Azure",
        "az login",
    ),
    "two logins": (
        set_variable("ARM_CLIENT_ID", "55555555-5555-5555-5555-555555555555"),
        "login",
        "logs in as 55555555-5555-5555-5555-555555555555 (ARM_CLIENT_ID), the release as",
        "one service principal",
    ),
    "another subscription": (
        set_variable("ARM_SUBSCRIPTION_ID", "66666666-6666-6666-6666-666666666666"),
        "subscription",
        "66666666-6666-6666-6666-666666666666 cannot be seen",
        "az account set",
    ),
    "a disabled subscription": (offer(state="Disabled"), "subscription", "simulated is Disabled", "az account set"),
    "providers are not registered": (
        offer(unregistered={"Microsoft.MachineLearningServices", "Microsoft.StreamAnalytics"}),
        "providers",
        "not registered: Microsoft.MachineLearningServices, Microsoft.StreamAnalytics",
        "az provider register --namespace Microsoft.StreamAnalytics",
    ),
    "only a contributor": (
        offer(not_actions=["Microsoft.Authorization/*/Write"]),
        "rights",
        "may not assign roles (Role Based Access Control Administrator, or Owner)",
        "have an owner",
    ),
    "only a reader": (
        offer(actions=["*/read"]),
        "rights",
        "may not make resource groups (Contributor) nor assign",
        "have an owner",
    ),
    "nobody is listed": (configure("deployers", []), "deployers", "nobody is listed", "python -m infra init"),
    "somebody is listed whom nobody knows": (
        list_deployer("77777777-7777-7777-7777-777777777777", "User"),
        "deployers",
        "is nobody in this tenant",
        "python -m infra init",
    ),
    "a group is listed that one is not in": (
        together(list_deployer(STRANGERS.id, "Group"), found_another_group),
        "deployers",
        f"deployer@contoso.com (User {ME}) is not among them, nor in a group that is",
        "python -m infra init",
    ),
    "the application is listed, not its service principal": (
        list_deployer(APPLICATION, "ServicePrincipal"),
        "deployers",
        f"{APPLICATION} is the object id of the application deployer",
        "az ad sp show --id CLIENT_ID --query id",
    ),
    "a user is listed as a group": (list_deployer(ME, "Group"), "deployers", "is a User, not a Group", "type: User"),
    "not among the administrators": (
        leave_the_group,
        "administrators",
        "is not in sql-admins-dev",
        f"az ad group member add --group {GROUP} --member-id {ME}",
    ),
    "the administrators are no group": (
        dissolve_the_group,
        "administrators",
        f"{GROUP} is nobody in this tenant",
        "--admin-group NAME",
    ),
    "the group has another name": (
        rename_the_group,
        "administrators",
        "is called sql-admins, not sql-admins-dev",
        "adminGroup.name: sql-admins",
    ),
    "another address": (
        lambda place: place.sign_in(user(address="9.9.9.9")),
        "address",
        "logged in from 9.9.9.9",
        "puts it into deployerAddresses",
    ),
    "no new servers in the region": (
        offer(restricted="Provisioning is restricted in this region."),
        "database",
        "no new server in westeurope: Provisioning is restricted in this region.",
        "set database.region to another",
    ),
    "the database's size is not offered": (
        offer(sql_sizes={"Basic"}),
        "database",
        "westeurope has no database of size S0",
        "set database.size",
    ),
    "the VM size is not offered": (
        offer(vm_sizes={"Standard_F4s_v2"}),
        "machine",
        "westeurope has no STANDARD_DS3_V2",
        "set cluster.vmSize",
    ),
    "not as low priority": (
        configure("cluster", {"vmSize": H100, "maxNodes": 1}),
        "machine",
        "is not to be had as low priority",
        "cluster.priority: Dedicated",
    ),
    "no low-priority quota": (
        quota(low=4),
        "quota",
        "2 nodes need 8 low-priority vCPUs in westeurope, the quota is 4",
        "ask for more",
    ),
    "no quota of the family": (
        together(configure("cluster", {"priority": "Dedicated"}), quota(standardDSv2Family=6)),
        "quota",
        "2 nodes need 8 dedicated vCPUs of standardDSv2Family in westeurope, the quota is 6",
        "ask for more",
    ),
    "a family that may not be used": (
        configure("cluster", {"vmSize": H100, "priority": "Dedicated", "maxNodes": 1}),
        "quota",
        "1 nodes need 96 dedicated vCPUs of standardNDSH100v5Family in westeurope, the quota is 0",
        "ask for more",
    ),
    "quota that others use": (
        together(configure("cluster", {"priority": "Dedicated"}), offer(used={"dedicated": 195})),
        "quota",
        "2 nodes need 8 dedicated vCPUs in westeurope, the quota is 200, 195 of them taken",
        "ask for more",
    ),
    "a budget that starts in the past": (
        configure("monitoring", {"alertAddress": "a@contoso.com", "budget": {"start": "2020-01-01"}}),
        "budget",
        "monitoring.budget.start is 2020-01-01",
        "leave it out for this month",
    ),
    "only the release is told who logs in": (
        lambda place: place.monkeypatch.delenv("ARM_CLIENT_ID"),
        "login",
        "Pulumi's provider by the Azure CLI: it does not read AZURE_",
        "set ARM_CLIENT_ID",
    ),
    "the provider is another one by the stack's file": (
        configure("azure-native:clientId", "55555555-5555-5555-5555-555555555555"),
        "login",
        "logs in as 55555555-5555-5555-5555-555555555555",
        "one service principal",
    ),
    "a fleet that is not there": (
        configure("release", {"fleet": "nowhere"}),
        "settings",
        "it has no fleet.json",
        "mend",
    ),
    "a name made by a pattern that a deleted vault holds": (
        together(
            configure("pulumi:autonaming", {"pattern": "x-${name}-${stack}"}),
            offer(deleted_vaults=["x-scoringvault-dev"]),
        ),
        "names",
        "a deleted vault still holds the name x-scoringvault-dev",
        "az keyvault purge --name x-scoringvault-dev",
    ),
    "a name that a deleted vault holds": (
        together(configure("pulumi:autonaming", {"mode": "verbatim"}), offer(deleted_vaults=["scoringvault"])),
        "names",
        "a deleted vault still holds the name scoringvault",
        "az keyvault purge --name scoringvault",
    ),
}


def test_a_good_account_is_told_to_go_on(healthy: Place):
    findings = healthy.findings()
    assert list(findings) == list(CHECKS)
    assert [f"{one['check']}: {one['text']}" for one in findings.values() if one["status"] != "ok"] == []
    code, out, _ = healthy.command("doctor")
    lines = out.splitlines()
    assert code == 0 and len(lines) == len(CHECKS) + 1
    assert lines[-1] == "nothing is wrong: pulumi up --stack dev"


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named_with_its_mend(healthy: Place, fault: str):
    seed, check, text, mend = FAULTS[fault]
    seed(healthy)
    findings = healthy.findings()
    wrong = [one for one in findings.values() if one["status"] == "wrong"]
    assert [one["check"] for one in wrong] == [check], findings
    assert text in wrong[0]["text"] and mend in wrong[0]["mend"], wrong
    assert "\n" not in wrong[0]["text"] + wrong[0]["mend"]


def test_each_finding_is_one_line_with_what_to_do(healthy: Place):
    healthy.drivers()
    code, out, _ = healthy.command("doctor")
    assert code == 1 and len(out.splitlines()) == len(CHECKS)
    (line,) = [line for line in out.splitlines() if line.startswith("wrong")]
    assert line.split()[1] == "driver" and "; install Microsoft's package msodbcsql18" in line


def test_without_a_login_nothing_of_the_account_is_said(healthy: Place):
    healthy.monkeypatch.setenv("AZURE_CLIENT_SECRET", "stale")
    findings = healthy.findings()
    unknown = {name: one["text"] for name, one in findings.items() if one["status"] == "?"}
    assert set(unknown) == set(list(CHECKS)[5:]) - {"budget"} and set(unknown.values()) == {
        "not checked: nobody is signed in"
    }


def test_a_service_principal_that_may_not_read_the_directory_is_told_how_to_check(healthy: Place):
    healthy.sign_in(Directory(readable=False))
    findings = healthy.findings()
    assert "listed; types were not checked" in findings["deployers"]["text"]
    assert findings["administrators"]["status"] == "?"
    assert "may not read the directory" in findings["administrators"]["text"]


def test_where_the_address_is_not_told_it_is_not_guessed(healthy: Place):
    healthy.sign_in(Directory())
    told = healthy.findings()["address"]
    assert told["status"] == "?" and "pulumi up names it" in told["mend"]
    healthy.monkeypatch.setenv("RUNNER_ENVIRONMENT", "self-hosted")
    assert healthy.findings()["address"]["status"] == "?"
    healthy.monkeypatch.setenv("RUNNER_ENVIRONMENT", "github-hosted")
    assert healthy.findings()["address"]["status"] == "ok"


def test_what_azure_refuses_to_say_is_not_called_wrong(healthy: Place):
    healthy.cloud.faults.inject(Fault("status", "GET", "/usages", status=403, times=None))
    told = healthy.findings()["quota"]
    assert told["status"] == "?" and "Azure refused to say (403" in told["text"]
    assert "as far as could be told (1 could not): pulumi up" in healthy.command("doctor")[1].splitlines()[-1]


def test_membership_through_a_listed_group_is_enough(healthy: Place):
    healthy.configure("deployers", [{"objectId": TEAM, "type": "Group"}])
    assert healthy.findings()["deployers"]["status"] == "ok"


def test_a_database_that_is_serverless_is_looked_for_by_its_tier(healthy: Place):
    healthy.configure("database", {**healthy.config["database"], "size": "serverless"})
    assert healthy.findings()["database"]["status"] == "ok"
    healthy.cloud.settings.offer.sql_sizes.discard("GP_S_Gen5")
    assert healthy.findings()["database"]["status"] == "wrong"


def test_a_database_in_a_region_of_its_own_is_looked_for_there(healthy: Place):
    healthy.configure("database", {**healthy.config["database"], "region": "northeurope"})
    assert healthy.findings()["database"]["text"] == "S0 is offered in northeurope"


def test_every_provider_of_the_program_is_checked():
    types = [resource_type(one.type) for one in recorded("dev").resources]
    used = {type_.arm_type.partition("/")[0].lower() for type_ in types if type_}
    assert used <= {name.lower() for name in NAMESPACES}


def test_the_checks_read_the_settings_as_the_program_does(healthy: Place):
    settings, problems = Settings.read(healthy.config)
    assert problems == [] and settings.deployers[0].object_id == ME
    assert json.loads(healthy.command("doctor", "--json")[1])["ok"]


@pytest.mark.parametrize(
    ("naming", "status"),
    [
        ({"mode": "default"}, "ok"),
        ({"pattern": "${name}-${hex(8)}"}, "ok"),
        ({"pattern": "${name}-${hex(x)}"}, "?"),
        ({"pattern": "${name}-${hex(0)}"}, "?"),
        ({"value": {"mode": "default"}}, "wrong"),
        ({"providers": {"azure-native": {"pattern": "${name}-${alphanum(6)}"}}, "mode": "verbatim"}, "ok"),
        ({"mode": "verbatim"}, "?"),
        ({"pattern": "${organization}-${name}"}, "?"),
        ({"mode": "disabled"}, "wrong"),
        ("verbatim", "wrong"),
        ({"providers": {"azure-native": {"resources": {"azure-native:keyvault:Vault": {"mode": "verbatim"}}}}}, "?"),
    ],
)
def test_names_that_are_random_stand_in_nobodys_way(naming: object, status: str, healthy: Place):
    healthy.configure("pulumi:autonaming", naming)
    assert healthy.findings()["names"]["status"] == status


def test_a_stack_that_exists_keeps_the_start_of_its_budget(healthy: Place):
    healthy.configure("monitoring", {"alertAddress": "a@contoso.com", "budget": {"start": "2020-01-01"}})
    tags = {"project": "batch-scoring", "stack": "dev"}
    group = {"resourceGroupName": "scoring", "location": "westeurope", "tags": tags}
    subscription = healthy.cloud.subscription
    subscription.put(build_resource(subscription, "azure-native:resources:ResourceGroup", group))
    assert healthy.findings()["budget"]["status"] == "ok"


def test_without_unixodbc_the_driver_is_wrong_and_the_rest_is_checked(healthy: Place):
    healthy.monkeypatch.setitem(sys.modules, "pyodbc", None)
    findings = healthy.findings()
    assert findings["driver"]["status"] == "wrong" and "install unixODBC" in findings["driver"]["mend"]
    assert list(findings) == list(CHECKS)


def test_a_folder_without_the_project_is_told_in_one_line(place: Place):
    (place.folder / "Pulumi.yaml").unlink()
    code, out, err = place.command("doctor")
    assert code == 2 and out == "" and err.startswith(f"infra: {place.folder} has no Pulumi.yaml")
