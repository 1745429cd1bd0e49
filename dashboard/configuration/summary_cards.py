"""The rate card in four numbers, above the pages of the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from dashboard import sources
from dashboard.configuration import rate_card
from dashboard.configuration.example_cost import INPUT_TOKENS, OUTPUT_TOKENS, example
from dashboard.configuration.rate_card import Row
from dashboard.configuration.rate_table import rate_text
from dashboard.formats import count, exact_money, literal
from metering.book.ratebook import RateBook
from metering.errors import NoExchangeRateError
from metering.rating.exchange import USD

UNITS = {"input": INPUT_TOKENS, "output": OUTPUT_TOKENS}


@dataclass(frozen=True, slots=True)
class Summary:
    """What is on the rate card. `rate` is how much of `currency` one USD is; the cheapest model is by its charge."""

    active_models: int
    billable_features: int
    pairs: int
    currency: str | None
    rate: str | None
    cheapest: str | None
    cheapest_nanos: int


def summarize(models: Sequence[Row], features: Sequence[Row], book: RateBook, now: datetime) -> Summary:
    """The rate card at a moment. Pure."""
    active = [row for row in models if row["active"]]
    charged = []
    for row in active:
        price = book.price_at(row["provider"], row["model"], now)
        found = example(price, UNITS) if price and UNITS.keys() <= price.rates.keys() else None
        if found is not None:
            charged.append((found.charge_nanos, f"{row['provider']}/{row['model']}"))
    cheapest = min(charged, default=None)
    currency = book.setting("currency")
    return Summary(
        active_models=len(active),
        billable_features=sum(1 for row in features if row["billable"]),
        pairs=len(book.exchange.pairs),
        currency=currency,
        rate=_rate(book, currency, now),
        cheapest=cheapest[1] if cheapest else None,
        cheapest_nanos=cheapest[0] if cheapest else 0,
    )


def _rate(book: RateBook, currency: str | None, now: datetime) -> str | None:
    if currency is None:
        return None
    try:
        return rate_text(book.exchange.rate(USD, currency, now))
    except NoExchangeRateError:
        return None


def summary_cards(stamp: sources.Stamp, now: datetime) -> None:
    """Draw the four cards; each leads to the page that holds it."""
    engine = sources.engine()
    minute = stamp.minute(now)
    book = rate_card.book(engine, stamp.text, minute)
    models, features = (rate_card.current(engine, stamp.text, kind) for kind in ("model", "feature"))
    found = summarize(models, features, book, minute)
    with st.grid(4, min_column_width=190, gap="small"):
        _card("Active models", count(found.active_models), "app_pages/models.py", "Models")
        _card("Billable features", count(found.billable_features), "app_pages/features.py", "Features")
        if found.rate is not None:
            _card(f"1 USD in {found.currency}", found.rate, "app_pages/rates.py", "Exchange rates")
        else:
            _card("Exchange rates", count(found.pairs), "app_pages/rates.py", "Exchange rates")
        label = "Cheapest model, 1,000 + 500 tokens"
        value = exact_money(found.cheapest_nanos) if found.cheapest else "none"
        query = {"model": found.cheapest} if found.cheapest else None
        _card(label, value, "app_pages/pricing.py", found.cheapest or "Pricing", query)


def _card(label: str, value: str, page: str, where: str, query: dict[str, str] | None = None) -> None:
    with st.container(border=True, gap="xxsmall"):
        st.metric(label, value)
        st.page_link(
            page, label=literal(where), icon=":material/arrow_forward:", icon_position="right", query_params=query
        )


__all__ = ["Summary", "summarize", "summary_cards"]
