"""Check of the names that the stack's resources get: by Pulumi's autonaming, which ends them in random characters."""

import re
from collections.abc import Mapping
from typing import Any

from infra.commands.checks.examination import Examination, NotCheckedError, WrongError

VAULT_API = "2023-07-01"
VAULT = "scoringvault"
AUTONAMING = "pulumi:autonaming"
_PROVIDER, _VAULT_TYPE = "azure-native", "azure-native:keyvault:Vault"
_BY_CHANCE = re.compile(r"\$\{((hex|alphanum|string|num)\(0*[1-9]\d*\)|uuid)\}")
_MODES = ("default", "verbatim", "disabled")
_RULE: Mapping[str, type] = {"mode": str, "pattern": str, "enforce": bool}


def deleted_names(stack: Examination) -> str:
    """No soft-deleted vault holds a name that the stack would take.

    Names end in random characters unless Pulumi's autonaming is configured, so this can hardly happen. Workspaces keep
    their names within their group only, and that group is a new one: they are not looked at.
    """
    deleted = {one["name"].lower() for one in stack.list("/providers/Microsoft.KeyVault/deletedVaults", VAULT_API)}
    name = _fixed_name(stack)
    if name is None:
        return f"names are random; {len(deleted)} deleted vaults wait to be purged, none in the way"
    if name.lower() in deleted:
        raise WrongError(
            f"{AUTONAMING} is set and a deleted vault still holds the name {name}",
            f"az keyvault purge --name {name} if it may go, or remove {AUTONAMING}",
        )
    raise NotCheckedError(
        f"{AUTONAMING} makes names that are not random: they must be free in all of Azure, and deleted workspaces keep "
        "theirs for days",
        f"remove {AUTONAMING}, or purge what was deleted",
    )


def _fixed_name(stack: Examination) -> str | None:
    """The vault's name if Pulumi leaves nothing to chance, as the stack or the project may ask; else None."""
    naming = stack.file.config.get(AUTONAMING)
    if naming is None:
        naming = stack.file.project_config.get(AUTONAMING)
        if isinstance(naming, Mapping) and "value" in naming:
            naming = naming["value"]
    rule = _rule(naming)
    if rule.get("mode") == "disabled":
        raise WrongError(f"{AUTONAMING} is disabled: most resources would have no name", f"remove {AUTONAMING}")
    if rule.get("mode") == "verbatim":
        return VAULT
    if "pattern" not in rule:
        return None
    name, known = rule["pattern"], {"name": VAULT, "project": stack.file.project, "stack": stack.stack}
    for word, value in known.items():
        name = name.replace(f"${{{word}}}", value)
    return None if _BY_CHANCE.search(name) else name


def _rule(naming: Any) -> Mapping[str, Any]:
    """The rule for the vault: its own, else the provider's, else the one for all.

    Source: https://www.pulumi.com/docs/iac/concepts/resources/names/#autonaming-configuration
    """
    rules = [_section(naming, "providers")]
    for name, part in rules[0].get("providers", {}).items():
        provider = _section(part, "resources")
        resources = {resource: _section(own) for resource, own in provider.get("resources", {}).items()}
        if bare := next((resource for resource, own in resources.items() if not own), None):
            raise _unread(f"nothing for {bare}")
        if name == _PROVIDER:
            rules = [resources.get(_VAULT_TYPE, {}), provider, *rules]
    return next((rule for rule in rules if rule.keys() & _RULE.keys()), {})


def _section(part: Any, below: str | None = None) -> dict[str, Any]:
    """A rule with what may lie `below` it, without what is left empty; WrongError where Pulumi would not read it."""
    if part is None:
        return {}
    if not isinstance(part, Mapping):
        raise _unread(repr(part))
    forms = {**_RULE, **({below: Mapping} if below else {})}
    given = {key: value for key, value in part.items() if value is not None}
    for key, value in given.items():
        if key not in forms or not isinstance(value, forms[key]):
            raise _unread(f"{key}: {value!r}")
    if given.get("mode", "default") not in _MODES:
        raise _unread(f"mode: {given['mode']}")
    if "mode" in given and given.keys() & {"pattern", "enforce"}:
        raise _unread("a mode beside a pattern")
    if "enforce" in given and "pattern" not in given:
        raise _unread("enforce without a pattern")
    return given


def _unread(what: str) -> WrongError:
    return WrongError(
        f"{AUTONAMING} holds {what}, which Pulumi does not read", f"give it a pattern, or a mode of {', '.join(_MODES)}"
    )
