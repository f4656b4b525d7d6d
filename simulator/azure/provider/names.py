"""Rules for names that Azure's published types leave open.

https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
"""

import re
from collections.abc import Mapping
from typing import Any

from simulator.azure.arm.types import ResourceType

GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

RULES: Mapping[str, tuple[str, str]] = {
    "applicationinsights:Component": (r"[^%&\\?/]{0,259}[^%&\\?/. ]", "1 to 260 characters without % & \\ ? /"),
    "applicationinsights:Workbook": (GUID, "a GUID"),
    "authorization:RoleAssignment": (GUID, "a GUID"),
    "consumption:Budget": (r"[A-Za-z0-9_-]{1,63}", "1 to 63 letters, digits, hyphens and underscores"),
    "eventhub:ConsumerGroup": (
        r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\$Default",
        "letters, digits, . _ and - inside",
    ),
    "eventhub:EventHub": (r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", "letters, digits, . _ and - inside"),
    "managedidentity:UserAssignedIdentity": (r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}", "3 to 128 letters, digits, - and _"),
    "machinelearningservices:Datastore": (r"[a-z0-9_]{1,255}", "lower-case letters, digits and underscores"),
    "monitor:ActionGroup": (
        r"[^:<>+/&%\\?|]{0,259}[^:<>+/&%\\?|. ]",
        "1 to 260 characters without : < > + / & % \\ ? |",
    ),
    "monitor:MetricAlert": (
        r"[^*#&+:<>?@%{}\\/|]{0,259}[^*#&+:<>?@%{}\\/|. ]",
        "1 to 260 characters, few of them special",
    ),
    "sql:Database": (r"[^<>*%&:\\/?]{0,127}[^<>*%&:\\/?. ]", "1 to 128 characters without < > * % & : \\ / ?"),
    "sql:Server": (r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "1 to 63 lower-case letters, digits, and hyphens inside"),
    "storage:BlobContainer": (r"[a-z0-9](-?[a-z0-9]){2,62}", "3 to 63 lower-case letters, digits and single hyphens"),
    "streamanalytics:StreamingJob": (r"[A-Za-z0-9_-]{3,63}", "3 to 63 letters, digits, hyphens and underscores"),
}
"""By type: the pattern of the whole name, and its rule in words."""


def name_problem(type_: ResourceType, inputs: Mapping[str, Any]) -> tuple[str, str] | None:
    """The input that holds the name and what is wrong with it, or None; an unknown name passes."""
    last = type_.path[-1]
    name, rule = inputs.get(last), RULES.get(type_.token.partition(":")[2])
    if rule is None or not isinstance(name, str) or re.fullmatch(rule[0], name):
        return None
    return last, f"{name!r} is no name for it: {rule[1]} [name]"
