"""The workspace of a deployed stack, as Pulumi knows it."""

import json
import subprocess
from pathlib import Path

from scoring.publish.workspace import Workspace
from stream_queries.errors import UserError

ROOT = Path(__file__).parents[2]
SECONDS_TO_ANSWER = 120
OUTPUTS = ("subscriptionId", "resourceGroup", "workspace")


def find_workspace(
    stack: str | None, subscription: str | None, resource_group: str | None, workspace: str | None
) -> Workspace:
    """The workspace of `stack`, with what is given of the three names in place of its outputs.

    Without a stack all three are needed. Raises UserError where one is missing or Pulumi cannot be asked.
    """
    given = dict(zip(OUTPUTS, (subscription, resource_group, workspace), strict=True))
    if stack is None:
        if not all(given.values()):
            raise UserError("give --stack NAME, or --subscription, --resource-group and --workspace")
        outputs = {}
    else:
        outputs = {} if all(given.values()) else _outputs(stack)
    names = {name: value or outputs.get(name) for name, value in given.items()}
    missing = [name for name, value in names.items() if not value]
    if missing:
        raise UserError(f"stack {stack} has no output {', '.join(missing)}: deploy it with pulumi up --stack {stack}")
    return Workspace(*(str(names[name]) for name in OUTPUTS))


def _outputs(stack: str) -> dict[str, object]:
    command = ["pulumi", "stack", "output", "--json", "--non-interactive", "--stack", stack]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER, check=False)
    except FileNotFoundError:
        raise UserError("pulumi is not on the PATH: install it, or name the workspace with three options") from None
    except subprocess.TimeoutExpired:
        raise UserError(f"pulumi has not answered in {SECONDS_TO_ANSWER} s: {' '.join(command)}") from None
    if done.returncode:
        reason = next(iter(done.stderr.strip().splitlines()), f"exit code {done.returncode}")
        raise UserError(f"pulumi cannot tell the outputs of stack {stack}: {reason}")
    try:
        outputs = json.loads(done.stdout)
    except ValueError:
        outputs = None
    if not isinstance(outputs, dict):
        raise UserError(
            f"pulumi has not told the outputs of stack {stack} as JSON: is it Pulumi that is called pulumi?"
        )
    return outputs
