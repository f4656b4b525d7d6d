"""Single services' own rules for values that their published types allow, each with where it was read."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from simulator.azure.errors import ArmError
from simulator.azure.subscription import StoredResource

_IN_PLACE = (
    {"Standard_LRS", "Standard_GRS", "Standard_RAGRS"},
    {"Standard_GZRS", "Standard_RAGZRS"},
)


def check_storage_redundancy(present: StoredResource, inputs: Mapping[str, Any]) -> None:
    """Copies in other zones are made by a migration, never by another SKU; copies in another region come and go.

    From ZRS to GZRS the page and the reports differ: it is refused here.
    Source: https://learn.microsoft.com/azure/storage/common/redundancy-migration,
    terraform-provider-azurerm issues 6526, 17639
    """
    old, new = (str((one.get("sku") or {}).get("name")) for one in (present.inputs, inputs))
    local, zoned = _IN_PLACE
    if old == new or {old, new} <= local or (old in zoned and new in {*zoned, "Standard_ZRS"}):
        return
    raise ArmError(
        409,
        "StorageAccountTypeConversionNotAllowed",
        f"Conversion of storage account type from '{old}' to '{new}' is not allowed.",
    )


def check_entra_only_server(present: StoredResource, inputs: Mapping[str, Any]) -> None:
    """A server with Entra logins only was reported to refuse a second PUT that names its administrators, even the same.

    Sources: https://github.com/Azure/bicep-types-az/issues/2320,
    https://github.com/pulumi/pulumi-azure-native/issues/2937
    """
    if inputs.get("administrators") and (present.inputs.get("administrators") or {}).get("azureADOnlyAuthentication"):
        raise ArmError(
            400,
            "InvalidParameterValue",
            "Invalid value given for parameter AzureADOnlyAuthentication. Specify a valid parameter value.",
        )


def check_muting(inputs: Mapping[str, Any]) -> None:
    """An alert on logs that ends by itself cannot mute its actions; one that mutes them has to be ended by a person.

    Sources: https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-log-alert-rule (both options),
    https://github.com/hashicorp/terraform-provider-azurerm (monitor_scheduled_query_rules_alert_v2: they exclude each
    other)
    Assumed: how Azure words the refusal; nobody here reads it.
    """
    if inputs.get("muteActionsDuration") and inputs.get("autoMitigate"):
        raise ArmError(
            400, "BadRequest", "Actions of an alert that is resolved automatically (autoMitigate) cannot be muted."
        )


def check_budget_start(inputs: Mapping[str, Any], today: date) -> None:
    """A budget by the month starts in this one or a later one, at most twelve ahead.

    Source: https://learn.microsoft.com/rest/api/consumption/budgets/create-or-update (timePeriod)
    """
    given = (inputs.get("timePeriod") or {}).get("startDate")
    if given is None:
        return  # that it is missing, its type says
    start, month = date.fromisoformat(given[:10]), today.replace(day=1)
    if not month <= start <= month.replace(year=month.year + 1):
        raise ArmError(400, "400", f"Invalid budget configuration: start date {start} is out of range.")
