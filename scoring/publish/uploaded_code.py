"""The code that the published pipeline carries: `scoring/cluster`, and what it shares with the query's package.

The asset changes when one of these files does, and not when a test, a progress bar, the training or the publishing
changes. That nothing in them imports anything else is tested.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "scoring" / "cluster"
ENTRY_SCRIPT = "entry_script.py"
SHARED = ("__init__", "arrow_schemas", "command", "errors", "files", "schema", "window_store")
"""The modules of `stream_queries` that are uploaded too."""

VERSION_LENGTH = 12


def uploaded_files() -> dict[str, bytes]:
    """The uploaded folder's files, by their paths in it."""
    shared = (ROOT / "stream_queries" / f"{module}.py" for module in SHARED)
    files = {
        file.relative_to(ROOT).as_posix(): file.read_bytes()
        for file in (ROOT / "scoring" / "__init__.py", *CLUSTER.rglob("*.py"), *shared)
    }
    files[ENTRY_SCRIPT] = files.pop(f"scoring/cluster/{ENTRY_SCRIPT}")
    return dict(sorted(files.items()))


def code_version(files: Mapping[str, bytes]) -> str:
    """One content, one version: the first digits of a SHA-256 over names and contents."""
    hashes = "".join(f"{name}:{hashlib.sha256(content).hexdigest()}\n" for name, content in sorted(files.items()))
    return hashlib.sha256(hashes.encode()).hexdigest()[:VERSION_LENGTH]


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write `files` to `folder`, which is new."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
