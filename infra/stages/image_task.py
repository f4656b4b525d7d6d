"""The task by which the registry builds the cluster's image, and how the files of the build reach it unchanged.

A multi-step task, by https://learn.microsoft.com/azure/container-registry/container-registry-tasks-reference-yaml.
Files can only travel in a volume, and how a volume is written is not documented: ACR's builder decodes each value and
puts it into an unquoted here-document of /bin/sh, which expands `$`, backticks and backslashes
(https://github.com/Azure/acr-builder/blob/main/builder/builder.go, createFilesForVolume). So the volume holds one file,
a script that writes the others, encoded once more than the builder decodes it. The step that decodes and runs it has no
`$`, backtick or backslash either: it passes an alias preprocessor and two shells. It needs bash and base64: the image
behind `bash` is one of Azure Linux with bash (https://github.com/Azure/acr-task-commands/blob/main/bash/Dockerfile).
"""

import base64
import re
import shlex
import textwrap
from collections.abc import Mapping

import pulumi

BUILD_SECONDS = 3600
MOST_SCRIPT_BYTES = 120_000
"""The builder hands a whole volume to its shell as one argument, which Linux limits to 128 KiB (MAX_ARG_STRLEN)."""

_LINE = 76  # the builder reads the task line by line and stops without a word at one of 64 KiB
_FLAT_NAME = re.compile(r"(?!\.{1,2}$)[^/\0]{1,255}")

STEPS = """\
version: v1.1.0
stepTimeout: {seconds}
volumes:
  - name: context
    secret:
      unpack: |
{script}
steps:
  - cmd: bash -c 'set -o pipefail; cd /workspace && base64 -d /context/unpack | bash -e'
    volumeMounts:
      - name: context
        mountPath: /context
  - build: --tag $Registry/{image} --file Dockerfile .
  - push: ["$Registry/{image}"]
"""

_FILE = """\
base64 -d > {name} <<'END'
{content}
END
"""
"""How the script writes one file: no line of base64 can be the END that a file of its own might hold."""


def task_text(image: str, files: Mapping[str, bytes]) -> str:
    """The task that builds `image` from `files`, by name; the names hold no folders.

    RunError where a name is none, or where the files are more than the builder takes.
    """
    for name in files:
        if not _FLAT_NAME.fullmatch(name):
            raise pulumi.RunError(f"{name!r} is no name of a file in the folder that the image is built from")
    script = "".join(
        _FILE.format(name=shlex.quote(f"./{name}"), content=_encoded(content))
        for name, content in sorted(files.items())
    )
    once = _encoded(script.encode())
    if len(once) > MOST_SCRIPT_BYTES:
        size = sum(map(len, files.values()))
        raise pulumi.RunError(
            f"the files that the image is built from hold {size} bytes, encoded {len(once)}: the registry's builder "
            f"takes at most {MOST_SCRIPT_BYTES} encoded"
        )
    volume = textwrap.indent(_encoded(once.encode()), " " * 8)
    return STEPS.format(seconds=BUILD_SECONDS, script=volume, image=image)


def _encoded(content: bytes) -> str:
    return "\n".join(textwrap.wrap(base64.b64encode(content).decode(), _LINE))
