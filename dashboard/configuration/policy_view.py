"""The policy on the Settings page: what an apply may do, approved exceptions, and a form for both."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from dashboard import data, sources
from dashboard.access import CurrentPerson
from dashboard.configuration import rate_card
from dashboard.configuration.entity_form import edits_of, texts_of
from dashboard.configuration.entity_inputs import draw_fields
from dashboard.configuration.history_table import history_card
from dashboard.configuration.policy_form import (
    APPROVALS,
    APPROVED,
    AWAY,
    CODES,
    COLUMNS,
    GUARDRAILS,
    KIND,
    SHARES,
    approval_edits,
    approval_records,
    away_fields,
    breaking_prices,
    documents_of,
    guard_fields,
    limits_of,
    policy_records,
    share_rows,
)
from dashboard.exports import Csv
from dashboard.formats import MISSING, literal, money
from dashboard.layout import card, card_title, part_title
from dashboard.proposing.bases import Base
from dashboard.proposing.form_base import form_base
from dashboard.proposing.form_state import form_prefix, see
from dashboard.proposing.forms import propose_panel
from metering.analytics import Period
from schema.documents.policy import Approval
from schema.keys import KINDS
from sync.edit import Edit
from sync.guardrails import Limits
from sync.render.style import count as numbered

_DAYS = 30
_SHOWN = 8


def policy_view(stamp: sources.Stamp, person: CurrentPerson, now: datetime) -> None:
    """Draw the view."""
    values = {row["policy"]: row["value"] for row in rate_card.current(sources.engine(), stamp.text, KIND)}
    left, right = st.columns([7, 5], gap="small")
    with left:
        with card("policy_table"):
            _table(values)
        with card("approvals_table"):
            _approvals(values.get(APPROVALS.name) or (), now)
    with right, card("policy_form"):
        card_title("Change", "The stricter of the last release's limits and of these counts for an apply")
        base = form_base(now)
        if base is not None:
            _form(base, stamp, person, now)
    with left:
        history_card(KIND, list(values), stamp, note="What releases did to the policy", file="policy_history")


def _table(values: Mapping[str, Any]) -> None:
    records = policy_records(values)
    card_title("Policy", "What an apply may do, and who merges", Csv("policy", COLUMNS, records.copy))
    st.dataframe(
        pd.DataFrame([[name, value or None, *more] for name, value, *more in records], columns=list(COLUMNS)),
        hide_index=True,
        height="content",
        column_config={
            "Policy": st.column_config.TextColumn(width=170),
            "Value": st.column_config.TextColumn(width=110),
            "Changed": st.column_config.TextColumn(width=85),
            "Meaning": st.column_config.TextColumn(width=160),
        },
        placeholder="none",
        key="table_policy",
        alt="Policy in force",
    )
    st.caption("Where proposals start, who merges and what findings count as is changed in config/ratecard.yaml.")


def _approvals(value: Sequence[Mapping[str, Any]], now: datetime) -> None:
    records = approval_records(value, now.date())
    title = ("Approvals", "Named, dated exceptions from what an apply refuses")
    card_title(*title, Csv("approvals", APPROVED, records.copy) if records else None)
    if not records:
        st.caption("None is written: an apply refuses whatever crosses a limit.")
        return
    st.dataframe(
        pd.DataFrame(records, columns=list(APPROVED)),
        hide_index=True,
        height="content" if len(records) <= 12 else 440,
        placeholder=MISSING,
        key="table_approvals",
        alt="Approvals",
    )


def _form(base: Base, stamp: sources.Stamp, person: CurrentPerson, now: datetime) -> None:
    guards, away = guard_fields(), away_fields()
    versions = "".join(see(base, key) for key in (GUARDRAILS, AWAY, APPROVALS))
    prefix = form_prefix(f"policy_{hashlib.sha256(versions.encode()).hexdigest()[:12]}_")
    fields = (*guards, *away)
    before = texts_of(fields, documents_of(base.catalogue))
    st.markdown("**Guardrails**")
    after = draw_fields(guards, before, prefix)
    limits = limits_of(guards, after)
    if limits is None:
        st.caption("A value is no fit one: nothing can be judged by it.")
    else:
        _meaning(base, stamp, limits, limits_of(guards, before), now)
    st.markdown("**While the database is away**")
    after |= draw_fields(away, before, prefix)
    edits: list[Edit] = edits_of(fields, before, after)
    found = base.find(APPROVALS)
    edits += _approval_inputs(found.document if found else (), prefix, person, now)
    names = list(dict.fromkeys(edit.key.name for edit in edits))
    title = f"Change {' and '.join(name.replace('_', ' ') for name in names)}" if names else "Change the policy"
    key = edits[0].key if edits else GUARDRAILS
    propose_panel(edits, prefix=prefix, key=key, title=title, person=person, now=now)


def _meaning(base: Base, stamp: sources.Stamp, limits: Limits, before: Limits | None, now: datetime) -> None:
    """What the limits of the form say about the prices, bills and entities that there are."""
    minute = stamp.minute(now)
    judged, told = _judged(sources.engine(), stamp.text, minute, limits.lowest_margin, limits.no_price_below_cost)
    if told:
        words = f"{numbered(len(told), 'price')} would not pass as new; what is in force stays until it is changed."
        st.markdown(f":orange[:material/warning: {literal(words)}]")
        header = ("Price", "Why")
        part_title("Prices that would not pass", Csv("policy_prices", header, told.copy))
        st.dataframe(
            pd.DataFrame(told[:_SHOWN], columns=list(header)),
            hide_index=True,
            height="content",
            key="table_policy_prices",
            alt="Prices that would not pass",
        )
    else:
        st.caption(f"All {judged:,} prices in force or scheduled pass.")
    if limits.largest_bill_rise_percent is not None and limits != before:
        _bill(stamp, limits.largest_bill_rise_percent, now)
    counts = {kind.replace("_", " "): len(base.catalogue.of(kind)) for kind in KINDS}
    shares = list(share_rows(counts, limits))
    with st.expander("How much one apply may change"):
        part_title("By kind", Csv("policy_shares", SHARES, shares.copy))
        st.dataframe(
            pd.DataFrame(shares, columns=list(SHARES)),
            hide_index=True,
            height="content",
            key="table_policy_shares",
            alt="How much one apply may change, by kind",
        )


@st.cache_data(ttl=60, show_spinner=False, max_entries=50)
def _judged(
    _engine: Engine, stamp: str, minute: datetime, lowest_margin: int | None, no_price_below_cost: bool
) -> tuple[int, list[tuple[str, str]]]:
    """How many prices of active models are in force or scheduled, and which of them two limits would not let pass."""
    models = rate_card.current(_engine, stamp, "model")
    prices = rate_card.prices(_engine, stamp, minute)
    active = (f"{row['provider']}/{row['model']}" for row in models if row["active"])
    standing = ("in force", "scheduled")
    entries = [entry for name in active for entry in prices.get(name, ()) if entry.status in standing]
    limits = Limits(lowest_margin=lowest_margin, no_price_below_cost=no_price_below_cost)
    settings = rate_card.book(_engine, stamp, minute).settings.values
    found = breaking_prices(entries, settings, limits, minute)
    return len(entries), sorted((one.key.removeprefix("price "), one.message) for one in found)


def _bill(stamp: sources.Stamp, percent: int, now: datetime) -> None:
    """The largest bill of the last days, and what it may rise to."""
    period = Period.last(_DAYS, now.date()).bounds()
    rows = data.usage_by(sources.engine(), stamp.text, ("account",), period, ())
    largest = max(rows, key=lambda row: row.charge_nanos, default=None)
    if largest is not None and largest.charge_nanos > 0:
        risen = largest.charge_nanos * (100 + percent) // 100
        bill = f"The largest bill of the last {_DAYS} days, {money(largest.charge_nanos)} of {largest.keys['account']},"
        st.caption(literal(f"{bill} may rise to {money(risen)} by one apply."))


def _approval_inputs(before: Sequence[Approval], prefix: str, person: CurrentPerson, now: datetime) -> list[Edit]:
    """One more exception, and those that go."""
    names = [
        f"{place + 1}. {one.code} for {one.key or 'everything'}, until {one.until}" for place, one in enumerate(before)
    ]
    with st.expander("Approve an exception", expanded=False):
        code = st.selectbox("Code", CODES, index=None, key=f"{prefix}code", placeholder="What an apply refused")
        key = st.text_input(
            "For",
            key=f"{prefix}key",
            max_chars=300,
            placeholder="everything",
            help="As plans name it: price a/b@2026-12-01.",
        )
        with st.grid(2, min_column_width=120, gap="small"):
            until = st.date_input(
                "Until", value=now.date() + timedelta(days=7), key=f"{prefix}until", format="YYYY-MM-DD"
            )
            reason = st.text_input("Reason", key=f"{prefix}reason", max_chars=300, placeholder="none")
        added = None
        if code and reason.strip() and until:
            texts = (code, key.strip(), person.name or person.email, until.isoformat(), reason.strip())
            added = dict(zip(("code", "key", "by", "until", "reason"), texts, strict=True))
        elif code:
            st.caption("Say why: an exception needs a reason.")
    gone = st.multiselect("Take out approvals", names, key=f"{prefix}gone", placeholder="None") if names else []
    return approval_edits(before, [names.index(name) for name in gone], added)


__all__ = ["policy_view"]
