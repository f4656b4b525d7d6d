"""What holds for the whole suite."""

import gc
import ipaddress
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck

from simulator.azure.cloud.blobs.azurite import running_azurite, slot_key
from stream_queries.errors import UserError
from tests.support import selection
from tests.support.case_tables import write_tables

LEFT_THIS_MACHINE: list[str] = []


def note_connections(event: str, arguments: tuple[Any, ...]) -> None:
    """Note every address or name outside this machine that a test's process reaches for."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host not in (None, "", "localhost") and not _is_loopback(host):
        LEFT_THIS_MACHINE.append(f"{host} in {os.environ.get('PYTEST_CURRENT_TEST', 'the collection')}")


def _is_loopback(host: str | bytes) -> bool:
    try:
        return ipaddress.ip_address(host if isinstance(host, str) else host.decode()).is_loopback
    except ValueError:
        return False


sys.addaudithook(note_connections)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="leave out what is slow and what starts a process")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    selection.group(items)
    if config.getoption("fast"):
        selection.leave_out_what_is_slow(items)


def pytest_configure() -> None:
    """Let Python look for garbage seldom, and never among what is imported: that took a third of the tests' time.

    No example of a property has a deadline: the machine may be busy.
    """
    gc.set_threshold(50_000, 20, 100)
    hypothesis.settings.register_profile("a busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    hypothesis.settings.load_profile("a busy machine")


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    gc.unfreeze()  # else libraries complain at Python's end that their objects were never freed


@pytest.fixture(scope="session", autouse=True)
def nothing_leaves_this_machine() -> Iterator[None]:
    """No test connects to, or looks up, anything but this machine; what it starts is another process, unseen here."""
    yield
    assert LEFT_THIS_MACHINE == []


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a Blob Storage stand-in that lives as long as the session; skips where it is missing."""
    with ExitStack() as stack:
        try:
            azurite = stack.enter_context(running_azurite(tmp_path_factory.mktemp("azurite")))
        except UserError as error:
            pytest.skip(str(error))
        yield f"AccountName=slot00;AccountKey={slot_key('slot00')};BlobEndpoint={azurite.url('slot00')};"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the tables of cases, and say why tests were skipped; in CI everything must be there: a skip is a failure."""
    write_tables(terminalreporter)
    skipped = terminalreporter.stats.get("skipped", [])
    if terminalreporter.config.getoption("fast"):
        terminalreporter.write_line(f"{len(skipped)} tests are slow or start a process, and were left out")
        return
    for report in skipped:
        terminalreporter.write_line(f"skipped {report.nodeid}: {report.longrepr[-1]}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
