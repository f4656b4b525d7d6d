"""Mini-batches of a parallel step, and how Azure ML counts what failed.

https://learn.microsoft.com/azure/machine-learning/how-to-use-parallel-job-in-pipeline (settings for parallel jobs)
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IGNORE_ALL = -1


@dataclass
class MiniBatch:
    """Some of the input's files, and how often they were tried. A run may return fewer results than there are files."""

    number: int
    files: list[Path]
    tries: int = 0
    returned: int = 0

    @property
    def failed_items(self) -> int:
        """The files without a result, in the last try."""
        return max(0, len(self.files) - self.returned)


@dataclass(frozen=True)
class Limits:
    """How a parallel step is spread, retried and judged; a threshold of -1 ignores everything.

    The defaults are Azure ML's: as they are, no failure fails a step.
    """

    processes: int
    mini_batch_size: int
    retries: int
    timeout: float
    start_timeout: float
    failed_items: int
    failed_batches: int
    failed_percent: float

    @classmethod
    def read(cls, spec: Mapping[str, Any], arguments: Sequence[str]) -> "Limits":
        """Read a step's settings, some of which Azure ML finds in the arguments of the entry script."""
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("--error_threshold", type=int)
        parser.add_argument("--allowed_failed_percent", type=float, default=100.0)
        parser.add_argument("--first_task_creation_timeout", type=float, default=600.0)
        told, _ = parser.parse_known_args(arguments)
        retries: Mapping[str, Any] = spec.get("retry_settings") or {}
        instances = int((spec.get("resources") or {}).get("instance_count", 1))
        items = spec.get("error_threshold", IGNORE_ALL) if told.error_threshold is None else told.error_threshold
        return cls(
            processes=instances * int(spec.get("max_concurrency_per_instance", 1)),
            mini_batch_size=int(spec.get("mini_batch_size", 1)),
            retries=int(retries.get("max_retries", 2)),
            timeout=float(retries.get("timeout", 60)),
            start_timeout=told.first_task_creation_timeout,
            failed_items=int(items),
            failed_batches=int(spec.get("mini_batch_error_threshold", IGNORE_ALL)),
            failed_percent=told.allowed_failed_percent,
        )

    def cut(self, files: Sequence[Path]) -> list[MiniBatch]:
        """The mini-batches of the input's files."""
        size = self.mini_batch_size
        starts = range(0, len(files), size)
        return [MiniBatch(number, list(files[at : at + size])) for number, at in enumerate(starts, start=1)]

    def verdict(self, batches: int, failed: Sequence[MiniBatch]) -> str | None:
        """Why the step fails, given the mini-batches that failed for good; None if it does not."""
        items = sum(batch.failed_items for batch in failed)
        if self.failed_items != IGNORE_ALL and items > self.failed_items:
            return f"{items} items failed, error_threshold is {self.failed_items}"
        if self.failed_batches != IGNORE_ALL and len(failed) > self.failed_batches:
            return f"{len(failed)} mini-batches failed, mini_batch_error_threshold is {self.failed_batches}"
        if 100 * len(failed) > self.failed_percent * batches:
            return f"{len(failed)} of {batches} mini-batches failed, allowed_failed_percent is {self.failed_percent:g}"
        return None
