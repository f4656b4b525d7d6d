"""A stack's settings: the one reader of Pulumi configuration.

The shape is that of `Pulumi.<stack>.yaml`, with the same names in snake case. Everything wrong in a stack's file is
reported together, one line each, before any resource is registered.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Self

import pulumi
from pulumi.runtime import config

from infra.settings.regions import read_region
from infra.settings.release import ReleaseSettings
from infra.settings.schedule import Schedule
from infra.settings.section import Section
from infra.settings.stages.compute import ClusterSettings, ImageSettings
from infra.settings.stages.data import DatabaseSettings, StorageSettings
from infra.settings.stages.deployers import Deployer
from infra.settings.stages.monitoring import MonitoringSettings
from infra.settings.stages.stream import IngestSettings, StreamSettings

_SECTIONS = ("ingest", "storage", "database", "stream", "image", "cluster", "schedule", "release", "monitoring")


@dataclass(frozen=True)
class Settings:
    """All settings of a stack."""

    region: str
    tags: Mapping[str, str]
    protect: bool
    deployers: tuple[Deployer, ...]
    ingest: IngestSettings
    storage: StorageSettings
    database: DatabaseSettings
    stream: StreamSettings
    image: ImageSettings
    cluster: ClusterSettings
    schedule: Schedule
    release: ReleaseSettings
    monitoring: MonitoringSettings

    @classmethod
    def from_stack(cls) -> Self:
        """Read the current stack's configuration; `pulumi.RunError` with one line for each thing that is wrong."""
        settings, problems = cls.read(_configured())
        if problems:
            lines = "\n".join(f"  {pulumi.get_project()}:{problem}" for problem in problems)
            raise pulumi.RunError(
                f"{len(problems)} wrong in Pulumi.{pulumi.get_stack()}.yaml, nothing was done:\n{lines}"
            )
        return settings

    @classmethod
    def read(cls, values: Mapping[str, Any], today: date | None = None) -> tuple[Self, list[str]]:
        """The settings in plain `values`, and what is wrong with them (then the settings are not to be used).

        `today` is for what depends on the month; by default it is this day in UTC.
        """
        today = today or datetime.now(UTC).date()
        problems: list[str] = []
        root = Section("", values, problems)
        sections = {name: root.section(name) for name in _SECTIONS}
        stream = StreamSettings.read(sections["stream"])
        settings = cls(
            region=read_region(root, "region", "westeurope"),
            tags=_tags(root.section("tags")),
            protect=root.boolean("protect", default=False),
            deployers=_deployers(root),
            ingest=IngestSettings.read(sections["ingest"]),
            storage=StorageSettings.read(sections["storage"]),
            database=DatabaseSettings.read(sections["database"]),
            stream=stream,
            image=ImageSettings.read(sections["image"]),
            cluster=ClusterSettings.read(sections["cluster"]),
            schedule=Schedule.read(sections["schedule"], stream.time_policy),
            release=ReleaseSettings.read(sections["release"]),
            monitoring=MonitoringSettings.read(sections["monitoring"], today),
        )
        for section in (root, *sections.values()):
            section.finish()
        return settings, problems


def _configured() -> dict[str, Any]:
    """Every key of the project's configuration, with what Pulumi hands on as JSON text read back.

    `pulumi.Config` can be asked for keys, not for what keys there are; a misspelled one must not pass unseen.
    """
    given = {**config.get_config_env(), **config.CONFIG.get()}
    prefix = f"{pulumi.get_project()}:"
    return {key.removeprefix(prefix): _value(given[key]) for key in sorted(given) if key.startswith(prefix)}


def _value(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _deployers(root: Section) -> tuple[Deployer, ...]:
    deployers = tuple(Deployer.read(section) for section in root.sections("deployers"))
    identities = [deployer.object_id for deployer in deployers]
    if len(set(identities)) < len(identities):
        root.refuse("deployers", identities, "each identity once")
    return deployers


OWN_TAGS = ("project", "stack", "managed-by")
"""Tags that the program sets itself."""


def _tags(section: Section) -> dict[str, str]:
    """Tags by Azure's rules: at most 50 with the program's own, names that differ in more than case, no `<>%&\\?/`."""
    tags: dict[str, str] = {}
    for name in section.values:
        if same := [other for other in tags if other.lower() == str(name).lower()]:
            section.problems.append(
                f"{section.at(str(name))} is the same tag as {same[0]}, for Azure: keep one of them"
            )
        if str(name).lower() in OWN_TAGS or str(name).lower().startswith(("azure", "microsoft", "windows")):
            section.problems.append(f"{section.at(str(name))} is a reserved tag name: choose another")
        if not re.fullmatch(r"(?!\s)[^<>%&\\?/]{1,128}(?<!\s)", str(name)):
            section.problems.append(
                f"{section.at(str(name))} is no tag name: leave out < > % & \\ ? / and blanks at its ends, keep to 128"
            )
        tags[str(name)] = section.text(str(name), "", r"[^\r\n]{0,256}", "a text of at most 256 characters")
    if len(tags) > 46:
        section.problems.append(f"{section.path} holds {len(tags)} tags: give at most 46")
    return tags
