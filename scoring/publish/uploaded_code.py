"""The code that the published pipeline carries: what its steps import, and nothing else.

The modules are found by following the imports, wherever in a module they stand, from the steps' two entry points. So
the asset changes when a step would run something else, and not when a test, the training or the publishing changes.
"""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
STEPS = "scoring.cluster.steps"
ENTRY_SCRIPT = "entry_script.py"
PACKAGES = ("scoring", "stream_queries")
VERSION_LENGTH = 12


def uploaded_files() -> dict[str, bytes]:
    """The uploaded folder's files, by their paths in it."""
    entry = ROOT / "scoring" / ENTRY_SCRIPT
    files = {file.relative_to(ROOT).as_posix(): file.read_bytes() for file in _reachable(entry, *_modules(STEPS))}
    files[ENTRY_SCRIPT] = files.pop(f"scoring/{ENTRY_SCRIPT}")
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


def _reachable(*start: Path) -> set[Path]:
    """The modules of our packages that `start` imports, however far away, with `start`."""
    found: set[Path] = set()
    waiting = list(start)
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting.extend(module for name in _imported(file) for module in _modules(name))
    return found


def _imported(file: Path) -> Iterator[str]:
    """The dotted names in a module's import statements; what `from a import b` names may be a module or not."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _modules(name: str) -> Iterator[Path]:
    """The files that importing `name` runs: those of its packages and, if it is a module of ours, its own."""
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        return
    for length in range(1, len(parts) + 1):
        place = ROOT.joinpath(*parts[:length])
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if file.is_file():
                yield file
