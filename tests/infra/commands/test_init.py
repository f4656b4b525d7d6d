"""`python -m infra init` writes what the account can tell, and leaves a person's own words alone."""

import pytest
import yaml

from simulator.azure.arm.answers import client_config
from simulator.azure.cloud.entra.directory import ADMIN_GROUP, Directory, DirectoryObject, object_id
from tests.infra.commands.conftest import INIT, Place

ME = client_config()["objectId"]


def test_the_shipped_file_is_completed_and_keeps_its_comments(place: Place):
    comments = [line for line in place.stack_file.read_text().splitlines() if line.strip().startswith("#")]
    code, out, err = place.command(*INIT)
    assert code == 0, out + err
    assert place.config["deployers"] == [{"objectId": ME, "type": "User"}]
    assert place.config["database"]["adminGroup"] == {"name": ADMIN_GROUP, "objectId": object_id(ADMIN_GROUP)}
    assert place.config["database"]["deployerAddresses"] == ["8.8.4.4"]
    assert place.config["monitoring"]["alertAddress"] == "deployer@contoso.com"
    assert all(line in place.stack_file.read_text().splitlines() for line in comments)
    assert "monitoring.alertAddress: deployer@contoso.com (was operations@example.com)" in out.splitlines()
    assert f"deployers: added deployer@contoso.com (User {ME})" in out.splitlines()
    assert out.splitlines()[-1] == "next: python -m infra doctor --stack dev"


def test_a_second_time_nothing_is_changed(place: Place):
    place.command(*INIT)
    before = place.stack_file.read_text()
    code, out, _ = place.command("init")
    assert code == 0 and "nothing was changed" in out
    assert place.stack_file.read_text() == before


def test_what_a_person_wrote_stays(place: Place):
    theirs = {"objectId": "12345678-0000-0000-0000-000000000001", "type": "Group"}
    group = {"name": "dbas", "objectId": "12345678-0000-0000-0000-000000000002"}
    place.configure("deployers", [theirs])
    place.configure("database", {"adminGroup": group, "deployerAddresses": ["9.9.9.9"]})
    place.configure("monitoring", {"alertAddress": "team@contoso.com", "budget": {"amount": 7}})
    place.configure("region", "northeurope")
    assert place.command("init")[0] == 0
    config = place.config
    assert config["deployers"] == [theirs, {"objectId": ME, "type": "User"}]
    assert config["database"] == {"adminGroup": group, "deployerAddresses": ["9.9.9.9", "8.8.4.4"]}
    assert config["monitoring"] == {"alertAddress": "team@contoso.com", "budget": {"amount": 7}}
    assert config["region"] == "northeurope"


@pytest.mark.parametrize("written", ["12345678-0000-0000-0000-000000000001", ["12345678-0000-0000-0000-000000000001"]])
def test_deployers_in_another_form_are_told_in_one_line_and_kept(place: Place, written: object):
    place.configure("deployers", written)
    before = place.stack_file.read_text()
    code, _, err = place.command("init")
    assert code == 2 and "give a list of {objectId, type}" in err and len(err.splitlines()) == 1
    assert place.stack_file.read_text() == before


def test_an_option_says_what_it_replaces(place: Place):
    place.command(*INIT)
    place.cloud.settings.directory.objects["other"] = DirectoryObject(object_id("other"), "group", "dba's")
    code, out, _ = place.command("init", "--admin-group", "dba's", "--alert-address", "ops@contoso.com")
    assert code == 0
    assert f"database.adminGroup.name: dba's (was {ADMIN_GROUP})" in out.splitlines()
    assert "monitoring.alertAddress: ops@contoso.com (was deployer@contoso.com)" in out.splitlines()
    assert place.config["database"]["adminGroup"]["objectId"] == object_id("other")


def test_an_id_in_capitals_is_not_listed_twice(place: Place):
    place.configure("deployers", [{"objectId": ME.upper(), "type": "User"}])
    assert place.command(*INIT)[0] == 0
    assert len(place.config["deployers"]) == 1


def test_a_new_stack_gets_a_file_that_the_program_takes(place: Place):
    code, out, err = place.command(*INIT, "--stack", "test", "--region", "northeurope")
    assert code == 0, out + err
    config = yaml.safe_load((place.folder / "Pulumi.test.yaml").read_text())["config"]
    assert config["batch-scoring:region"] == "northeurope"
    assert config["batch-scoring:deployers"] == [{"objectId": ME, "type": "User"}]
    assert place.command("doctor", "--stack", "test")[1].count("wrong ") == 1  # there is no such stack in Pulumi yet


def test_a_service_principal_is_listed_by_its_own_object_id(place: Place):
    place.sign_in(Directory())
    code, out, err = place.command(*INIT, "--alert-address", "ops@contoso.com")
    assert code == 0, out + err
    assert place.config["deployers"] == [{"objectId": ME, "type": "ServicePrincipal"}]
    assert client_config()["clientId"] not in place.stack_file.read_text()
    assert "deployerAddresses" not in place.config["database"]


@pytest.mark.parametrize(
    ("arguments", "directory", "told"),
    [
        (("init", "--admin-group", "nobody"), Directory(signed_in="user"), "no group is called nobody"),
        (INIT, Directory(), "no mail address for alerts: give one with --alert-address"),
        (INIT, Directory(readable=False), f"az ad group show --group {ADMIN_GROUP} --query id"),
    ],
)
def test_what_the_account_cannot_tell_is_asked_for_and_nothing_is_written(
    place: Place, arguments: tuple[str, ...], directory: Directory, told: str
):
    before = place.stack_file.read_text()
    place.sign_in(directory)
    code, out, err = place.command(*arguments)
    assert code == 2 and out == "" and told in err and len(err.splitlines()) == 1
    assert place.stack_file.read_text() == before


def test_of_two_groups_of_one_name_neither_is_taken(place: Place):
    objects = place.cloud.settings.directory.objects
    objects["twin"] = DirectoryObject(object_id("twin"), "group", ADMIN_GROUP)
    code, _, err = place.command(*INIT)
    assert code == 2 and f"2 groups are called {ADMIN_GROUP}" in err and object_id("twin") in err


def test_nobody_is_signed_in(place: Place):
    place.monkeypatch.setenv("AZURE_CLIENT_SECRET", "stale")
    code, _, err = place.command("init")
    assert code == 2 and "nobody is logged in to Azure" in err


def test_a_file_that_is_no_yaml_is_told_in_one_line(place: Place):
    place.stack_file.write_text("config: [")
    code, _, err = place.command("init")
    assert code == 2 and "Pulumi.dev.yaml is no YAML" in err and len(err.splitlines()) == 1
