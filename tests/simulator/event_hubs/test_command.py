"""The command line: what it prints, how it ends, and what it says about a user's mistakes."""

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.event_hubs import Hub
from simulator.event_hubs.command import hub_text, hubs_of_config, parse_hub, parse_key
from simulator.event_hubs.loopback import DEFAULT_HUB
from simulator.event_hubs.protocol.codec import Performative
from stream_queries.errors import UserError
from tests.simulator.event_hubs.raw_client import RawClient
from tests.simulator.event_hubs.server_process import ServerProcess, command_line
from tests.support.deadline import ENOUGH_SECONDS

ANY_PORT = ("--port", "0")


def fail(*arguments: str | Path) -> str:
    """Run the command, which must refuse with exit code 2 and one line; returns the line."""
    done = subprocess.run(
        command_line(*arguments),
        capture_output=True,
        text=True,
        timeout=ENOUGH_SECONDS,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_cleanly_even_with_clients(number: signal.Signals) -> None:
    with ServerProcess(*ANY_PORT) as server, RawClient(server.port).open() as client:
        server.process.send_signal(number)
        code, output, errors = server.end()
        assert (code, output) == (0, "")
        assert "Traceback" not in errors
        assert client.expect(Performative.CLOSE)[0].value[0] == "amqp:connection:forced"


def test_the_connection_string_is_the_one_line_of_output() -> None:
    with ServerProcess(*ANY_PORT, "--key", "root=secret") as server:
        assert re.fullmatch(
            r"Endpoint=sb://127\.0\.0\.1:\d+;SharedAccessKeyName=root;SharedAccessKey=secret;UseDevelopmentEmulator=true",
            server.connection_string,
        )


def test_the_server_ends_when_standard_input_closes() -> None:
    with ServerProcess(*ANY_PORT, "--until-stdin-closes") as server:
        code, output, errors = server.end()  # closes it
        assert (code, output) == (0, "") and "Traceback" not in errors


def test_the_server_ends_with_its_parent() -> None:
    parent = (
        f"import subprocess, time; subprocess.Popen({command_line(*ANY_PORT, '--exit-with-parent')!r}); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().split(";")[0].rpartition(":")[2])
        process.kill()
        process.wait()
        assert process.stdout.read() == ""  # ends when the server, which inherited the pipe, has ended
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_busy_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        line = fail("--port", str(port))
    assert line.startswith(f"event-hubs: cannot listen on 127.0.0.1:{port}: ")
    assert "address already in use" in line and "Choose another port" in line


def test_a_second_server_on_a_data_folder_is_refused(tmp_path: Path) -> None:
    with ServerProcess(*ANY_PORT, "--data", tmp_path):
        assert f"another Event Hubs server uses the data folder {tmp_path}" in fail(*ANY_PORT, "--data", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--hub", "readings:many"), "--hub readings:many: 'many' is no number of partitions"),
        (("--hub", "readings:33"), "1 to 32 are possible"),
        (("--hub", "bad name"), "'bad name' is no name"),
        (("--hub", "readings:1:a/b"), "'a/b' is no name"),
        (("--hub", "a", "--hub", "A:2"), "the hub A is given twice"),
        (("--key", "secret"), "--key: write NAME=KEY"),
        (("--config", "/no/such/Config.json"), "--config /no/such/Config.json: No such file"),
        (("--data", "/dev/null/data"), "cannot write to the data folder /dev/null/data"),
        (("--tls", "/no/cert", "/no/key"), "cannot use the certificate /no/cert"),
        (("--port", "70000"), "cannot listen on 127.0.0.1:70000"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments: tuple[str, ...], message: str) -> None:
    assert message in fail(*ANY_PORT, *arguments)


def test_a_hub_is_written_as_name_partitions_and_groups() -> None:
    assert parse_hub("telemetry") == Hub("telemetry", DEFAULT_HUB.partitions)
    assert parse_hub("telemetry:2") == Hub("telemetry", 2)
    assert parse_hub("telemetry::a,b") == Hub("telemetry", DEFAULT_HUB.partitions, ("a", "b"))
    assert parse_hub(hub_text(DEFAULT_HUB)) == DEFAULT_HUB
    assert hub_text(DEFAULT_HUB) == "readings:4:readings,arrivals,replay"


def test_a_key_may_hold_equals_signs() -> None:
    assert parse_key("root=c2VjcmV0==") == ("root", "c2VjcmV0==")


def test_hubs_come_from_the_emulators_configuration(tmp_path: Path) -> None:
    path = tmp_path / "Config.json"
    entity = {"Name": "eh1", "PartitionCount": "2", "ConsumerGroups": [{"Name": "cg1"}]}
    namespace = {"Type": "EventHub", "Name": "emulatorNs1", "Entities": [entity, {"Name": "eh2"}]}
    path.write_text(json.dumps({"UserConfig": {"NamespaceConfig": [namespace], "LoggingConfig": {"Type": "File"}}}))
    assert hubs_of_config(path) == [Hub("eh1", 2, ("cg1",)), Hub("eh2", 1)]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"UserConfig": {"NamespaceConfig": [{"Entities": [{}]}]}}'])
def test_another_configuration_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "Config.json"
    path.write_text(content)
    with pytest.raises(UserError, match="not a configuration of Microsoft's Event Hubs emulator"):
        hubs_of_config(path)
