"""One worker process of a parallel step, seen from the step."""

import json
import subprocess
import time
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from simulator.azure.cloud.pipelines.node import PYTHON, Node, end_session
from simulator.azure.cloud.pipelines.parallel import worker as parallel_worker
from simulator.azure.cloud.pipelines.parallel.mini_batches import MiniBatch

Answer = dict[str, Any]
SECONDS_TO_SHUT_DOWN = 60


class WorkerProcess:
    """A process that loads the entry script, and the mini-batch it is busy with.

    `number` names its log. It is not ready before its `init()` has returned; until then `deadline` is for that.
    """

    def __init__(self, node: Node, number: int, entry_script: Path, arguments: list[str], timeout: float) -> None:
        self.log = f"process-{number:02}.txt"
        self.batch: MiniBatch | None = None
        self.is_ready = False
        self.timeout, self.deadline = timeout, time.monotonic() + timeout
        self.connection, other_end = Pipe()
        with (node.logs / self.log).open("w") as log, other_end:
            self._process = subprocess.Popen(
                [
                    *PYTHON,
                    "-P",  # the folder of the worker's own program is nothing for the entry script
                    parallel_worker.__file__,
                    str(other_end.fileno()),
                    str(entry_script),
                    *arguments,
                ],
                cwd=node.code,
                env=node.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(other_end.fileno(),),
                start_new_session=True,
            )

    @property
    def is_busy(self) -> bool:
        """Whether it owes an answer."""
        return self.batch is not None or not self.is_ready

    def give(self, batch: MiniBatch, timeout: float) -> None:
        """Let it work on a mini-batch."""
        self.batch, self.timeout, self.deadline = batch, timeout, time.monotonic() + timeout
        batch.tries += 1
        try:
            self.connection.send_bytes(json.dumps([str(file) for file in batch.files]).encode())
        except OSError:
            return  # it died while it had nothing to do; `receive` will find its end

    def receive(self) -> Answer:
        """Its answer, or what became of it."""
        try:
            return json.loads(self.connection.recv_bytes())
        except (EOFError, OSError):
            return {"died": f"its process ended with exit code {self._process.wait()}"}

    def is_late(self) -> bool:
        """Whether it has taken longer than it may."""
        return self.is_busy and time.monotonic() >= self.deadline

    def shut_down(self) -> None:
        """Let it end by itself, so that the entry script's `shutdown()` runs."""
        self.connection.close()
        try:
            self._process.wait(SECONDS_TO_SHUT_DOWN)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()

    def kill(self) -> None:
        """End it now."""
        self.connection.close()
        end_session(self._process)
