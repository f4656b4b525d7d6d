"""The command by which the workflow `drift` looks for drift, run as it stands there."""

import re
from pathlib import Path

import yaml

from simulator.azure.command import pulumi_environment
from simulator.azure.engine.shell import Shell
from simulator.azure.provider import serve
from simulator.azure.resources import drift
from simulator.azure.subscription import Subscription
from tests.support.azure.engine_stack import REPOSITORY, require_cli, write_tree

PROGRAM = """
import pulumi
from pulumi_azure_native import monitor, operationalinsights, resources

def publish(arguments):
    open("published", "a").write("once ")

group = resources.ResourceGroup("group", location="westeurope", tags={"team": "a"})
logs = operationalinsights.Workspace("logs", resource_group_name=group.name)
monitor.DiagnosticSetting(
    "diagnostics",
    name="to-log-analytics",
    resource_uri=logs.id,
    workspace_id=logs.id,
    logs=[monitor.DiagnosticsLogSettingsArgs(category_group="audit", enabled=True)],
)
hook = pulumi.ResourceHook("publish", publish)
hooks = pulumi.ResourceHookBinding(before_create=[hook], before_update=[hook])
pulumi.Stash("release", input={"code": "0123"}, opts=pulumi.ResourceOptions(hooks=hooks))
"""


def looks_for_drift() -> str:
    """The workflow's command, without where its output goes."""
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/drift.yml").read_text(encoding="utf-8"))
    (script,) = [step["run"] for step in workflow["jobs"]["refresh"]["steps"] if "--refresh" in step.get("run", "")]
    assert re.search(r"case \"\$code\" in 0\|7\)", script), "what the exit codes below are taken for"
    (command,) = re.findall(r"^pulumi preview [^>]*", script.replace("\\\n", " "), re.MULTILINE)
    return command.replace('"$STACK"', "dev").replace("--non-interactive", "")


def test_drift_has_an_exit_code_of_its_own_and_looking_for_it_changes_nothing(tmp_path: Path):
    require_cli()
    tree, subscription = write_tree(tmp_path / "tree", PROGRAM), Subscription()
    with serve(subscription) as port:
        shell = Shell(tree, tmp_path, pulumi_environment(port, tmp_path))
        shell.run("pulumi stack init dev")

        def look() -> tuple[int, str]:
            with shell.start(looks_for_drift()) as process:
                told, _ = process.communicate()
            return process.returncode, told

        shell.run("pulumi up", "--yes")
        kept = {path: path.read_bytes() for path in (tmp_path / "stacks").rglob("*") if path.is_file()}
        code, told = look()
        assert code == 0, f"what Azure adds to a diagnostic setting is no drift: {told}"
        (group,) = (one for one in subscription.list() if (one.token or "").endswith(":ResourceGroup"))
        drift(subscription, group.id, {"tags.team": "somebody"})
        exists = subscription.snapshot()
        code, told = look()
        assert code == 7 and "somebody" in told, told
        assert subscription.snapshot() == exists, "it only reads"
        now = {path: path.read_bytes() for path in (tmp_path / "stacks").rglob("*") if path.is_file()}
        assert now == kept, "no lock, no history, no state is written: reading the state is enough"
        assert (tree / "infra/published").read_text() == "once ", "no hook runs"
