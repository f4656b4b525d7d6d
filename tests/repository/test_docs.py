"""What the README and the docs name exists: targets, commands, options, files."""

import contextlib
import io
import re
from pathlib import Path

import pytest

import infra.commands.command_line
import scoring.__main__
import simulator.__main__
import stream_queries.__main__

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("simulator/**/*.md"),
    ]
)
MAINS = {
    "infra": infra.commands.command_line.main,
    "scoring": scoring.__main__.main,
    "simulator": simulator.__main__.main,
    "stream_queries": stream_queries.__main__.main,
}
COMMAND = re.compile(r"python -m (infra|scoring|simulator|stream_queries) ([a-z-]+)((?:[^\n`]|\\\n)*)")


def help_of(package: str, command: str) -> str:
    """The command's help text; fails if there is no such command."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output), pytest.raises(SystemExit) as ended:
        MAINS[package]([command, "--help"])
    assert ended.value.code == 0, output.getvalue()
    return output.getvalue()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_command_and_option_exists(document: Path):
    for package, command, rest in COMMAND.findall(document.read_text()):
        text = help_of(package, command)
        for option in re.findall(r"(?<![\w-])--[a-z-]+", rest):
            assert option in text, f"{document.name}: python -m {package} {command} has no {option}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_target_exists(document: Path):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"`make ([a-z]+)`|^\$ make ([a-z]+)", document.read_text(), re.MULTILINE)
    assert {one or other for one, other in named} <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_file_that_is_linked_or_named_exists(document: Path):
    text = document.read_text()
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [target for target in linked if not (document.parent / target).exists()] == []
    folders = "|".join(("docs", "infra", "scoring", "simulator", "stream_queries", "tests"))
    named = re.findall(rf"`((?:{folders})/[A-Za-z0-9_./-]*)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_readme_names_every_target_that_a_user_needs_and_every_package():
    text = (ROOT / "README.md").read_text()
    for word in (
        "make run",
        "make test",
        "make bench",
        "stream_queries/",
        "scoring/",
        "simulator/",
        "infra/",
        "LICENSE",
    ):
        assert word in text
    assert "@@" not in text
