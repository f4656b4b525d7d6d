"""The scoring step on one machine, run as Azure ML's parallel job runs it on a cluster: worker processes for nodes.

The same entry points are called in the same way: `init()` once in each process, then `run(mini_batch)` with paths. A
mini-batch is tried again when its process dies, takes too long, raises, or returns fewer results than it got items;
after the last try its items count as failed. A process that dies takes its own mini-batch with it and no other.
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

log = logging.getLogger("scoring.local.parallel")

SINGLE_THREADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that keep a worker from starting threads: processes are the parallelism."""


@dataclass(frozen=True)
class ParallelSettings:
    """How the scoring step is spread; the names are those of an Azure ML parallel job."""

    processes: int = 2
    mini_batch_size: int = 1  # files
    max_retries: int = 2
    timeout_seconds: float = 600


@dataclass
class ParallelResult:
    """What came of the step: one line per shard that was scored, and the shards that were not."""

    lines: list[str] = field(default_factory=list)
    failed: list[Path] = field(default_factory=list)


@dataclass
class _MiniBatch:
    files: list[Path]
    tries: int = 0


class _Worker:
    """One process that scores, and the mini-batch it works on."""

    def __init__(self, arguments: Sequence[str]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other_end = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(other_end, list(arguments)), daemon=True)
        self.process.start()
        other_end.close()
        self.batch: _MiniBatch | None = None
        self.deadline = self.timeout = 0.0

    def give(self, batch: _MiniBatch, timeout: float) -> None:
        self.batch, self.timeout, self.deadline = batch, timeout, time.monotonic() + timeout
        batch.tries += 1
        with contextlib.suppress(OSError):  # it died while it had nothing to do; `_answers` will find its end
            self.connection.send([str(file) for file in batch.files])

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def run_parallel(
    files: Sequence[Path],
    arguments: Sequence[str],
    settings: ParallelSettings,
    *,
    on_progress: Callable[[int], None] = lambda _: None,
) -> ParallelResult:
    """Score `files` with processes that get `arguments` as their command line; see `scoring.cluster.score.init`.

    `on_progress` is told how many files are done with, scored or not, each time that changes.
    """
    size = settings.mini_batch_size
    step = _Step(
        settings, on_progress, deque(_MiniBatch(list(files[at : at + size])) for at in range(0, len(files), size))
    )
    workers: list[_Worker] = []
    try:
        while step.waiting or any(worker.batch for worker in workers):
            while step.waiting and len(workers) < settings.processes:
                with _interrupts_held():  # raised afterwards, when `workers` has it and it can be stopped
                    workers.append(_Worker(arguments))
            for worker in workers:
                if worker.batch is None and step.waiting:
                    worker.give(step.waiting.popleft(), settings.timeout_seconds)
            for worker, batch, answer in _answers(workers):
                if isinstance(answer, str):  # it died or hangs: its place is filled by a new process
                    worker.stop()
                    workers.remove(worker)
                step.settle(batch, answer)
    finally:
        for worker in workers:
            worker.stop()
    return step.result


@contextlib.contextmanager
def _interrupts_held() -> Generator[None]:
    """Let Ctrl-C wait until a process has started, and let that process never see it: its parent ends it.

    What a thread blocks, its processes block too; but Python takes the signal in whichever thread lets it through, and
    would then interrupt the start in the main thread, with half of what the process is to run in its pipe.
    """
    with _interrupts_deferred():
        resource_tracker.ensure_running()  # else the first process starts it, which lets interrupts through again
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _interrupts_deferred() -> Generator[None]:
    """Hand an interrupt to its handler afterwards. Outside the main thread, where none runs, there is nothing to do."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    noted: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if noted:
            signal.raise_signal(signal.SIGINT)


Answer = list[str] | str | Exception
"""What a worker returned, what became of its process, or what it raised."""


@dataclass
class _Step:
    """The mini-batches still to be given out, and what came of the others."""

    settings: ParallelSettings
    on_progress: Callable[[int], None]
    waiting: deque[_MiniBatch]
    result: ParallelResult = field(default_factory=ParallelResult)

    def settle(self, batch: _MiniBatch, answer: Answer) -> None:
        """Keep the result of a mini-batch, or let it be tried again, or count its items as failed."""
        lines, problem = _judge(batch, answer)
        names = ", ".join(file.name for file in batch.files)
        if problem is not None and batch.tries <= self.settings.max_retries:
            log.warning("%s: %s; trying again", names, problem)
            self.waiting.append(batch)
            return
        self.result.lines.extend(lines)
        if problem is not None:
            log.error("%s: %s; giving up after %d tries", names, problem, batch.tries)
            self.result.failed.extend(batch.files)
        self.on_progress(len(batch.files))


def _judge(batch: _MiniBatch, answer: Answer) -> tuple[list[str], str | None]:
    """The lines of a mini-batch and, unless every item was scored, what was wrong."""
    if not isinstance(answer, list):
        return [], str(answer)
    if len(answer) != len(batch.files):
        return answer, f"{len(answer)} of {len(batch.files)} items were scored"
    return answer, None


def _answers(workers: list[_Worker]) -> Iterator[tuple[_Worker, _MiniBatch, Answer]]:
    """Wait until something happens; yield who answered, died or ran out of time, and free it of its mini-batch."""
    busy = [(worker, worker.batch) for worker in workers if worker.batch]
    patience = max(0.0, min(worker.deadline for worker, _ in busy) - time.monotonic())
    ready = wait([worker.connection for worker, _ in busy], timeout=patience)
    for worker, batch in busy:
        answer: Answer
        if worker.connection in ready:
            try:
                answer = worker.connection.recv()
            except (EOFError, OSError):
                worker.process.join()
                answer = f"its process ended with exit code {worker.process.exitcode}"
        elif time.monotonic() >= worker.deadline:
            answer = f"it took longer than {worker.timeout:g} s"
        else:
            continue
        worker.batch = None
        yield worker, batch, answer


def _serve(connection: Connection, arguments: list[str]) -> None:
    """The life of a worker process; ends when its parent does."""
    os.environ.update(dict.fromkeys(SINGLE_THREADED, "1"))
    sys.argv = ["scoring.cluster.score", *arguments]
    from scoring.cluster import score

    score.init()
    while True:
        try:
            mini_batch = connection.recv()
        except (EOFError, OSError):  # the parent was killed: with words unread, or while it was sending
            return
        answer: list[str] | Exception
        try:
            answer = score.run(mini_batch)
        except Exception as error:
            answer = error
        try:
            connection.send(answer)
        except ConnectionError:  # nobody waits for it any more
            return
