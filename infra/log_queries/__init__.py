"""Questions asked of the logs, one Kusto query per file; the file's name is what its result is called."""

from pathlib import Path

FOLDER = Path(__file__).parent


def log_query(name: str) -> str:
    """The text of one query."""
    return (FOLDER / f"{name}.kql").read_text(encoding="utf-8")


def all_log_queries() -> dict[str, str]:
    """Every query by its name."""
    return {file.stem: log_query(file.stem) for file in sorted(FOLDER.glob("*.kql"))}
