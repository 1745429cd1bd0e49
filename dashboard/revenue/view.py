"""What the two halves of the Revenue page share: what is looked at, and how their tables act."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from dashboard import data
from dashboard.chart_clicks import Pick
from dashboard.charts import Mark
from dashboard.converted_csv import at_moments
from dashboard.exports import Csv
from dashboard.formats import MISSING
from dashboard.links import row_of_links
from dashboard.revenue.data import month_bounds
from dashboard.revenue.tables import Record
from dashboard.second_currency import SecondCurrency
from dashboard.usage.converted_sums import sums_card
from metering.analytics.conversion import rounded
from metering.analytics.movements import months_back
from metering.analytics.period import midnight

SHOWN = 200
"""How many rows of a list are shown; its CSV has them all."""
_TALL = 12
_DAY, _MOMENT = timedelta(days=1), timedelta(microseconds=1)
_CONVERTED = re.compile(r", [A-Z]{3}$")

Amounts = Mapping[str, Sequence[int | None]]
"""Columns of nano-USD, by the word above them."""


@dataclass(frozen=True, slots=True)
class View:
    """What the page looks at."""

    engine: Engine
    stamp: str
    now: datetime
    """A whole minute, so that reruns share what is cached."""
    count: int
    """How many months are shown."""
    month: date
    """The first day of the month whose lists are shown."""
    compare: bool = True
    """Whether to compare with the months before."""
    currency: SecondCurrency | None = None
    """In which amounts are shown too."""

    def file_at(
        self, file: Csv, moment_of: Callable[[Sequence[Any]], datetime], columns: Collection[str] | None = None
    ) -> Csv:
        """A file whose rows, or some columns of them, are of one moment each, with the currency where it is wanted."""
        if self.currency is None:
            return file
        return at_moments(file, self.currency.name, self.currency.nanos, moment_of, columns)

    def end_of(self, day: date) -> datetime:
        """The last moment of a day, as a balance is of; of the running one, now."""
        return min(midnight(day + _DAY) - _MOMENT, self.now)

    def ends(self, months: Sequence[date]) -> list[datetime]:
        """The last moments of months, as a balance is of; of the running one, now."""
        return [self.end_of(month_bounds(month, self.today)[1] - _DAY) for month in months]

    @property
    def today(self) -> date:
        """The last day of the last month."""
        return self.now.date()

    @property
    def bounds(self) -> tuple[date, date]:
        """The days of the chosen month that have begun."""
        return month_bounds(self.month, self.today)

    @property
    def marks(self) -> list[Mark]:
        """The releases of the months that changed prices."""
        return data.price_releases(
            self.engine, self.stamp, (months_back(self.today, self.count), month_bounds(self.today, self.today)[1])
        )


def choose_month(mark: Pick) -> None:
    """List what is behind the month of a bar; a callback."""
    st.session_state["month"] = mark["day"][:7]


def amount_column(help_text: str | None = None, width: int | None = None, *, other: bool = False) -> Any:
    """A column of USD, or of the other currency; its width where the first rows, which make it, may be empty."""
    return st.column_config.NumberColumn(format="%,.2f" if other else "dollar", help=help_text, width=width)


def in_second_currency(
    view: View, records: Sequence[Record], amounts: Amounts, moments: Sequence[datetime]
) -> list[Record]:
    """Records with columns in the second currency too, when it is wanted: `amounts` are nano-USD of `moments`."""
    currency, found = view.currency, list(records)
    if currency is None:
        return found
    for word, nanos in amounts.items():
        values = currency.amounts(nanos, moments)
        found = [record | {f"{word}, {currency.name}": value} for record, value in zip(found, values, strict=True)]
    return found


def balances_in_second_currency(view: View, nanos: Mapping[str, int]) -> None:
    """A card with balances of now in the second currency, when it is wanted."""
    currency = view.currency
    if currency is None:
        return

    def read() -> dict[str, int]:
        rate = currency.conversion.rate(view.now)
        return {word: rounded(amount * rate) for word, amount in nanos.items()}

    sums_card(currency.name, "At the exchange rate in force now", read)


def in_one_currency(
    view: View, records: Sequence[Record], others: Callable[[SecondCurrency], Sequence[Record]], words: Sequence[str]
) -> tuple[list[Record], bool]:
    """Records of months in USD or in the second currency, as the person chooses where it is wanted; whether in that.

    Both would be more columns than a page is wide. `others` makes the same records in the currency, of which the
    amounts of `words` are taken; a month without an exchange rate is not among them, and has none.
    """
    if view.currency is None:
        return list(records), False
    name = view.currency.name
    chosen = st.segmented_control(
        "Amounts in",
        (name, "USD"),
        default=name,
        required=True,
        key="amounts",
        bind="query-params",
        label_visibility="collapsed",
    )
    if chosen == "USD":
        return list(records), False
    by_month = {record["Month"]: record for record in others(view.currency)}
    found = [record | {word: by_month.get(record["Month"], {}).get(word) for word in words} for record in records]
    return found, True


def converted(records: Sequence[Record]) -> dict[str, Any]:
    """How the columns in a second currency are shown, such as `Ending, ZAR`."""
    names = [name for name in (records[0] if records else ()) if _CONVERTED.search(name)]
    return {name: st.column_config.NumberColumn(format="%,.2f") for name in names}


def month_table(records: Sequence[Record], months: Sequence[date], key: str, columns: dict[str, Any], alt: str) -> None:
    """A table with a row a month, newest first; a click chooses the month of the lists."""
    newest_first = [f"{month:%Y-%m}" for month in reversed(months)]
    st.dataframe(
        pd.DataFrame.from_records(list(records)),
        hide_index=True,
        key=key,
        on_select=lambda: _choose_month(key, newest_first),
        selection_mode="single-row",
        column_config={"Month": st.column_config.TextColumn(pinned=True, width=90), **columns, **converted(records)},
        height="content" if len(records) <= _TALL else 460,
        placeholder=MISSING,
        alt=alt,
    )


def _choose_month(key: str, months: Sequence[str]) -> None:
    rows = st.session_state[key]["selection"]["rows"]
    if rows:
        st.session_state["month"] = months[rows[0]]


def account_table(records: Sequence[Record], key: str, columns: dict[str, Any], alt: str) -> None:
    """A list of accounts; a row leads to the account, and to what it used."""
    shown = list(records[:SHOWN])
    state = st.dataframe(
        pd.DataFrame.from_records(shown),
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "Account": st.column_config.TextColumn(pinned=True),
            **columns,
            **converted(shown),
        },
        height="content" if len(shown) <= _TALL else 460,
        placeholder=MISSING,
        alt=alt,
    )
    if len(records) > SHOWN:
        st.caption(f"The first {SHOWN} of {len(records):,}; the CSV has all of them.")
    row_of_links("account", [str(record["Account"]) for record in shown], state["selection"]["rows"])
