"""What is uploaded: exactly what the steps import, and enough for them to run."""

import json
import os
import subprocess
import sys
from pathlib import Path

from scoring.cluster.model.fleet import Fleet
from scoring.publish.uploaded_code import CLUSTER, ENTRY_SCRIPT, code_version, uploaded_files, write_files
from tests.repository.test_architecture import imports, own_imports
from tests.scoring.steps import SECOND_HOUR

ROOT = Path(__file__).parents[3]


def test_the_version_is_of_names_and_contents():
    files = {"a.py": b"1", "b.py": b"2"}
    assert code_version(files) == code_version(dict(reversed(files.items())))
    others = ({"a.py": b"1"}, {"a.py": b"2", "b.py": b"1"}, {"a.py": b"1", "c.py": b"2"}, {"a.py": b"1", "b.py": b"3"})
    assert len({code_version(files), *map(code_version, others)}) == 5


def test_only_modules_are_uploaded_and_none_that_publishes_trains_or_tests():
    names = uploaded_files().keys()
    assert {
        "entry_script.py",
        "scoring/cluster/steps.py",
        "scoring/cluster/score.py",
        "scoring/cluster/stores/blob_store.py",
    } <= names
    assert all(name.endswith(".py") for name in names)
    for word in ("publish", "pipeline", "submit", "training", "engine", "parallel", "__main__", "cache"):
        assert not [name for name in names if word in name], word


def test_what_is_uploaded_imports_nothing_of_ours_that_is_not_and_all_that_is_shared():
    uploaded = {ROOT / name for name in uploaded_files() if name != ENTRY_SCRIPT} | {CLUSTER / ENTRY_SCRIPT}
    imported = {module for file in uploaded for module in own_imports(file)}
    packages = {module.parent / "__init__.py" for module in uploaded}
    assert imported - uploaded == set()
    assert {file for file in uploaded if CLUSTER not in file.parents} <= imported | packages


def test_the_uploaded_code_needs_neither_pulumi_nor_the_sdk_that_publishes_it():
    imported = {name for file in uploaded_files() if file != "entry_script.py" for name in imports(ROOT / file)}
    assert not [name for name in imported if name.startswith(("azure.ai", "pulumi", "tenacity", "duckdb", "sklearn"))]


def test_the_three_steps_run_with_the_uploaded_code_alone(tmp_path: Path, database: str, fleet: Fleet):
    code, work = tmp_path / "code", tmp_path / "work"
    write_files(uploaded_files(), code)
    interval = f"{SECOND_HOUR.start:%Y-%m-%d %H:%M:%S}/{SECOND_HOUR.end:%Y-%m-%d %H:%M:%S}"
    common = ["--fleet", str(fleet.folder), "--interval", interval]
    prepared, scored, predictions = (str(work / name) for name in ("prepared", "scored", "predictions"))
    environment = {"PATH": os.environ["PATH"], "BATCH_SCORING_DATABASE_URL": database}

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=code, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(
        "-m",
        "scoring.cluster.steps",
        "prepare",
        *common,
        "--database",
        "mssql+pyodbc://nowhere/none",
        "--out",
        prepared,
    )
    driver = f"""
import glob, sys
import entry_script
sys.argv = ["driver", "--fleet", {str(fleet.folder)!r}, "--scores", {scored!r}, "--an-argument-of-azure-ml", "1"]
entry_script.init()
files = glob.glob({prepared!r} + "/*")
assert len(entry_script.run(files)) == len(files) > 0
import scoring, stream_queries
print(scoring.__file__, stream_queries.__file__)
"""
    assert run("-c", driver).split() == [str(code / f"{name}/__init__.py") for name in ("scoring", "stream_queries")]
    places = ["--prepared", prepared, "--scored", scored, "--predictions", predictions, "--release", "test"]
    run("-m", "scoring.cluster.steps", "collect", *common, *places)
    (manifest,) = [json.loads(file.read_text()) for file in (work / "predictions").rglob("manifest.json")]
    assert manifest["counts"]["predictions"] == 60 * 12 and manifest["release"] == "test"
