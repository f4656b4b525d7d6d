"""Runs `python -m simulator run` and reads what it left, in a form that two runs can be compared by."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tests.support.deadline import ENOUGH_SECONDS

SMALL_FLEET = ["--devices", "6", "--sensors", "2", "--hours", "2", "--malformed-rate", "0.03", "--seed", "3"]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "simulator", "run", *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=ENOUGH_SECONDS, check=False)


def results(out: Path) -> dict[str, Any]:
    """Everything a run leaves that must not depend on how often it was interrupted."""
    summary = json.loads((out / "summary.json").read_text())
    del summary["seconds"]
    kept = {name: contents(out / name) for name in ("fleet", "predictions")}
    return {"summary": summary, **outputs(out), **kept}


def outputs(out: Path) -> dict[str, Any]:
    """What the stream processor wrote, without the cut into steps, which a stop may move."""
    with sqlite3.connect(out / "windows.db") as database:
        windows = database.execute("SELECT * FROM sensor_windows ORDER BY device, sensor, window_end").fetchall()
    database.close()
    archive = [row for file in files(out, "archive") for row in pq.read_table(file).cast(_plain(file)).to_pylist()]
    return {
        "windows": windows,
        "archive": sorted(map(str, archive)),
        "rejects": sorted(line for file in files(out, "rejects") for line in file.read_text().splitlines()),
        "undecodable": sorted(line for file in files(out, "undecodable") for line in file.read_text().splitlines()),
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def files(out: Path, output: str) -> list[Path]:
    return [file for file in sorted((out / output).rglob("*")) if file.is_file()]


def _plain(file: Path) -> Any:
    """The file's schema with times as numbers: Arrow is slow to make datetimes with a zone."""
    import pyarrow as pa

    schema = pq.read_schema(file)
    return pa.schema(
        [(field.name, pa.int64() if pa.types.is_timestamp(field.type) else field.type) for field in schema]
    )


def descendant(parent: int, words: str) -> int | None:
    """The process below `parent` whose command line holds `words`, or None."""
    children: dict[int, list[int]] = {}
    lines: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text()
                lines[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:  # it ended in the meantime
                continue
            children.setdefault(int(status.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    waiting = list(children.get(parent, []))
    while waiting:
        process = waiting.pop()
        if words in lines.get(process, ""):
            return process
        waiting += children.get(process, [])
    return None


def wait_for(condition: Callable[[], Any], what: str, seconds: float = ENOUGH_SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.01)
    return found


def kill(process: int) -> None:
    """SIGKILL; a process that has just ended by itself is fine too."""
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return
