"""A file of a provider or gateway as rows of plain values, each with its place: CSV, JSON or JSONL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from metering.errors import ImportFileError
from metering.importing.source import check_csv, csv_rows

_FARTHEST_EXPONENT = 40


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its place for people, and its values by name."""

    place: str
    values: dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """The rows of a file. A report of buckets gives a row for each result, with the bucket's own fields beside it.

    Raises ImportFileError when the file cannot be read as a whole.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ImportFileError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise ImportFileError(f"{path} cannot be read: {error.strerror}") from None
    start = text.lstrip()[:1]
    if not start:
        raise ImportFileError(f"{path} is empty")
    if start not in ("{", "["):
        return list(_csv(path))
    try:
        return list(_unfold(path, _load(text)))
    except ValueError as error:
        # Several documents, one a line: the first is whole, and something follows it.
        if start == "{" and "Extra data" in str(error):
            return list(_lines(path, text))
        raise ImportFileError(f"{path} is no JSON: {error}") from None
    except RecursionError:
        raise ImportFileError(f"{path} is nested too deeply") from None


def _csv(path: Path) -> Iterator[Row]:
    header, _ = check_csv(path)
    names = [name.strip() for name in header]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ImportFileError(f"{path} has a wrong header: column '{twice[0][:60]}' stands twice")
    rows = csv_rows(path)
    next(rows)
    for line, cells in rows:
        if len(cells) != len(names):
            raise ImportFileError(f"{path}:{line}: the row has {len(cells)} fields, the header {len(names)}")
        yield Row(f"line {line}", {name: cell.strip() or None for name, cell in zip(names, cells, strict=True)})


def _lines(path: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            values = _load(line)
        except ValueError as error:
            raise ImportFileError(f"{path}:{number} is no JSON: {error}") from None
        if not isinstance(values, dict):
            raise ImportFileError(f"{path}:{number} is not a JSON object")
        yield from _of_object(values, f"line {number}")


def _unfold(path: Path, found: Any) -> Iterator[Row]:
    if isinstance(found, dict):
        _refuse_cut_off(path, found)
        if not isinstance(found.get("data"), list):
            yield from _of_object(found, "the object")
            return
        found = found["data"]
    for number, item in enumerate(found, 1):
        if not isinstance(item, dict):
            raise ImportFileError(f"{path}: item {number} is not a JSON object")
        # Pages of a report, put one behind the other.
        if isinstance(item.get("data"), list):
            _refuse_cut_off(path, item, last=number == len(found))
            for place, inner in enumerate(item["data"], 1):
                yield from _of_object(inner, f"page {number} item {place}")
        else:
            yield from _of_object(item, f"item {number}")


def _refuse_cut_off(path: Path, page: dict[str, Any], *, last: bool = True) -> None:
    if last and page.get("has_more") is True:
        raise ImportFileError(f"{path} is not the whole report: its last page says has_more; fetch the next pages, too")


def _of_object(item: Any, place: str) -> Iterator[Row]:
    if isinstance(item, dict) and isinstance(item.get("results"), list):
        outer = {name: value for name, value in item.items() if name != "results"}
        for number, result in enumerate(item["results"], 1):
            if isinstance(result, dict):
                yield Row(f"{place} result {number}", {**outer, **result})
    elif isinstance(item, dict):
        yield Row(place, item)


def _load(text: str) -> Any:
    return json.loads(text, parse_float=_decimal, parse_constant=_no_number)


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    # 1e-999999999 is short to write and endless to compute with.
    if abs(number.adjusted()) > _FARTHEST_EXPONENT:
        raise ValueError(f"{text} is no number to count with")
    return number


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


__all__ = ["Row", "read_rows"]
