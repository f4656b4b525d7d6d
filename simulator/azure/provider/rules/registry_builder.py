"""What the registry makes of a task run: the volume as its builder writes it, and the steps in real shells.

Source: https://github.com/Azure/acr-builder, graph/preprocessor.go (aliases, line by line) and builder/builder.go
(createFilesForVolume, runStep). Of a `build` step only what must be there is looked at, nothing is built. Steps other
than `bash`, `build` and `push`, and tasks in Git, are not simulated.
"""

import base64
import binascii
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from simulator.azure.provider.rules.dockerfile import dockerfile_problem

MOST_LINE_BYTES = 64 * 1024
"""What Go's bufio.Scanner takes; the preprocessor stops at a longer line without a word."""

SHELL = "/bin/sh"
"""builder/init_shell_unix.go"""

STEP_SECONDS = 60
_ALIAS = re.compile(r"\$([A-Za-z0-9]*)")


class TaskFailedError(Exception):
    """The run ends as `Failed`, for this reason."""


@dataclass
class Builder:
    """A builder with its folders on this machine; `workspace` is what the steps share."""

    folder: Path
    registry: str
    built: list[str] = field(default_factory=list)
    pushed: list[str] = field(default_factory=list)

    @property
    def workspace(self) -> Path:
        """What a step sees as /workspace."""
        return self.folder / "workspace"

    def run(self, task: Mapping[str, Any]) -> None:
        """Carry out the task; TaskFailedError at the first thing that fails."""
        self.workspace.mkdir()
        for volume in task.get("volumes") or ():
            self._write_volume(volume["name"], volume["secret"])
        for number, step in enumerate(task.get("steps") or ()):
            try:
                self._step(step)
            except TaskFailedError as error:
                raise TaskFailedError(f"failed to run step ID: acb_step_{number}: {error}") from error
        if not self.pushed:
            raise TaskFailedError("the task pushes no image")

    def _write_volume(self, name: str, secret: Mapping[str, str]) -> None:
        """One command line for all files of a volume; each is looked at afterwards, which the true builder leaves out.

        Where the shell changed a file, what the steps get is not what the program meant.
        """
        files = {file: _decoded(value) for file, value in secret.items()}
        writes = "".join(f"cat >> {name}/{file} <<EOL\n{text}\nEOL\n" for file, text in files.items())
        self._shell(f"mkdir {name} && {writes}", self.folder)
        for file, text in files.items():
            path = self.folder / name / file
            if not path.is_file() or path.read_bytes() != os.fsencode(f"{text}\n"):
                raise TaskFailedError(f"the shell that writes volume {name!r} changed {file!r}: it expands $, ` and \\")

    def _step(self, step: Mapping[str, Any]) -> None:
        match step:
            case {"cmd": str(command)}:
                self._command(command, {one["name"]: one["mountPath"] for one in step.get("volumeMounts") or ()})
            case {"build": str(words)}:
                self._build(shlex.split(words))
            case {"push": list(images)}:
                self._push(images)
            case _:
                raise TaskFailedError(f"the step {dict(step)} is not simulated")

    def _command(self, command: str, mounts: Mapping[str, str]) -> None:
        """Run a step of the image `bash` here, with the paths of its container led to folders of this machine."""
        if command.split()[0] != "bash":
            raise TaskFailedError(f"a step of {command.split()[0]!r} is not simulated: only bash")
        places = {"/workspace": str(self.workspace)}
        places |= {path: str(self.folder / name) for name, path in mounts.items()}
        for path, place in places.items():
            command = re.sub(rf"(?<![\w./-]){re.escape(path)}(?![\w.-])", place, command)
        self._shell(command, self.workspace)

    def _build(self, words: list[str]) -> None:
        """See that the Dockerfile, and what it copies, has arrived."""
        options = dict(pairwise(words))
        file = options.get("--file") or options.get("-f") or "Dockerfile"
        if problem := dockerfile_problem(self.workspace / words[-1], file):
            raise TaskFailedError(problem)
        self.built += [value for option, value in pairwise(words) if option in ("--tag", "-t")]

    def _push(self, images: list[str]) -> None:
        for image in images:
            if image not in self.built:
                raise TaskFailedError(f"An image does not exist locally with the tag: {image}")
            if not image.startswith(f"{self.registry}/"):
                raise TaskFailedError(f"{image} is not in this registry: {self.registry}")
            self.pushed.append(image)

    def _shell(self, command: str, folder: Path) -> None:
        try:
            done = subprocess.run(
                [SHELL, "-c", command],
                cwd=folder,
                env={"PATH": os.defpath, "HOME": str(self.folder), "LANG": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=STEP_SECONDS,
                check=False,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise TaskFailedError(f"{SHELL}: {error}") from error
        if done.returncode != 0:
            raise TaskFailedError(f"exit status {done.returncode}: {done.stderr.strip()}")


def run_task(encoded: str, registry: str) -> dict[str, Any]:
    """Run a task as the API gets it; what is pushed, and what the build had before it (base64 by file name).

    Raises TaskFailedError.
    """
    with tempfile.TemporaryDirectory(prefix="task-run-") as folder:
        builder = Builder(Path(folder), registry)
        builder.run(_task(_decoded(encoded), {"Registry": registry}))
        arrived = {
            file.relative_to(builder.workspace).as_posix(): base64.b64encode(file.read_bytes()).decode()
            for file in sorted(builder.workspace.rglob("*"))
            if file.is_file()
        }
        return {"images": builder.pushed, "context": arrived}


def _task(text: str, aliases: Mapping[str, str]) -> Mapping[str, Any]:
    """The task with its aliases resolved; an unknown one stays as it is."""
    lines = "".join(f"{line}\n" for line in _lines(text))
    resolved = _ALIAS.sub(lambda found: aliases.get(found[1], found[0]), lines)
    try:
        task = yaml.safe_load(resolved)
    except yaml.YAMLError as error:
        raise TaskFailedError(f"the task is no YAML: {error}") from error
    if not isinstance(task, Mapping):
        raise TaskFailedError("the task is empty")
    return task


def _lines(text: str) -> Iterator[str]:
    """The lines that the preprocessor passes on."""
    for line in text.split("\n"):
        if len(line.encode()) >= MOST_LINE_BYTES:
            return
        if not line.startswith("#"):
            yield line.removesuffix("\r")


def _decoded(value: str) -> str:
    """Base64 as Go's StdEncoding takes it: line breaks are skipped, anything else is an error."""
    try:
        return os.fsdecode(base64.b64decode(re.sub(r"[\r\n]", "", value), validate=True))
    except binascii.Error as error:
        raise TaskFailedError(
            "failed to decode Base64 value. please make sure value provided is Base64 encoded"
        ) from error
