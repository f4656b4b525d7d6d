"""Run as a program: one process of a parallel step, which loads the entry script and gives it mini-batches.

Stands for Azure ML's own driver, by its documented contract: `init()` once, `run(mini_batch)` with paths of files,
`shutdown()` at the end if there is one. Imports nothing of ours: it runs where only the step's code is.
Arguments: the descriptor of the connection to the step, the entry script, and the command line that the script sees.

https://learn.microsoft.com/azure/machine-learning/how-to-use-parallel-job-in-pipeline#prepare-for-parallelization
"""

import importlib.util
import json
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any


def main(descriptor: int, entry_script: Path, arguments: list[str]) -> None:
    """Serve until the other end closes the connection."""
    connection = Connection(descriptor)
    sys.argv = [str(entry_script), *arguments]
    sys.path.insert(0, str(entry_script.parent))
    script = _load(entry_script)
    if hasattr(script, "init"):
        script.init()
    _send(connection, ready=True)
    while (mini_batch := _receive(connection)) is not None:
        try:
            _send(connection, returned=len(script.run(mini_batch)))
        except Exception as error:
            traceback.print_exc()
            _send(connection, error=f"{type(error).__name__}: {error}")
    if hasattr(script, "shutdown"):
        script.shutdown()


def _load(entry_script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("entry_script", entry_script)
    if spec is None or spec.loader is None:
        raise ImportError(f"{entry_script} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _send(connection: Connection, **answer: Any) -> None:
    connection.send_bytes(json.dumps(answer).encode())


def _receive(connection: Connection) -> list[str] | None:
    try:
        return json.loads(connection.recv_bytes())
    except EOFError:
        return None


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
