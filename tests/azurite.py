"""Azurite, Microsoft's stand-in for Blob Storage, as a process that tests start."""

import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / ".cache/node/node_modules/.bin/azurite-blob"
OPTIONS = ("--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck")
SECONDS_TO_START = 60

ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The one account of every storage stand-in, and its published key
(https://learn.microsoft.com/azure/storage/common/storage-use-azurite#well-known-storage-account-and-key)."""


@contextmanager
def running_azurite(folder: Path) -> Generator[str]:
    """Start Azurite on a free port and yield a connection string; it ends with the context.

    `folder` is for its log. The running test is skipped where Azurite is not installed.
    """
    if not PROGRAM.is_file():
        pytest.skip("Azurite is not installed: install Node.js 20, then run `make test`")
    log = folder / "azurite.log"
    command = [str(PROGRAM), *OPTIONS, "--disableTelemetry", "--silent"]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        endpoint = f"{_address(process, log)}/{ACCOUNT}"
        yield f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};BlobEndpoint={endpoint};"
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
            pytest.fail(f"Azurite did not start:\n{log.read_text()}")
        time.sleep(0.02)
