"""The cluster's image: it holds what the code needs, in the versions that everything here was tested with."""

import ctypes.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scoring.cluster.model.fleet import Fleet
from scoring.publish.uploaded_code import ENTRY_SCRIPT, uploaded_files, write_files
from tests.repository.test_architecture import imports
from tests.scoring.environment.cluster_environment import FOLDER, REQUIREMENTS, ROOT, cluster_python
from tests.scoring.steps import SECOND_HOUR

RUNTIME = (
    "azureml.core",
    "azureml.data",
    "azureml.dataprep",
    "azureml.telemetry",
    "mltable",
    "pandas",
    "sklearn.svm",
    "skops.io",
    "azure.identity",
    "azure.storage.blob",
)
"""What a process on the cluster may have loaded beside our code; pyodbc has a test of its own."""


@dataclass(frozen=True)
class Requirement:
    """One line of a requirements file."""

    version: str
    comment: str


def read_requirements(file: Path) -> dict[str, Requirement]:
    """The distributions that a requirements file pins, by their normalized names."""
    pattern = re.compile(r"([\w.-]+)(?:\[[\w,]+\])?==([\w.]+)(?:  # (.+))?")
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith(("#", "-e "))]
    matches = [pattern.fullmatch(line) for line in lines]
    assert None not in matches, f"not pinned exactly: {lines[matches.index(None)]}"
    found = [match.groups(default="") for match in matches if match]
    assert len({name.lower() for name, _, _ in found}) == len(found)
    return {re.sub(r"[-_.]+", "-", name).lower(): Requirement(version, comment) for name, version, comment in found}


IMAGE = read_requirements(REQUIREMENTS)
REPOSITORY = read_requirements(ROOT / "requirements.txt")


def modules_of_the_cluster() -> set[Path]:
    """Our modules that may run in the image: what is uploaded, and how fleets are trained and imported."""
    return {ROOT / "scoring/models" / name for name in ("training.py", "importing.py", "fleet_writer.py")} | {
        ROOT / (f"scoring/cluster/{name}" if name == ENTRY_SCRIPT else name) for name in uploaded_files()
    }


def foreign_imports() -> Iterator[tuple[str, Path]]:
    """What the cluster's modules import that is neither Python's nor ours."""
    known = {*sys.stdlib_module_names, "scoring", "stream_queries"}
    for file in modules_of_the_cluster():
        yield from ((name, file) for name in imports(file) if name.split(".")[0] not in known)


def distributions(module: str) -> set[str]:
    """The names that the distribution of a module may have: `azure.storage.blob` is in azure-storage-blob."""
    parts = module.lower().split(".")
    return {"-".join(parts[:length]) for length in range(1, len(parts) + 1)} | (
        {"scikit-learn"} if parts[0] == "sklearn" else set()
    )


def test_every_package_that_the_clusters_code_imports_is_in_the_image():
    foreign = list(foreign_imports())
    assert {"numpy", "pyarrow", "sqlalchemy"} <= {name for name, _ in foreign}
    assert [(name, file) for name, file in foreign if not distributions(name) & IMAGE.keys()] == []


def test_the_image_holds_nothing_that_only_a_laptop_or_a_deployment_needs():
    assert not IMAGE.keys() & {"duckdb", "sqlglot", "pulumi", "pulumi-azure-native", "azure-ai-ml", "pytest", "ruff"}


def test_the_image_has_the_repositorys_versions_unless_a_package_of_the_cluster_holds_one_back():
    shared = IMAGE.keys() & REPOSITORY.keys()
    assert {"numpy", "pyarrow", "scikit-learn", "pandas", "sqlalchemy"} <= shared
    differing = {name for name in shared if IMAGE[name].version != REPOSITORY[name].version}
    assert differing == {name for name in shared if IMAGE[name].comment.startswith("held back by ")}


def test_what_decides_scores_and_bytes_is_never_held_back():
    for name in ("numpy", "pyarrow", "scikit-learn", "scipy", "skops", "pandas", "sqlalchemy"):
        assert IMAGE[name].version == REPOSITORY[name].version


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, each with its arguments on one line."""
    lines = [line for line in (FOLDER / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]
    return [(word, arguments) for word, arguments in found]


def arguments_of(word: str) -> list[str]:
    return [arguments for name, arguments in instructions() if name == word]


def test_the_dockerfile_has_only_instructions_that_are_needed():
    words = [word for word, _ in instructions()]
    assert words[0] == "FROM"
    assert set(words) == {"FROM", "USER", "RUN", "ENV", "COPY"}  # no ADD, no ARG, no ENTRYPOINT


def test_the_base_image_is_microsofts_with_a_dated_tag():
    (base,) = arguments_of("FROM")
    assert re.fullmatch(r"mcr\.microsoft\.com/azureml/[a-z0-9.-]+:20\d{6}\.v\d+", base)


def test_the_image_runs_as_root_without_buffering_output():
    assert arguments_of("USER") == ["root:root"]
    assert "PYTHONUNBUFFERED=1" in shlex.split(" ".join(arguments_of("ENV")))


def test_the_image_gets_the_odbc_driver_under_its_licence_from_microsofts_repository():
    (driver,) = [command for command in arguments_of("RUN") if "msodbcsql18" in command]
    assert "ACCEPT_EULA=Y" in driver
    assert re.findall(r"https?://[^\s]+", driver) == [
        "https://packages.microsoft.com/config/ubuntu/24.04/packages-microsoft-prod.deb"
    ]
    assert "ubuntu24.04" in arguments_of("FROM")[0]


def test_the_image_installs_exactly_the_pinned_requirements_with_our_version_of_python():
    ((file, place),) = [arguments.split() for arguments in arguments_of("COPY")]
    assert file == REQUIREMENTS.name  # and no code: that would be in two places
    (pip,) = [command for command in arguments_of("RUN") if "pip install" in command]
    words = shlex.split(pip.split("&&")[0])
    assert words[:4] == ["python", "-m", "pip", "install"]
    assert [word for word in words[4:] if not word.startswith("--")] == [place]
    (conda,) = [command for command in arguments_of("RUN") if "conda create" in command]
    assert "python=3.11" in shlex.split(conda)


def test_the_dependencies_are_the_last_layers_so_that_a_changed_pin_builds_only_them():
    assert [word for word, _ in instructions()][-2:] == ["COPY", "RUN"]


def test_the_dockerfile_holds_no_secret():
    assert not re.search(r"(?i)password|passwd|token|secret|accountkey|sig=", (FOLDER / "Dockerfile").read_text())


def run_three_steps(python: Path, database: str, fleet: Fleet, work: Path, path: Path, *modules: str) -> int:
    """Run the three steps under an interpreter that finds our code in `path` only; returns the predictions' number."""
    interval = (SECOND_HOUR.start.isoformat(), SECOND_HOUR.end.isoformat())
    program = str(Path(__file__).with_name("three_steps.py"))
    command = [str(python), "-P", program, database, str(fleet.folder), *interval, str(work), *modules]
    home = work.with_suffix(".home")  # azureml-core makes files there
    home.mkdir()
    environment = {"PYTHONPATH": str(path), "PATH": "/usr/bin:/bin", "HOME": str(home)}
    done = subprocess.run(command, env=environment, cwd=path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.slow
def test_the_uploaded_code_scores_on_the_cluster_bit_for_bit_as_here(tmp_path: Path, database: str, fleet: Fleet):
    """The requirements install together, load together, and change no byte of what a run writes."""
    code = tmp_path / "code"
    write_files(uploaded_files(), code)
    here = run_three_steps(Path(sys.executable), database, fleet, tmp_path / "here", code)
    there = run_three_steps(cluster_python(), database, fleet, tmp_path / "there", code, *RUNTIME)
    assert here == there == 60 * 12
    written = contents(tmp_path / "here")
    assert {name.split("/")[0] for name in written} == {"prepared", "scored", "predictions"}
    assert contents(tmp_path / "there") == written


@pytest.mark.slow
def test_the_clusters_way_to_the_database_loads():
    if ctypes.util.find_library("odbc") is None:
        pytest.skip("unixODBC is not installed: install the package unixodbc")
    program = "import sqlalchemy; print(sqlalchemy.create_engine('mssql+pyodbc://server/database?driver=any').dialect.dbapi.version)"
    done = subprocess.run([str(cluster_python()), "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, IMAGE["pyodbc"].version), done.stderr
