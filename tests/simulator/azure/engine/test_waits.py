"""Waits that take no time: the simulated clock goes on instead."""

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

from simulator.azure.clock import Clock
from simulator.azure.engine.processes import waits

PROGRAM = """
import asyncio, runpy, sys, time
runpy.run_path(sys.argv[1])["skip_waits"](sys.argv[2])
time.sleep(0.01)
time.sleep(3600)
print(asyncio.run(asyncio.sleep(1800, "slept")))
"""


def test_a_program_that_waits_for_hours_ends_at_once_and_says_how_long_it_would_have_waited():
    told: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            told.append(json.loads(content)["seconds"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: Any, **_keywords: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/clock"
        command = [sys.executable, "-P", "-c", PROGRAM, str(waits.__file__), address]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        server.shutdown()
    assert run.stdout == "slept\n" and told == [3600, 1800]


def test_a_clock_goes_on_by_itself_and_by_what_is_skipped():
    clock = Clock()
    before = clock.now()
    clock.skip(480)
    assert 480 <= clock.now() - before < 480 + 60 and clock.skipped == 480
