"""Rules about the repository itself: who may import whom, that every test runs, that the docs tell the truth."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("infra", "scoring", "simulator", "stream_queries")
MAY_IMPORT = {
    "stream_queries": set[str](),
    "scoring": {"stream_queries"},
    "infra": {"scoring", "stream_queries"},
    "simulator": {"scoring", "stream_queries"},
}
MODULES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
KNOWN = frozenset(MODULES)


def imports(file: Path) -> Iterator[str]:
    """The dotted names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_go_one_way(file: Path):
    package = file.relative_to(ROOT).parts[0]
    imported = {name.split(".")[0] for name in imports(file)} & {*PACKAGES, "tests"}
    assert imported <= MAY_IMPORT[package] | {package}


def own_imports(file: Path) -> set[Path]:
    """The modules of this project that a module imports, wherever in it; of `from package import name` the module."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {_module(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {_module(f"{node.module}.{alias.name}") or _module(node.module) for alias in node.names}
    return {module for module in found if module is not None} - {file}


def _module(name: str) -> Path | None:
    path = ROOT.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file in KNOWN), None)


def test_no_modules_import_each_other_in_a_circle():
    graph = {str(file.relative_to(ROOT)): {str(one.relative_to(ROOT)) for one in own_imports(file)} for file in MODULES}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


def test_nothing_below_the_release_imports_it():
    above = {"__main__.py", "driver.py"}
    below = [file for file in (ROOT / "infra").glob("*.py") if file.name not in above]
    below += [file for room in ("settings", "stages", "watching") for file in (ROOT / "infra" / room).rglob("*.py")]
    names = {name for file in below for name in imports(file)}
    assert names and not [name for name in names if name.startswith(("infra.release", "infra.commands"))]


@pytest.mark.parametrize("root", [*PACKAGES, "tests"])
def test_no_folder_has_more_modules_than_one_sees_at_a_glance(root: str):
    modules = [file for file in (ROOT / root).rglob("*.py") if file.name != "__init__.py"]
    crowded = {folder: count for folder, count in Counter(file.parent for file in modules).items() if count > 9}
    assert crowded == {}


def test_what_the_cluster_runs_needs_no_package_of_the_laptop_or_of_the_deployment():
    names = {name.split(".")[0] for file in (ROOT / "scoring").rglob("*.py") for name in imports(file)}
    assert not names & {"pulumi", "pulumi_azure_native", "duckdb", "sqlglot", "pytest"}


def test_every_folder_with_modules_is_a_package_that_is_installed():
    declared = re.findall(r'^    "([a-z_.]+)",$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    folders = {".".join(file.parent.relative_to(ROOT).parts) for file in MODULES}
    assert folders == set(declared)
    assert all((ROOT / Path(*name.split(".")) / "__init__.py").is_file() for name in folders)


def test_every_test_module_is_collected(request: pytest.FixtureRequest):
    """Only for a run of the whole suite: a misnamed test module would otherwise never run, and nobody would know."""
    if request.config.args not in (["tests"], [str(ROOT / "tests")]):
        pytest.skip("not a run of the whole suite")
    collected = {item.path for item in request.session.items}
    with_tests = {
        file
        for file in (ROOT / "tests").rglob("*.py")
        if re.search(r"^(async )?def test_", file.read_text(), re.MULTILINE)
    }
    assert with_tests == collected


def test_the_makefile_has_at_most_thirteen_targets_and_explains_each():
    text = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    explained = re.findall(r"^([a-z]+):[^\n]*## \S", text, re.MULTILINE)
    assert sorted(phony.split()) == sorted(explained) and len(explained) <= 13


def test_no_check_is_switched_off():
    switches = ("# no" + "qa", "# type: " + "ignore", "# ty: " + "ignore", "# pragma: no " + "cover")
    files = [*MODULES, *(ROOT / "tests").rglob("*.py")]
    assert [file for file in files if any(switch in file.read_text(encoding="utf-8") for switch in switches)] == []
