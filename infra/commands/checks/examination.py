"""What the checks of `doctor` ask and share: each fact is found out once, when the first check asks for it."""

import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

from azure.core.exceptions import HttpResponseError

from infra.commands.directory import Directory
from infra.commands.rest import GRAPH, MANAGER, RestApi
from infra.commands.stack_file import StackFile
from infra.release.work.principal import Principal, running_principal
from infra.settings import Settings
from scoring.cluster.stores.identity import own_credential
from stream_queries.errors import UserError

SUBSCRIPTIONS_API = "2022-12-01"
_SECONDS_FOR_A_COMMAND = 60


class WrongError(Exception):
    """Something that will stop or break a deployment: what it is, and what to do."""

    def __init__(self, text: str, mend: str) -> None:
        super().__init__(text)
        self.text, self.mend = text, mend


class NotCheckedError(Exception):
    """Nobody can say from here whether something is right; `mend` is how a person can."""

    def __init__(self, reason: str, mend: str = "") -> None:
        super().__init__(reason)
        self.reason, self.mend = reason, mend


class Examination:
    """One stack, the account that is signed in, and the tools of this machine."""

    def __init__(self, folder: Path, stack: str) -> None:
        self.folder, self.stack = folder, stack
        self._open = ExitStack()

    def __enter__(self) -> "Examination":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @cached_property
    def file(self) -> StackFile:
        """The stack's file; NotCheckedError if it cannot be read."""
        try:
            return self.open_file()
        except UserError as error:
            raise NotCheckedError("the settings are wrong") from error

    def open_file(self) -> StackFile:
        """The stack's file; UserError says why it cannot be read."""
        return StackFile.open(self.folder, self.stack)

    @cached_property
    def settings(self) -> Settings:
        """What the file sets; NotCheckedError if the program would refuse it."""
        settings, problems = Settings.read(self.file.values)
        if problems:
            raise NotCheckedError("the settings are wrong")
        return settings

    @cached_property
    def principal(self) -> Principal:
        """Who is signed in; NotCheckedError if nobody is."""
        if isinstance(self._login, UserError):
            raise NotCheckedError("nobody is signed in")
        return self._login

    def sign_in(self) -> Principal:
        """Who is signed in; UserError says why nobody is."""
        if isinstance(self._login, UserError):
            raise self._login
        return self._login

    @cached_property
    def subscription(self) -> str:
        """The id of the chosen subscription; NotCheckedError if none is."""
        try:
            return self.choose_subscription()
        except WrongError as error:
            raise NotCheckedError("no subscription is chosen") from error

    def choose_subscription(self) -> str:
        """The id of the subscription that Pulumi's provider deploys to; WrongError if that cannot be told.

        The provider takes its own setting, its own variable, else what the Azure CLI has chosen. Source:
        https://github.com/pulumi/pulumi-azure-native/blob/master/provider/pkg/provider/auth_azidentity.go
        """
        for chosen in (self.configured("subscriptionId"), os.environ.get("ARM_SUBSCRIPTION_ID")):
            if chosen:
                return chosen
        if shutil.which("az") and (chosen := self.run("az", "account", "show", "--query", "id", "--output", "tsv")):
            return chosen
        visible = self.manager.list("/subscriptions", {"api-version": SUBSCRIPTIONS_API})
        if len(visible) != 1:
            raise WrongError(
                f"{len(visible)} subscriptions can be seen and none is chosen",
                "choose one: az account set --subscription NAME",
            )
        return visible[0]["subscriptionId"]

    def configured(self, name: str) -> str | None:
        """What the stack's file sets for Pulumi's provider."""
        value = self.file.config.get(f"azure-native:{name}")
        return ("true" if value is True else str(value)) if value else None

    def ask(self, below: str, api_version: str, **query: str) -> dict[str, Any]:
        """A GET below the subscription."""
        return self.manager.get(f"/subscriptions/{self.subscription}{below}", {"api-version": api_version, **query})

    def list(self, below: str, api_version: str) -> list[dict[str, Any]]:
        """All that a GET below the subscription lists."""
        return self.manager.list(f"/subscriptions/{self.subscription}{below}", {"api-version": api_version})

    def look_up(self, question: Callable[[Directory], Any]) -> Any:
        """The answer of the directory; NotCheckedError where the account may not read it."""
        try:
            return question(Directory(self._graph))
        except HttpResponseError as error:
            if error.status_code not in (401, 403):
                raise
            raise NotCheckedError("this account may not read the directory") from error

    def run(self, *command: str) -> str | None:
        """What a command prints; None if it is not there or fails."""
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"},
                capture_output=True,
                text=True,
                check=False,
                timeout=_SECONDS_FOR_A_COMMAND,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    @cached_property
    def manager(self) -> RestApi:
        """Azure Resource Manager, as who is signed in."""
        _ = self.principal
        return self._open.enter_context(RestApi(self._credential, MANAGER))

    @cached_property
    def _login(self) -> Principal | UserError:
        """Tried once: where nobody is signed in, that takes some seconds to find out."""
        try:
            return running_principal(self._credential)
        except UserError as error:
            return error

    @cached_property
    def _graph(self) -> RestApi:
        return self._open.enter_context(RestApi(self._credential, GRAPH))

    @cached_property
    def _credential(self) -> Any:
        return own_credential()
