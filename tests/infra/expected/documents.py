"""The documents' tables of roles, alerts and days, made from what is expected of the stacks."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from infra.watching.alert import Activity, Alert, Metric, Query
from infra.watching.alert_table import alert_table
from tests.infra.expected.stacks import settings_of

_ACTIONS = {"baseBlob.tierToCool": "cool after", "baseBlob.delete": "deleted after", "version.delete": "versions after"}

COMMAND = "python -m tests.infra.expected"
"""Writes everything anew."""

_WHO = {"StreamingJob": "stream job", "UserAssignedIdentity": "cluster", "deployer": "each deployer"}
_WHAT = {
    "BlobContainer": "container `{name}`",
    "Component": "Application Insights",
    "ConsumerGroup": "consumer group `{name}`",
    "EventHub": "the hub",
    "Registry": "the registry",
    "StorageAccount": "the account `{full}`",
    "Table": "the database's table `{full}`",
    "Workspace": "the workspace",
}

_ALERTS = """\
# Alerts

<!-- Written by `{command}` from infra/watching/alert_table.py and what the stacks declare. -->

Every alert sends a mail to `monitoring: {{alertAddress: …}}` that names its entry here. Those on metrics and logs end
by themselves. What is said of Azure here was read and not tried: [the evidence](evidence.md#monitoring).

* **A new stack is silent** until there is something to miss; each entry says what it waits for.
* **Devices that rest** raise `hub-silent` after an hour. The alerts on missing windows speak only if events arrive. The
  runs of the first day after all went silent at once fail, and raise `runs-failed`, because in the database that looks
  like a stream job that stopped; later ones complete. `release: {{waitMinutes: 0}}` ends that.
* **At the daily cap** of the log workspace nothing more is logged: alerts that read logs then miss what is there. Raise
  `monitoring: {{dailyCapGb: …}}`. Metrics and the activity log have no cap.
* **What rests on purpose** is not missed: a stream job with `stream: {{running: false}}`, runs with `schedule:
  {{enabled: false}}`. Where a schedule pauses for 36 hours or longer, as over weekends, its runs are not missed either:
  a query of logs looks back two days at most. Runs beside a stream job at rest fail for a day.

{table}

Severity 1: readings or results are missing; 2: look soon; 3: when you have time. The budget sends a mail at 80% spent
and at 100% forecast.

{entries}"""


def alerts_page(expected: Mapping[str, Any]) -> str:
    """docs/alerts.md."""
    alerts = alert_table(settings_of("dev"))
    rows = [(f"[{each.name}](#{each.name})", each.says, str(each.severity), each.watches) for each in alerts]
    return _ALERTS.format(
        command=COMMAND,
        table=_table(("alert", "says that", "severity", "watches"), rows),
        entries="\n".join(_entry(each, expected) for each in alerts),
    )


def roles_table(expected: Mapping[str, Any]) -> str:
    """Who may do what, where: the same in every stack, else the stack is named."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for stack, declared in expected.items():
        for each in declared.values():
            row = (_who(each["principal"]), each["role"], _what(each["scope"]))
            rows.setdefault(row, []).append(stack)
    order = list(_WHO.values())
    return _table(
        ("who", "role", "on"),
        [
            (who, role, what if set(stacks) == set(expected) else f"{what} ({', '.join(stacks)} only)")
            for (who, role, what), stacks in sorted(
                rows.items(), key=lambda item: (order.index(item[0][0]) if item[0][0] in order else 9, item[0])
            )
        ],
    )


def days_table(expected: Mapping[str, Any]) -> str:
    """How long everything is kept, a column per stack."""
    lines: dict[str, dict[str, str]] = {}
    for stack, declared in expected.items():
        for name, value in declared.items():
            lines.setdefault(name, {})[stack] = _kept(value)
    rows = [(_readable(name), *(kept.get(stack, "–") for stack in expected)) for name, kept in sorted(lines.items())]
    return _table(("what", *expected), rows)


def replaced(text: str, name: str, table: str) -> str:
    """`text` with the table between the two comments of that name; ValueError where there are none."""
    begin, end = f"<!-- {name}: written by `{COMMAND}` -->", f"<!-- end of {name} -->"
    found, count = re.subn(
        f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: f"{begin}\n\n{table}\n\n{end}", text, flags=re.DOTALL
    )
    if count != 1:
        raise ValueError(f"{count} places for the table of {name}: there must be one, between {begin} and {end}")
    return found


def _entry(alert: Alert, expected: Mapping[str, Any]) -> str:
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(alert.runbook, 1))
    measures = {
        stack: _raised(alert, declared[alert.name]) for stack, declared in expected.items() if alert.name in declared
    }
    differing = len(set(measures.values())) > 1
    raised = "; ".join(f"{stack}: {text}" for stack, text in measures.items()) if differing else measures["dev"]
    return (
        f"## {alert.name}\n\n{alert.says[0].upper()}{alert.says[1:]}.\n\n"
        f"* Raised by {raised}.\n* On a new stack: {alert.grace}.\n\n{steps}\n"
    )


def _raised(alert: Alert, declared: Mapping[str, Any]) -> str:
    """In words, with the numbers that the stack declares."""
    match alert.check:
        case Metric():
            sign = {"GreaterThan": "above", "LessThan": "below"}[declared["operator"]]
            return (
                f"metric `{declared['metricName']}`, {declared['timeAggregation'].lower()} of "
                f"{_time(declared['windowSize'])} {sign} {declared['threshold']:g}, "
                f"looked at every {_time(declared['evaluationFrequency'])}"
            )
        case Query() as query:
            return (
                f"a row of `infra/watching/log_queries/{query.name}.kql` "
                f"over the last {_time(declared['windowSize'])}, "
                f"looked at every {_time(declared['evaluationFrequency'])}"
            )
        case Activity():
            fields = (
                f"{field} {' or '.join(value) if isinstance(value, list) else value}"
                for field, value in map(_condition, declared["condition"]["allOf"])
            )
            return f"an entry of the activity log: {', '.join(fields)}"


def _condition(condition: Mapping[str, Any]) -> tuple[str, Any]:
    """The field that is looked at, and the value or values that it may have."""
    if any_of := condition.get("anyOf"):
        return "|".join(sorted({one["field"] for one in any_of})), [one["equals"] for one in any_of]
    return condition["field"], condition["equals"]


def _time(text: str) -> str:
    """`PT15M` in words."""
    number, unit = int("".join(filter(str.isdigit, text))), text[-1]
    word = {"M": "minute", "H": "hour", "D": "day"}[unit]
    return f"{number} {word}{'s' if number > 1 else ''}"


def _who(principal: str) -> str:
    return _WHO.get(principal.partition(" ")[0], principal)


def _what(scope: str) -> str:
    kind, _, full = scope.partition(" ")
    return _WHAT.get(kind, "{kind} `{full}`").format(kind=kind, full=full, name=full.removeprefix("scoring-"))


def _kept(value: Any) -> str:
    if not isinstance(value, Mapping):
        return f"{value} days"
    if "retentionDescription" in value:
        return f"{value['retentionDescription']['retentionTimeInHours']} hours"
    if "workspaceCapping" in value:
        return f"{value['retentionInDays']} days, at most {value['workspaceCapping']['dailyQuotaGb']:g} GB a day"
    if "retentionDays" in value:
        return f"{value['retentionDays']} days"
    if "properties" in value:
        return f"deleted ones {value['properties']['softDeleteRetentionInDays']} days"
    if "deleteRetentionPolicy" in value:
        days = value["deleteRetentionPolicy"]["days"]
        return f"deleted ones {days} days{', old versions' if value['isVersioningEnabled'] else ''}"
    return ", ".join(_actions(value))


def _actions(rule: Mapping[str, Any]) -> Iterator[str]:
    """What a life-cycle rule does, in the order of `_ACTIONS`; its other values are its filters."""
    days = {path.rpartition(".")[0]: number for path, number in rule.items() if "." in path}
    for action in sorted(days, key=lambda each: [*_ACTIONS, each].index(each)):
        yield f"{_ACTIONS.get(action, action)} {days[action]} days"


def _readable(name: str) -> str:
    fixed = {
        "hub": "events in the hub",
        "windows": "windows",
        "backups": "backups of the database",
        "audit": "audit",
        "logs": "logs",
        "vault": "the vault and what is in it",
    }
    account, colon, rule = name.partition(": ")
    return fixed.get(name) or (f"{account.partition(' ')[2]}: `{rule}`" if colon else f"blobs of {name}")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (f"| {' | '.join(cells)} |" for cells in (head, *rows))
    return "\n".join([next(lines), "|---" * len(head) + "|", *lines])
