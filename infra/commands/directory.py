"""Who is who in the tenant, as Microsoft Graph says.

Users may read this; a service principal only where somebody has given it the right to, so each question may be refused
with status 403.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from infra.commands.rest import RestApi

GROUPS_AT_A_TIME = 20


@dataclass(frozen=True)
class Entry:
    """One object of the directory. `kind` is `User`, `Group`, `ServicePrincipal`, `Application` …"""

    object_id: str
    kind: str
    name: str


@dataclass(frozen=True)
class Directory:
    """Questions to Graph, version 1.0."""

    graph: RestApi

    def entries(self, object_ids: Iterable[str]) -> dict[str, Entry]:
        """What has these object ids, by id in lower case; ids that nothing has are missing.

        Source: https://learn.microsoft.com/graph/api/directoryobject-getbyids
        """
        found = self.graph.post("/v1.0/directoryObjects/getByIds", {"ids": list(object_ids)})["value"]
        entries = [Entry(one["id"], _kind(one["@odata.type"]), one.get("displayName") or "") for one in found]
        return {entry.object_id.lower(): entry for entry in entries}

    def groups_named(self, name: str) -> list[Entry]:
        """The groups of this name, which need not be unique. Source: https://learn.microsoft.com/graph/api/group-list"""
        quoted = name.replace("'", "''")
        query = {"$filter": f"displayName eq '{quoted}'", "$select": "id,displayName"}
        found = self.graph.list("/v1.0/groups", query)
        return [Entry(one["id"], "Group", one["displayName"]) for one in found]

    def groups_holding(self, member: str, group_ids: Sequence[str]) -> set[str]:
        """Which of these groups somebody is in, directly or through other groups; ids in lower case.

        Graph takes 20 of them at a time.
        Source: https://learn.microsoft.com/graph/api/directoryobject-checkmembergroups
        """
        found = set[str]()
        for start in range(0, len(group_ids), GROUPS_AT_A_TIME):
            body = {"groupIds": list(group_ids[start : start + GROUPS_AT_A_TIME])}
            told = self.graph.post(f"/v1.0/directoryObjects/{member}/checkMemberGroups", body)["value"]
            found |= {one.lower() for one in told}
        return found

    def own_mail(self) -> str | None:
        """The mail address of the user who is logged in. Source: https://learn.microsoft.com/graph/api/user-get"""
        return self.graph.get("/v1.0/me", {"$select": "mail"}).get("mail")


def _kind(odata_type: str) -> str:
    name = odata_type.rpartition(".")[2]
    return name[:1].upper() + name[1:]
