"""A finding: what is wrong in the configuration, and where."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a file; `line` and `column` count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{printable(self.file)}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of the configuration. `code` is stable; `message` says what is wrong and what to do."""

    code: str
    message: str
    place: Place
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.place}: {printable(self.message)} [{self.code}]"

    def as_json(self) -> dict[str, str | int]:
        """The finding as it stands in `validate --format json`."""
        return {
            "code": self.code,
            "message": self.message,
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
        }


def printable(text: str) -> str:
    """A text in one line that moves no cursor, changes no colour and turns no direction, whatever it holds."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint such as `; did you mean 'output'?`, or nothing when no known word is near."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""
