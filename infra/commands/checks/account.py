"""Checks of the account: who is signed in, and whether the subscription and the database let them in."""

import ipaddress
import os
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from azure.core.exceptions import HttpResponseError

from infra.commands.checks.examination import SUBSCRIPTIONS_API, Examination, NotCheckedError, WrongError
from stream_queries.errors import UserError

NAMESPACES = (
    "Microsoft.Authorization",
    "Microsoft.Consumption",
    "Microsoft.ContainerRegistry",
    "Microsoft.EventHub",
    "Microsoft.Insights",
    "Microsoft.KeyVault",
    "Microsoft.MachineLearningServices",
    "Microsoft.ManagedIdentity",
    "Microsoft.OperationalInsights",
    "Microsoft.Resources",
    "Microsoft.Sql",
    "Microsoft.Storage",
    "Microsoft.StreamAnalytics",
)
"""Resource providers of what the program declares."""

ACTIONS = {
    "Microsoft.Resources/subscriptions/resourceGroups/write": "make resource groups (Contributor)",
    "Microsoft.Authorization/roleAssignments/write": "assign roles (Role Based Access Control Administrator, or Owner)",
}
"""What a deployment needs on the subscription, with the built-in role that gives it."""

PROVIDERS_API, PERMISSIONS_API = "2021-04-01", "2022-04-01"
_OTHER_LOGINS = (("USE_MSI", "useMsi"), ("USE_DEFAULT_AZURE_CREDENTIAL", "useDefaultAzureCredential"))
"""By which Pulumi's provider logs in without being told who it is.
Source: https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/provider/auth_azidentity.go"""


def login(stack: Examination) -> str:
    """Somebody is signed in, and Pulumi's provider and the release are the same one."""
    try:
        principal = stack.sign_in()
    except UserError as error:
        raise WrongError(str(error), "az login, or set AZURE_CLIENT_ID, AZURE_TENANT_ID and a secret") from error
    provider = stack.configured("clientId") or os.environ.get("ARM_CLIENT_ID")
    if provider and provider.lower() != principal.client_id.lower():
        raise WrongError(
            f"Pulumi's provider logs in as {provider} (ARM_CLIENT_ID), the release as {principal.client_id}",
            "set ARM_… and AZURE_… to one service principal",
        )
    other = any("true" in (os.environ.get(f"ARM_{name}"), stack.configured(key)) for name, key in _OTHER_LOGINS)
    if not provider and not other and os.environ.get("AZURE_CLIENT_ID"):
        raise WrongError(
            f"the release logs in as {principal} (AZURE_CLIENT_ID), Pulumi's provider by the Azure CLI: it does not "
            "read AZURE_…",
            "set ARM_CLIENT_ID, ARM_TENANT_ID, ARM_SUBSCRIPTION_ID and a secret to the same, or unset AZURE_CLIENT_ID",
        )
    return str(principal)


def subscription(stack: Examination) -> str:
    """The subscription is there and may be written to.

    Source: https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-states
    """
    choose = "choose another: az account set --subscription NAME"
    chosen = stack.choose_subscription()
    found = {
        one["subscriptionId"]: one for one in stack.manager.list("/subscriptions", {"api-version": SUBSCRIPTIONS_API})
    }
    if chosen not in found:
        raise WrongError(f"{chosen} cannot be seen by this account", choose)
    one = found[chosen]
    if one["state"] not in ("Enabled", "PastDue"):
        raise WrongError(f"{one['displayName']} is {one['state']}: nothing can be made in it", choose)
    return f"{one['displayName']} ({chosen})"


def providers(stack: Examination) -> str:
    """Every resource provider of the program is registered in the subscription."""
    registered = {
        one["namespace"].lower()
        for one in _list(stack, "/providers", PROVIDERS_API, ["list resource providers"])
        if one["registrationState"] == "Registered"
    }
    missing = [name for name in NAMESPACES if name.lower() not in registered]
    if missing:
        commands = "; ".join(f"az provider register --namespace {name} --wait" for name in missing)
        raise WrongError(f"not registered: {', '.join(missing)}", commands)
    return f"all {len(NAMESPACES)} are registered"


def rights(stack: Examination) -> str:
    """Whoever is signed in may make resources and assign roles, in the whole subscription.

    Source: https://learn.microsoft.com/rest/api/authorization/permissions
    """
    lacking = ["read the subscription", *ACTIONS.values()]
    given = _list(stack, "/providers/Microsoft.Authorization/permissions", PERMISSIONS_API, lacking)
    missing = [words for action, words in ACTIONS.items() if not any(_allows(one, action) for one in given)]
    if missing:
        raise _lacking(stack, missing)
    return "may make resources and assign roles"


def deployers(stack: Examination) -> str:
    """Whoever is signed in is listed, alone or through a group, and every id is that of what its type says."""
    listed, me = stack.settings.deployers, stack.principal
    mend = f"python -m infra init --stack {stack.stack}"
    if not listed:
        raise WrongError("nobody is listed: who deploys could not publish", mend)
    is_listed = me.object_id.lower() in {one.object_id.lower() for one in listed}
    try:
        known = stack.look_up(lambda directory: directory.entries([one.object_id for one in listed]))
    except NotCheckedError:
        if is_listed:
            return "listed; types were not checked, this account may not read the directory"
        if all(one.kind != "Group" for one in listed):
            raise WrongError(f"{me} is not among them", mend) from None
        raise
    for one in listed:
        entry = known.get(one.object_id.lower())
        if entry is None:
            raise WrongError(f"{one.object_id} is nobody in this tenant", mend)
        if entry.kind == "Application":
            raise WrongError(
                f"{one.object_id} is the object id of the application {entry.name}, roles go to its service principal",
                "az ad sp show --id CLIENT_ID --query id",
            )
        if entry.kind != one.kind:
            raise WrongError(
                f"{one.object_id} ({entry.name}) is a {entry.kind}, not a {one.kind}", f"type: {entry.kind}"
            )
    groups = [one.object_id for one in listed if one.kind == "Group"]
    if not is_listed and not (groups and stack.look_up(lambda ask: ask.groups_holding(me.object_id, groups))):
        raise WrongError(f"{me} is not among them, nor in a group that is", mend)
    return f"{me.name or me.object_id} is among them"


def administrators(stack: Examination) -> str:
    """The database's administrators are a group, and whoever is signed in is in it, however deep."""
    database, me = stack.settings.database, stack.principal
    name, group_id = database.admin_group_name, database.admin_group_id
    entry = stack.look_up(lambda directory: directory.entries([group_id])).get(group_id.lower())
    if entry is None or entry.kind != "Group":
        is_what = "nobody in this tenant" if entry is None else f"a {entry.kind}, not a group"
        raise WrongError(f"{group_id} is {is_what}", f"python -m infra init --stack {stack.stack} --admin-group NAME")
    if entry.name and entry.name != name:  # a name may be kept from those who may not read groups
        raise WrongError(f"the group {group_id} is called {entry.name}, not {name}", f"adminGroup.name: {entry.name}")
    if not stack.look_up(lambda directory: directory.groups_holding(me.object_id, [group_id])):
        raise WrongError(
            f"{me} is not in {name}: the database would refuse the release",
            f"az ad group member add --group {group_id} --member-id {me.object_id}, then log in again",
        )
    return f"{me.name or me.object_id} is in {name}"


def address(stack: Examination) -> str:
    """The database's firewall will let this machine in.

    No third party is asked. A user's token tells from where they logged in; a service principal's does not, and then
    the first `pulumi up` tells: the database's refusal (error 40615) names the address.
    """
    listed = stack.settings.database.deployer_addresses
    if inside := _inside_azure():
        return f"this machine is one of Azure's ({inside} is set)"
    if (own := public_address(stack.principal.address)) is None:
        text = f"{', '.join(listed)} will be let in" if listed else "none is listed"
        raise NotCheckedError(
            f"{text}; Azure does not tell this machine's",
            "outside Azure database.deployerAddresses must hold it: pulumi up names it when it is refused",
        )
    if own not in listed:
        raise WrongError(
            f"you are logged in from {own}, which the database would refuse",
            f"unless you are in Azure: python -m infra init --stack {stack.stack} puts it into deployerAddresses",
        )
    return f"{own} is listed"


def _list(stack: Examination, below: str, api_version: str, lacking: list[str]) -> list[dict[str, Any]]:
    """What any reader may list; WrongError where the account is none, with what it is `lacking`."""
    try:
        return stack.list(below, api_version)
    except HttpResponseError as error:
        if error.status_code != 403:
            raise
        raise _lacking(stack, lacking) from error


def _lacking(stack: Examination, missing: list[str]) -> WrongError:
    return WrongError(
        f"{stack.principal} may not {' nor '.join(missing)}", "have an owner of the subscription assign that"
    )


def _inside_azure() -> str | None:
    """The variable that tells that this machine has an address of Azure's: Cloud Shell, or a runner of GitHub's own.

    Those with macOS are elsewhere. Source: https://docs.github.com/actions/reference/workflows-and-actions/variables
    """
    if os.environ.get("RUNNER_ENVIRONMENT") == "github-hosted" and os.environ.get("RUNNER_OS") != "macOS":
        return "RUNNER_ENVIRONMENT"
    return "ACC_CLOUD" if os.environ.get("ACC_CLOUD") else None


def public_address(text: str | None) -> str | None:
    """An IPv4 address that a firewall of Azure SQL can hold; None for any other text."""
    try:
        found = ipaddress.IPv4Address(text or "")
    except ValueError:
        return None
    return str(found) if found.is_global else None


def _allows(permission: dict[str, list[str]], action: str) -> bool:
    return _fits(permission.get("actions", ()), action) and not _fits(permission.get("notActions", ()), action)


def _fits(patterns: Iterable[str], action: str) -> bool:
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)
