"""Versions of models, environments and components: made when they are missing, archived when they are many."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from azure.core.exceptions import ResourceNotFoundError

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Operations(Protocol):
    """What the SDK's clients for models, environments and components share."""

    def list(self, name: str) -> Iterable[Any]:
        """The versions that are not archived."""
        ...

    def get(self, name: str, version: str) -> Any:
        """One version, archived or not."""
        ...

    def archive(self, name: str, version: str) -> None:
        """Hide a version; what uses it goes on using it."""
        ...

    def restore(self, name: str, version: str) -> None:
        """Show an archived version again."""
        ...


@dataclass(frozen=True)
class Versions:
    """The versions of one asset."""

    operations: Operations
    name: str

    def ensure(self, version: str, create: Callable[[], object]) -> bool:
        """Make `version` be there, unhidden; returns whether it had to be made or brought back."""
        if version in self._active():
            return False
        if self._exists(version):
            self.operations.restore(name=self.name, version=version)
        else:
            create()
        return True

    def archive_old(self, keep: int, but: str) -> list[str]:
        """Archive all versions except `but` and the `keep` latest others; returns those that were archived."""
        active = self._active()
        others = sorted(active.keys() - {but}, key=lambda version: (active[version], version), reverse=True)
        for version in others[keep:]:
            self.operations.archive(name=self.name, version=version)
        return others[keep:]

    def _exists(self, version: str) -> bool:
        try:
            self.operations.get(name=self.name, version=version)
        except ResourceNotFoundError:
            return False
        return True

    def _active(self) -> Mapping[str, datetime]:
        """The versions that are not archived, each with when it was made."""
        try:
            return {entry.version: _created(entry) for entry in self.operations.list(name=self.name)}
        except ResourceNotFoundError:  # there never was a version
            return {}


def _created(entry: Any) -> datetime:
    created = entry.creation_context.created_at if entry.creation_context else None
    return created or _LONG_AGO
