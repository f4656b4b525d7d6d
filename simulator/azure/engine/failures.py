"""Why an operation failed, in the engine's words, without what only its developers read."""

import re
from collections.abc import Sequence

from simulator.azure.engine.steps import Message

_PROGRAM_ERROR = "python inline source runtime error: "
_NOISE = re.compile(
    r"^(update failed|preview failed|refresh failed|destroy failed|resource monitor shut down.*"
    r"|failed to register new resource .*\[/pulumirpc.*|an unhandled error occurred: Program exited.*)$"
)


def failure_text(operation: str, messages: Sequence[Message], error: str) -> str:
    """One line for each error, the resource first; `error` is what the tool wrote, for when the engine said nothing."""
    lines = [_readable(message) for message in messages if message.severity == "error"]
    telling = [line for line in dict.fromkeys(lines) if line and not _NOISE.match(line)]
    return f"{operation} failed:\n" + "\n".join(f"  {line}" for line in telling or _told(error))


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
