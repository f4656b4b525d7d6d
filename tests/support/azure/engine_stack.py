"""What tests of the engine share: the tool or a skip, and copies of this project that a test may change."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulator.azure.engine import find_cli
from stream_queries.errors import UserError

REPOSITORY = Path(__file__).parents[3]
PROGRAM_FOLDERS = ("infra", "scoring", "stream_queries")


def require_cli() -> None:
    """Skip the running test where Pulumi's command line tool is not installed."""
    try:
        find_cli()
    except UserError as error:
        pytest.skip(str(error))


def copy_tree(folder: Path) -> Path:
    """A copy of what the program is made of, without the simulator and the tests."""
    for name in PROGRAM_FOLDERS:
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in REPOSITORY.glob("Pulumi*.yaml"):
        shutil.copy(path, folder)
    return folder


@contextmanager
def edited(path: Path, old: str, new: str) -> Generator[None]:
    """Replace the first occurrence of a text that must be there, and undo it at the end."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} does not hold {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")


def write_tree(folder: Path, program: str) -> Path:
    """A project whose whole program is this text, with a stack dev without settings."""
    package = folder / "infra"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(program, encoding="utf-8")
    (folder / "Pulumi.yaml").write_text("name: small\nruntime: python\nmain: infra\n", encoding="utf-8")
    (folder / "Pulumi.dev.yaml").write_text("config: {}\n", encoding="utf-8")
    return folder
