"""`python -m simulator azure`, as a process."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from simulator.azure.command import COMMANDS, open_subscription
from stream_queries.command_line import UserError
from tests.simulator.azure.estate import GROUP, inputs, target

ROOT = Path(__file__).parents[3]


def exported(text: str) -> dict[str, str]:
    """What a shell would have in its environment after these lines."""
    script = "\n".join(line for line in text.splitlines() if line.startswith("export ")) + "\nenv"
    printed = subprocess.run(["sh", "-c", script], env={}, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in printed.splitlines() if line.startswith("PULUMI_"))


@pytest.mark.slow
def test_the_command_serves_a_subscription_and_says_how_to_use_it(tmp_path: Path):
    state = tmp_path / "with space" / "subscription.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "azure", "--state", str(state)],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or "Interrupt" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], "".join(lines)
        text = "".join(lines)
        environment = exported(text)
        assert environment["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
        assert environment["PULUMI_BACKEND_URL"] == f"file://{state.parent}/stacks"
        assert (state.parent / "stacks").is_dir()
        assert all(command in text.splitlines() for command in COMMANDS)
        [port] = re.findall(r"azure-native:(\d+)", environment["PULUMI_DEBUG_PROVIDERS"])
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
            create = channel.unary_unary(
                "/pulumirpc.ResourceProvider/Create",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=provider_pb2.CreateResponse.FromString,
            )
            request = provider_pb2.CreateRequest(type=target("group").token, name="group", properties=inputs("group"))
            assert create(request, timeout=30).id == GROUP
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert open_subscription(state).get(GROUP) is not None


@pytest.mark.parametrize("text", ["{", "[]", '{"resources": [{"color": "red"}], "softDeleted": {}, "lives": {}}'])
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, text: str):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(UserError, match="not a simulated subscription"):
        open_subscription(tmp_path / "state.json")
