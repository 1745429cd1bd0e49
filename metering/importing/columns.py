"""The columns of a file of events: those of `Usage`, and one for each unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from metering.errors import ImportFileError
from metering.usage import Usage
from schema.findings import did_you_mean
from schema.units import UNITS

FIELDS = tuple(field.name for field in fields(Usage) if field.name != "units")
REQUIRED = ("event_id", "occurred_at", "account")
CALLED = ("model", "feature", "tool")
"""What a row calls or uses: at least one of these; without a model no unit need be counted."""

UNIT_NAMES: Mapping[str, str] = {unit: unit for unit in UNITS} | {
    "input_tokens": "input",
    "prompt_tokens": "input",
    "output_tokens": "output",
    "completion_tokens": "output",
}
"""Names of columns to units."""

LINE, REASON = "line", "reason"
"""What the file of rejects adds; a repaired one can be imported as it is, so these two are read over."""

_KNOWN = (*FIELDS, *UNIT_NAMES)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a row each field and each unit stands."""

    names: tuple[str, ...]
    fields: tuple[tuple[str, int], ...]
    units: tuple[tuple[str, int], ...]


def read_header(file: str, header: Sequence[str]) -> Columns:
    """The columns that a header names. Raises ImportFileError with everything that is wrong with it."""
    names = tuple(name.strip() for name in header)
    faults = []
    places: dict[str, int] = {}
    units: dict[str, int] = {}
    for place, name in enumerate(names):
        if name in (LINE, REASON):
            continue
        unit = UNIT_NAMES.get(name)
        if name in places:
            faults.append(f"column '{name}' stands twice")
        elif unit is not None and unit in units:
            faults.append(f"columns '{names[units[unit]]}' and '{name}' both count {unit}")
        elif unit is not None:
            units[unit] = place
        elif name in FIELDS:
            places[name] = place
        else:
            shown = name if len(name) <= 60 else name[:57] + "..."
            faults.append(f"'{shown}' is not a column{did_you_mean(name, _KNOWN)}" if name else "a column has no name")
    faults.extend(f"column '{name}' is missing" for name in REQUIRED if name not in places)
    if not any(name in places for name in CALLED):
        faults.append("column 'model' is missing")
    if not units and "model" in places:
        faults.append("there is no column of a unit, such as input and output")
    if faults:
        raise ImportFileError(f"{file} has a wrong header: {'; '.join(_first(faults, header))}")
    return Columns(names, tuple(places.items()), tuple(units.items()))


def _first(faults: list[str], header: Sequence[str]) -> list[str]:
    if len(header) == 1 and header[0].count(";") + header[0].count("\t") > 1:
        return ["its columns are not separated by commas"]
    return faults if len(faults) <= 5 else [*faults[:5], f"and {len(faults) - 5} more"]
