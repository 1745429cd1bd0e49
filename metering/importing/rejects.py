"""The file of rejected rows, beside the imported one: as they were, with their line and the reason."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from metering.errors import ImportFileError
from metering.importing.columns import LINE, REASON


def rejects_path(path: Path) -> Path:
    """Where the rejects of a file go: `FILE.rejects.csv`."""
    return path.with_name(path.name + ".rejects.csv")


class Rejects:
    """Writes rejects as they come; at the end there is no file when there were none.

    Raises ImportFileError on entering when the file cannot be written, so before anything else is.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path = path
        self.count = 0
        # A repaired file of rejects already has both columns: then they are filled anew.
        self._width = len(names)
        self._places = [place for place, name in enumerate(names) if name not in (LINE, REASON)]
        self._names = [names[place] for place in self._places]
        self._opened: IO[str] | None = None
        self._writer: Any = None

    def __enter__(self) -> Rejects:
        try:
            self._opened = self.path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise ImportFileError(f"the file of rejects {self.path} cannot be written: {error.strerror}") from None
        self._writer = csv.writer(self._opened, lineterminator="\n")
        self._writer.writerow([*self._names, LINE, REASON])
        return self

    def add(self, line: int, cells: Sequence[str], reason: str) -> None:
        """Write one row; `line` counts from 1 in the imported file."""
        if len(cells) == self._width:
            kept = [cells[place] for place in self._places]
        else:
            kept = [*cells[: len(self._places)], *[""] * (len(self._places) - len(cells))]
        self._writer.writerow([*kept, line, reason])
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            self._opened.close()
        if self.count == 0:
            self.path.unlink(missing_ok=True)
