"""The server on its port: listening, TLS, and the parting from its clients."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import NamedTuple

from simulator.event_hubs.service.connection import Connection
from simulator.event_hubs.storage.namespace import Namespace
from stream_queries.errors import UserError

_FAREWELL_SECONDS = 1.0


class Tls(NamedTuple):
    """The files of a certificate and of its private key, both PEM."""

    certificate: Path
    key: Path


@contextlib.asynccontextmanager
async def serving(namespace: Namespace, *, host: str, port: int, tls: Tls | None = None) -> AsyncGenerator[int]:
    """Serve the namespace while the context lasts; yields the port. A `UserError` if it cannot listen there."""
    connections: set[Connection] = set()
    try:
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(namespace, connections), host, port, backlog=256, ssl=_tls_context(tls)
        )
    except (OSError, OverflowError) as error:
        raise UserError(f"cannot listen on {host}:{port}: {error}. Choose another port (0 is any free one)") from error
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await _part_from(connections)
        await server.wait_closed()


def _tls_context(tls: Tls | None) -> ssl.SSLContext | None:
    if tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except OSError as error:
        raise UserError(f"cannot use the certificate {tls.certificate} with the key {tls.key}: {error}") from error
    return context


async def _part_from(connections: set[Connection]) -> None:
    """Close all connections, and cut off the clients that do not let us."""
    for connection in list(connections):
        connection.close("amqp:connection:forced", "The server is shutting down.")
    deadline = asyncio.get_running_loop().time() + _FAREWELL_SECONDS
    while connections:
        await asyncio.sleep(0.005)
        if asyncio.get_running_loop().time() > deadline:
            for connection in list(connections):
                connection.abort()
