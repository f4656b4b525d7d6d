"""A process that does the release's work whenever it is told to, each time in a fork of its own, which may be killed.

What takes seconds to import is imported once. A line of its input is a JSON object with the record's content and the
fields of `ReleaseWork`. It answers with lines of JSON: `pid` of the fork, `said` for each line that the release says,
`error` if it fails, and at last `ended` with the fork's exit code. The real SDKs work, nothing of them is replaced;
only of the release's own waits a thousandth is waited.
"""

import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.ai.ml.entities
import azure.identity

from infra.release.work.release_work import ReleaseWork
from infra.release.work.steps import StepError
from scoring.patience import Patience

IMPORTED = (azure.ai.ml.entities, azure.identity)
"""What the release imports only when it needs it."""


def main() -> None:
    """Serve until standard input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _release(asked)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        _answer(ended=os.waitstatus_to_exitcode(status))


def _release(asked: dict[str, Any]) -> None:
    _answer(pid=os.getpid())
    work = ReleaseWork(
        fleet=Path(asked["fleet"]),
        retention=timedelta(hours=24),
        patience=Patience(say=lambda line: _answer(said=line), sleep=lambda seconds: time.sleep(seconds / 1000)),
    )
    try:
        work(asked["content"])
    except StepError as error:
        _answer(error=str(error))


def _answer(**values: Any) -> None:
    os.write(ANSWERS, f"{json.dumps(values)}\n".encode())


if __name__ == "__main__":
    ANSWERS = os.dup(1)
    os.dup2(2, 1)  # the SDK prints too
    main()
