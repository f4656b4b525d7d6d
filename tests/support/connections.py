"""Which addresses a command and all its children connect or send to, seen from outside by `strace`."""

import ipaddress
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

_CALLS = "connect,sendto,sendmsg,sendmmsg"
_ADDRESS = re.compile(
    r"sa_family=AF_INET6?, sin6?_port=htons\((?P<port>\d+)\).*?"
    r'(?:inet_addr\("(?P<four>[^"]+)"\)|inet_pton\(AF_INET6, "(?P<six>[^"]+)")'
)


@dataclass(frozen=True, order=True)
class Address:
    """Where something was sent to, or would have been: an attempt counts."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether it stays on this machine."""
        address = ipaddress.ip_address(self.host)
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return (mapped or address).is_loopback


@dataclass(frozen=True)
class Traced:
    """A command that has ended, and the Internet addresses it reached for (sockets of the file system are none)."""

    returncode: int
    stdout: str
    stderr: str
    addresses: frozenset[Address]

    @property
    def off_loopback(self) -> list[Address]:
        """Those that are not of this machine; look-ups of names count as what they are, connections to a server."""
        return sorted(address for address in self.addresses if not address.is_loopback)


def trace_connections(
    command: Sequence[str | Path], *, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Traced:
    """Run a command to its end and watch it. `environment` is added to this process's own.

    The running test is skipped where `strace` is missing or may not watch.
    """
    _require_strace()
    with TemporaryDirectory() as folder:
        log = Path(folder, "log")
        watch = ["strace", "--follow-forks", "--seccomp-bpf", "-qq", "-s", "0", "-e", f"trace={_CALLS}", "-o", str(log)]
        run = subprocess.run(
            [*watch, *map(str, command)],
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        lines = log.read_text(errors="replace").splitlines()
    found = [match for line in lines for match in _ADDRESS.finditer(line)]
    addresses = frozenset(Address(match["four"] or match["six"], int(match["port"])) for match in found)
    return Traced(run.returncode, run.stdout, run.stderr, addresses)


def _require_strace() -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: install it to count connections")
    allowed = subprocess.run(["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect", "true"], check=False)
    if allowed.returncode:
        pytest.skip("strace may not watch processes here: allow ptrace")
