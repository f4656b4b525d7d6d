"""First step of the tests' pipeline: writes files that hold one number each."""

import argparse
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--time", required=True)
parser.add_argument("--files", type=int, required=True)
parser.add_argument("--out", type=Path, required=True)
arguments = parser.parse_args()
for number in range(arguments.files):
    (arguments.out / f"{number}.txt").write_text(str(number))
print(f"prepared for {arguments.time}")
