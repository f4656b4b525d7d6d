"""Rules of single services, on the provider's own operations."""

from datetime import date
from itertools import product
from typing import Any

import pytest

from simulator.azure.errors import ArmError
from simulator.azure.provider.operations import Target
from tests.support.azure.estate import GROUP, Estate, token

LOCAL, ZONED = ("Standard_LRS", "Standard_GRS", "Standard_RAGRS"), ("Standard_GZRS", "Standard_RAGZRS")
IN_PLACE = {*product(LOCAL, LOCAL), *product(ZONED, (*ZONED, "Standard_ZRS")), ("Standard_ZRS", "Standard_ZRS")}
ENTRA_ONLY = {"administratorType": "ActiveDirectory", "azureADOnlyAuthentication": True, "login": "admins"}


@pytest.mark.parametrize(("old", "new"), [*product((*LOCAL, *ZONED, "Standard_ZRS"), repeat=2)])
def test_a_storage_account_takes_another_redundancy_only_in_the_same_zones(old: str, new: str):
    estate = Estate(without="rejects")
    estate.subscription.delete(estate.get("store").id)
    estate.create("store", sku={"name": old})
    if (old, new) in IN_PLACE:
        assert estate.update("store", sku={"name": new}).inputs["sku"]["name"] == new
    else:
        with pytest.raises(ArmError, match="StorageAccountTypeConversionNotAllowed"):
            estate.update("store", sku={"name": new})


def test_a_server_with_entra_logins_only_takes_no_second_body_that_names_administrators():
    estate = Estate(without="server")
    estate.create("server", administrators=ENTRA_ONLY)
    with pytest.raises(ArmError, match="AzureADOnlyAuthentication"):
        estate.update("server", administrators=ENTRA_ONLY, tags={"a": "b"})
    assert estate.update("server", tags={"a": "b"}).inputs["tags"] == {"a": "b"}


@pytest.mark.parametrize(
    ("start", "taken"),
    [("2026-10-01", False), ("2026-11-01", True), ("2027-11-01", True), ("2027-12-01", False)],
)
def test_a_budget_starts_this_month_or_within_a_year(start: str, taken: bool):
    estate = Estate(without="logs")
    budget = Target(token("consumption:Budget"), "budget")
    values: dict[str, Any] = {
        "budgetName": "b",
        "scope": GROUP,
        "timePeriod": {"startDate": f"{start}T00:00:00Z"},
        "notifications": {},
    }
    estate.subscription.today = lambda: date(2026, 11, 27)
    if taken:
        assert estate.operations.create(budget, values).inputs["timePeriod"] == values["timePeriod"]
    else:
        with pytest.raises(ArmError, match="out of range"):
            estate.operations.create(budget, values)


def test_a_budget_that_exists_keeps_a_start_that_has_passed():
    estate = Estate(without="logs")
    budget = Target(token("consumption:Budget"), "budget")
    values = {"budgetName": "b", "scope": GROUP, "timePeriod": {"startDate": "2026-11-01T00:00:00Z"}}
    estate.subscription.today = lambda: date(2026, 11, 27)
    estate.operations.create(budget, values)
    estate.subscription.today = lambda: date(2027, 2, 1)
    assert estate.operations.update(budget, values | {"amount": 3}).inputs["amount"] == 3


@pytest.mark.parametrize(("muted", "ends", "taken"), [("P1D", True, False), ("P1D", False, True), (None, True, True)])
def test_an_alert_on_logs_that_ends_by_itself_cannot_be_muted(muted: str | None, ends: bool, taken: bool):
    estate = Estate()
    alert = Target(token("monitor:ScheduledQueryRule"), "alert")
    values: dict[str, Any] = {
        "ruleName": "alert",
        "resourceGroupName": "group",
        "location": "westeurope",
        "scopes": [estate.get("logs").id],
        "autoMitigate": ends,
    }
    if taken:
        estate.operations.create(alert, values | ({"muteActionsDuration": muted} if muted else {}))
        return
    with pytest.raises(ArmError, match="cannot be muted"):
        estate.operations.create(alert, values | {"muteActionsDuration": muted})
    estate.operations.create(alert, values)
    with pytest.raises(ArmError, match="cannot be muted"):
        estate.operations.update(alert, values | {"muteActionsDuration": muted})
