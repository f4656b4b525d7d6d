"""A comparison as text for a terminal, as Markdown for a comment of a pull request, and as JSON for a program."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import asdict

from simulator.azure.engine import Change
from simulator.azure.preview.comparison import Comparison, Kind, ResourceChange
from simulator.azure.preview.values import line_difference, one_line

MARKDOWN_BYTES = 64_000
"""GitHub takes comments of up to 65,536 characters."""

ADDED_IN_FULL = 10
"""Where more resources are added, the text does not list their properties."""

_SIGNS: dict[Kind, str] = {"replaced": "±", "deleted": "-", "changed": "~", "added": "+"}


def as_text(comparison: Comparison) -> str:
    """For a terminal."""
    lines = [f"Stack {comparison.stack}: the working tree against {comparison.base}", ""]
    many = sum(change.kind == "added" for change in comparison.resources) > ADDED_IN_FULL
    for change in comparison.resources:
        lines += [f"{_SIGNS[change.kind]} {change.kind:8} {change.type} {change.name}", *_notes(change, "    ! ")]
        if not (many and change.kind == "added"):
            lines += [f"    {line}" for line in _property_lines(change)]
    if comparison.records:
        lines += [*([""] if comparison.resources else []), "The release would publish:"]
    for record in comparison.records:
        lines += [f"{_SIGNS[record.kind]} {record.name}", *(f"    {line}" for line in _property_lines(record))]
    lines += [f"warning: {' '.join(text.split())}" for text in comparison.warnings]
    return "\n".join([*lines, *([""] if comparison.changes else []), comparison.summary()]) + "\n"


def as_json(comparison: Comparison) -> str:
    """For a program; keys may be added to it, none are renamed or removed."""
    content = {
        "stack": comparison.stack,
        "base": comparison.base,
        "changes": comparison.changes,
        "losesData": comparison.loses_data,
        "unchanged": comparison.unchanged,
        "resources": [asdict(change) for change in comparison.resources],
        "records": [
            {"name": one.name, "kind": one.kind, "properties": [asdict(each) for each in one.properties]}
            for one in comparison.records
        ],
        "warnings": list(comparison.warnings),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def marker(stack: str) -> str:
    """The first line of the Markdown, by which a workflow finds the comment that it wrote before."""
    return f"<!-- infrastructure preview: {stack} -->"


def as_markdown(comparison: Comparison) -> str:
    """For a comment: the summary first, then a block to unfold for each resource, as many as fit."""
    head = f"{marker(comparison.stack)}\n### Infrastructure of `{comparison.stack}`: {comparison.summary()}\n\n"
    foot = f"Simulated: the working tree against {comparison.base}, without Azure.\n"
    parts, left_out, room = [head], 0, MARKDOWN_BYTES - len((head + foot).encode()) - 200
    for part in _markdown_parts(comparison):
        room -= len(part.encode())
        if room < 0:
            left_out += 1
        else:
            parts.append(part)
    if left_out:
        parts.append(f"{left_out} more did not fit here: run `make preview`.\n\n")
    return "".join([*parts, foot])


def failure_as_markdown(stack: str, reason: str) -> str:
    """For a comment, where a tree's program could not be run."""
    shown = reason[: MARKDOWN_BYTES // 2]
    return f"{marker(stack)}\n### Infrastructure of `{stack}`: no preview\n\n{_fenced(shown.splitlines(), '')}\n"


def _markdown_parts(comparison: Comparison) -> Iterator[str]:
    lost = [change for change in comparison.resources if change.lost]
    if lost:
        lines = [f"> - `{change.type} {change.name}` is {change.kind}: {change.lost}" for change in lost]
        yield "\n".join(["> [!CAUTION]", "> **Data would be lost.**", *lines]) + "\n\n"
    for change in comparison.resources:
        yield _block(f"{_SIGNS[change.kind]} {change.kind}", f"{change.type} {change.name}", change)
    for record in comparison.records:
        yield _block(f"↻ to publish ({record.kind})", record.name, record)
    for text in comparison.warnings:
        yield _fenced([f"warning: {text}"], "")


def _block(what: str, title: str, change: ResourceChange) -> str:
    lines = [*_notes(change, "! "), *_property_lines(change)]
    summary = f"{what} <code>{html.escape(title)}</code>"
    if not lines:
        return f"{summary}\n\n"
    shown = "" if change.kind == "added" else " open"
    return f"<details{shown}><summary>{summary}</summary>\n\n{_fenced(lines, 'diff')}\n</details>\n\n"


def _fenced(lines: list[str], language: str) -> str:
    """A block of code whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}{language}", *lines, fence]) + "\n"


def _notes(change: ResourceChange, indent: str) -> list[str]:
    notes = [f"DATA LOSS: {change.lost}"] if change.lost else []
    if change.protected:
        notes.append("protected: the deployment would be refused until the protection is taken off")
    return [f"{indent}{note}" for note in notes]


def _property_lines(change: ResourceChange) -> list[str]:
    return [line for one in change.properties for line in _one_property(one, added=change.kind == "added")]


def _one_property(change: Change, *, added: bool) -> list[str]:
    because = "  (this replaces it)" if change.replaces else ""
    if not added and change.old == change.new:
        return [f"{change.path}: another random one{because}"]
    lines = line_difference(change.old, change.new)
    if lines:
        return [f"{change.path}:{because}", *lines]
    if added:
        return [f"{change.path}: {one_line(change.new)}"]
    return [f"{change.path}: {one_line(change.old)} → {one_line(change.new)}{because}"]
