"""The command line: what it prints, and how it refuses."""

from pathlib import Path

import pytest

from stream_queries.__main__ import main
from stream_queries.commands.cases import CASES

BODY = '{"device": "a", "sensor": "s", "ts": "2026-01-01T10:00:00Z", "value": 1}'
EVENT = f'{{"arrived_at": "2026-01-01T10:00:01Z", "body": {BODY}}}'


@pytest.fixture
def event_file(tmp_path: Path) -> Path:
    file = tmp_path / "events.jsonl"
    file.write_text(EVENT + "\n" + '{"arrived_at": "2026-01-01T10:00:02+00:00", "partition_id": 1, "body": "oops"}\n')
    return file


def both(file: Path) -> list[str]:
    """Arguments that feed one file to both inputs."""
    return ["--input", f"readings={file}", "--input", f"arrivals={file}"]


def test_check_lists_inputs_outputs_windows_and_warnings(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    query = tmp_path / "q.asaql"
    query.write_text("SELECT CAST(a AS float) AS a\nINTO o\nFROM i TIMESTAMP BY at")
    assert main(["check", "sensor_windows", str(query), "--undocumented"]) == 0
    text = capsys.readouterr().out
    for line in (
        "input    readings, TIMESTAMP BY ts", "input    arrivals, at arrival time", "window   TumblingWindow of 60 s",
        "horizon  0:01:00", "output   o: a float", "warning  line 1: a CAST that fails stops the job",
        "division of two",
    ):  # fmt: skip
        assert line in text


def test_check_refuses_with_file_and_line_and_exit_code_2(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    query = tmp_path / "q.asaql"
    query.write_text("SELECT PartitionId AS p\nINTO o\nFROM i\nJOIN j ON 1 = 1")
    assert main(["check", str(query)]) == 2
    assert capsys.readouterr().err == (
        f"stream_queries: {query}:4: JOIN is not supported here: this engine reads one source per SELECT\n"
    )
    assert main(["check", "nothing"]) == 2


def test_run_prints_json_lines(capsys: pytest.CaptureFixture[str], event_file: Path):
    assert (
        main(["run", "sensor_windows", "--input", f"readings={event_file}", "--input", f"arrivals={event_file}"]) == 0
    )
    printed = capsys.readouterr()
    assert (
        '-- sensor_windows\n{"device": "a", "sensor": "s", "window_end": "2026-01-01T10:00:00.000000Z"' in printed.out
    )
    assert "arrivals: an undecodable event: not_json" in printed.err


def test_run_writes_files_and_takes_the_policy(event_file: Path, tmp_path: Path):
    out = tmp_path / "new" / "folder"
    assert (
        main(
            [
                "run",
                "sensor_windows",
                *both(event_file),
                "--late-arrival",
                "0.5",
                "--out-of-order",
                "0",
                "--out",
                str(out),
            ]
        )
        == 0
    )
    assert sorted(file.name for file in out.iterdir()) == ["archive.jsonl", "rejects.jsonl", "sensor_windows.jsonl"]
    assert '"reason": "late"' in (out / "rejects.jsonl").read_text()


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["readings={}"], "the query reads arrivals, readings"),
        (["readings={}", "arrivals"], "write ALIAS=FILE"),
        (["readings={}", "arrivals=missing.jsonl"], "missing.jsonl: cannot be read"),
    ],
)
def test_run_tells_what_is_wrong_with_its_inputs(
    inputs: list[str], message: str, event_file: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = [part for text in inputs for part in ("--input", text.format(event_file))]
    assert main(["run", "sensor_windows", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "line", ["{}", "[]", "x", '{"arrived_at": "2026-01-01T10:00:01", "body": {}}', EVENT[:-1] + ', "b": 1}']
)
def test_a_line_that_is_no_event_is_told_with_its_number(
    line: str, event_file: Path, capsys: pytest.CaptureFixture[str]
):
    event_file.write_text(f"{EVENT}\n\n{line}\n")
    assert (
        main(["run", "sensor_windows", "--input", f"readings={event_file}", "--input", f"arrivals={event_file}"]) == 2
    )
    assert f"{event_file}:3: not an event" in capsys.readouterr().err


@pytest.mark.slow
def test_test_fails_for_a_wrong_expectation_and_for_a_missing_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    case = tmp_path / "sensor_windows" / "one"
    case.mkdir(parents=True)
    source = CASES / "sensor_windows" / "single_reading"
    for file in source.iterdir():
        (case / file.name).write_bytes(file.read_bytes())
    assert main(["test", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "passed  sensor_windows/one\n"

    expected = case / "sensor_windows.expected.jsonl"
    expected.write_text(expected.read_text().replace("20.5", "20.500001"))
    assert main(["test", str(tmp_path)]) == 1
    assert (
        "FAILED  sensor_windows/one\n  sensor_windows/one, batch, sensor_windows: expected {" in capsys.readouterr().out
    )

    expected.unlink()
    assert main(["test", str(tmp_path)]) == 1
    assert main(["test", str(tmp_path / "sensor_windows" / "one")]) == 2
