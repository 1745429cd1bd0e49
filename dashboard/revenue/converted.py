"""The months of the Revenue page in the second currency.

What came and went counts at the rate in force when its UTC day began, a balance at the rate of its moment: so a month's
ending balance is not its starting one and what came and went, but for the change of the rate. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from metering.analytics import Conversion, Period
from metering.analytics.conversion import rounded
from metering.analytics.credit import CreditMonth
from metering.analytics.movements import KINDS, MrrMonth
from metering.analytics.period import midnight
from metering.errors import NoExchangeRateError

_MOMENT = timedelta(microseconds=1)
_COUNTS = ("month", "purchases")
Days = tuple[date, date]


def spans_of(months: Iterable[Days], conversion: Conversion) -> list[Days]:
    """The parts of months at whose days one rate is in force."""
    return [span for month in months for span in conversion.spans(Period(*month))]


def mrr_in(
    months: Sequence[MrrMonth], spans: Sequence[MrrMonth], conversion: Conversion, now: datetime
) -> list[MrrMonth]:
    """Months in the currency; those with an amount of before the first rate are left out."""
    found = []
    for row in months:
        parts = [part for part in spans if row.month <= part.month < row.end]
        try:
            found.append(
                replace(
                    row,
                    starting_nanos=_at(conversion, row.starting_nanos, midnight(row.month) - _MOMENT),
                    ending_nanos=_at(conversion, row.ending_nanos, min(midnight(row.end) - _MOMENT, now)),
                    nanos={
                        kind: _sum(conversion, ((part.nanos[kind], part.month) for part in parts)) for kind in KINDS
                    },
                )
            )
        except NoExchangeRateError:
            continue
    return found


def credit_in(
    months: Sequence[tuple[date, date]], spans: Sequence[CreditMonth], conversion: Conversion
) -> list[CreditMonth]:
    """Months in the currency; those with an amount of before the first rate are left out."""
    amounts = [field.name for field in fields(CreditMonth) if field.name not in _COUNTS]
    found = []
    for first, end in months:
        parts = [part for part in spans if first <= part.month < end]
        try:
            sums: dict[str, Any] = {
                name: _sum(conversion, ((getattr(part, name), part.month) for part in parts)) for name in amounts
            }
        except NoExchangeRateError:
            continue
        found.append(CreditMonth(month=first, purchases=sum(part.purchases for part in parts), **sums))
    return found


def _at(conversion: Conversion, nanos: int, at: datetime) -> int:
    return rounded(nanos * conversion.rate(at)) if nanos else 0


def _sum(conversion: Conversion, amounts: Iterable[tuple[int, date]]) -> int:
    return rounded(sum((nanos * conversion.rate(midnight(day)) for nanos, day in amounts if nanos), Fraction()))


__all__ = ["credit_in", "mrr_in", "spans_of"]
