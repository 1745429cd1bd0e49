"""CSV files with columns in a second currency, each beside the column of USD that it is of, named with it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from dashboard.exports import Csv
from schema.money import NANO, usd_text

Convert = Callable[[int, datetime], int | None]
"""Nano-USD of a moment in the currency; None where no rate is in force."""
_USD = "_usd"


def beside(file: Csv, currency: str, keys: int, converted: Callable[[], Csv | None]) -> Csv:
    """A file with the amounts of the same file of sums in the currency; both say a row by their first `keys` cells.

    Without converted sums the new cells are empty.
    """
    amounts = _amounts(file)
    if not amounts:
        return file

    def rows() -> Iterator[Sequence[object]]:
        other = converted()
        found: dict[tuple[object, ...], dict[str, object]] = {}
        if other is not None:
            found = {tuple(row[:keys]): dict(zip(other.header, row, strict=True)) for row in other.rows()}
        for row in file.rows():
            twin = found.get(tuple(row[:keys]), {})
            yield [*row, *(twin.get(file.header[place]) for place in amounts)]

    return Csv(file.name, [*file.header, *_named(file, amounts, currency)], rows)


def at_moments(
    file: Csv,
    currency: str,
    convert: Convert,
    moment_of: Callable[[Sequence[object]], datetime],
    columns: Collection[str] | None = None,
) -> Csv:
    """A file whose amounts, or those of some columns, are of one moment in each row, with them in the currency too."""
    amounts = [place for place in _amounts(file) if columns is None or file.header[place] in columns]

    def cell(value: object, at: datetime) -> str | None:
        nanos = None if value in (None, "") else convert(int(Decimal(str(value)) * NANO), at)
        return None if nanos is None else usd_text(nanos)

    def rows() -> Iterator[Sequence[object]]:
        for row in file.rows():
            at = moment_of(row)
            yield [*row, *(cell(row[place], at) for place in amounts)]

    return Csv(file.name, [*file.header, *_named(file, amounts, currency)], rows)


def _amounts(file: Csv) -> list[int]:
    return [place for place, name in enumerate(file.header) if _USD in name]


def _named(file: Csv, places: Sequence[int], currency: str) -> list[str]:
    return [file.header[place].replace(_USD, f"_{currency.lower()}") for place in places]


__all__ = ["Convert", "at_moments", "beside"]
