"""What Azure Resource Manager lists: resource groups, and what lies directly in one, which is no part of another thing.

Sources: https://learn.microsoft.com/rest/api/resources/resource-groups/list and
https://learn.microsoft.com/rest/api/resources/resources/list-by-resource-group
"""

import re
from typing import Any

from simulator.azure.arm.template import DEPLOYMENT
from simulator.azure.cloud.http.messages import ServiceError
from simulator.azure.subscription import Subscription

_GROUPS = re.compile(r"/subscriptions/[^/]+/resourceGroups", re.IGNORECASE)
_IN_GROUP = re.compile(r"(/subscriptions/[^/]+/resourceGroups/[^/]+)/resources", re.IGNORECASE)
_KEYS = ("id", "name", "type", "location", "tags")


def listed(subscription: Subscription, path: str) -> list[dict[str, Any]] | None:
    """What a GET of `path` lists; None where it is no such collection."""
    if _GROUPS.fullmatch(path):
        below = rf"{re.escape(path)}/[^/]+"
    elif found := _IN_GROUP.fullmatch(path):
        if subscription.get(found[1]) is None:
            raise ServiceError(404, "ResourceGroupNotFound", f"the resource group {found[1]} could not be found")
        below = rf"{re.escape(found[1])}/providers/[^/]+/[^/]+/[^/]+"
    else:
        return None
    there = (one.body for one in subscription.list() if re.fullmatch(below, one.id, re.IGNORECASE))
    # A deployment of a template belongs to the group's history; it is no resource in it.
    return [{key: body[key] for key in _KEYS if key in body} for body in there if body["type"] != DEPLOYMENT]
