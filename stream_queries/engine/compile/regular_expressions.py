"""REGEXMATCH patterns, which are ECMAScript and ignore case, as patterns for DuckDB's RE2.

RE2 could ignore case by itself, but then also folds two letters beyond ASCII into `k` and `s`; ECMAScript does not. So
ASCII letters are written out in both cases instead.
Source: https://learn.microsoft.com/stream-analytics-query/regexmatch-azure-stream-analytics
"""

import re
import string
from collections.abc import Iterator
from functools import lru_cache

import duckdb

PART = re.compile(
    r"""
    (?P<refused>\(\?(?!:))
  | (?P<group>\(\?:|[()|])
  | (?P<quantifier>(?:[*+?]|\{\d{1,3}(?:,\d{0,3})?\})\??)
  | (?P<class>\[\^?(?:\\.|[^\]\\])+\])
  | (?P<escape>\\.)
  | (?P<anchor>[\^$.])
  | (?P<letter>[A-Za-z])
  | (?P<other>[^\\\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
CLASS_MEMBER = re.compile(r"(?P<first>\\.|[^\\])(?:-(?P<last>\\.|[^\\]))?", re.DOTALL)
SHORTHANDS = {
    r"\d": "0-9",
    r"\w": "A-Za-z0-9_",
    r"\s": r" \f\n\r\t\v",
    r"\n": r"\n",
    r"\r": r"\r",
    r"\t": r"\t",
}


class PatternError(ValueError):
    """A pattern that is not taken; the text says which part."""


@lru_cache
def to_re2(pattern: str) -> str:
    """The same pattern for RE2, or `PatternError`."""
    found: list[str] = []
    for kind, part in _parts(pattern):
        if kind == "class":
            found.append(_class(part))
        elif kind == "escape":
            found.append(f"[{SHORTHANDS[part]}]" if part in SHORTHANDS else _escaped(part))
        elif kind == "letter":
            found.append(f"[{part.lower()}{part.upper()}]")
        else:
            found.append(part)
    translated = "".join(found)
    try:
        with duckdb.connect() as database:
            database.execute("SELECT regexp_matches('', ?)", [translated])
    except duckdb.Error:
        raise PatternError(f"a mistake in {pattern!r}") from None
    return translated


def depends_on_newlines(pattern: str) -> bool:
    """Whether it has a `.` or `$`, whose treatment of a newline is not documented."""
    return any(kind == "anchor" and part != "^" for kind, part in _parts(pattern))


def _parts(pattern: str) -> Iterator[tuple[str, str]]:
    """Cut a pattern into (kind, text)."""
    if not pattern.isascii():
        raise PatternError("a character beyond ASCII")
    position = 0
    while position < len(pattern):
        match = PART.match(pattern, position)
        if match is None or match.lastgroup == "refused":
            raise PatternError(f"{pattern[position : position + 3]!r}")
        yield str(match.lastgroup), match.group()
        position = match.end()


def _escaped(part: str) -> str:
    if part[1] not in string.punctuation:
        raise PatternError(f"the escape {part}")
    return part


def _class(part: str) -> str:
    negated = part.startswith("[^")
    members: list[str] = []
    for match in CLASS_MEMBER.finditer(part[2 if negated else 1 : -1]):
        first, last = match["first"], match["last"]
        if last is None:
            members.append(_member(first))
        else:
            members.append(_span(first, last))
    return ("[^" if negated else "[") + "".join(members) + "]"


def _member(part: str) -> str:
    if part in SHORTHANDS:
        return SHORTHANDS[part]
    if part.isalpha():
        return part.lower() + part.upper()
    return _escaped(part if part.startswith("\\") else f"\\{part}") if part[-1] in string.punctuation else part


def _span(first: str, last: str) -> str:
    for kind in (string.ascii_lowercase, string.ascii_uppercase):
        if first in kind and last in kind and first <= last:
            return f"{first.lower()}-{last.lower()}{first.upper()}-{last.upper()}"
    if first.isdigit() and last.isdigit() and first <= last:
        return f"{first}-{last}"
    raise PatternError(f"the range {first}-{last}")
