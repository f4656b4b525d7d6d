"""Questions asked of the logs, one Kusto query per file; the file's name is what its result is called.

A query of an alert says how long it is patient as `$patience`; the alert's table knows how long that is.
"""

from datetime import timedelta
from pathlib import Path
from string import Template

FOLDER = Path(__file__).parent


def log_query(name: str, *, patience: timedelta | None = None) -> str:
    """The text of one query; KeyError where it has a `$patience` that is not given."""
    text = (FOLDER / f"{name}.kql").read_text(encoding="utf-8")
    given = {} if patience is None else {"patience": f"{patience // timedelta(minutes=1)}m"}
    return Template(text).substitute(given)


def all_log_queries() -> list[str]:
    """The name of every query."""
    return sorted(file.stem for file in FOLDER.glob("*.kql"))
