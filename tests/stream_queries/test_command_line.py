import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stream_queries.command import run_command
from stream_queries.errors import UserError
from stream_queries.terminal import ProgressBar, progress

Capture = pytest.CaptureFixture[str]


def raising(error: BaseException) -> Callable[[], int]:
    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize("code", [0, 1])
def test_a_commands_exit_code_is_its_own(code: int, capsys: Capture):
    assert run_command("tool", lambda: code) == code
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("text", ["no such file: give another", "no such file:\n  give\n\tanother\n"])
def test_a_users_mistake_is_one_line_and_exit_code_2(text: str, capsys: Capture):
    """Texts of other libraries, which messages quote, may hold line breaks."""
    assert run_command("tool", raising(UserError(text))) == 2
    assert capsys.readouterr() == ("", "tool: no such file: give another\n")


def test_an_interruption_is_one_line_and_the_shells_exit_code(capsys: Capture):
    assert run_command("tool", raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr() == ("", "tool: interrupted\n")


INTERRUPTED = """
import signal, sys
from stream_queries.command import run_command

sys.exit(run_command("tool", lambda: signal.raise_signal(signal.SIGINT) or 0))
"""


def test_a_command_may_be_interrupted_although_its_parent_ignores_interrupts():
    """As a shell does for what it starts in the background."""
    command = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", sys.executable, "-c", INTERRUPTED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "tool: interrupted\n")


@pytest.mark.parametrize("error", [ValueError("a fault of ours"), ConnectionResetError("a fault of the network")])
def test_a_fault_that_is_not_the_users_is_not_hidden(error: Exception):
    with pytest.raises(type(error), match="a fault of"):
        run_command("tool", raising(error))


PRINTS = """
import sys
from stream_queries.command import run_command

def command():
    for number in range(int(sys.argv[1])):
        print(number)
    return 0

sys.exit(run_command("tool", command))
"""


@pytest.mark.parametrize("lines", [1, 100_000], ids=["less than a buffer", "more than a buffer"])
def test_a_reader_that_has_seen_enough_is_no_error(lines: int):
    """`tool | head`: the reader closes its end; one that is slow to start has closed it before the first line."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-c", PRINTS, str(lines)]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    ended = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, env=buffered, check=False)
    os.close(write_end)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_errors_that_nobody_reads_are_no_error_either():
    read_end, write_end = os.pipe()
    os.close(read_end)
    prints_errors = PRINTS.replace("print(number)", "print(number, file=sys.stderr)")
    ended = subprocess.run([sys.executable, "-c", prints_errors, "1"], stderr=write_end, check=False)
    os.close(write_end)
    assert ended.returncode == 0


def test_output_that_is_closed_from_the_start_is_no_error():
    ended = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -c '{PRINTS.replace(chr(39), chr(34))}' 1 >&-"],
        stderr=subprocess.PIPE,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_broken_pipe_to_something_else_is_not_taken_for_a_reader_that_left(tmp_path: Path):
    """A worker process or a server that went away must not end a command quietly with success."""
    code = PRINTS.replace("print(number)", "raise BrokenPipeError('to a worker')")
    with (tmp_path / "output").open("w") as output:
        ended = subprocess.run([sys.executable, "-c", code, "1"], stdout=output, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 1 and ended.stderr.endswith(b"BrokenPipeError: to a worker\n")


# ---- Progress.


def test_progress_yields_every_item_and_is_quiet_when_it_is_quick(capsys: Capture):
    assert list(progress(range(5), title="count")) == list(range(5))
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def clock(mocker) -> Callable[[float], None]:
    """A clock that stands still until it is moved."""
    now = [0.0]

    def read() -> float:
        return now[0]

    def move(seconds: float) -> None:
        now[0] += seconds

    mocker.patch("stream_queries.terminal.time.monotonic", read)
    return move


def test_slow_work_says_every_ten_seconds_how_far_it_is(clock: Callable[[float], None], capsys: Capture):
    for _ in progress(range(1_200), title="score", unit="series"):
        clock(0.03125)
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == [f"score: {done} of 1,200 series" for done in ("320", "640", "960")]


def test_work_of_unknown_length_says_how_much_is_done(clock: Callable[[float], None], capsys: Capture):
    with ProgressBar(title="send", total=None, unit="events") as bar:
        for _ in range(3):
            clock(6)
            bar.advance(1_000)
    assert capsys.readouterr().err == "send: 2,000 events\n"


def test_a_terminal_gets_a_bar_that_ends_complete(mocker, capsys: Capture):
    mocker.patch("sys.stderr.isatty", return_value=True)
    assert list(progress(iter("abc"), title="import", total=3, unit="models")) == ["a", "b", "c"]
    output = capsys.readouterr()
    assert output.out == "" and "import: 100%" in output.err and "3.00/3.00" in output.err
