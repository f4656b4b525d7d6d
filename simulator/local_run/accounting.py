"""What became of every event, counted from the outputs themselves, and whether it adds up.

    sent = undecodable + archived          archived = in windows + duplicates + rejected

No term is derived from another: duplicates are counted in the archive, by their keys.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import duckdb

from simulator.stream.outputs import UNDECODABLE, database_url
from stream_queries.errors import UserError
from stream_queries.schema import (
    ARCHIVE_OUTPUT,
    DEVICE,
    REASON,
    REJECTS_OUTPUT,
    SENSOR,
    TS,
    RejectReason,
)
from stream_queries.window_store import WindowStore


@dataclass(frozen=True)
class Accounting:
    """Events by what became of them. `rejected` has every reason, also those with none."""

    sent: int
    undecodable: int
    archived: int
    in_windows: int
    duplicates: int
    rejected: dict[str, int]
    windows: int

    def mistakes(self) -> list[str]:
        """The equations that do not hold, in words; empty if all is accounted for."""
        rejected = sum(self.rejected.values())
        found = []
        if self.sent != self.undecodable + self.archived:
            found.append(f"sent {self.sent:,} is not undecodable {self.undecodable:,} + archived {self.archived:,}")
        if self.archived != self.in_windows + self.duplicates + rejected:
            found.append(
                f"archived {self.archived:,} is not in windows {self.in_windows:,} + duplicates {self.duplicates:,} "
                f"+ rejected {rejected:,}"
            )
        return found


def account(out: Path, *, sent: int) -> Accounting:
    """Count the outputs in `out`; `sent` is what the sender says it sent."""
    with WindowStore(database_url(out)) as store:
        windows, in_windows = store.count()
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")  # a time without a zone is UTC, as in the query
    try:
        return _account(connection, out, sent=sent, windows=windows, in_windows=in_windows)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"cannot count the outputs in {out} ({reason}): start anew with --fresh") from error


def _account(
    connection: duckdb.DuckDBPyConnection, out: Path, *, sent: int, windows: int, in_windows: int
) -> Accounting:
    _view(connection, ARCHIVE_OUTPUT, sorted((out / ARCHIVE_OUTPUT).rglob("*.parquet")))
    _view(connection, REJECTS_OUTPUT, sorted((out / REJECTS_OUTPUT).rglob("*.jsonl")))
    reasons = Counter(dict(connection.sql(f"SELECT {REASON}, count(*) FROM {REJECTS_OUTPUT} GROUP BY ALL").fetchall()))
    (archived,) = connection.sql(f"SELECT count(*) FROM {ARCHIVE_OUTPUT}").fetchall()[0]
    (duplicates,) = connection.sql(_DUPLICATES).fetchall()[0]
    undecodable = sum(file.read_bytes().count(b"\n") for file in (out / UNDECODABLE).glob("*.jsonl"))
    return Accounting(
        sent=sent,
        undecodable=undecodable,
        archived=archived,
        in_windows=in_windows,
        duplicates=duplicates,
        rejected={reason.value: reasons.pop(reason, 0) for reason in RejectReason} | dict(reasons),
        windows=windows,
    )


_DUPLICATES = f"""
    WITH keys AS (
        SELECT {DEVICE}, {SENSOR}, try_cast({TS} AS TIMESTAMPTZ) AS moment, 1 AS copies FROM {ARCHIVE_OUTPUT}
        UNION ALL
        SELECT {DEVICE}, {SENSOR}, try_cast({TS} AS TIMESTAMPTZ), -1 FROM {REJECTS_OUTPUT}
    ),
    accepted AS (SELECT sum(copies) AS copies FROM keys GROUP BY {DEVICE}, {SENSOR}, moment)
    SELECT coalesce(sum(copies - 1), 0)::BIGINT FROM accepted WHERE copies > 1
"""
"""Copies of a key in the archive, less those that were rejected, beyond the first. A time that cannot be read is
rejected, so its rows cancel out."""


def _view(connection: duckdb.DuckDBPyConnection, name: str, files: list[Path]) -> None:
    """The files of one output as a view; an output without files is empty."""
    columns = f"{DEVICE} VARCHAR, {SENSOR} VARCHAR, {TS} VARCHAR, {REASON} VARCHAR"
    if not files:
        connection.execute(f"CREATE TABLE {name} ({columns})")
        return
    paths = ", ".join("'{}'".format(str(file).replace("'", "''")) for file in files)
    if files[0].suffix == ".parquet":
        source = f"read_parquet([{paths}])"
    else:
        types = ", ".join(f"{column}: 'VARCHAR'" for column in (DEVICE, SENSOR, TS, REASON))
        source = f"read_json([{paths}], format = 'newline_delimited', columns = {{{types}}})"
    connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {source}")
