"""What the project needs, and what of it is in its wheel."""

import itertools
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.repository.test_architecture import PACKAGES, ROOT


def test_requirements_are_pinned_exactly_with_this_project_first():
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    lines = [line for line in lines if line]
    assert lines[0] == "-e ."
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[0-9][A-Za-z0-9.]*", line) for line in lines[1:])
    assert len(lines) == len({re.split(r"[=\[]", line)[0].lower() for line in lines})


def named(requirements: Iterable[str]) -> dict[str, str]:
    """Versions by the normalized names of distributions."""
    pairs = (requirement.split("==") for requirement in requirements)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}


def test_what_the_project_names_is_what_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    direct = named([*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())])
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert direct.items() <= named(line for line in lines if not line.startswith(("#", "-e"))).items()


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_packages(tmp_path: Path):
    """Query, tables, fleet and readings are read from where the modules are."""
    shutil.copytree(ROOT, tmp_path / "tree", ignore=shutil.ignore_patterns(".*", "out", "*.egg-info", "tests"))
    command = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", ".", "./tree"]
    subprocess.run([sys.executable, "-m", "pip", *command], cwd=tmp_path, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        (scripts,) = [archive.read(name).decode() for name in archive.namelist() if name.endswith("entry_points.txt")]
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True)
    assert held == set(listed.stdout.splitlines())
    assert "batch-scoring = simulator.__main__:main" in scripts
