"""`python -m simulator azure`, as a process, and the plain Pulumi CLI with the environment that it prints."""

import re
import signal
import subprocess
from pathlib import Path

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

import simulator.__main__
from simulator.azure.cloud.blobs import azurite
from simulator.azure.command import COMMANDS, open_subscription, pulumi_environment
from simulator.azure.engine.shell import Shell, ShellError
from simulator.azure.provider import Fault, Faults, serve
from simulator.azure.subscription import Subscription
from stream_queries.errors import UserError
from tests.support.azure.engine_stack import REPOSITORY, copy_tree, require_cli, write_tree
from tests.support.azure.estate import GROUP, inputs, target
from tests.support.azure.plain_cli import served
from tests.support.deadline import ENOUGH_SECONDS

SMALL = """
from pulumi_azure_native import managedidentity, resources
group = resources.ResourceGroup("group", location="westeurope")
for name in ("first", "second"):
    managedidentity.UserAssignedIdentity(name, resource_group_name=group.name, location="westeurope")
"""


@pytest.fixture
def azurite_is_there() -> None:
    if not azurite.PROGRAM.is_file():
        pytest.skip("Azurite is not installed: install Node.js 20, then run `make test`")


@pytest.mark.slow
@pytest.mark.usefixtures("azurite_is_there")
def test_the_command_serves_a_subscription_and_says_how_to_use_it(tmp_path: Path):
    state = tmp_path / "with space" / "subscription.json"
    with served(state) as command:
        exports = command.exports
        assert exports["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
        assert exports["PULUMI_BACKEND_URL"] == f"file://{state.parent}/stacks"
        assert (state.parent / "stacks").is_dir()
        assert all(line in command.text.splitlines() for line in COMMANDS)
        [port] = re.findall(r"azure-native:(\d+)", exports["PULUMI_DEBUG_PROVIDERS"])
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
            create = channel.unary_unary(
                "/pulumirpc.ResourceProvider/Create",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=provider_pb2.CreateResponse.FromString,
            )
            request = provider_pb2.CreateRequest(type=target("group").token, name="group", properties=inputs("group"))
            assert create(request, timeout=ENOUGH_SECONDS).id == GROUP
        command.process.send_signal(signal.SIGINT)
        assert command.process.wait(ENOUGH_SECONDS) == 0
    assert open_subscription(state).get(GROUP) is not None


@pytest.mark.slow
@pytest.mark.usefixtures("azurite_is_there")
def test_the_readmes_quick_start_deploys_releases_and_destroys_the_real_program(tmp_path: Path):
    """As it is typed, but for what prepares the machine; what is skipped on the way ends the deployment at once."""
    require_cli()
    tree, state = copy_tree(tmp_path / "tree"), tmp_path / "azure" / "subscription.json"
    stack_init, init, doctor, up, destroy = COMMANDS
    assert quick_start() == ["make install", "source .venv/bin/activate", "az login", stack_init, init, doctor, up]
    with served(state) as command:
        shell = Shell(tree, tmp_path, command.exports)
        shell.run(stack_init)
        assert "encryptionsalt: " in (tree / "Pulumi.dev.yaml").read_text()
        for line, told in ((doctor, "nobody is listed"), (f"{up} --yes", "nobody is listed under `deployers`")):
            with pytest.raises(ShellError, match=told):
                shell.run(line)
        assert open_subscription(state).list() == []
        shell.run(init)
        assert "nothing is wrong" in shell.run(doctor)
        printed = shell.run(up, "--yes")
        assert re.search(r"release: check: .*running", printed), printed
        (job,) = open_subscription(state).list("Microsoft.StreamAnalytics/streamingjobs")
        assert job.state["jobState"] == "Running"
        shell.run("pulumi preview", "--expect-no-changes")
        shell.run(destroy, "--yes")
        command.process.send_signal(signal.SIGINT)
        said, _ = command.process.communicate(timeout=ENOUGH_SECONDS)
    assert open_subscription(state).list() == []
    assert "refused" not in said, said


def quick_start() -> list[str]:
    """What the README has a person type to deploy, without its comments."""
    (block,) = re.findall(r"^## Deploy to Azure\n\n```\n(.*?)^```", (REPOSITORY / "README.md").read_text(), re.M | re.S)
    return [line.removeprefix("$ ").partition("  #")[0].strip() for line in block.splitlines()]


def test_an_interrupted_deployment_ends_what_it_has_begun_and_the_next_one_completes(tmp_path: Path):
    require_cli()
    tree, subscription, faults = write_tree(tmp_path / "tree", SMALL), Subscription(), Faults()
    faults.inject(Fault("slow", "first", "create", seconds=600))
    with serve(subscription, faults) as port:
        shell = Shell(tree, tmp_path, pulumi_environment(port, tmp_path))
        shell.run("pulumi stack init dev")
        with shell.start("pulumi up", "--yes", "--parallel=1") as process:
            told = _read_until("UserAssignedIdentity first creating", process)
            process.send_signal(signal.SIGINT)
            told += _read_until("cancelling", process)
            faults.close()  # the slow answer comes
            rest, _ = process.communicate(timeout=ENOUGH_SECONDS)
        assert process.returncode != 0, told + rest
        ended = [one.name[:5] for one in subscription.list()]
        assert ended in (["group", "first"], ["group", "first", "secon"]), "the engine may begin one more meanwhile"
        assert ("+ 1 created\n" in shell.run("pulumi up", "--yes")) == (len(ended) == 2)
    assert [one.name[:5] for one in subscription.list()] == ["group", "first", "secon"]


def test_what_a_program_says_of_a_mistake_is_printed_once(tmp_path: Path):
    require_cli()
    tree = write_tree(tmp_path / "tree", 'import pulumi\n\nraise pulumi.RunError("one thing is wrong")\n')
    with serve(Subscription()) as port:
        shell = Shell(tree, tmp_path, pulumi_environment(port, tmp_path))
        shell.run("pulumi stack init dev")
        with pytest.raises(ShellError) as error:
            shell.run("pulumi preview")
    assert str(error.value).count("one thing is wrong") == 1, error.value


def _read_until(word: str, process: subprocess.Popen[str]) -> str:
    """What a process prints, up to a line with this word."""
    lines: list[str] = []
    while not lines or word not in lines[-1]:
        lines.append(process.stdout.readline() if process.stdout else "")
        assert lines[-1], "".join(lines)
    return "".join(lines)


def test_a_missing_azurite_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(azurite, "PROGRAM", tmp_path / "azurite")
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert simulator.__main__.main(["azure", "--state", str(tmp_path / "azure" / "subscription.json")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "simulator: Azurite is not installed: install Node.js 20, then run `make test`"


@pytest.mark.parametrize("text", ["{", "[]", '{"resources": [{"color": "red"}], "softDeleted": {}, "lives": {}}'])
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, text: str):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(UserError, match="not a simulated subscription"):
        open_subscription(tmp_path / "state.json")
