"""The cluster's Python environment, installed on this machine from the image's requirements."""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "scoring/environment"
REQUIREMENTS = FOLDER / "requirements.txt"
CACHE = ROOT / ".cache"

SECONDS_TO_INSTALL = 900
WITHOUT_NETWORK = re.compile(
    "NewConnectionError|NameResolutionError|ConnectTimeoutError|ProxyError|Network is unreachable"
)


def cluster_python() -> Path:
    """The interpreter of a virtual environment with exactly what the image holds.

    It is made once for a state of the requirements (one to two minutes, 900 MB) and kept in `.cache`, where it replaces
    the one before. The running test is skipped where PyPI cannot be reached, and fails if the requirements do not
    resolve together.
    """
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    environment = CACHE / f"environment-{digest}"
    python, stamp = environment / "bin/python", environment / "installed"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "environment.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests in two processes make it only once
        if not stamp.is_file():
            _install(environment, python)
            stamp.touch()
    return python


def _install(environment: Path, python: Path) -> None:
    for outdated in CACHE.glob("environment-*"):
        shutil.rmtree(outdated)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
    options = ["--quiet", "--disable-pip-version-check", "--no-compile", "--retries", "2"]
    command = [str(python), "-m", "pip", "install", *options, "--requirement", str(REQUIREMENTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_TO_INSTALL)
    if done.returncode and WITHOUT_NETWORK.search(done.stderr):
        pytest.skip("PyPI cannot be reached, so the cluster's environment cannot be installed: connect to a network")
    if done.returncode:
        pytest.fail(f"the cluster's requirements cannot be installed together:\n{done.stderr}")
