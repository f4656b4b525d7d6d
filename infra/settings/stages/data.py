"""Where readings, windows and predictions are kept: Blob Storage and Azure SQL."""

import ipaddress
from dataclasses import dataclass
from typing import Self

from infra.settings.regions import read_region
from infra.settings.section import Section
from infra.settings.stages.deployers import GUID, GUID_WORDS


@dataclass(frozen=True)
class StorageSettings:
    """Blob Storage: its copies, and after how many days what is deleted."""

    redundancy: str
    raw_days: int
    rejects_days: int
    predictions_days: int
    runs_days: int
    cool_after_days: int
    soft_delete_days: int

    @classmethod
    def read(cls, section: Section) -> Self:
        """`coolAfterDays` must come before the raw data is deleted."""
        kinds = ("Standard_LRS", "Standard_ZRS", "Standard_GRS", "Standard_GZRS", "Standard_RAGRS", "Standard_RAGZRS")
        settings = cls(
            redundancy=section.choice("redundancy", "Standard_LRS", kinds),
            raw_days=section.integer("rawDays", 90, 1, 3650),
            rejects_days=section.integer("rejectsDays", 30, 1, 3650),
            predictions_days=section.integer("predictionsDays", 365, 1, 3650),
            runs_days=section.integer("runsDays", 30, 1, 3650),
            cool_after_days=section.integer("coolAfterDays", 30, 1, 3650),
            soft_delete_days=section.integer("softDeleteDays", 7, 7, 365),
        )
        if settings.cool_after_days >= settings.raw_days:
            section.refuse("coolAfterDays", settings.cool_after_days, f"fewer days than rawDays ({settings.raw_days})")
        return settings


FEWEST_VCORES = {1: 0.5, 2: 0.5, 4: 0.5, 6: 0.75, 8: 1.0}
"""For each size of a serverless database, the least it may shrink to."""


@dataclass(frozen=True)
class ServerlessSettings:
    """A serverless database. It pauses only without connections: windows arrive every minute while the job runs."""

    most_vcores: int
    fewest_vcores: float
    pause_minutes: int


@dataclass(frozen=True)
class DatabaseSettings:
    """Azure SQL. `size` is a DTU service objective, or `serverless`; `region` is another one than everything else's.

    Windows are deleted after `window_days`, by the runs.
    """

    region: str | None
    admin_group_name: str
    admin_group_id: str
    size: str
    window_days: int
    serverless: ServerlessSettings
    backup_days: int
    backup_redundancy: str
    deployer_addresses: tuple[str, ...]
    threat_alerts: bool

    @classmethod
    def read(cls, section: Section) -> Self:
        """The admin group is required: nobody but its members can grant rights in a database without passwords."""
        group, serverless = section.section("adminGroup"), section.section("serverless")
        settings = cls(
            region=read_region(section, "region", "") or None,
            admin_group_name=group.required("name", r"[^\r\n]{1,128}", "the name of an Entra group"),
            admin_group_id=group.required("objectId", GUID, GUID_WORDS).lower(),
            size=section.choice("size", "S0", ("S0", "S1", "S2", "S3", "serverless")),
            window_days=section.integer("windowDays", 90, 1, 3650),
            serverless=ServerlessSettings(
                most_vcores=serverless.choice("mostVcores", 1, tuple(FEWEST_VCORES)),
                fewest_vcores=serverless.choice("fewestVcores", 0.5, (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)),
                pause_minutes=serverless.integer("pauseMinutes", 60, -1, 10080),
            ),
            backup_days=section.integer("backupDays", 7, 1, 35),
            backup_redundancy=section.choice("backupRedundancy", "Local", ("Local", "Zone", "Geo")),
            deployer_addresses=section.texts("deployerAddresses", _is_public_address, "a public IPv4 address"),
            threat_alerts=section.boolean("threatAlerts", default=True),
        )
        chosen = settings.serverless
        if -1 < chosen.pause_minutes < 60:
            serverless.refuse("pauseMinutes", chosen.pause_minutes, "-1 (never), or from 60 to 10080")
        if not FEWEST_VCORES[chosen.most_vcores] <= chosen.fewest_vcores <= chosen.most_vcores:
            limits = f"from {FEWEST_VCORES[chosen.most_vcores]:g} to {chosen.most_vcores}, for mostVcores"
            serverless.refuse("fewestVcores", chosen.fewest_vcores, limits)
        if settings.size != "serverless" and section.values.get("serverless"):
            section.refuse("serverless", section.values["serverless"], "it only with size: serverless")
        if len(set(settings.deployer_addresses)) < len(settings.deployer_addresses):
            section.refuse("deployerAddresses", list(settings.deployer_addresses), "each address once")
        group.finish()
        serverless.finish()
        return settings


def _is_public_address(text: str) -> bool:
    try:
        address = ipaddress.IPv4Address(text)
        return address.is_global and not address.is_multicast
    except ValueError:
        return False
