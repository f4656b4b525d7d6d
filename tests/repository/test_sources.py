"""Every refusal of the simulated Azure says what it is based on: a source, or what was assumed."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "simulator/azure").rglob("*.py"))
REFUSALS = frozenset(
    {"ArmError", "RefusalError", "ServiceError", "StepError", "TaskFailedError", "_refusal", "_refused"}
)
ANSWERS = ("Answer", "Answer.of")
SAID = re.compile(r"\b(Sources?: https://\S+|Assumed: \w+|Not Azure's: \w+)")
"""The last is for limits of the stand-in and mistakes of tests, which say nothing of Azure."""


def refusals(source: str) -> Iterator[tuple[str, int, str]]:
    """Where a module refuses something: the place's name, the line, and the docstrings that hold for it."""

    def below(node: ast.AST, name: str, said: str) -> Iterator[tuple[str, int, str]]:
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            said += ast.get_docstring(node) or ""
            name = f"{name}.{getattr(node, 'name', '')}".strip(".")
        if isinstance(node, ast.Call) and _refuses(node):
            yield name, node.lineno, said
        for child in ast.iter_child_nodes(node):
            yield from below(child, name, said)

    return below(ast.parse(source), "", "")


def _refuses(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    if name in ANSWERS and call.args:
        status = call.args[0]
        return isinstance(status, ast.Constant) and isinstance(status.value, int) and status.value >= 400
    return name.rpartition(".")[2] in REFUSALS


def unfounded(source: str) -> list[str]:
    """The refusals of a module that say neither source nor assumption."""
    return [f"{name}, line {line}" for name, line, said in refusals(source) if not SAID.search(said)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_each_refusal_of_the_simulated_azure_says_where_it_is_from(file: Path):
    assert unfounded(file.read_text(encoding="utf-8")) == []


def test_there_are_refusals_to_look_at():
    assert sum(1 for file in FILES for _ in refusals(file.read_text(encoding="utf-8"))) > 80


@pytest.mark.parametrize(
    ("said", "founded"),
    [
        ("Source: https://learn.microsoft.com/azure", True),
        ("Assumed: that it is so.", True),
        ("Not Azure's: a limit.", True),
        ("It is well known.", False),
        ("Source: common knowledge", False),
    ],
)
@pytest.mark.parametrize(
    "refusal",
    ["raise ArmError(409, 'a', 'b')", "return Answer.of(401, {})", "raise errors.ServiceError(400, 'a', 'b')"],
)
def test_a_refusal_without_a_word_on_its_source_is_found(said: str, founded: bool, refusal: str):
    source = f'def check() -> None:\n    """Look.\n\n    {said}\n    """\n    {refusal}\n'
    assert unfounded(source) == ([] if founded else ["check, line 6"])


def test_an_answer_that_refuses_nothing_needs_no_source():
    assert unfounded("def get() -> Answer:\n    return Answer.of(200, {})\n") == []


def test_the_docstring_of_class_or_module_will_do():
    inner = "class A:\n    def check(self):\n        raise ArmError(409, 'a', 'b')\n"
    assert unfounded(inner) != []
    assert unfounded(f'"""Rules.\n\nAssumed: all of it.\n"""\n{inner}') == []
