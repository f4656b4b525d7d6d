"""What can be said against a Dockerfile without Docker: instructions that are none, and files that are not there.

https://docs.docker.com/reference/dockerfile; what an instruction does is not looked at.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

_WORDS = """
ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME
WORKDIR
"""
INSTRUCTIONS = frozenset(_WORDS.split())


def dockerfile_problem(context: Path, file: str) -> str | None:
    """Why `docker build --file FILE CONTEXT` would end at once, or None."""
    path = context / file
    if not path.is_file():
        return f"unable to read the Dockerfile: {file} does not exist"
    found = []
    for line in _instructions(path.read_text(encoding="utf-8", errors="replace")):
        word, _, rest = line.partition(" ")
        if word.upper() not in INSTRUCTIONS or not rest.strip():
            return f"{file}: unknown instruction, or one without arguments: {line!r}"
        found.append(word.upper())
        if word.upper() == "COPY" and (missing := _missing(context, rest)):
            return f"{file}: COPY failed: {missing} is not in the build context"
    if "FROM" not in found:
        return f"{file}: no build stage: it has no FROM"
    return None


def _instructions(text: str) -> Iterator[str]:
    """One line per instruction: comments left out, continued lines put together."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    yield from (line.strip() for line in re.sub(r"\\[ \t]*\n", " ", "\n".join(lines)).split("\n") if line.strip())


def _missing(context: Path, arguments: str) -> str | None:
    words = shlex.split(arguments)
    if any(word.startswith("--from") for word in words):
        return None
    sources = [word for word in words if not word.startswith("--")][:-1]
    return next((one for one in sources if not any(context.glob(one.lstrip("/")))), None)
