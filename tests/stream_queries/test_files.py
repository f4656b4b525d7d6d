"""A file is replaced as a whole or not at all."""

from pathlib import Path

import pytest

from stream_queries.files import replace_file


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("content", ["déjà\n", b"\x00\r\n"])
def test_the_file_holds_the_new_content_byte_for_byte(tmp_path: Path, content: str | bytes, durable: bool):
    file = tmp_path / "file.json"
    file.write_text("old")
    replace_file(file, content, durable=durable)
    assert file.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert list(tmp_path.iterdir()) == [file]


def test_a_failure_leaves_the_old_content_and_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise OSError("no space left")

    file = tmp_path / "file.json"
    file.write_text("old")
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        replace_file(file, "new")
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_what_a_killed_writer_left_is_written_over(tmp_path: Path):
    (tmp_path / "file.json.new").write_text("half of it, and long")
    replace_file(tmp_path / "file.json", "new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("file.json", "new")]
