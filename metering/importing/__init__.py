"""Import of usage from CSV or JSONL: good rows land, bad rows go to a file of their own, nothing is recorded twice.

`source` finds what makes a file unusable as a whole, `columns` reads its header, `records` turns rows into usages,
`rejects` writes those that are none. What is recorded is recorded by the meter, in transactions of whole batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from metering.errors import ImportFileError, MeteringError
from metering.importing.columns import read_header
from metering.importing.records import Record, check_jsonl, read_csv, read_jsonl
from metering.importing.rejects import Rejects, rejects_path
from metering.importing.source import check_csv, check_text, format_of

if TYPE_CHECKING:
    from metering.meter import Meter

BATCH = 5_000
"""Rows a transaction; the memory that an import takes does not depend on the file."""

Progress = Callable[[int, int], None]
"""Called with the rows that are done and the rows that there are."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of the rows of a file."""

    rows: int
    added: int
    repeated: int
    """Rows that were recorded before, or stand in the file twice."""
    unpriced: int
    """Of those added: kept without a charge until a price lands."""
    rejected: int
    rejects_path: Path | None
    """The file of rejected rows; None when there are none."""


def import_file(
    meter: Meter,
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002 - the word of the contract
    keep_unpriced: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import a file of events; `format` is `csv` or `jsonl`, by default what the name ends in.

    Raises ImportFileError before anything is recorded when the file as a whole cannot be read. Afterwards only rows can
    fail: each goes to `FILE.rejects.csv` with its line and the reason. Calls of models without a price are rejected
    too, unless `keep_unpriced` records them without a charge. An import that was interrupted is completed by another.
    """
    path = Path(path)
    records, names, rows = _open(path, format)
    added = repeated = unpriced = done = 0
    with Rejects(rejects_path(path), names) as rejects:
        for batch in _batches(records):
            usages = [record.usage for record in batch if record.usage is not None]
            # The file is kept as it is: an import that is interrupted is done again, and needs no spool.
            outcomes = iter(meter.record_each(usages, unpriced="keep" if keep_unpriced else "refuse", spooled=False))
            for record in batch:
                outcome = record.fault or next(outcomes)
                if isinstance(outcome, MeteringError):
                    rejects.add(record.line, record.cells, f"{outcome} [{outcome.code}]")
                elif outcome.duplicate:
                    repeated += 1
                else:
                    added += 1
                    unpriced += outcome.status == "unpriced"
            done += len(batch)
            if progress is not None:
                progress(done, max(rows, done))
    return ImportReport(done, added, repeated, unpriced, rejects.count, rejects.path if rejects.count else None)


def _open(path: Path, wanted: str | None) -> tuple[Iterator[Record], tuple[str, ...], int]:
    """The records of a file, the names of its columns and its number of rows, when it can be read as a whole."""
    check_text(path)
    if format_of(path, wanted) == "jsonl":
        rows = check_jsonl(path)
        if not rows:
            raise ImportFileError(f"{path} holds no event")
        return read_jsonl(path), ("record",), rows
    header, rows = check_csv(path)
    columns = read_header(str(path), header)
    return read_csv(path, columns), columns.names, rows


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    remaining = iter(records)
    while batch := list(islice(remaining, BATCH)):
        yield batch


__all__ = ["BATCH", "ImportReport", "Progress", "import_file"]
