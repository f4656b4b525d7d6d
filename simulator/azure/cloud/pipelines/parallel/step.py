"""A parallel step: mini-batches for worker processes, tried again and counted as Azure ML does.

A mini-batch fails when its process dies, when it takes too long, when `run()` raises, or when that returns fewer
results than there are items. A process that dies or hangs is replaced, and takes no other mini-batch with it.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-use-parallel-job-in-pipeline
Assumed: an empty input folder fails the step, which is not documented; every shard has a file, so there is none.
"""

import shlex
import time
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from simulator.azure.cloud.pipelines.errors import StepError
from simulator.azure.cloud.pipelines.node import Node
from simulator.azure.cloud.pipelines.parallel.mini_batches import Limits, MiniBatch
from simulator.azure.cloud.pipelines.parallel.worker_process import Answer, WorkerProcess

SUMMARY = "mini_batches.txt"

DRIVERS_OWN = frozenset(
    {
        "allowed_failed_count",
        "append_row_file_name",
        "client_sdk_version",
        "create_snapshot_at_runtime",
        "logging_level",
        "mini_batch_size",
        "output",
        "output_action",
        "partition_keys",
        "process_count_per_node",
        "run_invocation_timeout",
        "run_max_try",
        "scoring_module_name",
    }
)
"""Arguments that the driver is started with, on the same command line: the client refuses them in a program's.

azureml-pipeline-core 1.61.0, azureml/pipeline/core/_parallel_run_step_base.py (`_validate_arguments`,
`_generate_main_file_args`), without those that the reference has as predefined arguments for programs."""


class ParallelStep:
    """One run of a parallel step. `processes` is the most that this machine can take."""

    def __init__(self, node: Node, entry_script: str, arguments: str, spec: dict[str, Any], processes: int) -> None:
        told = shlex.split(arguments)
        names = (word.partition("=")[0].removeprefix("--") for word in told if word.startswith("--"))
        if reserved := sorted(DRIVERS_OWN.intersection(names)):
            raise StepError(f"'{reserved[0]}' is a reserved argument, please use another argument name instead")
        self._node, self._entry_script = node, node.code / entry_script
        self._limits = Limits.read(spec, told)
        self._processes = min(self._limits.processes, processes)
        # Azure ML adds arguments of its own, so entry scripts must not refuse those they do not know
        self._arguments = [*told, "--process_count_per_node", str(self._processes)]
        self._waiting: deque[MiniBatch] = deque()
        self._failed: list[MiniBatch] = []
        self._workers: list[WorkerProcess] = []
        self._started = 0

    def run(self, input_folder: Path) -> None:
        """Work on the files of the input; StepError if too much of it failed."""
        files = sorted(file for file in input_folder.rglob("*") if file.is_file())
        if not files:
            raise StepError("the input folder is empty: what Azure ML does then is not documented")
        batches = self._limits.cut(files)
        self._waiting.extend(batches)
        with (self._node.logs / SUMMARY).open("w") as self._summary:
            try:
                self._work()
            finally:
                for worker in self._workers:
                    worker.kill()
        verdict = self._limits.verdict(len(batches), self._failed)
        if verdict is not None:
            raise StepError(verdict)

    def _work(self) -> None:
        while self._waiting or any(worker.batch for worker in self._workers):
            while len(self._workers) < min(self._processes, self._open_batches()):
                self._start_worker()
            for worker in self._workers:
                if not worker.is_busy and self._waiting:
                    worker.give(self._waiting.popleft(), self._limits.timeout)
            for worker, answer in self._answers():
                self._take(worker, answer)
        for worker in self._workers:
            worker.shut_down()

    def _open_batches(self) -> int:
        return len(self._waiting) + sum(worker.batch is not None for worker in self._workers)

    def _start_worker(self) -> None:
        worker = WorkerProcess(
            self._node, self._started, self._entry_script, self._arguments, self._limits.start_timeout
        )
        self._started += 1
        self._workers.append(worker)

    def _answers(self) -> Iterator[tuple[WorkerProcess, Answer]]:
        """Wait until something happens; yield who answered, died, or ran out of time."""
        busy = [worker for worker in self._workers if worker.is_busy]
        patience = max(0.0, min(worker.deadline for worker in busy) - time.monotonic())
        ready = wait([worker.connection for worker in busy], timeout=patience)
        for worker in busy:
            if worker.connection in ready:
                yield worker, worker.receive()
            elif worker.is_late():
                yield worker, {"died": f"it took longer than {worker.timeout:g} s"}

    def _take(self, worker: WorkerProcess, answer: Answer) -> None:
        """Settle what a worker had to do; one that died makes room for another."""
        problem = answer.get("died")
        if problem is not None:
            worker.kill()
            self._workers.remove(worker)
            if not worker.is_ready:
                raise StepError(f"init() failed, {problem}: {self._node.last_words(worker.log)}")
        worker.is_ready = True
        batch, worker.batch = worker.batch, None
        if batch is not None:
            batch.returned = answer.get("returned", 0)
            self._settle(batch, problem or answer.get("error"), worker.log)

    def _settle(self, batch: MiniBatch, problem: str | None, log: str) -> None:
        """Count a mini-batch as done or failed, or let it be tried again."""
        if problem is None and batch.failed_items:
            problem = f"{batch.returned} results for {len(batch.files)} items"
        outcome = "done"
        if problem is not None and batch.tries <= self._limits.retries:
            self._waiting.append(batch)
            outcome = f"{problem}; to be tried again"
        elif problem is not None:
            self._failed.append(batch)
            outcome = f"{problem}; failed"
        names = " ".join(file.name for file in batch.files)
        print(f"mini-batch {batch.number} ({names}), try {batch.tries}, {log}: {outcome}", file=self._summary)
