"""Rows of a file as usages, or with the reason why they are none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from metering.errors import BadEventError, ImportFileError
from metering.importing.columns import CALLED, FIELDS, LINE, REASON, REQUIRED, UNIT_NAMES, Columns
from metering.importing.source import csv_rows
from metering.usage import Usage
from schema.findings import did_you_mean
from schema.units import UNITS

_KNOWN = (*FIELDS, "units", *UNIT_NAMES)
_FARTHEST_EXPONENT = 40


@dataclass(slots=True)
class Record:
    """One row: where it stands, what it says, and the usage that it is, or why it is none."""

    line: int
    cells: Sequence[str]
    usage: Usage | None
    fault: BadEventError | None = None


def read_csv(path: Path, columns: Columns) -> Iterator[Record]:
    """The rows after the header."""
    rows = csv_rows(path)
    next(rows)
    for line, row in rows:
        try:
            yield Record(line, row, _from_row(row, columns))
        except BadEventError as error:
            yield Record(line, row, None, error)


def _from_row(row: list[str], columns: Columns) -> Usage:
    if len(row) != len(columns.names):
        raise BadEventError(f"the row has {_count(len(row), 'field')}, the header {len(columns.names)}")
    values: dict[str, Any] = {name: row[place].strip() or None for name, place in columns.fields}
    _require(values)
    if values.get("metadata") is not None:
        values["metadata"] = _read_json(values["metadata"], "metadata")
    units: dict[str, int | str] = {}
    for unit, place in columns.units:
        cell = row[place]
        # Most cells are plain digits; everything else is left to the rules of `Usage`.
        if cell.isdigit() and cell.isascii() and len(cell) < 16:
            units[unit] = int(cell)
        elif cell := cell.strip():
            units[unit] = cell
    _require_units(values, units)
    return Usage(units=units, **values)


def read_jsonl(path: Path) -> Iterator[Record]:
    """The lines that are not blank. Units stand in `units`, or beside the other fields under their names."""
    with path.open(encoding="utf-8-sig") as opened:
        for number, text in enumerate(opened, 1):
            line = text.strip()
            if line:
                try:
                    yield Record(number, (line,), _from_line(line))
                except BadEventError as error:
                    yield Record(number, (line,), None, error)


def check_jsonl(path: Path) -> int:
    """How many lines are not blank. Raises ImportFileError when the first of them is no JSON object."""
    count = 0
    with path.open(encoding="utf-8-sig") as opened:
        for number, text in enumerate(opened, 1):
            line = text.strip()
            if line and count == 0 and not line.startswith("{"):
                raise ImportFileError(f"{path}:{number} is not a JSON object: this is no JSONL")
            count += bool(line)
    return count


def _from_line(line: str) -> Usage:
    found = _read_json(line, "the line", numbers=_decimal)
    values: dict[str, Any] = {}
    units: dict[str, Any] = {}
    for name, value in found.items():
        if name in UNIT_NAMES:
            _count_unit(units, UNIT_NAMES[name], value)
        elif name == "units":
            if not isinstance(value, dict):
                raise BadEventError("units is not an object of unit and quantity")
            for unit, quantity in value.items():
                _count_unit(units, UNIT_NAMES.get(unit, unit), quantity)
        elif name in FIELDS:
            values[name] = value
        elif name not in (LINE, REASON):
            raise BadEventError(f"'{name[:60]}' is not a field{did_you_mean(name, _KNOWN)}")
    _require(values)
    if values.get("metadata") is not None:
        # The caller's own data keep JSON's own numbers.
        values["metadata"] = _read_json(line, "the line")["metadata"]
    _require_units(values, units)
    return Usage(units=units, **values)


def _require(values: dict[str, Any]) -> None:
    for name in REQUIRED:
        if values.get(name) in (None, ""):
            raise BadEventError(f"{name} is missing")
    if all(values.get(name) in (None, "") for name in CALLED):
        raise BadEventError("model is missing")
    if not isinstance(values["occurred_at"], str):
        raise BadEventError("occurred_at is not text")


def _require_units(values: Mapping[str, Any], units: Mapping[str, Any]) -> None:
    # A use of a feature or of a tool alone may count nothing.
    if not units and values.get("model") not in (None, ""):
        raise BadEventError("no unit is counted")


def _count_unit(units: dict[str, Any], unit: str, quantity: Any) -> None:
    if quantity is None:
        return
    if unit in units:
        raise BadEventError(f"two fields count {unit}")
    if unit not in UNITS:
        raise BadEventError(f"'{unit[:60]}' is not a unit{did_you_mean(unit, UNITS)}")
    units[unit] = quantity


def _read_json(text: str, what: str, numbers: Any = float) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_float=numbers, parse_constant=_no_number, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, _TwiceError) else "not JSON"
        raise BadEventError(f"{what} cannot be read: {reason}") from None
    if not isinstance(found, dict):
        raise BadEventError(f"{what} is not a JSON object")
    return found


class _TwiceError(ValueError):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _TwiceError(f"'{twice[:60]}' stands twice")
    return found


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    # 1e-999999999 is short to write and endless to compute with.
    if abs(number.adjusted()) > _FARTHEST_EXPONENT:
        raise ValueError(text)
    return number


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
