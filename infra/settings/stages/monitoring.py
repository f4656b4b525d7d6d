"""Logs, alerts and the budget."""

from dataclasses import dataclass
from datetime import date
from typing import Self

from infra.settings.section import Section


@dataclass(frozen=True)
class MonitoringSettings:
    """Logs, alerts and the budget. `logs` is which category group resources send: audit, or allLogs.

    `budget_start` is the first day of the month from which a budget counts that does not exist yet.
    """

    alert_address: str
    budget_amount: float
    budget_start: date
    log_retention_days: int
    daily_cap_gb: float
    logs: str

    @classmethod
    def read(cls, section: Section, today: date) -> Self:
        """`allLogs` writes an entry, with payload, per late event: audit is the default.

        A budget's start is not refused here once it is past: a budget that exists keeps its own, so a file that was
        right stays right. The budget that is still to be made refuses it (`alerts.py`).
        """
        budget = section.section("budget")
        settings = cls(
            alert_address=section.required(
                "alertAddress", r"[^@\s]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", "an e-mail address"
            ),
            budget_amount=budget.number("amount", 150, 1, 10_000_000),
            budget_start=_budget_start(budget, today),
            log_retention_days=section.integer("logRetentionDays", 30, 30, 730),
            daily_cap_gb=section.number("dailyCapGb", 1, 0.1, 1000),
            logs=section.choice("logs", "audit", ("audit", "allLogs")),
        )
        budget.finish()
        return settings


def _budget_start(budget: Section, today: date) -> date:
    """The given day, or the first of this month; Azure takes none that is more than twelve months ahead."""
    month = today.replace(day=1)
    words = f"the first day of a month, like {month}, or none: this month"
    start = date.fromisoformat(budget.text("start", str(month), r"20[0-9]{2}-(0[1-9]|1[0-2])-01", words))
    if start > month.replace(year=month.year + 1):
        budget.refuse("start", str(start), f"a month at most a year ahead, until {month.replace(year=month.year + 1)}")
    return start
