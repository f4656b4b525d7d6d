"""Which workspace a command means."""

import os
from pathlib import Path

import pytest

from scoring.publish import Workspace
from scoring.publish.stack_outputs import find_workspace
from stream_queries.errors import UserError


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program called pulumi, for tests to write; it is the only one on the PATH beside the system's."""
    program = tmp_path / "pulumi"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return program


def write(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_a_stacks_workspace_is_found_in_its_outputs(pulumi: Path):
    write(pulumi, """echo '{"subscriptionId": "s", "resourceGroup": "g", "workspace": "w", "image": "i"}'""")
    assert find_workspace("dev", None, None, None) == Workspace("s", "g", "w")
    assert find_workspace("dev", None, None, "other") == Workspace("s", "g", "other")


def test_pulumi_is_asked_for_the_stack_by_its_name_and_never_waits_for_an_answer(pulumi: Path, tmp_path: Path):
    write(pulumi, f"""echo "$@" > {tmp_path}/asked; echo '{{}}'""")
    with pytest.raises(UserError):
        find_workspace("prod", None, None, None)
    assert (tmp_path / "asked").read_text() == "stack output --json --non-interactive --stack prod\n"


def test_three_names_do_without_a_stack():
    assert find_workspace(None, "s", "g", "w") == Workspace("s", "g", "w")


@pytest.mark.parametrize("names", [(None, None, None), ("s", None, "w"), (None, "g", "w")])
def test_fewer_names_without_a_stack_are_refused(names: tuple[str | None, ...]):
    with pytest.raises(UserError, match="give --stack NAME, or --subscription, --resource-group and --workspace"):
        find_workspace(None, *names)


def test_a_stack_that_is_not_deployed_is_told(pulumi: Path):
    write(pulumi, """echo '{"subscriptionId": "s"}'""")
    with pytest.raises(UserError, match="stack dev has no output resourceGroup, workspace: deploy it with pulumi up"):
        find_workspace("dev", None, None, None)


def test_what_pulumi_complains_of_is_told_in_its_first_line(pulumi: Path):
    write(pulumi, "echo 'error: no stack named dev found' >&2; echo more >&2; exit 255")
    with pytest.raises(UserError, match=r"outputs of stack dev: error: no stack named dev found$"):
        find_workspace("dev", None, None, None)


def test_outputs_that_are_no_json_are_told(pulumi: Path):
    write(pulumi, "echo warning: something")
    with pytest.raises(UserError, match="has not told the outputs of stack dev as JSON"):
        find_workspace("dev", None, None, None)


def test_a_missing_pulumi_is_told(pulumi: Path):
    with pytest.raises(UserError, match="pulumi is not on the PATH"):
        find_workspace("dev", None, None, None)
