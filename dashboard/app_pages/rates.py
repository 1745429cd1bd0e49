"""Exchange rates: dated rates by pair, their inverse and crosses, and a form that becomes a commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction

import pandas as pd
import streamlit as st

from dashboard import data, sources
from dashboard.access import CurrentPerson
from dashboard.configuration import rate_card
from dashboard.configuration.choosing import Choice, choose_mode, choose_name, take_row
from dashboard.configuration.entity_panel import EntityPanel
from dashboard.configuration.history_table import history_card
from dashboard.configuration.rate_card import Row
from dashboard.configuration.rate_charts import rate_steps
from dashboard.configuration.rate_effects import DAYS, charges_words
from dashboard.configuration.rate_table import DatedRate, cross_rates, currencies, dated_rates, rate_text
from dashboard.exports import Csv
from dashboard.formats import MISSING, day, literal, short_commit
from dashboard.layout import card, card_title, page_header
from dashboard.proposing.form_base import form_base
from dashboard.session import require, require_data
from metering.analytics import Period
from metering.rating.exchange import ExchangeRates
from schema.documents.rates import ExchangeRate
from schema.keys import Key, moment_text, split_dated
from schema.money import multiplier_text

COLUMNS = ("Pair", "From", "Rate", "Inverse", "Standing", "Source", "Commit")
NEW_PAIR = "another pair"


def _name(entry: DatedRate) -> str:
    return f"{entry.pair}@{moment_text(entry.effective)}"


def _table(entries: Sequence[DatedRate]) -> None:
    records = [
        [
            entry.pair,
            moment_text(entry.effective),
            multiplier_text(entry.rate_micros),
            rate_text(1 / entry.rate),
            entry.standing,
            entry.row["source_url"],
            short_commit(entry.row["origin"].commit),
        ]
        for entry in entries
    ]
    note = "One of the first currency is so much of the second, from 00:00 UTC of the date on"
    card_title("Dated rates", note, Csv("rates", COLUMNS, lambda: records))
    st.dataframe(
        pd.DataFrame(records, columns=list(COLUMNS)),
        hide_index=True,
        height="content" if len(records) <= 12 else 440,
        key="table_rates",
        on_select=lambda: take_row("table_rates", "rate", [_name(entry) for entry in entries]),
        selection_mode="single-row",
        placeholder=MISSING,
        alt="Dated exchange rates",
    )


def _chart(pair: str, entries: Sequence[DatedRate], stamp: sources.Stamp, now: datetime) -> None:
    newest = next((entry for entry in entries if entry.standing == "in force"), None)
    words = (
        f"in force: {rate_text(newest.rate)}, since {day(newest.effective.date())}" if newest else "not in force yet"
    )
    rows = [[entry.pair, moment_text(entry.effective), multiplier_text(entry.rate_micros)] for entry in entries]
    card_title(literal(pair), words, Csv(f"rate_{pair.replace('/', '_')}", COLUMNS[:3], lambda: rows))
    first = min(entry.effective for entry in entries).date()
    period = (min(first, now.date()), now.date() + timedelta(days=1))
    marks = data.price_releases(sources.engine(), stamp.text, period)
    st.altair_chart(rate_steps(entries, now, marks), key=f"chart_{pair}", alt=f"Exchange rate {pair}")


def _crosses(rates: ExchangeRates, now: datetime) -> None:
    names = currencies(rates)
    header = ("1 of", *names)
    rows = cross_rates(rates, now)
    card_title("Crosses in force", "Turned around, or by way of USD", Csv("rate_crosses", header, lambda: rows))
    st.dataframe(
        pd.DataFrame(rows, columns=list(header)),
        hide_index=True,
        height="content",
        placeholder=MISSING,
        key="table_crosses",
        alt="How much one of each currency is in every other",
    )


def _charged(stamp: sources.Stamp, now: datetime) -> int:
    """What calls of the last days were charged, in nano-USD."""
    period = Period.last(DAYS, now.date()).bounds()
    return sum(row.charge_nanos for row in data.usage_by(sources.engine(), stamp.text, ("model",), period, ()))


def _preview(
    by_pair: Mapping[str, Sequence[DatedRate]],
    charged: Callable[[], int],
    now: datetime,
    key: Key,
    *both: ExchangeRate | None,
) -> None:
    """The rate and its inverse with the edit, against the entry that it changes or follows."""
    before, after = both
    if after is None:
        st.caption("With this edit the entry before it stays in force." if before else "Fill in the rate.")
        return
    pair, date = split_dated(key.name)
    earlier = [entry for entry in by_pair.get(pair, ()) if moment_text(entry.effective) < date]
    was = before.rate if before else earlier[0].rate if earlier else None
    rate = DatedRate(pair, after.effective, int(after.rate * 1_000_000), "in force", {}).rate
    base, _, quote = (literal(part) for part in pair.partition("/"))
    with st.grid(2, min_column_width=150, gap="small"):
        changed = was is not None and was != after.rate
        moved = f"{(float(rate) / float(was) - 1) * 100:+.2f}%" if was is not None and changed else None
        told = "before" if before else "the last"
        st.metric(
            f"1 {base} in {quote}",
            rate_text(rate),
            moved,
            delta_color="off",
            delta_description=f"against {told}" if moved else None,
        )
        st.metric(f"1 {quote} in {base}", rate_text(1 / rate))
    when = "begins" if after.effective > now else "is in force since"
    st.caption(f"It {when} {day(after.effective.date())}; what arose before keeps the rate that it had.")
    if changed and (words := charges_words(charged(), pair, None if was is None else Fraction(was), rate)):
        st.markdown(f":blue[:material/info:] {literal(words)}")


def _choice(names: Sequence[str], pairs: Sequence[str], now: datetime) -> Choice:
    """Which entry, by its pair and date."""
    mode = choose_mode("rate", "New")
    if mode != "New":
        return Choice(mode, choose_name("rate", names, "rate"))
    with st.grid(2, min_column_width=150, gap="small"):
        # The pair that the page shows comes first; with another one the input starts over.
        pair = st.selectbox("Pair", [*pairs, NEW_PAIR], key=f"new_rate_pair_{pairs[0] if pairs else ''}")
        date = st.date_input("From", value=now.date(), key="new_rate_from", format="YYYY-MM-DD")
    if pair == NEW_PAIR:
        pair = st.text_input("Name of the pair", key="new_rate_name", max_chars=7, placeholder="USD/JPY").strip()
    return Choice("New", f"{pair}@{date.isoformat()}" if pair and date else "")


def _form(
    by_pair: Mapping[str, Sequence[DatedRate]], pair: str, stamp: sources.Stamp, person: CurrentPerson, now: datetime
) -> None:
    panel = EntityPanel(
        "rate",
        "rate",
        ExchangeRate,
        lambda key, *both: _preview(by_pair, lambda: _charged(stamp, now), now, key, *both),
        ("accept", "effective"),
        lambda key: {"effective": split_dated(key.name)[1]},
    )
    base = form_base(now)
    names = sorted(base.catalogue.of("rate"), reverse=True) if base else []
    pairs = sorted({split_dated(name)[0] for name in names}, key=lambda name: (name != pair, name))
    panel.draw(base, _choice(names, pairs, now), person, now)


def _histories(rows: Sequence[Row], pair: str) -> list[str]:
    return [f"{row['base']}/{row['quote']}@{moment_text(row['effective'])}" for row in rows if _pair(row) == pair]


def _pair(row: Row) -> str:
    return f"{row['base']}/{row['quote']}"


def page() -> None:
    """Draw the page."""
    person = require("viewer")
    stamp = require_data()
    now = sources.utc_now()
    engine = sources.engine()
    page_header("Exchange rates", "What other currencies are worth, by date", person)
    rows = rate_card.current(engine, stamp.text, "rate")
    by_pair = dated_rates(rows, now)
    pair = ""
    if by_pair:
        pair = str(
            st.segmented_control(
                "Pair",
                list(by_pair),
                default=next(iter(by_pair)),
                required=True,
                key="pair",
                bind="query-params",
                label_visibility="collapsed",
            )
        )
    left, right = st.columns([7, 5], gap="small")
    with left:
        if pair in by_pair:
            with card("rate_chart"):
                _chart(pair, by_pair[pair], stamp, now)
        with card("rate_table"):
            if by_pair:
                _table([entry for entries in by_pair.values() for entry in entries])
            else:
                st.caption("No exchange rate is set yet: amounts are shown in USD only.")
    with right:
        with card("rate_form"):
            _form(by_pair, pair, stamp, person, now)
        if by_pair:
            with card("rate_crosses"):
                _crosses(ExchangeRates.from_rows(rows), now)
    if pair:
        names = _histories(rows, pair)
        with left:
            history_card("rate", names, stamp, note="What releases did to this pair", file="rate_history")


page()
