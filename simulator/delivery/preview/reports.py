"""A comparison as text for a terminal, as Markdown for a comment of a pull request, and as JSON for a program."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import asdict

from simulator.azure.engine import Change
from simulator.delivery.preview.comparison import Comparison, Kind, ResourceChange
from simulator.delivery.preview.groups import Group, grouped
from simulator.delivery.preview.values import line_difference, one_line

MARKDOWN_BYTES = 64_000
"""GitHub takes comments of up to 65,536 characters."""

ADDED_IN_FULL = 10
"""Where more resources are added, the text does not list their properties."""

_SIGNS: dict[Kind, str] = {"replaced": "±", "deleted": "-", "changed": "~", "added": "+"}


def as_text(comparison: Comparison) -> str:
    """For a terminal."""
    many = sum(change.kind == "added" for change in comparison.resources) > ADDED_IN_FULL
    resources, records = [], []
    for one in grouped(comparison.resources):
        resources += [f"{_SIGNS[one.kind]} {one.kind:8} {one.title}", *_notes(one, "    ! ")]
        resources += [] if many and one.kind == "added" else [f"    {line}" for line in _lines(one)]
    for record in comparison.records:
        records += [f"{_SIGNS[record.kind]} {record.name}", *_notes(record, "    ! ")]
        records += [f"    {line}" for line in _lines(record)]
    blocks = [
        [f"Stack {comparison.stack}: the working tree against {comparison.base}"],
        [f"! {finding.text}" for finding in comparison.findings],
        resources,
        ["The release would publish:", *records] if records else [],
        [f"warning: {' '.join(text.split())}" for text in comparison.warnings],
        [comparison.summary()],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


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
            {
                "name": one.name,
                "kind": one.kind,
                "properties": [asdict(each) for each in one.properties],
                "lost": one.lost,
                "notes": list(one.notes),
            }
            for one in comparison.records
        ],
        "findings": [asdict(finding) for finding in comparison.findings],
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
    lost = [change for change in (*comparison.resources, *comparison.records) if change.lost]
    if lost:
        lines = [f"> - `{change.title}` is {change.kind}: {change.lost}" for change in lost]
        yield "\n".join(["> [!CAUTION]", "> **Data would be lost.**", *lines]) + "\n\n"
    if comparison.findings:
        yield "\n".join(["> [!WARNING]", *(f"> - {html.escape(one.text)}" for one in comparison.findings)]) + "\n\n"
    for one in grouped(comparison.resources):
        yield _block(f"{_SIGNS[one.kind]} {one.kind}", one.title, one)
    for record in comparison.records:
        yield _block(f"↻ to publish ({record.kind})", record.name, record)
    for text in comparison.warnings:
        yield _fenced([f"warning: {text}"], "")


def _block(what: str, title: str, shown: ResourceChange | Group) -> str:
    lines = [*_notes(shown, "! "), *_lines(shown)]
    summary = f"{what} <code>{html.escape(title)}</code>"
    if not lines:
        return f"{summary}\n\n"
    unfolded = "" if shown.kind == "added" else " open"
    return f"<details{unfolded}><summary>{summary}</summary>\n\n{_fenced(lines, 'diff')}\n</details>\n\n"


def _fenced(lines: list[str], language: str) -> str:
    """A block of code whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}{language}", *lines, fence]) + "\n"


def _notes(shown: ResourceChange | Group, indent: str) -> list[str]:
    return [f"{indent}{note}" for note in shown.warnings()]


def _lines(shown: ResourceChange | Group) -> list[str]:
    """Which resources a group is, and each property that differs."""
    members = shown.names() if isinstance(shown, Group) else []
    return [*members, *(line for one in shown.properties for line in _one_property(one, added=shown.kind == "added"))]


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
