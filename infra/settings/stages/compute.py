"""What scores: the image and the cluster that runs it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from infra.settings.section import Section

_HOST = r"(?i:localhost|[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+)(?::[0-9]{1,5})?"
_PATH = r"(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)+"
_MOVING = "latest|main|master|trunk|head|dev|devel|develop|edge|nightly|canary|rolling|stable|current|staging|prod|test"
_VERSION = r".*([0-9]+\.[0-9]+|[0-9a-f]{7})"
_TAG = (
    rf":(?={_VERSION}|(?=[A-Za-z_.-]*[0-9])(?!.*(?<![A-Za-z])(?i:{_MOVING})(?![A-Za-z])))"
    r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
)
_DIGEST = r"@sha256:[0-9a-f]{64}"
_FIXED_IMAGE = rf"{_HOST}{_PATH}(?:{_TAG}|(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?{_DIGEST})"
"""By https://github.com/distribution/reference/blob/main/reference.go, but with a host, and a digest or a version."""

_FIXED_IMAGE_WORDS = (
    "a reference with host, and with digest or a tag that numbers a version, like host.azurecr.io/name:1.2 or "
    "host.azurecr.io/name@sha256:…"
)


@dataclass(frozen=True)
class ImageSettings:
    """The cluster's image: built by the registry, unless `existing` names one.

    Another text in `rebuild` builds it again although nothing that it is made of has changed.
    """

    registry_sku: str
    existing: str | None
    rebuild: str | None

    @classmethod
    def read(cls, section: Section) -> Self:
        """An existing image must be one that does not change unseen: its digest, or a tag that numbers a version.

        Tags without a number, and those that name a branch or a stage without a version, are made to move. A version is
        taken at its word: whoever pushes another image under it changes what the cluster runs.
        """
        settings = cls(
            registry_sku=section.choice("registrySku", "Standard", ("Basic", "Standard", "Premium")),
            existing=section.text("existing", "", _FIXED_IMAGE, _FIXED_IMAGE_WORDS) or None,
            rebuild=section.text("rebuild", "", r"[^\r\n]{1,64}", 'a text of at most 64 letters, like "1"') or None,
        )
        if settings.existing and settings.rebuild:
            section.refuse("rebuild", settings.rebuild, "it only without image.existing, which builds nothing")
        return settings


@dataclass(frozen=True)
class ClusterSettings:
    """The Azure ML compute cluster that scores, and its workspace's store."""

    vm_size: str
    priority: str
    min_nodes: int
    max_nodes: int
    idle: timedelta
    keyless_store: bool

    @classmethod
    def read(cls, section: Section) -> Self:
        """`minNodes` above 0 keeps nodes warm, and paid for, between runs."""
        settings = cls(
            vm_size=section.text(
                "vmSize",
                "STANDARD_DS3_V2",
                r"(?i)STANDARD_[A-Z]{1,3}[0-9]{1,3}([A-Z0-9_-]*[A-Z0-9])?",
                "a VM size like STANDARD_DS3_V2",
            ).upper(),
            priority=section.choice("priority", "LowPriority", ("Dedicated", "LowPriority")),
            min_nodes=section.integer("minNodes", 0, 0, 100),
            max_nodes=section.integer("maxNodes", 2, 1, 100),
            idle=timedelta(minutes=section.integer("idleMinutes", 2, 1, 720)),
            keyless_store=section.boolean("keylessStore", default=True),
        )
        if settings.min_nodes > settings.max_nodes:
            section.refuse("minNodes", settings.min_nodes, f"at most maxNodes ({settings.max_nodes})")
        return settings
