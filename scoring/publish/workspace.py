"""The workspace that is published to, and what is told of each step."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from azure.core.credentials import TokenCredential

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

ENDED = frozenset({"Completed", "Failed", "Canceled"})
"""The states of a job that will not change any more."""


@dataclass(frozen=True)
class Workspace:
    """An Azure ML workspace by its names."""

    subscription_id: str
    resource_group: str
    name: str

    def client(self, credential: TokenCredential) -> "MLClient":
        """The SDK for this workspace; it sends no telemetry.

        It shows bars while it uploads: only then does it look what became of the files. Without bars it waits for ever
        for one that was refused (azure-ai-ml 1.35, `upload_directory`), as files are while roles are not yet known.
        """
        from azure.ai.ml import MLClient  # here, because it takes a second and most of this package needs none of it

        logging.getLogger("azure.ai.ml").setLevel(logging.ERROR)  # it warns of classes of its own
        return MLClient(
            credential,
            self.subscription_id,
            self.resource_group,
            self.name,
            show_progress=True,
            enable_telemetry=False,
        )


@dataclass(frozen=True)
class Done:
    """One step's result: `what` is now there; `done` if it was missing, `changed` if it was different."""

    step: str
    what: str
    outcome: Literal["done", "unchanged", "changed"]


Report = Callable[[Done], None]
"""Told of each step as it is done."""
