"""What an alert is: the condition that raises it, and what a person then reads and does."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

STREAM_JOB, HUB, DATABASE, WORKSPACE, LOGS = "stream job", "event hub", "database", "Azure ML workspace", "logs"
"""What alerts watch."""


@dataclass(frozen=True)
class Metric:
    """Raised when the `aggregation` of a metric over `window` is `operator` than `threshold`."""

    name: str
    aggregation: str
    threshold: float
    operator: str = "GreaterThan"
    window: str = "PT15M"
    frequency: str = "PT5M"


@dataclass(frozen=True)
class Query:
    """Raised when a query of `infra/watching/log_queries`, over `window`, has a row; `patience` is filled in."""

    name: str
    patience: timedelta
    window: str
    frequency: str = "PT15M"


@dataclass(frozen=True)
class Activity:
    """Raised by an entry of the activity log whose fields all have one of the values given for them."""

    fields: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Alert:
    """One alert. Severity 1 is "readings or results are missing", 2 "soon", 3 "look when you have time".

    `grace` says what keeps it silent on a new stack, `runbook` what to do, a step each. The activity log knows no
    severities: there it is for people.
    """

    name: str
    watches: str
    says: str
    check: Metric | Query | Activity
    severity: int
    grace: str
    runbook: tuple[str, ...]
