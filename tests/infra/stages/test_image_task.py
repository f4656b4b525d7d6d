"""The files of the image's build, on the way that they take: as text through the shells of the registry's builder."""

import base64
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pulumi
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.stages.image_task import task_text
from infra.stages.registry import CONTEXT_FILES, ENVIRONMENT

IMAGE = "scoring:0123"
DOCKERFILE = {"Dockerfile": (ENVIRONMENT / "Dockerfile").read_bytes()}


def arriving(files: Mapping[str, bytes], folder: Path) -> dict[str, bytes]:
    """What is in /workspace after the first step of the task that builds from `files`.

    The volume is written by the line that https://github.com/Azure/acr-builder, builder/builder.go
    (createFilesForVolume) gives to `/bin/sh -c`.
    """
    task = yaml.safe_load(task_text(IMAGE, files))
    (volume,) = task["volumes"]
    line = f"mkdir {volume['name']} && "
    for name, value in volume["secret"].items():
        line += f"cat >> {volume['name']}/{name} <<EOL\n{base64.b64decode(value).decode()}\nEOL\n"
    workspace = folder / "workspace"
    workspace.mkdir()
    shell(line, folder)
    step = task["steps"][0]
    (mount,) = step["volumeMounts"]
    command = step["cmd"].replace(mount["mountPath"], f"{folder}/{mount['name']}")
    shell(command.replace("/workspace", str(workspace)), folder)
    return {os.fsdecode(file.name): file.read_bytes() for file in workspace.iterdir()}


def shell(line: str, folder: Path) -> None:
    subprocess.run(["/bin/sh", "-c", line], cwd=folder, check=True, timeout=60)


def test_the_environments_files_arrive_unchanged(tmp_path: Path):
    files = {file: (ENVIRONMENT / file).read_bytes() for file in CONTEXT_FILES}
    assert arriving(files, tmp_path) == files


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"no line break at the end",
        b"CRLF\r\nCRLF\r\n",
        b"EOL\nEOL \n EOL\nEND\n",
        b"$HOME ${HOME} $(echo expanded) `echo expanded` $$ $1\n",
        b"continued \\\nline \\\\ \\$ \\`\n",
        b"'single' \"double\" {{.Run.ID}} $Registry !history # comment\n",
        "größer ≥ 温度\n".encode(),
        bytes(range(256)),
        b"-----BEGIN\n" + b"x" * 50_000,
    ],
)
def test_whatever_a_file_holds_arrives_unchanged(content: bytes, tmp_path: Path):
    files = {**DOCKERFILE, "file": content}
    assert arriving(files, tmp_path) == files


@pytest.mark.parametrize("name", ["with space", "it's", "$HOME", "`id`", "-n", "größe", 'a"b', "a\nb", ".dockerignore"])
def test_whatever_a_file_is_called_it_arrives_under_its_name(name: str, tmp_path: Path):
    files = {**DOCKERFILE, name: b"content $HOME\n"}
    assert arriving(files, tmp_path) == files


@settings(max_examples=30)
@given(files=st.dictionaries(st.text("ab $'`\\\"*~;&|<>", min_size=1, max_size=8), st.binary(max_size=200), max_size=3))
def test_any_files_arrive_unchanged(files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory):
    assert arriving(files, tmp_path_factory.mktemp("builder")) == files


def test_no_character_of_a_command_means_anything_to_the_shells_and_aliases_on_its_way():
    for step in yaml.safe_load(task_text(IMAGE, DOCKERFILE))["steps"]:
        assert not re.search(r"[$`\\]", step.get("cmd", ""))


def test_no_line_is_longer_than_the_preprocessor_reads():
    text = task_text(IMAGE, {**DOCKERFILE, "large": b"x" * 60_000})
    assert max(map(len, text.splitlines())) < 200


def test_files_that_the_builder_cannot_take_are_refused_with_their_size():
    with pytest.raises(pulumi.RunError, match=r"hold 90000 bytes, encoded \d+: .* takes at most 120000 encoded"):
        task_text(IMAGE, {"Dockerfile": b"x" * 90_000})


@pytest.mark.parametrize("name", ["", "..", "folder/file", "a\0b"])
def test_a_name_that_is_none_is_refused(name: str):
    with pytest.raises(pulumi.RunError, match="is no name of a file"):
        task_text(IMAGE, {name: b""})
