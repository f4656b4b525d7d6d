"""The one port of the simulated cloud: a proxy that is itself the other end of every connection it lets through.

A client that is told to use the proxy asks it to CONNECT to `management.azure.com:443`; the server agrees, and then
speaks TLS in that host's name. So no name needs to be resolved and nothing can leave the machine: hosts outside the
closed list are refused, and kept in `refused`. Requests to 127.0.0.1 itself come without a proxy, in plain HTTP.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from simulator.azure.cloud.http.certificates import Certificates
from simulator.azure.cloud.http.messages import Answer, Request

LOCAL = "127.0.0.1"
SECONDS_TO_HAND_SHAKE = 30

Application = Callable[[Request], Answer | None]
"""Answers a request; None means that the connection is cut without an answer."""


class Server(ThreadingHTTPServer):
    """Serves an application on a free port of 127.0.0.1."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, application: Application, is_known: Callable[[str], bool], certificates: Certificates) -> None:
        self.application, self.is_known = application, is_known
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificates.certificate, certificates.key)
        self.refused: list[str] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((LOCAL, 0), _Handler)

    @property
    def url(self) -> str:
        """The address of the proxy, and of what needs none."""
        return f"http://{LOCAL}:{self.server_port}"

    def refuse(self, host: str) -> None:
        """Remember that a client asked for a host outside the list."""
        with self._lock:
            self.refused.append(host)

    def opened(self, connection: socket.socket) -> None:
        """A connection is in use from now on."""
        with self._lock:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """A connection is in use no more."""
        with self._lock:
            self._open.discard(connection)

    def cut_all(self) -> None:
        """End all connections, also those that wait for a client's next request."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may go away whenever they like."""


@contextmanager
def running_server(
    application: Application, is_known: Callable[[str], bool], certificates: Certificates
) -> Generator[Server]:
    """Serve while the context lasts. `is_known` says whether a host belongs to the simulated cloud."""
    server = Server(application, is_known, certificates)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="simulated-cloud")
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.cut_all()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One client's connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    host = LOCAL

    def setup(self) -> None:
        super().setup()
        self._cloud = cast("Server", self.server)
        self._cloud.opened(self.connection)

    def finish(self) -> None:
        self._cloud.closed(self.connection)
        with contextlib.suppress(OSError):
            super().finish()
        self.connection.close()

    def log_message(self, *_args: Any, **_keywords: Any) -> None:
        """The cloud keeps a log of its own."""

    def do_CONNECT(self) -> None:
        """Become the host that the client wants to reach, if it is one of ours."""
        host, _, port = self.path.partition(":")
        if port != "443" or not self._cloud.is_known(host):
            self._refuse(self.path)
            return
        self.send_response(200)
        self.end_headers()
        self._start_tls()
        self.host, self.close_connection = host, False

    def _start_tls(self) -> None:
        self._cloud.closed(self.connection)
        self.connection.settimeout(SECONDS_TO_HAND_SHAKE)
        self.request = self._cloud.tls.wrap_socket(self.connection, server_side=True)
        self.request.settimeout(None)
        self.rfile.close()
        self.setup()

    def _refuse(self, where: str) -> None:
        self._cloud.refuse(where)
        self.close_connection = True
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _exchange(self) -> None:
        """Let the application answer; a request for another host in plain HTTP is refused."""
        if self.path.startswith("http://"):
            self._refuse(self.path)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        content = self.rfile.read(int(headers.get("content-length", 0)))
        answer = self._cloud.application(Request(self.command, self.host, self.path, headers, content))
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name in answer.headers):
            self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)

    def do_GET(self) -> None:
        self._exchange()

    def do_HEAD(self) -> None:
        self._exchange()

    def do_PUT(self) -> None:
        self._exchange()

    def do_POST(self) -> None:
        self._exchange()

    def do_PATCH(self) -> None:
        self._exchange()

    def do_DELETE(self) -> None:
        self._exchange()
