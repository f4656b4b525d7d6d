"""Microsoft Graph, as far as it is asked who somebody is and which groups they are in."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from simulator.azure.arm.answers import client_config
from simulator.azure.cloud.http.messages import Answer, Request, ServiceError

GRAPH_HOST = "graph.microsoft.com"
GRAPH_AUDIENCES = (f"https://{GRAPH_HOST}",)
ADMIN_GROUP = "sql-admins-dev"

Kind = Literal["user", "servicePrincipal", "application", "group"]

_CHECK_GROUPS = re.compile(r"/v1\.0/directoryObjects/([^/]+)/checkMemberGroups", re.IGNORECASE)
_NAMED = re.compile(r"displayName eq '((?:[^']|'')*)'")
_MOST_GROUPS = 20


def object_id(name: str) -> str:
    """The object id of what a test calls `name`."""
    return str(uuid5(NAMESPACE_URL, f"directory/{name}"))


@dataclass
class DirectoryObject:
    """A user, group, application, or an application's service principal; `members` are object ids of a group's."""

    id: str
    kind: Kind
    name: str
    mail: str | None = None
    members: set[str] = field(default_factory=set)

    def body(self) -> dict[str, Any]:
        """As Graph shows it."""
        return {
            "@odata.type": f"#microsoft.graph.{self.kind}",
            "id": self.id,
            "displayName": self.name,
            "mail": self.mail,
            **({"userPrincipalName": self.mail or f"{self.name}@simulated.onmicrosoft.com"} if _is_user(self) else {}),
        }


@dataclass
class Directory:
    """A tenant. Whoever deploys is a user or a service principal in a group that is in the SQL administrators' group.

    `readable`: a service principal without rights in Graph is refused with 403, which is how a new one is. `address` is
    where a user logged in from; tokens tell it as `ipaddr`, those of service principals do not.
    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
    """

    signed_in: Literal["user", "servicePrincipal"] = "servicePrincipal"
    readable: bool = True
    address: str | None = "8.8.4.4"
    objects: dict[str, DirectoryObject] = field(default_factory=dict)

    def __post_init__(self) -> None:
        deployer, team = client_config()["objectId"], object_id("platform-team")
        for one in (
            DirectoryObject(deployer, self.signed_in, "deployer", self.mail),
            DirectoryObject(object_id("application"), "application", "deployer"),
            DirectoryObject(team, "group", "platform-team", members={deployer}),
            DirectoryObject(object_id(ADMIN_GROUP), "group", ADMIN_GROUP, members={team}),
        ):
            self.objects.setdefault(one.id, one)

    @property
    def mail(self) -> str | None:
        """The address of whoever deploys."""
        return "deployer@contoso.com" if self.signed_in == "user" else None

    def claims(self, principal_id: str) -> dict[str, str]:
        """What tokens of whoever deploys tell beside the ids."""
        if principal_id != client_config()["objectId"] or self.signed_in != "user":
            return {"idtyp": "app"}
        return {"idtyp": "user", "upn": str(self.mail), **({"ipaddr": self.address} if self.address else {})}

    def answer(self, request: Request, principal_id: str) -> Answer:
        """Answer a request of a principal.

        Sources: https://learn.microsoft.com/graph/api/directoryobject-getbyids,
        https://learn.microsoft.com/graph/api/directoryobject-checkmembergroups (transitive, at most 20 groups),
        https://learn.microsoft.com/graph/api/group-list, https://learn.microsoft.com/graph/api/user-get
        """
        if request.path == "/v1.0/me" and request.method == "GET":
            return self._me(principal_id)
        if not self.readable:
            raise ServiceError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
        if request.path == "/v1.0/groups" and request.method == "GET":
            return self._groups(request.query)
        if request.path == "/v1.0/directoryObjects/getByIds" and request.method == "POST":
            wanted = [one.lower() for one in request.json().get("ids", ())]
            return _listed(one for one in self.objects.values() if one.id.lower() in wanted)
        if (found := _CHECK_GROUPS.fullmatch(request.path)) and request.method == "POST":
            return self._member_groups(found[1], request.json().get("groupIds", []))
        raise ServiceError(404, "Request_ResourceNotFound", f"{request.method} {request.path} is not simulated")

    def _me(self, principal_id: str) -> Answer:
        """Only a user has a `me`.

        Source: https://learn.microsoft.com/graph/api/user-get
        """
        found = self.objects.get(principal_id)
        if found is None or not _is_user(found):
            message = "/me request is only valid with delegated authentication flow."
            raise ServiceError(400, "BadRequest", message)
        return Answer.of(200, found.body())

    def _groups(self, query: Mapping[str, str]) -> Answer:
        """The groups of one name.

        Source: https://learn.microsoft.com/graph/api/group-list
        Assumed: the code for a filter that is not simulated; ours is the only one that is sent.
        """
        named = _NAMED.fullmatch(query.get("$filter", ""))
        if named is None:
            raise ServiceError(400, "Request_UnsupportedQuery", f"$filter {query.get('$filter')!r} is not simulated")
        name = named[1].replace("''", "'").lower()
        return _listed(one for one in self.objects.values() if one.kind == "group" and one.name.lower() == name)

    def _member_groups(self, member: str, group_ids: list[str]) -> Answer:
        """Which of some groups somebody is in.

        Source: https://learn.microsoft.com/graph/api/directoryobject-checkmembergroups (at most 20)
        Assumed: the code for too many; nobody here reads it.
        """
        if len(group_ids) > _MOST_GROUPS:
            raise ServiceError(400, "Directory_ResultSizeLimitExceeded", f"at most {_MOST_GROUPS} groups")
        if member not in self.objects:
            raise ServiceError(404, "Request_ResourceNotFound", f"Resource '{member}' does not exist")
        within = [group for group in group_ids if group in self.objects and self._holds(group, member, set())]
        return Answer.of(200, {"value": within})

    def _holds(self, group: str, member: str, seen: set[str]) -> bool:
        seen.add(group)
        members = self.objects[group].members if group in self.objects else set[str]()
        return member in members or any(self._holds(one, member, seen) for one in members - seen)


def _is_user(one: DirectoryObject) -> bool:
    return one.kind == "user"


def _listed(found: Iterator[DirectoryObject]) -> Answer:
    return Answer.of(200, {"value": [one.body() for one in found]})
