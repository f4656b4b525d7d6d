"""The time in a simulated subscription: that of this machine, and what programs would have waited but did not."""

import time
from threading import Lock


class Clock:
    """Seconds since 1970; goes on by itself, and further where somebody says that they have waited."""

    def __init__(self) -> None:
        self._lock, self._skipped = Lock(), 0.0

    @property
    def skipped(self) -> float:
        """How much was not really waited, in seconds."""
        return self._skipped

    def now(self) -> float:
        """The time."""
        return time.time() + self._skipped

    def skip(self, seconds: float) -> None:
        """Let this much time pass at once."""
        with self._lock:
            self._skipped += seconds
