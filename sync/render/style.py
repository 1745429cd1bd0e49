"""Columns and colours of text output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

_CODES = {"create": "32", "update": "33", "delete": "31", "error": "31", "warning": "33", "dim": "2", "bold": "1"}


@dataclass(frozen=True, slots=True)
class Style:
    """Paints text when `colour` is set, and leaves it alone otherwise."""

    colour: bool = False

    @classmethod
    def of_terminal(cls) -> Style:
        """Colours on a terminal, unless NO_COLOR is set."""
        return cls(sys.stdout.isatty() and not os.environ.get("NO_COLOR"))

    def paint(self, name: str, text: str) -> str:
        """The text in the colour of a word such as `create` or `error`."""
        return f"\x1b[{_CODES[name]}m{text}\x1b[0m" if self.colour and text else text


def table(rows: Iterable[Sequence[str]], gap: str = "  ") -> list[str]:
    """Rows as lines with aligned columns."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [gap.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def count(number: int, noun: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def age_text(age: timedelta) -> str:
    """How long ago in one unit: `12 s`, `3 min`, `2 h`, `5 days`."""
    seconds = max(int(age.total_seconds()), 0)
    for size, unit in ((86_400, " days"), (3_600, " h"), (60, " min")):
        if seconds >= 2 * size:
            return f"{seconds // size:,}{unit}"
    return f"{seconds} s"


__all__ = ["Style", "age_text", "count", "table"]
