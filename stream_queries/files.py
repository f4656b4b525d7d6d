"""Replacing a file: a reader, or whatever stops the writer, meets the whole old content or the whole new one."""

import os
from pathlib import Path


def replace_file(file: Path, content: str | bytes, *, durable: bool = False, unfinished: str | None = None) -> None:
    """Write `content` beside `file`, as `unfinished` (else its name and `.new`), and rename that to it.

    One writer at a time: the name beside is the same for all. `durable` waits until the disk has it. That is for what
    a manifest or a checkpoint then vouches for; anything else is made anew after a power failure.
    """
    beside = file.with_name(unfinished or f"{file.name}.new")
    try:
        with beside.open("wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
