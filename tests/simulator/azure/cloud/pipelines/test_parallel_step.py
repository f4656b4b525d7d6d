"""What a parallel step does not start with."""

from pathlib import Path

import pytest

from simulator.azure.cloud.pipelines.errors import StepError
from simulator.azure.cloud.pipelines.node import Node
from simulator.azure.cloud.pipelines.parallel.step import ParallelStep
from tests.scoring.publish.test_pipeline import program_arguments


def parallel_step(arguments: str, folder: Path) -> ParallelStep:
    return ParallelStep(Node(folder, {}), "score.py", arguments, {}, processes=1)


@pytest.mark.parametrize("arguments", ["--output /scores", "--fleet /f --output=/scores", "--mini_batch_size 2"])
def test_an_argument_of_the_drivers_own_is_refused(arguments: str, tmp_path: Path):
    with pytest.raises(StepError, match="' is a reserved argument, please use another argument name"):
        parallel_step(arguments, tmp_path)


@pytest.mark.parametrize("arguments", ["--outputs /scores", "--fleet output", "--error_threshold 0"])
def test_other_arguments_are_the_programs(arguments: str, tmp_path: Path):
    parallel_step(arguments, tmp_path)


def test_the_published_steps_arguments_are_none_of_the_drivers(tmp_path: Path):
    parallel_step(program_arguments(), tmp_path)
