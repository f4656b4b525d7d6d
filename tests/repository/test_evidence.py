"""docs/evidence.md: every row says how its claim is known, and names a check that exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/evidence.md"
HEAD = ["claim", "evidence", "checked by"]
WORTH = ("ran", "read", "reports", "undocumented")
SOURCE = re.compile(r"https://(?:learn\.microsoft\.com|github\.com|www\.pulumi\.com|docs\.github\.com)[^\s\"')>,`{]+")
OWN = "tests/repository/test_evidence.py::test_no_claim_is_made_twice"
OURS = ("infra", "scoring", "stream_queries", "simulator")


def rows(text: str) -> list[list[str]]:
    """The cells of every row below a heading of claims."""
    found, inside = [], False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")] if line.startswith("|") else []
        inside = bool(cells) and (inside or cells == HEAD)
        if inside and cells != HEAD and not line.startswith("|---"):
            found.append(cells)
    return found


ROWS = rows(DOCUMENT.read_text(encoding="utf-8"))


@cache
def names_of_tests(file: Path) -> set[str]:
    """The names of a module's tests, not those of its other functions."""
    functions = (node for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, ast.FunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


def problems(cells: list[str]) -> list[str]:
    """What is wrong with a row, a line each."""
    if len(cells) != len(HEAD):
        return [f"a row has {len(HEAD)} cells, this one {len(cells)}"]
    claim, evidence, check = cells
    found = [] if claim else ["it claims nothing"]
    word = evidence.partition(":")[0]
    if word not in WORTH:
        found.append(f"its evidence begins with {word!r}: begin with {', '.join(WORTH)} and a colon")
    if word == "reports" and "https://" not in evidence:
        found.append("reports are linked")
    named = re.findall(r"`([^`]+)`", check)
    if not named:
        found.append("it names no test in backticks")
    for name in named:
        path, _, test = name.partition("::")
        if not (ROOT / path).is_file() or test not in names_of_tests(ROOT / path):
            found.append(f"there is no test {name}")
    return found


@pytest.mark.parametrize("cells", ROWS, ids=lambda cells: cells[0][:60])
def test_a_row_says_how_its_claim_is_known_and_names_a_test_that_exists(cells: list[str]):
    assert problems(cells) == []


def test_no_claim_is_made_twice():
    claims = [cells[0] for cells in ROWS]
    assert [claim for claim in claims if claims.count(claim) > 1] == [] and len(claims) > 50


def test_every_public_source_that_the_code_names_is_evidence_of_a_row():
    """A rule of Azure's that a module takes from somewhere is a claim: it has a row here."""
    named: dict[str, str] = {}
    for package in OURS:
        for file in sorted((ROOT / package).rglob("*.py")):
            for source in SOURCE.findall(file.read_text(encoding="utf-8")):
                named.setdefault(source.rstrip(".;:"), str(file.relative_to(ROOT)))
    text = DOCUMENT.read_text(encoding="utf-8")
    assert {source: file for source, file in named.items() if f"({source})" not in text} == {}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (
            "| it is so | read: somewhere | `tests/repository/test_evidence.py` |",
            "there is no test tests/repository/test_evidence.py",
        ),
        ("| it is so | read: somewhere | `tests/repository/test_evidence.py::test_gone` |", "there is no test"),
        ("| it is so | read: somewhere | `tests/gone.py::test_gone` |", "there is no test"),
        ("| it is so | read: somewhere | `tests/repository/test_evidence.py::rows` |", "there is no test"),
        ("| it is so | read: somewhere | by looking |", "it names no test in backticks"),
        (f"| it is so | believed: by all | `{OWN}` |", "its evidence begins with 'believed'"),
        (f"| it is so | reports: people | `{OWN}` |", "reports are linked"),
        ("| it is so | read: somewhere |", "a row has 3 cells, this one 2"),
    ],
)
def test_a_row_that_proves_nothing_is_refused(row: str, problem: str):
    (cells,) = rows(f"| claim | evidence | checked by |\n|---|---|---|\n{row}\n\ntext\n| other | table | here |\n")
    (found,) = problems(cells)
    assert found.startswith(problem)
