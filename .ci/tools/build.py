"""`python .ci/tools/build.py TOOL`: build a command line tool into .cache/TOOL, from sources that TOOL/go.sum pins.

For machines that lack the tool: nothing is built where the PATH has the version that TOOL/go.mod names. Go comes from
the PATH; if it is older than go.mod asks for, the right one is fetched from the Go module proxy. What Go fetches and
compiles is kept in Go's own caches. Each tool has a module of its own: they need different versions of the same ones.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from stream_queries.command import run_command
from stream_queries.errors import UserError
from stream_queries.terminal import ProgressBar

FOLDER = Path(__file__).parent
CACHE = FOLDER.parents[1] / ".cache"


@dataclass(frozen=True)
class Tool:
    """A tool's package, the variable that holds its version, and what to say where it cannot be built."""

    name: str
    package: str
    version_variable: str
    version_flag: str
    without: str

    @property
    def module(self) -> Path:
        """The folder of its go.mod and go.sum."""
        return FOLDER / self.name

    @property
    def go_mod(self) -> str:
        """What its go.mod says."""
        return (self.module / "go.mod").read_text(encoding="utf-8")


TOOLS = {
    "pulumi": Tool(
        name="pulumi",
        package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        version_variable="github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
        version_flag="version",
        without="tests that run the Pulumi engine will be skipped",
    ),
    "actionlint": Tool(
        name="actionlint",
        package="github.com/rhysd/actionlint/cmd/actionlint",
        version_variable="github.com/rhysd/actionlint.version",
        version_flag="-version",
        without="the workflows will not be checked",
    ),
}


def main() -> int:
    """Build the tool that the command line names; exit code 0 also where there is no Go to build it with."""
    parser = argparse.ArgumentParser(prog="python .ci/tools/build.py", description=__doc__)
    parser.add_argument("tool", choices=TOOLS)
    name = parser.parse_args().tool
    return run_command("build", lambda: provide(name))


def provide(name: str) -> int:
    """See that the tool is on the PATH or in the cache."""
    tool, cached = TOOLS[name], CACHE / name / name
    version = required_version(tool)
    if has_version(shutil.which(name), tool, version):
        return 0
    if has_version(cached, tool, version):
        cached.touch()
        return 0
    if shutil.which("go") is None:
        print(f"{name} {version} is not on the PATH and neither is Go to build it: {tool.without}; install either")
        return 0
    print(f"{name} {version} is not on the PATH: building it into {cached.parent} (once, some minutes)", flush=True)
    build(tool, version, cached)
    return 0


def required_version(tool: Tool) -> str:
    """The version of the tool's module in go.mod, without the leading v."""
    module = tool.package.rpartition("/cmd/")[0]
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} v(\S+)", tool.go_mod, re.MULTILINE)
    if found is None:
        raise UserError(f"{tool.module / 'go.mod'} has no version of {module}: run `go get -tool {tool.package}` there")
    return found[1]


def has_version(program: str | Path | None, tool: Tool, version: str) -> bool:
    """Whether the program is there and says that it is of this version."""
    if program is None or not Path(program).is_file():
        return False
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    run = subprocess.run(
        [program, tool.version_flag], env=environment, capture_output=True, text=True, check=False, cwd="/"
    )
    return run.stdout.split()[:1] in ([version], [f"v{version}"])


def build(tool: Tool, version: str, target: Path) -> None:
    """Fetch what the tool is made of, and compile it."""
    go, environment = _go(tool)
    command = [go, "list", "-deps", tool.package]
    packages = _run(command, tool.module, environment, title="fetching modules", unit="modules")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    stamp = f"-s -w -X {tool.version_variable}=v{version}"
    command = [go, "build", "-v", "-trimpath", "-ldflags", stamp, "-o", str(unfinished), tool.package]
    _run(command, tool.module, environment, title="compiling", unit="packages", total=len(packages))
    unfinished.replace(target)


def _go(tool: Tool) -> tuple[str, dict[str, str]]:
    """Go in the version of go.mod or a newer one, and the environment to run it in."""
    environment = {**os.environ, "GOTOOLCHAIN": "auto", "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"}
    query = ["go", "env", "GOVERSION", "GOOS", "GOARCH"]
    answer = subprocess.run(query, env=environment, capture_output=True, text=True, check=True, cwd="/").stdout.split()
    version, system, processor = answer
    numbers = re.match(r"go(\d+)\.(\d+)", version)
    if numbers and (int(numbers[1]), int(numbers[2])) >= (1, 21):  # the first one that fetches what go.mod asks for
        return "go", environment
    wanted = re.search(r"^go (\S+)", tool.go_mod, re.MULTILINE)
    release = f"golang.org/toolchain@v0.0.1-go{wanted[1] if wanted else ''}.{system}-{processor}"
    print(f"{version} is too old: fetching {release}", flush=True)
    fetch = ["go", "mod", "download", "-json", release]
    fetched = subprocess.run(fetch, env=environment, capture_output=True, text=True, check=False, cwd="/")
    if fetched.returncode:
        raise UserError(f"cannot fetch {release}: {fetched.stdout.strip() or fetched.stderr.strip()}")
    root = Path(json.loads(fetched.stdout)["Dir"])
    for program in (*root.glob("bin/*"), *root.glob("pkg/tool/*/*")):  # modules are unpacked without execute rights
        program.chmod(0o755)
    return str(root / "bin/go"), {**environment, "GOROOT": str(root), "GOTOOLCHAIN": "local"}


def _run(
    command: list[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    title: str,
    unit: str,
    total: int | None = None,
) -> list[str]:
    """The lines that the command prints; each line of its standard error is a step, or a reason of its failure."""
    steps: list[str] = []
    with TemporaryFile("w+") as printed:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=printed, stderr=subprocess.PIPE, text=True
        )
        with process, ProgressBar(title=title, total=total, unit=unit) as bar:
            for line in process.stderr or ():
                steps.append(line.strip())
                bar.advance(1)
        if process.returncode:
            reasons = [line for line in steps if not line.startswith("go: downloading")]
            raise UserError(f"`{' '.join(command[:2])}` failed: {'; '.join(reasons[-5:])}")
        printed.seek(0)
        return printed.read().splitlines()


if __name__ == "__main__":
    sys.exit(main())
