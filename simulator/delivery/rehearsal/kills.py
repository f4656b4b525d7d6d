"""Deployments that are killed while they create, each resource once, and gone on with as the documentation says."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.azure.engine.shell import Shell, ShellError
from simulator.azure.errors import RefusalError
from simulator.azure.provider import Faults
from simulator.azure.provider.faults import Kind

QUIET = 2.5
"""After so many seconds without another creation a deployment is taken to wait for those that are held."""

EVERY = 3
"""Of so many creations one never reaches Azure; the others are carried out after the kill, and nobody hears of it."""

CANCEL, RECOVER, UP = (
    "pulumi cancel --yes --stack {}",
    "python -m infra recover --yes --stack {}",
    "pulumi up --yes --stack {}",
)


class FirstCreations(Faults):
    """Holds the first creation of each resource until `release`."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str]] = []
        """Type and name of each resource whose creation was held, in order."""
        self._held, self._holds, self._changed = 0, True, time.monotonic()
        self._free, self._news = threading.Event(), threading.Condition()

    def strike(self, operation: str, token: str, name: str) -> Kind | None:
        """Wait, if it is a first creation; then let it be carried out, or refuse it, where nobody listens any more."""
        with self._news:
            if operation != "create" or not self._holds or (token, name) in self.seen:
                return super().strike(operation, token, name)
            self.seen.append((token, name))
            number, free = len(self.seen), self._free
            self._held, self._changed = self._held + 1, time.monotonic()
        free.wait()
        with self._news:
            self._held -= 1
            self._news.notify_all()
        if number % EVERY == 0:
            raise RefusalError("the request never reached Azure")
        return super().strike(operation, token, name)

    def all_are_held(self) -> bool:
        """Whether creations are held, and a while has passed since the last of them began."""
        with self._news:
            return self._held > 0 and time.monotonic() - self._changed > QUIET

    def hold_none(self) -> None:
        """Let everything pass from now on."""
        self._holds = False

    def release(self) -> None:
        """Let go on what is held, and return when it has; what comes later is held again."""
        with self._news:
            self._free.set()
            self._free = threading.Event()
            self._news.wait_for(lambda: self._held == 0)


@dataclass
class Kills:
    """A terminal in which `pulumi up` is killed again and again."""

    shell: Shell
    stack: str
    creations: FirstCreations
    moments: list[Callable[[], bool]] = field(default_factory=list)
    """At each of these a deployment is killed too, once."""
    killed: list[int] = field(default_factory=list)
    """How many creations were under way at each kill."""

    def up_until_nothing_is_new(self) -> str:
        """Kill each `pulumi up` that creates something for the first time; returns what the last one printed.

        ShellError if that one failed.
        """
        while (printed := self._up()) is None:
            pass
        return printed

    def _up(self) -> str | None:
        """Deploy to the end, and return what was printed; or kill it, and recover."""
        before = len(self.creations.seen)
        with (self.shell.folder / "up.txt").open("w+", encoding="utf-8") as output:
            process = self.shell.start(UP.format(self.stack), output=output)
            while process.poll() is None and not self._is_to_be_killed():
                time.sleep(0.1)
            if process.returncode is None:
                self.shell.kill(process)
                self.killed.append(len(self.creations.seen) - before)
                self._recover()
                return None
            output.seek(0)
            printed = output.read()
        if process.returncode:
            raise ShellError(printed)
        return printed

    def _is_to_be_killed(self) -> bool:
        come = [moment for moment in self.moments if moment()]
        self.moments = [moment for moment in self.moments if moment not in come]
        return bool(come) or self.creations.all_are_held()

    def _recover(self) -> None:
        """What docs/operations.md says is to be done; Azure has gone on meanwhile with what it was told."""
        self.creations.release()
        self.shell.run(CANCEL.format(self.stack))
        self.shell.run(RECOVER.format(self.stack))
