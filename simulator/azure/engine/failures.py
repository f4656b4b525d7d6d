"""Why an operation failed, in the engine's words, without what only its developers read."""

import re
from collections.abc import Sequence

from simulator.azure.engine.steps import Message

_PROGRAM_ERROR = "python inline source runtime error: "
_ENGINES_ECHO = "an unhandled error occurred: "
_NOISE = re.compile(
    r"^(update failed|preview failed|refresh failed|destroy failed|resource monitor shut down.*"
    r"|failed to register new resource .*\[/pulumirpc.*|an unhandled error occurred: Program exited.*)$"
)


def failure_text(operation: str, messages: Sequence[Message], error: str) -> str:
    """One line for each error, the resource first; `error` is what the tool wrote, for when the engine said nothing."""
    lines = [_readable(message) for message in messages if message.severity == "error"]
    telling = [line for line in dict.fromkeys(lines) if line and not _NOISE.match(line) and not _is_echo(line, lines)]
    return f"{operation} failed:\n" + "\n".join(f"  {line}" for line in telling or _told(error))


def _is_echo(line: str, lines: Sequence[str]) -> bool:
    """Whether a line repeats another: what a program says to the engine's log, the engine says of its end once more."""
    return line.startswith(_ENGINES_ECHO) and line.removeprefix(_ENGINES_ECHO) in lines


def _readable(message: Message) -> str:
    text = message.text.strip().removeprefix("error: ")
    if text.startswith(_PROGRAM_ERROR):
        text = text.removeprefix(_PROGRAM_ERROR).partition("\nTraceback ")[0]
    text = re.sub(r"\nTraceback \(most recent call last\):\n(?:\s.*\n)*", "\n", text).strip()
    return str(Message("error", message.resource, text.replace("\n", "\n    ")))


def _told(error: str) -> list[str]:
    """The lines of the tool's own output that name an error, else all of them."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    return [line.partition("error: ")[2] for line in lines if "error: " in line] or lines or ["no reason was given"]
