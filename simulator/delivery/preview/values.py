"""How values are written for a reader: in one line, or as a difference of lines."""

import base64
import difflib
import hashlib
import json
import re
from contextlib import suppress
from typing import Any

from simulator.delivery.preview.masking import KNOWN_LATER

LINE, HEAD, TAIL = 160, 100, 30
"""Values longer than a line are shortened to their head and their tail."""

_BASE64 = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")

CONTEXT = 2
"""Unchanged lines around a changed one."""

NEW_LINES = 20
"""How many lines of a new text are shown."""


def one_line(value: Any) -> str:
    """The value as JSON, shortened in the middle; a hash tells shortened values apart."""
    if value is None:
        return "(none)"
    if value == KNOWN_LATER:
        return KNOWN_LATER
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if len(text) <= LINE:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{text[:HEAD]}…{text[-TAIL:]} ({len(text):,} characters, SHA-256 {digest}…)"


def line_difference(old: Any, new: Any) -> list[str]:
    """Lines that begin with `+`, `-` or a blank, if both values are texts of several lines or JSON; else none."""
    before, after = _lines(old), _lines(new)
    if before is None or after is None or max(len(before), len(after)) < 2:
        return []
    difference = list(difflib.unified_diff(before, after, lineterm="", n=CONTEXT))[2:]
    if not before and len(difference) > NEW_LINES:
        return [*difference[:NEW_LINES], f"… {len(difference) - NEW_LINES} more lines"]
    return difference


def _lines(value: Any) -> list[str] | None:
    """The lines of a text; JSON and Base64 are written out, Base64 also where it is a value in a line."""
    if value is None:
        return []
    if not isinstance(value, str) or value == KNOWN_LATER:
        return None
    if value[:1] in ("{", "["):
        with suppress(ValueError):
            return json.dumps(json.loads(value), indent=2, ensure_ascii=False).splitlines()
    if _BASE64.fullmatch(value) and (text := _decoded(value)):
        return [expanded for line in text.splitlines() for expanded in _expanded(line)]
    return value.splitlines()


def _expanded(line: str) -> list[str]:
    """A line, followed by the text that its value is the Base64 of."""
    key, _, value = line.rpartition(" ")
    text = _decoded(value) if key and _BASE64.fullmatch(value) else ""
    return [key, *(f"{' ' * (len(key) - len(key.lstrip()) + 2)}{one}" for one in text.splitlines())] if text else [line]


def _decoded(value: str) -> str:
    """The text that the value is the Base64 of; "" if it is none."""
    try:
        return base64.b64decode(value, validate=True).decode()
    except ValueError:
        return ""
