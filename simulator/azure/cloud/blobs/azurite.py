"""Azurite, Microsoft's stand-in for Blob Storage, as a process of its own."""

import base64
import os
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha512
from pathlib import Path

from stream_queries.errors import UserError

PROGRAM = Path(__file__).parents[4] / ".cache/node/node_modules/.bin/azurite-blob"
OPTIONS = ("--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck")
SECONDS_TO_START = 60
SLOTS = 32


@dataclass(frozen=True)
class Azurite:
    """A running Azurite, in plain HTTP, with `SLOTS` accounts named `slot00`, `slot01` …

    It knows only the accounts that were named at its start; whose slot is whose is decided elsewhere.
    """

    host: str
    port: int

    def url(self, slot: str) -> str:
        """The address of an account's blob service."""
        return f"http://{self.host}:{self.port}/{slot}"


def slots() -> Sequence[str]:
    """The names of all accounts."""
    return [f"slot{number:02}" for number in range(SLOTS)]


def slot_key(slot: str) -> str:
    """The key of an account; no secret, because Azurite listens on this machine only and forgets everything."""
    return base64.b64encode(sha512(slot.encode()).digest()).decode()


@contextmanager
def running_azurite(folder: Path) -> Generator[Azurite]:
    """Run Azurite while the context lasts; its log goes into `folder`. UserError where it is not installed."""
    if not PROGRAM.is_file():
        raise UserError("Azurite is not installed: install Node.js 20, then run `make test`")
    log = folder / "azurite.log"
    accounts = ";".join(f"{slot}:{slot_key(slot)}" for slot in slots())
    command = [str(PROGRAM), *OPTIONS, "--disableTelemetry", "--silent"]
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"AZURITE_ACCOUNTS": accounts},
        )
    try:
        host, _, port = _address(process, log).removeprefix("http://").partition(":")
        yield Azurite(host, int(port))
    finally:
        process.terminate()
        process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until Azurite says where it listens."""
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        lines = [line for line in log.read_text().splitlines(keepends=True) if "successfully listens on" in line]
        if lines and lines[0].endswith("\n"):
            return lines[0].split()[-1]
        if process.poll() is not None or time.monotonic() > deadline:
            raise UserError(f"Azurite did not start: {log.read_text().strip()}")
        time.sleep(0.02)
