"""Role assignments of the subscription: who has which role where."""

from simulator.azure.subscription import Subscription

ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"

BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
BLOB_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
QUEUE_CONTRIBUTOR = "974c5e8b-45b9-4653-ba55-5f855dd0fb88"
TABLE_CONTRIBUTOR = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
EVENT_HUBS_RECEIVER = "a638d3c7-ab3a-418d-83e6-5f17a39d4fde"
EVENT_HUBS_OWNER = "f526a384-b230-433a-b45c-95f59c4a2dec"
"""Built-in roles: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles"""

BLOB_READERS = frozenset({BLOB_READER, BLOB_CONTRIBUTOR, BLOB_OWNER})
BLOB_WRITERS = frozenset({BLOB_CONTRIBUTOR, BLOB_OWNER})
HUB_READERS = frozenset({EVENT_HUBS_RECEIVER, EVENT_HUBS_OWNER})


def has_role(subscription: Subscription, principal_id: str, roles: frozenset[str], scope: str) -> bool:
    """Whether a principal has one of `roles` on the resource `scope`, or on what contains it, and it has arrived."""
    return any(
        assignment.inputs.get("principalId") == principal_id
        and str(assignment.inputs.get("roleDefinitionId")).rsplit("/", 1)[-1] in roles
        and _contains(str(assignment.inputs.get("scope")), scope)
        and subscription.has_arrived(assignment)
        for assignment in subscription.list(ASSIGNMENTS)
    )


def _contains(scope: str, resource_id: str) -> bool:
    """Whether a resource is `scope` or lies below it."""
    return f"{resource_id}/".lower().startswith(f"{scope.rstrip('/')}/".lower())
