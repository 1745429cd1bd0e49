"""What the settings of a form mean, drawn below it: an amount as customers see it, and what changes otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import streamlit as st
from sqlalchemy import Engine

from dashboard import data, sources
from dashboard.configuration import rate_card
from dashboard.configuration.compared import compared
from dashboard.configuration.entity_form import Field, Texts
from dashboard.configuration.settings_effects import DAYS, Facts, effects
from dashboard.configuration.settings_form import credit_display
from dashboard.formats import exact_money, literal
from dashboard.revenue.data import outstanding_now
from metering.analytics import Period
from metering.analytics.account_counts import AccountCounts, account_counts
from metering.errors import NoExchangeRateError
from metering.rating.exchange import USD
from schema.database import reading
from schema.money import NANO, round_half_even

EXAMPLE_NANOS = 12_345_678_900
"""An amount of the ledger with decimals that rounding shows."""


def credits_preview(fields: Sequence[Field], before: Texts, after: Texts) -> None:
    """An amount of the ledger as customers see it, now and with the edit."""
    was, now = credit_display(fields, before), credit_display(fields, after)
    if now is None:
        st.caption("A value is no fit one: nothing can be shown with it.")
        return
    compared(
        f"{exact_money(EXAMPLE_NANOS)} is shown as",
        literal(now.text(EXAMPLE_NANOS)),
        literal(was.text(EXAMPLE_NANOS)) if was else None,
    )


def effects_preview(
    fields: Sequence[Field],
    before: Texts,
    after: Texts,
    settings: Mapping[str, Any],
    stamp: sources.Stamp,
    now: datetime,
) -> None:
    """What the edits mean; nothing is read while there are none."""
    if before == after:
        return
    for sentence in effects(fields, before, after, settings, _facts(stamp, now)):
        st.markdown(f":blue[:material/info:] {literal(sentence)}")


@st.cache_data(ttl=60, show_spinner=False, max_entries=5)
def _counts(_engine: Engine, stamp: str, since: datetime) -> AccountCounts:
    with reading(_engine) as connection:
        return account_counts(connection, since)


def _facts(stamp: sources.Stamp, now: datetime) -> Facts:
    engine, minute = sources.engine(), stamp.minute(now)
    book = rate_card.book(engine, stamp.text, minute)
    period = Period.last(DAYS, now.date()).bounds()
    used = data.usage_by(engine, stamp.text, ("model",), period, ())
    registered = {f"{row['provider']}/{row['model']}" for row in rate_card.current(engine, stamp.text, "model")}
    active = [row for row in rate_card.current(engine, stamp.text, "model") if row["active"]]
    priced = [book.price_at(row["provider"], row["model"], minute) for row in active]
    counts = _counts(engine, stamp.text, minute - timedelta(days=DAYS))
    classes: dict[str, int] = {}
    for row in active:
        classes[row["access"]] = classes.get(row["access"], 0) + 1

    def convert(nanos: int, currency: str) -> str | None:
        try:
            rate = book.exchange.rate(USD, currency, minute)
        except NoExchangeRateError:
            return None
        cents = round_half_even(nanos * rate.numerator * 100, rate.denominator * NANO)
        return f"{Decimal(cents).scaleb(-2):,.2f} {currency}"

    return Facts(
        accounts=counts,
        refused=sum(
            number
            for slug, number in counts.without_credit.items()
            if (plan := book.plans.get(slug)) is None or plan.overage == "block"
        ),
        unregistered={
            row.keys["model"]: row.requests
            for row in used
            if row.keys["model"] is not None and row.keys["model"] not in registered
        },
        charge_nanos=sum(row.charge_nanos for row in used),
        outstanding_nanos=outstanding_now(engine, stamp.text, minute).face_nanos,
        by_credits=sum(1 for price in priced if price is not None and price.credits_micros is not None),
        models=classes,
        plans={slug: plan.access for slug, plan in book.plans.items()},
        convert=convert,
        variable_is_set=sources.variable_is_set,
    )


__all__ = ["credits_preview", "effects_preview"]
