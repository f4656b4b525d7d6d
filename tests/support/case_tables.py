"""Tables of cases at the end of the tests' output: what was tried, and what came of each."""

from typing import Any

import pytest

_PROPERTY = "case"


class Case:
    """One cell of a table; a test that ends without saying what came of it shows as failed."""

    def __init__(self, item: pytest.Item, table: str, row: str, column: str) -> None:
        self._noted = [table, row, column, "FAILED"]
        item.user_properties.append((_PROPERTY, self._noted))

    def came_to(self, result: str) -> None:
        """Say what came of it, in a word or two."""
        self._noted[3] = result


def write_tables(reporter: pytest.TerminalReporter) -> None:
    """Write the tables of all cases that ran, in this process or in another."""
    reports = [report for group in ("passed", "failed") for report in reporter.stats.get(group, ())]
    noted = [value for report in reports if report.when == "call" for value in _cases(report)]
    for table in dict.fromkeys(table for table, *_ in noted):
        reporter.section(f"{table} ({sum(each[0] == table for each in noted)} cases)", sep="-")
        for line in _lines([(row, column, result) for one, row, column, result in noted if one == table]):
            reporter.write_line(line)


def _cases(report: pytest.TestReport) -> list[Any]:
    return [value for name, value in report.user_properties if name == _PROPERTY]


def _lines(cases: list[tuple[Any, ...]]) -> list[str]:
    """Rows and columns in the order of their names."""
    rows, columns = (sorted({case[index] for case in cases}) for index in (0, 1))
    results = {(row, column): result for row, column, result in cases}
    cells = [["", *columns], *([row, *(results.get((row, column), "") for column in columns)] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(cells[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
