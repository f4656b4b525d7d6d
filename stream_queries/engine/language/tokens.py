"""From query text to tokens: words, numbers, texts and symbols, each with its line."""

import re
from dataclasses import dataclass

from stream_queries.engine.language.lint import RefusedError

TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?\*/)
  | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?!\w))
  | (?P<text>[nN]?'(?:[^']|'')*')
  | (?P<quoted>\[[^\]\n]+\])
  | (?P<word>[^\W\d]\w*)
  | (?P<symbol><>|!=|<=|>=|[-+*%=<>(),.;]|/(?!\*))
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """One word, number, text or symbol; `value` is the name without brackets, or the text without quotes."""

    kind: str
    value: str
    line: int
    start: int
    end: int

    @property
    def word(self) -> str:
        """The word in upper case; empty for anything that is not a bare word."""
        return self.value.upper() if self.kind == "word" else ""


def tokens(text: str) -> list[Token]:
    """Cut the text into tokens; the last one has the kind `end`."""
    found: list[Token] = []
    position, line = 0, 1
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise RefusedError(line, f"cannot read {text[position : position + 10]!r}", _unreadable(text[position]))
        kind, value = str(match.lastgroup), match.group()
        if kind == "text":
            value = value[value.index("'") + 1 : -1].replace("''", "'")
        elif kind == "quoted":
            value = value[1:-1]
        if kind != "space":
            found.append(Token(kind, value, line, match.start(), match.end()))
        line += match.group().count("\n")
        position = match.end()
    found.append(Token("end", "the end of the query", line, position, position))
    return found


def _unreadable(character: str) -> str:
    known = {
        '"': "names go in [brackets], texts in 'single quotes'",
        "'": "the text has no closing quote",
        "/": "the comment has no end",
        "[": "the name has no closing bracket",
        "@": "Stream Analytics has no variables",
    }
    return known.get(character, "Stream Analytics has no such symbol, or it is not run here")
