"""Microsoft's Kusto parser, the npm package @kusto/language-service-next, as a process that tests start.

It is the parser of the Azure portal's query editor. Given the tables it also resolves names, so that a misspelt column
of an alert is found here and not when the alert stays silent.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

Tables = Mapping[str, Mapping[str, str]]
"""For every table its columns, each with its Kusto type."""

PROGRAM = Path(__file__).parents[1] / "node/parse_kql.js"
FOLDER = Path(__file__).parents[2] / ".cache/node"
PARSER = FOLDER / "node_modules/@kusto/language-service-next/package.json"
SECONDS = 120


def problems(query: str, tables: Tables | None) -> list[str]:
    """What is wrong with one query, a line each; empty if nothing is. See `problems_of_each`."""
    (found,) = problems_of_each([query], tables)
    return found


def problems_of_each(queries: Sequence[str], tables: Tables | None) -> list[list[str]]:
    """What is wrong with each query, all checked by one process, which takes two seconds to start.

    Without `tables` only the syntax is checked; with them also that every table, column and function exists and that
    types fit. The running test is skipped where Node.js or the parser is not installed.
    """
    if shutil.which("node") is None or not PARSER.is_file():
        pytest.skip("the Kusto parser is not installed: install Node.js 20, then run `make test`")
    request = json.dumps({"queries": list(queries), "tables": tables})
    command = ["node", str(PROGRAM)]
    answer = subprocess.run(command, cwd=FOLDER, input=request, capture_output=True, text=True, timeout=SECONDS)
    if answer.returncode:
        pytest.fail(f"the Kusto parser broke:\n{answer.stderr}")
    return [
        [_line(query, **problem) for problem in found]
        for query, found in zip(queries, json.loads(answer.stdout), strict=True)
    ]


def _line(query: str, *, message: str, start: int) -> str:
    """A problem with the place where it is: `line 2, column 9: …`."""
    before = query.encode("utf-16-le")[: 2 * start].decode("utf-16-le")  # the parser counts as JavaScript does
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}: {message}"
