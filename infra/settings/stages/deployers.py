"""Who deploys."""

from dataclasses import dataclass
from typing import Self

from infra.settings.section import Section

GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
GUID_WORDS = "an object id like 00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Deployer:
    """Who deploys: gets what publishing needs. `kind` is User, Group or ServicePrincipal.

    The id is in lower case however it is written: Azure compares ids without case, and assignments are named after it.
    """

    object_id: str
    kind: str

    @classmethod
    def read(cls, section: Section) -> Self:
        """Both are checked for their form only; whether there is such an identity, Azure knows."""
        deployer = cls(
            object_id=section.required("objectId", GUID, GUID_WORDS).lower(),
            kind=section.choice("type", "User", ("User", "Group", "ServicePrincipal")),
        )
        section.finish()
        return deployer
