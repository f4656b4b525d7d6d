"""The Pulumi command line tool that tests and previews run: where it is, or how to get it."""

import importlib.metadata
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from stream_queries.errors import UserError

CACHE = Path(__file__).parents[3] / ".cache/pulumi"
"""Where `make test` and `make preview` put the tool where there is none."""


def required_version() -> str:
    """The version that belongs to the installed Python SDK; what the stand-ins rely on was tried with no other."""
    return importlib.metadata.version("pulumi")


def find_cli() -> Path:
    """The tool of the required version: from the PATH, else from the cache. `UserError` says how to get it."""
    on_path = shutil.which("pulumi")
    found = [Path(place) for place in (on_path, CACHE / "pulumi") if place and Path(place).is_file()]
    versions = {path: _version(path) for path in found}
    for path, version in versions.items():
        if version == required_version():
            return path
    others = "".join(f" ({path} is {version})" for path, version in versions.items())
    raise UserError(
        f"Pulumi {required_version()} is not installed{others}: install it (https://www.pulumi.com/docs/install/), "
        "or install Go 1.21 or newer and run `make preview`, which builds it"
    )


@cache
def _version(path: Path) -> str:
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    run = subprocess.run([path, "version"], env=environment, capture_output=True, text=True, check=False)
    return run.stdout.strip().removeprefix("v") or f"broken: {run.stderr.strip()[:100]}"
