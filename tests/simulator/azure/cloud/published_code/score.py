"""Second step of the tests' pipeline: multiplies each number with the model's factor.

What is to go wrong is an argument: `--fail NAME` makes one file fail always, `--die NAME` ends the process on its first
try, `--hang NAME` keeps the first try from ending.
"""

import argparse
import json
import os
import threading
from pathlib import Path

from steps.arithmetic import product

arguments: argparse.Namespace


def init() -> None:
    global arguments
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fail")
    parser.add_argument("--die")
    parser.add_argument("--hang")
    arguments, _ = parser.parse_known_args()


def run(mini_batch: list[str]) -> list[str]:
    factor = json.loads((arguments.model / "factor.json").read_text())
    done = []
    for file in map(Path, mini_batch):
        if file.name == arguments.die and _is_first_try(file):
            os._exit(3)
        if file.name == arguments.hang and _is_first_try(file):
            threading.Event().wait()
        if file.name != arguments.fail:
            (arguments.out / file.name).write_text(str(product(factor, int(file.read_text()))))
            done.append(file.name)
    return done


def shutdown() -> None:
    print("shut down")


def _is_first_try(file: Path) -> bool:
    mark = Path(os.environ["HOME"]) / f"{file.name}.tried"
    if mark.exists():
        return False
    mark.touch()
    return True
