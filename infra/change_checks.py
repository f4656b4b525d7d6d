"""Changes that Azure is known to refuse, refused before anything is done.

Each depends on what exists already, which settings alone cannot tell: so it is a hook of the resource, and runs in a
preview too. A preview comes before every `pulumi up`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import pulumi

REPLICATIONS_IN_PLACE = (
    frozenset({"Standard_LRS", "Standard_GRS", "Standard_RAGRS"}),
    frozenset({"Standard_GZRS", "Standard_RAGZRS"}),
)
"""Redundancies that a storage account changes between by a new SKU; from the second set also to Standard_ZRS.

Whatever adds or removes zones is a migration that Azure does in its own time. From Standard_ZRS to Standard_GZRS the
page allows what was reported to be refused; that, too, is left to a person.
Source: https://learn.microsoft.com/azure/storage/common/redundancy-migration, terraform-provider-azurerm issues 6526
(StorageAccountTypeConversionNotAllowed) and 17639"""


class ChangeError(Exception):
    """Azure would refuse the change; the text says why, and what to do."""


def changes_in_place(old: str, new: str) -> bool:
    """Whether a storage account takes the redundancy `new` where it has `old`."""
    local, zoned = REPLICATIONS_IN_PLACE
    return old == new or {old, new} <= local or (old in zoned and new in zoned | {"Standard_ZRS"})


def redundancy_check() -> pulumi.ResourceHookBinding:
    """For storage accounts: a redundancy that an account cannot take in place."""

    def check(args: pulumi.ResourceHookArgs) -> None:
        old, new = (_sku(inputs) for inputs in (args.old_inputs, args.new_inputs))
        if not changes_in_place(old, new):
            raise ChangeError(
                f"storage.redundancy: Azure does not change {args.name} from {old} to {new} in place. "
                f"{_way(old, new)}, "
                "run `pulumi refresh`, then give the new redundancy; or take a new stack, without the old one's blobs"
            )

    return pulumi.ResourceHookBinding(before_update=[_hook("storage-redundancy", check)])


def _way(old: str, new: str) -> str:
    """What a person can do: zones come and go by a migration, another region by a new SKU."""
    if ("ZRS" in old) == ("ZRS" in new):
        return f"Try `az storage account update --sku {new}`, which is not allowed everywhere"
    return "Migrate the account (`az storage account migration start`, with geo-redundancy as a change of its own)"


def past_start(start: date) -> tuple[str, str] | None:
    """What Azure has against a budget that is still to be made, and what to do; None if nothing.

    Source: https://learn.microsoft.com/rest/api/consumption/budgets/create-or-update (timePeriod)
    """
    if start >= datetime.now(UTC).date().replace(day=1):
        return None
    return (
        f"monitoring.budget.start is {start}: Azure makes no budget that starts in an earlier month",
        "leave it out for this month",
    )


def budget_check() -> pulumi.ResourceHookBinding:
    """For the budget: a start that is past when it is to be made."""

    def check(args: pulumi.ResourceHookArgs) -> None:
        start = date.fromisoformat((args.new_inputs or {})["timePeriod"]["startDate"][:10])
        if problem := past_start(start):
            raise ChangeError("; ".join(problem))

    return pulumi.ResourceHookBinding(before_create=[_hook("budget-start", check)])


def _hook(name: str, check: Callable[[pulumi.ResourceHookArgs], None]) -> pulumi.ResourceHook:
    return pulumi.ResourceHook(name, check, pulumi.ResourceHookOptions(on_dry_run=True))


def _sku(inputs: Mapping[str, Any] | None) -> str:
    return (inputs or {}).get("sku", {}).get("name", "")
