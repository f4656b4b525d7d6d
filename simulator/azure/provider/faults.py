"""Faults to order: what may go wrong between the provider and Azure, at a chosen resource and operation."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from threading import Event, Lock
from typing import Any, Literal, Self

from simulator.azure.errors import ArmError, RefusalError

FILE_VARIABLE = "SIMULATED_AZURE_FAULTS"
"""Names a JSON file with a list of faults, for a provider in another process. It is read before every operation."""

RETRIES = 3
"""How often azure-native sends a request again that was throttled, before it gives up (azcore's default)."""

Kind = Literal["error", "throttling", "slow", "failed-run", "lost-answer", "lost-resource", "lost-children"]
KINDS = ("error", "throttling", "slow", "failed-run", "lost-answer", "lost-resource", "lost-children")
OPERATIONS = ("create", "read", "update", "delete")


@dataclass(frozen=True)
class Fault:
    """What goes wrong, where, and how many times (`times` of 0: always).

    * `error`: the request is refused, nothing is done.
    * `throttling`: Azure answers 429 `times` times in a row, each a wait of `seconds`; beyond `RETRIES` it fails.
    * `slow`: the answer takes `seconds`.
    * `failed-run`: a task run of the registry is written, and fails for a reason that passes; of any other resource,
      nothing happens.
    * `lost-answer`: it is done, but waiting for the result fails. As azure-native does, the provider hands over what
      it knows, so the resource is in the stack's state as unfinished and the next `up` updates it.
    * `lost-resource`: it is done, and nobody learns of it, as when the machine that deploys dies. The next `up` finds
      an id that exists and stops there, or makes another if the name was random, unless `python -m infra recover` is
      run before.
    * `lost-children`: it is done, and drops what lies below the resource: whether a PUT of a stream job does so is not
      documented.

    `resource` is a logical name or a type (`storage:BlobContainer`), `operation` one of `OPERATIONS`; in both, `*`
    stands for anything.
    """

    kind: Kind
    resource: str = "*"
    operation: str = "*"
    times: int = 1
    seconds: float = 0.0
    message: str = "An injected fault."

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Self:
        """A fault as a file has it; `RefusalError` says what is wrong with it.

        Not Azure's: a test's own mistake.
        """
        try:
            fault = cls(**written)
        except TypeError as error:
            raise RefusalError(f"{written} is no fault: {error}") from error
        if fault.kind not in KINDS:
            raise RefusalError(f"{written} is no fault: kind is one of {', '.join(KINDS)}")
        return fault

    def matches(self, operation: str, token: str, name: str) -> bool:
        """Whether the fault strikes this operation on this resource."""
        named = (name, token, token.partition(":")[2])
        return fnmatchcase(operation, self.operation) and any(fnmatchcase(one, self.resource) for one in named)


class Faults:
    """The faults that wait to strike: from this process, and from `file` or the one that `FILE_VARIABLE` names."""

    def __init__(self, *faults: Fault, file: Path | None = None) -> None:
        named = os.environ.get(FILE_VARIABLE)
        self._file = file or (Path(named) if named else None)
        self._lock, self._stopped = Lock(), Event()
        self._injected: list[tuple[Fault, int]] = []
        self._from_file: list[tuple[Fault, int]] = []
        self._read = ""
        self.struck: list[tuple[str, str, Fault]] = []
        """Operation, logical name and fault, in order."""
        self.inject(*faults)

    def inject(self, *faults: Fault) -> None:
        """Let these faults strike too."""
        with self._lock:
            self._injected += [(fault, fault.times) for fault in faults]

    def clear(self) -> None:
        """Let nothing injected from this process strike any more."""
        with self._lock:
            self._injected.clear()

    def open(self) -> None:
        """Be ready to make operations wait."""
        self._stopped.clear()

    def close(self) -> None:
        """End all waiting."""
        self._stopped.set()

    def strike(self, operation: str, token: str, name: str) -> Kind | None:
        """Do what waits for this operation before it is carried out; returns a fault that strikes after it.

        Source: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling (429)
        """
        fault = self._take(operation, token, name)
        if fault is None:
            return None
        where = f"{operation} of {token} {name!r}"
        match fault.kind:
            case "slow":
                self._stopped.wait(fault.seconds)
            case "error":
                raise ArmError(500, "InternalServerError", f"{fault.message} ({where})")
            case "throttling":
                for _ in range(min(fault.times or RETRIES + 1, RETRIES + 1)):
                    self._stopped.wait(fault.seconds)
                if not 0 < fault.times <= RETRIES:
                    raise ArmError(429, "TooManyRequests", f"{fault.message} ({where})")
            case "failed-run" | "lost-answer" | "lost-resource" | "lost-children":
                return fault.kind
        return None

    def _take(self, operation: str, token: str, name: str) -> Fault | None:
        with self._lock:
            self._read_file()
            for waiting in (self._injected, self._from_file):
                for index, (fault, left) in enumerate(waiting):
                    if fault.matches(operation, token, name):
                        used_up = left == 1 or (left and fault.kind == "throttling")
                        waiting[index : index + 1] = [] if used_up else [(fault, left and left - 1)]
                        self.struck.append((operation, name, fault))
                        return fault
            return None

    def _read_file(self) -> None:
        """Take in the file's faults anew whenever its content has changed."""
        text = self._file.read_text(encoding="utf-8") if self._file and self._file.is_file() else ""
        if text != self._read:
            self._from_file = [(fault, fault.times) for fault in _faults_in(text)]
            self._read = text


def _faults_in(text: str) -> list[Fault]:
    """The faults in a file's text.

    Not Azure's: a test's own mistake.
    """
    try:
        written = json.loads(text or "[]")
    except ValueError as error:
        raise RefusalError(f"the file of faults holds no JSON: {error}") from error
    return [Fault.read(one) for one in written]
