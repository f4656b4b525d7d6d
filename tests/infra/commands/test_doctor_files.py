"""Files that a person has spoiled, and checks that fail: `doctor` still ends with a finding for each check."""

from collections.abc import Callable

import pytest

from infra.commands import doctor
from infra.commands.doctor import CHECKS
from simulator.azure.cloud import Fault
from tests.infra.commands.conftest import INIT, Place

WITHOUT_THE_FILE = ("pulumi", "state", "driver")
ILL_FORMED: dict[str, tuple[str | bytes, str]] = {
    "settings in a list": ("config:\n  - a\n", "Pulumi.dev.yaml: config must be a mapping of names to values"),
    "settings in a text": ("config: a\n", "Pulumi.dev.yaml: config must be a mapping of names to values"),
    "a number as a name": ("config:\n  1: x\n", "Pulumi.dev.yaml: config must be a mapping of names to values"),
    "a number as a name below": ("config:\n  batch-scoring:database:\n    1: x\n", "database.1 is no setting"),
    "a file in latin-1": (b"config:\n  a: \xe4\n", "Pulumi.dev.yaml is no YAML: 'utf-8' codec can't decode"),
    "a bracket that stays open": ("config: [", "Pulumi.dev.yaml is no YAML: line 1: "),
    "a name that comes twice": ("config:\n  a: 1\n  a: 2\n", "is no YAML: line 3: found duplicate key"),
    "a tab": ("config:\n\ta: 1\n", "is no YAML: line 2: found character '\\t'"),
    "a list": ("- a\n", "Pulumi.dev.yaml must be a mapping of keys to values"),
    "a day that is none": ("config:\n  a: 2026-13-45\n", "Pulumi.dev.yaml is no YAML: month must be in 1..12"),
    "a tag that nobody knows": ("config:\n  a: !x 1\n", "Pulumi.dev.yaml is no YAML: line 2: could not determine"),
}
PROJECTS = {
    "no name": ("runtime: python\n", "Pulumi.yaml: name is missing"),
    "nothing": ("", "Pulumi.yaml: name is missing"),
    "settings in a list": ("name: batch-scoring\nconfig: [a]\n", "Pulumi.yaml: config must be a mapping"),
}


def write(name: str, content: str | bytes) -> Callable[[Place], object]:
    data = content.encode() if isinstance(content, str) else content
    return lambda place: (place.folder / name).write_bytes(data)


SPOILED = {
    **{f"stack: {name}": (write("Pulumi.dev.yaml", content), text) for name, (content, text) in ILL_FORMED.items()},
    **{f"project: {name}": (write("Pulumi.yaml", content), text) for name, (content, text) in PROJECTS.items()},
}
ANY_NAMES = "which Pulumi does not read"


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_file_is_a_finding_and_what_does_not_need_it_is_checked(healthy: Place, name: str):
    spoil, text = SPOILED[name]
    spoil(healthy)
    findings = healthy.findings()
    told = findings["settings"]
    assert list(findings) == list(CHECKS)
    assert told["status"] == "wrong" and text in told["text"] and told["mend"] == "mend that in the file"
    assert [one["check"] for one in findings.values() if one["status"] == "wrong"] == ["settings"]
    assert {findings[one]["status"] for one in WITHOUT_THE_FILE} == {"ok"}
    code, out, err = healthy.command("doctor")
    assert code == 1 and len(out.splitlines()) == len(CHECKS) and err == ""


@pytest.mark.parametrize("name", [name for name in SPOILED if "below" not in name])
def test_init_says_in_one_line_what_is_wrong_with_a_file_and_leaves_it(healthy: Place, name: str):
    spoil, text = SPOILED[name]
    spoil(healthy)
    before = healthy.stack_file.read_bytes()
    code, out, err = healthy.command(*INIT)
    assert code == 2 and out == "" and text in err and len(err.splitlines()) == 1
    assert healthy.stack_file.read_bytes() == before


@pytest.mark.parametrize(
    ("section", "written", "told"),
    [
        ("region", 0, "region is 0: give the name of an Azure region"),
        ("database", "x", "database is 'x': give settings below it"),
        ("database", [], "database is []: give settings below it"),
        ("database", False, "database is False: give settings below it"),
        ("database", {"adminGroup": "dbas"}, "database.adminGroup is 'dbas': give settings below it"),
        ("database", {"adminGroup": ""}, "database.adminGroup is '': give settings below it"),
        ("database", {"adminGroup": {"name": 5}}, "database.adminGroup.name is 5: give a text"),
        ("database", {"deployerAddresses": 0}, "database.deployerAddresses is 0: give a list of addresses"),
        ("database", {"deployerAddresses": "9.9.9.9"}, "database.deployerAddresses is '9.9.9.9': give a list of"),
        ("monitoring", "x", "monitoring is 'x': give settings below it"),
        (
            "monitoring",
            {"alertAddress": ["a@contoso.com"]},
            "monitoring.alertAddress is ['a@contoso.com']: give a",
        ),
        ("deployers", {}, "deployers is {}: give a list of {objectId, type}"),
    ],
)
def test_init_does_not_write_over_what_has_another_form(place: Place, section: str, written: object, told: str):
    place.configure(section, written)
    before = place.stack_file.read_text()
    code, _, err = place.command(*INIT)
    assert code == 2 and told in err and len(err.splitlines()) == 1
    assert place.stack_file.read_text() == before


@pytest.mark.parametrize(
    "naming",
    [
        5,
        {"value": "verbatim"},
        {"providers": "x"},
        {"providers": {"azure-native": "x"}},
        {"providers": {"azure-native": {"resources": ["x"]}}},
        {"providers": {"azure-native": {"resources": {"azure-native:keyvault:Vault": "x"}}}},
        {"pattern": 5},
        0,
        "",
        {"providers": []},
        {"providers": {"aws": False}},
        {"mode": "verbatm"},
        {"mode": 5},
        {"mode": "verbatim", "pattern": "${name}"},
        {"mode": "default", "enforce": True},
        {"enforce": True},
        {"pattern": "${name}", "enforce": "yes"},
        {"patern": "${name}"},
        {"providers": {"azure-native": {"resources": {"azure-native:keyvault:Vault": {}}}}},
    ],
)
def test_autonaming_in_another_form_is_a_finding(healthy: Place, naming: object):
    healthy.configure("pulumi:autonaming", naming)
    findings = healthy.findings()
    assert [one["check"] for one in findings.values() if one["status"] == "wrong"] == ["names"]
    assert ANY_NAMES in findings["names"]["text"]
    assert findings["names"]["mend"] == "give it a pattern, or a mode of default, verbatim, disabled"


def test_a_check_that_fails_is_a_finding_and_does_not_end_the_others(healthy: Place):
    def fail(_: object) -> str:
        raise RuntimeError("vCPUs\nand more")

    healthy.monkeypatch.setitem(doctor.CHECKS, "quota", fail)
    findings = healthy.findings()
    assert [one["check"] for one in findings.values() if one["status"] != "ok"] == ["quota"]
    told = findings["quota"]
    assert told["status"] == "wrong" and told["text"].startswith("this check failed: RuntimeError: vCPUs")
    assert "\n" not in told["text"] and "report it" in told["mend"]


def test_an_account_that_may_not_read_the_subscription_needs_rights(healthy: Place):
    healthy.cloud.faults.inject(Fault("status", None, "management.azure.com", status=403, times=None))
    findings = healthy.findings()
    wrong = [one for one in findings.values() if one["status"] == "wrong"]
    assert [one["check"] for one in wrong] == ["providers", "rights"]
    lacking = ("list resource providers", "read the subscription nor make resource groups (Contributor) nor assign")
    for one, what in zip(wrong, lacking, strict=True):
        assert f"may not {what}" in one["text"]
        assert one["mend"] == "have an owner of the subscription assign that"
    assert healthy.command("doctor")[0] == 1
