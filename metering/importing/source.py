"""A file of events before it is read: what makes it unusable as a whole is found here, before anything is written."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Literal

from metering.errors import ImportFileError

Format = Literal["csv", "jsonl"]

FORMATS: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
"""The format of a file by its name's end."""

LONGEST_LINE = 1024 * 1024
"""Bytes between two line ends; more is no table of events."""

_END = "the end of the file"


def format_of(path: Path, wanted: str | None) -> Format:
    """The format of a file: `wanted`, else by the end of its name. Raises ImportFileError."""
    if wanted in ("csv", "jsonl"):
        return "csv" if wanted == "csv" else "jsonl"
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise ImportFileError(f"{path} ends neither in .csv nor in .jsonl; say which it is with --input-format")
    return found


def check_text(path: Path) -> None:
    """Read a file through once; raises ImportFileError when it is missing, empty or not text."""
    if not path.exists():
        raise ImportFileError(f"{path} does not exist")
    if not path.is_file():
        raise ImportFileError(f"{path} is not a file")
    number = 0
    try:
        with path.open("rb") as opened:
            while line := opened.readline(LONGEST_LINE + 1):
                number += 1
                _check_line(path, number, line)
    except OSError as error:
        raise ImportFileError(f"{path} cannot be read: {error.strerror}") from None
    if number == 0:
        raise ImportFileError(f"{path} is empty")


def _check_line(path: Path, number: int, line: bytes) -> None:
    if number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ImportFileError(f"{path} is UTF-16; save the file as UTF-8")
    if b"\0" in line:
        raise ImportFileError(f"{path}:{number} holds a zero byte: this is no text file")
    if len(line) > LONGEST_LINE:
        raise ImportFileError(f"{path}:{number} is longer than {LONGEST_LINE:,} bytes: this is no table of events")
    try:
        line.decode()
    except UnicodeDecodeError as error:
        raise ImportFileError(
            f"{path}:{number} is not UTF-8 at byte {error.start + 1}; save the file as UTF-8"
        ) from None


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file that are not blank, each with the number of its last line; the header is the first.

    Raises ImportFileError for what the csv module cannot read.
    """
    with path.open(encoding="utf-8-sig", newline="") as opened:
        reader = csv.reader(opened)
        try:
            for row in reader:
                if row:
                    yield reader.line_num, row
        except csv.Error as error:
            raise _csv_fault(path, reader.line_num, error) from None


def check_csv(path: Path) -> tuple[list[str], int]:
    """The header of a CSV file, and how many rows follow it. Raises ImportFileError when the table cannot be read."""
    header: list[str] = []
    rows = -1
    row: list[str] = []
    began = ended = 0
    with path.open(encoding="utf-8-sig", newline="") as opened:
        # A quote that is never closed would swallow the rest: the last row then is not the one that was put behind.
        reader = csv.reader(chain(opened, [_END]))
        try:
            for row in reader:
                if row and rows < 0:
                    header = row
                rows += bool(row)
                began, ended = ended, reader.line_num
        except csv.Error as error:
            raise _csv_fault(path, reader.line_num, error) from None
    if row != [_END]:
        raise ImportFileError(f"{path}:{began + 1}: a quote is opened and never closed")
    if rows < 1:
        raise ImportFileError(f"{path} holds no header")
    return header, rows - 1


def _csv_fault(path: Path, line: int, error: csv.Error) -> ImportFileError:
    if "field limit" in str(error):
        limit = csv.field_size_limit()
        return ImportFileError(f"{path}:{line}: a field has more than {limit:,} characters; is a quote never closed?")
    return ImportFileError(f"{path}:{line}: {error}")
