"""The workflows of `.github`: what GitHub takes, as far as actionlint knows, and who may do what in them."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))

DEPLOYS = ("vars.AZURE_CLIENT_ID", "secrets.PULUMI_ACCESS_TOKEN", "secrets.PULUMI_CONFIG_PASSPHRASE")
"""What only the deploying application's jobs may hold."""

LOGINS = ("AZURE_", "ARM_", "PULUMI_")
"""Beginnings of variables by which something logs in."""


def read(name: str) -> dict[str, Any]:
    """A workflow, with `on` under its own name: YAML 1.1 takes it for a Boolean."""
    content = yaml.safe_load((ROOT / ".github/workflows" / name).read_text(encoding="utf-8"))
    content["on"] = content.pop(True)
    return content


def jobs() -> list[Any]:
    """Every job with its workflow, as parameters of a test."""
    return [
        pytest.param(workflow, job, id=f"{file.stem}-{name}")
        for file in WORKFLOWS
        for workflow in [read(file.name)]
        for name, job in workflow["jobs"].items()
    ]


def uses(job: Mapping[str, Any], action: str) -> bool:
    return any(str(step.get("uses", "")).startswith(action) for step in job.get("steps", ()))


def test_actionlint_finds_nothing():
    built = ROOT / ".cache/actionlint/actionlint"
    program = str(built) if built.is_file() else shutil.which("actionlint")
    if program is None:
        pytest.skip("actionlint is not installed: install Go, then run `make test`")
    # Without the checkers that it would call where they happen to be installed.
    command = [program, "-no-color", "-shellcheck=", "-pyflakes=", *map(str, WORKFLOWS)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert WORKFLOWS and (run.returncode, run.stdout + run.stderr) == (0, "")


# ---- Who may do what
@pytest.mark.parametrize(("workflow", "job"), jobs())
def test_only_jobs_of_an_environment_hold_the_deploying_application(workflow: dict[str, Any], job: dict[str, Any]):
    """Whoever can push a branch can run what a pull request runs; an environment asks for a branch, or for a person."""
    if "environment" not in job:
        assert [held for held in DEPLOYS if held in json.dumps(job)] == []
    else:
        assert uses(job, "azure/login") and "vars.AZURE_CLIENT_ID" in json.dumps(job)
    if {"pull_request", "pull_request_target", "workflow_run", "schedule"} & set(workflow["on"]):
        assert "environment" not in job and job.get("secrets") != "inherit"


@pytest.mark.parametrize(("workflow", "job"), jobs())
def test_a_login_is_named_in_the_step_that_needs_it_and_never_as_azures_own_variable(
    workflow: dict[str, Any], job: dict[str, Any]
):
    """`AZURE_CLIENT_ID` would send the state's login, DefaultAzureCredential, to a managed identity of the runner."""
    wide = [name for part in (workflow, job) for name in part.get("env", {})]
    assert [name for name in wide if name.startswith(LOGINS)] == []
    for step in job.get("steps", ()):
        names = [name for name in step.get("env", {}) if name.startswith(LOGINS)]
        assert not [name for name in names if name.startswith("AZURE_")]
        assert not names or uses(job, "azure/login"), names
        assert "ARM_CLIENT_ID" in names or not names


@pytest.mark.parametrize(("workflow", "job"), jobs())
def test_jobs_have_the_permissions_that_they_need_and_no_more(workflow: dict[str, Any], job: dict[str, Any]):
    assert workflow["permissions"] in ({}, {"contents": "read"})
    given = {name for name, level in job.get("permissions", {}).items() if level == "write"}
    logs_in = uses(job, "azure/login") or str(job.get("uses", "")).endswith("/deploy-stack.yml")
    assert ("id-token" in given) == logs_in
    # With a login to Azure a job may at most comment; with the right to write issues it has nothing of the tree to run.
    assert given <= ({"id-token", "pull-requests"} if logs_in else {"pull-requests", "issues"})
    assert logs_in or not given or not uses(job, "actions/checkout")


@pytest.mark.parametrize(("workflow", "job"), jobs())
def test_the_login_for_the_state_is_fresh_when_pulumi_begins(workflow: dict[str, Any], job: dict[str, Any]):
    """What it rests on expires within minutes: installing drivers and requirements in between may take that long."""
    steps = job.get("steps", [])
    logins = [at for at, step in enumerate(steps) if str(step.get("uses", "")).startswith("azure/login")]
    pulumi = [at for at, step in enumerate(steps) if "ARM_CLIENT_ID" in step.get("env", {})]
    assert [at + 1 for at in logins] == pulumi[:1]


@pytest.mark.parametrize(("workflow", "job"), jobs())
def test_no_checkout_leaves_a_token_behind(workflow: dict[str, Any], job: dict[str, Any]):
    for step in job.get("steps", ()):
        assert "actions/checkout" not in step.get("uses", "") or step["with"]["persist-credentials"] is False


# ---- What their scripts do, with GitHub's command line tool replaced by a file
GH = """#!/bin/sh
case "$*" in
  *--method*POST* | *--method*PATCH*)
    echo "$2 $3 $4: $(jq --raw-output .body comment.json | head -2 | tr '\\n' '|')" >> calls ;;
  api*) cat "$ANSWER" ;;
  *) echo "$*" >> calls ;;
esac
"""


def script(workflow: str, job: str, step: str) -> str:
    (found,) = [one for one in read(workflow)["jobs"][job]["steps"] if step in (one.get("name"), one.get("id"))]
    return found["run"]


def run(text: str, folder: Path, answer: object = (), **environment: str) -> list[str]:
    """Run a step as GitHub does; returns what it asked of `gh`, but for what it read."""
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "gh").write_text(GH)
    (programs / "gh").chmod(0o755)
    (folder / "answer").write_text(json.dumps(answer))
    own = {"PATH": f"{programs}:{os.environ['PATH']}", "ANSWER": "answer", "GITHUB_OUTPUT": "output"}
    subprocess.run(["bash", "-e", "-o", "pipefail", "-c", text], cwd=folder, env=own | environment, check=True)
    calls = folder / "calls"
    return calls.read_text().splitlines() if calls.exists() else []


def test_every_stack_with_a_file_is_previewed(tmp_path: Path):
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.feature-x.1.yaml"):
        (tmp_path / name).touch()
    run(script("preview.yml", "stacks", "list"), tmp_path)
    assert (tmp_path / "output").read_text() == 'stacks=["dev","feature-x.1"]\n'


DIFFERS, UNSEEN = "Drift: stack dev is not what main says", "Drift: stack dev could not be looked at"
OPEN = [
    {"number": 7, "title": DIFFERS, "user": {"type": "Bot"}},
    {"number": 8, "title": "Other", "user": {"type": "Bot"}},
]
UNSEEN_BEFORE = [{"number": 6, "title": UNSEEN, "user": {"type": "Bot"}}]
BY_SOMEBODY = [{"number": 9, "title": DIFFERS, "user": {"type": "User"}}]


def issues_of(folder: Path, code: str, report: str, issues: list[Any]) -> list[str]:
    """Run the step that keeps the issues after a look at dev; returns what it did with them."""
    (folder / "drift/drift-dev").mkdir(parents=True)
    (folder / "drift/drift-dev/code").write_text(f"{code}\n")
    (folder / "drift/drift-dev/report.txt").write_text(report)
    text = script("drift.yml", "issue", "Open, update or close the issues")
    return run(text, folder, issues, REPOSITORY="o/r", RUN="https://run")


@pytest.mark.parametrize(
    ("code", "issues", "called"),
    [
        ("7", [], [f"issue create --repo o/r --title {DIFFERS} --body-file body.md"]),
        ("7", BY_SOMEBODY, [f"issue create --repo o/r --title {DIFFERS} --body-file body.md"]),
        ("7", OPEN, ["issue edit 7 --repo o/r --body-file body.md"]),
        ("0", OPEN, ["issue close 7 --repo o/r --comment Nothing that is looked at differs any more: https://run"]),
        ("0", [], []),
        ("255", OPEN, [f"issue create --repo o/r --title {UNSEEN} --body-file body.md"]),
        ("none", UNSEEN_BEFORE, ["issue edit 6 --repo o/r --body-file body.md"]),
        ("0", UNSEEN_BEFORE, ["issue close 6 --repo o/r --comment It was looked at: https://run"]),
        (
            "7",
            OPEN + UNSEEN_BEFORE,
            [
                "issue edit 7 --repo o/r --body-file body.md",
                "issue close 6 --repo o/r --comment It was looked at: https://run",
            ],
        ),
    ],
)
def test_drift_is_one_issue_that_is_opened_updated_and_closed_and_a_failed_look_another(
    code: str, issues: list[Any], called: list[str], tmp_path: Path
):
    assert issues_of(tmp_path, code, "~ sku.name\n```\n@everyone\n", issues) == called
    if code != "0":
        body = (tmp_path / "body.md").read_text()
        assert "https://run" in body and "\n    ~ sku.name\n    ```\n    @everyone\n" in body


def test_an_issue_of_many_short_lines_is_no_longer_than_github_takes(tmp_path: Path):
    assert issues_of(tmp_path, "7", "+ a resource\n" * 4_000, [])
    body = (tmp_path / "body.md").read_text()
    assert 60_000 < len(body) < 65_536 and body.count("\n    + a resource") > 3_000


def test_what_came_of_looking_for_drift_is_uploaded_although_it_failed_or_was_never_begun(tmp_path: Path):
    """A login that has ended stops the job before its preview."""
    steps = read("drift.yml")["jobs"]["refresh"]["steps"]
    assert "checkout" in steps[0]["uses"], "which cleans the folder"
    run(steps[1]["run"], tmp_path)
    assert (tmp_path / "out/drift/code").read_text() == "none\n" and (tmp_path / "out/drift/report.txt").read_text()
    (upload,) = [step for step in steps if "upload-artifact" in step.get("uses", "")]
    assert upload is steps[-1] and (upload["if"], upload["with"]["path"]) == ("always()", "out/drift")


def test_each_stacks_preview_is_a_comment_of_its_own_and_odd_names_are_left_out(tmp_path: Path):
    for stack in ("dev", "test.2", "--> x"):
        (tmp_path / f"previews/preview-{stack}").mkdir(parents=True)
        (tmp_path / f"previews/preview-{stack}/preview.md").write_text(f"of {stack}\n")
    text = script("preview-comment.yml", "comment", "Write or replace the comments")
    pulls = [{"number": 3, "head": {"sha": "abc"}, "user": {"type": "Bot"}, "body": "no comment of ours", "id": 5}]
    called = run(text, tmp_path, pulls, REPOSITORY="o/r", HEAD="o:b", HEAD_SHA="abc")
    assert called == [
        f"--method POST repos/o/r/issues/3/comments: <!-- infrastructure preview: {stack} -->|of {stack}|"
        for stack in ("dev", "test.2")
    ]


# ---- What the document has somebody type, once
def identities() -> str:
    """The commands that make the applications."""
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    (block,) = [
        block for block in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL) if "az ad app" in block
    ]
    return block


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_stacks_application_becomes_a_member_of_that_stacks_group_and_of_no_other(stack: str):
    """One block serves every stack: a group's name in it would let prod's application administer dev's database."""
    groups = {
        file.name: yaml.safe_load(file.read_text())["config"]["batch-scoring:database"]["adminGroup"]
        for file in ROOT.glob("Pulumi.*.yaml")
    }
    text = identities()
    assert [group for group in groups.values() if group["name"] in text or group["objectId"] in text] == []
    assert 'az ad group member add --group "$group"' in text
    (found,) = re.findall(r"^group=.*$", text, re.MULTILINE)
    told = subprocess.run(
        ["bash", "-c", f'stack={stack}\n{found}\necho "$group"'], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == groups[f"Pulumi.{stack}.yaml"]["objectId"]


def test_roles_are_given_to_new_applications_without_looking_them_up():
    given = re.findall(r"az role assignment create (?:\\\n|.)*", identities())
    assert len(given) == 2 and all("--assignee-principal-type ServicePrincipal" in one for one in given)
    assert "--assignee " not in identities()


def test_every_request_that_sets_an_environment_limits_its_branches():
    """It replaces all that was set: without them, one that adds reviewers would open it to every branch."""
    requests = re.findall(r"gh api --method PUT (?:\\\n|.)*", identities())
    assert len(requests) == 2 and all("custom_branch_policies]=true" in one for one in requests)
    assert "reviewers[]" in requests[1] and "environments/prod" in requests[1]
