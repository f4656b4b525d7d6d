"""What a rehearsal tells: one line per step, with what came of it and how long it took."""

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_TITLE_WIDTH, _TEXT_WIDTH = 34, 78


class RehearsalError(Exception):
    """A step did not do what it should have; the text is one line."""


@dataclass
class Act:
    """One step: its title, what came of it, line by line, and the seconds that it took."""

    title: str
    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0
    failed: bool = False

    def say(self, line: str) -> None:
        """Add a line."""
        self.lines.append(line)

    def require(self, holds: bool, what: str) -> None:
        """Note `what` if it holds; RehearsalError if it does not."""
        if not holds:
            raise RehearsalError(f"does not hold: {what}")
        self.say(what)


@dataclass
class Report:
    """All steps so far; each is printed as it ends."""

    acts: list[Act] = field(default_factory=list)

    @contextmanager
    def act(self, title: str) -> Generator[Act]:
        """One step while the context lasts; how long it took, and whether it failed, is noted."""
        act = Act(title)
        self.acts.append(act)
        began = time.monotonic()
        try:
            yield act
        except Exception as error:
            act.failed = True
            act.lines += str(error).splitlines() or [type(error).__name__]
            raise
        finally:
            act.seconds = round(time.monotonic() - began, 1)
            self._print(len(self.acts), act)

    def write(self, file: Path) -> None:
        """Keep the report as JSON."""
        content: dict[str, Any] = {"acts": [asdict(act) for act in self.acts]}
        file.write_text(json.dumps(content, indent=1) + "\n")

    @staticmethod
    def _print(number: int, act: Act) -> None:
        mark = "FAILED" if act.failed else ""
        print(f"{number:2} {act.title:<{_TITLE_WIDTH}} {mark:<{_TEXT_WIDTH - _TITLE_WIDTH}} {act.seconds:6.1f} s")
        for line in act.lines:
            print(f"     {line}")
        print(flush=True)
