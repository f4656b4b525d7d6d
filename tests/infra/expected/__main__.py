"""Write anew what is expected of the stacks, and the documents' tables: `python -m tests.infra.expected [--check]`.

Look at the difference before you commit it: it is who may do what, when somebody is told, and how long things are kept.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.infra.expected.declared import TABLES
from tests.infra.expected.documents import COMMAND, alerts_page, days_table, replaced, roles_table
from tests.infra.expected.stacks import STACKS, recording
from tests.support.recording import REPOSITORY

FOLDER = Path(__file__).parent
INFRASTRUCTURE, ALERTS = REPOSITORY / "docs/infrastructure.md", REPOSITORY / "docs/alerts.md"


def declared() -> dict[str, dict[str, Any]]:
    """Every table of every stack, as the program declares it now."""
    return {name: {stack: table(recording(stack)) for stack in STACKS} for name, table in TABLES.items()}


def expected() -> dict[str, dict[str, Any]]:
    """Every table of every stack, as it was written down."""
    return {name: yaml.safe_load(_file(name).read_text(encoding="utf-8")) for name in TABLES}


def documents(tables: Mapping[str, Mapping[str, Any]]) -> dict[Path, str]:
    """The documents that hold tables, as they should be."""
    text = INFRASTRUCTURE.read_text(encoding="utf-8")
    text = replaced(text, "roles", roles_table(tables["roles"]))
    return {
        INFRASTRUCTURE: replaced(text, "days", days_table(tables["lifecycle"])),
        ALERTS: alerts_page(tables["alerts"]),
    }


def files() -> dict[Path, str]:
    """Everything that is written, by its place."""
    tables = declared()
    return {_file(name): _text(table) for name, table in tables.items()} | documents(tables)


def _file(name: str) -> Path:
    return FOLDER / f"{name}.yaml"


def _text(table: Mapping[str, Any]) -> str:
    heading = f"# What every stack declares, whole. Written by `{COMMAND}`; a difference is to be reviewed.\n"
    return heading + yaml.dump(table, Dumper=_Dumper, width=110, allow_unicode=True, sort_keys=True)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as such, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _lines(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _lines)


def main() -> int:
    """Exit code 1 with `--check` if a file would change."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, only say what would be written")
    check = parser.parse_args().check
    stale = {
        file: text for file, text in files().items() if not file.is_file() or file.read_text(encoding="utf-8") != text
    }
    for file, text in stale.items():
        print(f"{file.relative_to(REPOSITORY)} {'is out of date' if check else 'written'}")
        if not check:
            file.write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
