"""A copy of the repository's program with another query in it, as a colleague's branch would have."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = ("infra", "scoring", "stream_queries", "Pulumi.yaml")
_EARLY = re.compile(r"(DATEADD\(\s*minute\s*,\s*)5(\s*,)", re.IGNORECASE)


def copy_program(folder: Path) -> Path:
    """Copy what Pulumi needs of this repository to `folder`."""
    folder.mkdir(parents=True)
    for name in (*PROGRAM, *(file.name for file in ROOT.glob("Pulumi.*.yaml"))):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def change_query(tree: Path) -> str:
    """Let a reading be early after four minutes instead of five, in that tree; returns the new text."""
    file = tree / "stream_queries" / "sensor_windows.asaql"
    text, changes = _EARLY.subn(r"\g<1>4\g<2>", file.read_text(encoding="utf-8"))
    if not changes:
        raise LookupError(f"{file} no longer says when a reading is early in the way this change expects")
    file.write_text(text, encoding="utf-8")
    return text
