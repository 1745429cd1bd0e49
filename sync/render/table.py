"""Tables as text and as CSV, in which no text of a caller can act: neither on a terminal nor in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO

from schema.findings import printable

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table_lines(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[str]) -> Iterator[str]:
    """Aligned columns, those named in `right` to the right; an empty cell shows as a dash."""
    table = [list(header), *([printable(cell) or "-" for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = (
            f"{cell:>{width}}" if name in right else f"{cell:<{width}}"
            for name, cell, width in zip(header, line, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()


def csv_text(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """CSV with a header; what a spreadsheet would take for a formula begins with an apostrophe."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row] for row in rows)
    return text.getvalue()


__all__ = ["csv_text", "table_lines"]
