"""The Revenue page's half about credit: sold, used, expired, refunded, and what is still to be delivered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import streamlit as st

from dashboard.chart_clicks import clickable
from dashboard.converted_csv import beside
from dashboard.exports import Csv
from dashboard.formats import change, count, dollars, exact_money, money
from dashboard.judging import judged
from dashboard.layout import card, card_title, waiting
from dashboard.revenue import data as revenue_data
from dashboard.revenue.charts import credit_chart, month_text
from dashboard.revenue.credit_tables import (
    CREDIT_COLUMNS,
    credit_csv,
    credit_records,
    purchase_csv,
    purchase_records,
    usage_refund_csv,
    usage_refund_records,
    withdrawal_csv,
    withdrawal_records,
)
from dashboard.revenue.outstanding import balances_chart, balances_of, holders_card
from dashboard.revenue.tables import Record
from dashboard.revenue.view import (
    SHOWN,
    View,
    account_table,
    amount_column,
    balances_in_second_currency,
    choose_month,
    in_one_currency,
    in_second_currency,
    month_table,
)
from dashboard.second_currency import SecondCurrency
from metering.analytics.credit import CreditMonth, Outstanding
from metering.analytics.credit_sales import Withdrawn
from metering.analytics.outstanding import CreditBalance

MEANINGS = {
    "Paid": "What was paid for credit in the month.",
    "Face": "The usage that the bought credit is worth.",
    "Used": "Bought credit that calls of the month burned, at face; what was given back of those calls is taken off.",
    "Earned": "The same at what was paid for it: this is revenue. With overdraft that a purchase repaid.",
    "Repaid": "Bought credit, at face, that paid what its account owed when it arrived.",
    "Expired": "Bought credit that ended unused, at face. It is taken out a day after its end.",
    "Expired, paid": "The same at what was paid. It is not counted as revenue.",
    "Taken back": "Unspent bought credit that was refunded, at face.",
    "Refunded": "The money that was given back for it.",
    "Usage refunds": "Charges of calls that were given back in the month, into the credit that had met them.",
}
_DAY = timedelta(days=1)
_HELD = (("Outstanding", "Bought and unspent credit, at face,"), ("Deferred", "The same at what was paid"))
_AGAINST = "The change is against the end of last month."
_ALWAYS = ("Paid", "Face", "Used", "Earned")
"""Columns that are there also where nothing of them happened."""
LISTS = ("Purchases", "Expired", "Refunded", "Usage refunds")
_MOMENT = st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", timezone="UTC")


def credit_view(view: View) -> None:
    """Draw it."""
    with waiting():
        months = revenue_data.credit_by_month(view.engine, view.stamp, view.count, view.today)
        standing = revenue_data.outstanding_now(view.engine, view.stamp, view.now)
        balances = balances_of(view)
    _cards(view, months, standing, balances[-2])
    left, right = st.columns(2, gap="small")
    with left, card("credit_chart"):
        card_title(
            "Credit sold and earned",
            "Money that came in by UTC month, and what the use of credit earned; a click lists it, below",
            _months_csv(view, months, "credit-sold-and-earned"),
        )
        chart = credit_chart(months, view.marks)
        clickable(chart, "chart_credit", "Credit sold and earned by month", picked=choose_month)
    with right:
        balances_chart(view, balances)
    _months(view, months, balances)
    left, right = st.columns([3, 2], gap="small")
    with left:
        _lists(view)
    with right:
        holders_card(view)


def _months(view: View, months: Sequence[CreditMonth], balances: Sequence[CreditBalance]) -> None:
    first, held = [row.month for row in months], balances[::-1]
    records = credit_records(months)
    unused = {word for word in CREDIT_COLUMNS if all(record[word] is None for record in records)} - set(_ALWAYS)
    records = [{word: value for word, value in record.items() if word not in unused} for record in records]
    balance_words = [word for word, _ in _HELD]

    def with_balances(found: Sequence[Record], amounts: Iterable[tuple[float | None, ...]]) -> list[Record]:
        pairs = zip(found, amounts, strict=True)
        return [record | dict(zip(balance_words, of_month, strict=True)) for record, of_month in pairs]

    def others(currency: SecondCurrency) -> list[Record]:
        flows = {record["Month"]: record for record in credit_records(_months_in(view))}
        ends = view.ends(first)[::-1]
        amounts = ([row.face_nanos for row in held], [row.deferred_nanos for row in held])
        found = [flows.get(record["Month"], {"Month": record["Month"]}) for record in records]
        return with_balances(found, zip(*(currency.amounts(nanos, ends) for nanos in amounts), strict=True))

    with card("credit_months"):
        note = "What happened in these months; choose a row to list what is behind its month"
        card_title("Credit by month", note, _months_csv(view, months))
        records = with_balances(records, ((dollars(row.face_nanos), dollars(row.deferred_nanos)) for row in held))
        words = [word for word in records[0] if word in (*CREDIT_COLUMNS, *balance_words)]
        records, other = in_one_currency(view, records, others, words)
        columns = {name: amount_column(MEANINGS[name], 85, other=other) for name in CREDIT_COLUMNS}
        columns["Purchases"] = st.column_config.NumberColumn(format="localized")
        for name, told in _HELD:
            told = f"{told} at the end of the month; of the running one, now."
            columns[name] = amount_column(told, other=other)
        month_table(records, first, "table_credit_months", columns, "Credit by month")


def _months_in(view: View) -> list[CreditMonth]:
    """The months in the second currency, where it is wanted."""
    if view.currency is None:
        return []
    return revenue_data.credit_by_month_in(view.engine, view.stamp, view.currency, view.count, view.today)


def _months_csv(view: View, months: Sequence[CreditMonth], name: str = "credit-by-month") -> Csv:
    file = credit_csv(months, name)
    return file if view.currency is None else beside(file, view.currency.name, 1, lambda: credit_csv(_months_in(view)))


def _cards(view: View, months: list[CreditMonth], standing: Outstanding, past: CreditBalance) -> None:
    now, before = months[-1], months[-2]
    shown = f"in the {len(months)} months shown"
    with st.grid(6, min_column_width=140, gap="small"):
        _metric(
            f"Sold, {month_text(now.month)}",
            now.paid_nanos,
            f"{MEANINGS['Paid']} {count(now.purchases)} purchases so far, worth {money(now.face_nanos)} of usage. "
            f"{month_text(before.month)}: {money(before.paid_nanos)}; {shown}: "
            f"{money(sum(row.paid_nanos for row in months))}.",
        )
        _metric(
            f"Earned, {month_text(now.month)}",
            now.earned_nanos,
            f"{MEANINGS['Earned']} {month_text(before.month)}: {money(before.earned_nanos)}; {shown}: "
            f"{money(sum(row.earned_nanos for row in months))}.",
        )
        _metric(
            "Deferred revenue",
            standing.deferred_nanos,
            "Bought credit that is unspent, at what was paid for it: money that is in and not earned yet. Exactly "
            f"{exact_money(standing.deferred_nanos)}. Credit of deleted accounts is forfeited, and not in it. "
            f"{_AGAINST}",
            past.deferred_nanos if view.compare else None,
        )
        _metric(
            "Unspent credit",
            standing.face_nanos,
            f"The same at face: the usage that it is worth. Of {count(standing.holders)} accounts. {_AGAINST}",
            past.face_nanos if view.compare else None,
        )
        _metric(
            "Promotional credit",
            standing.promotional_nanos,
            "Unspent signup and promotional credit, at face. Its use is no revenue. Included credit of the running "
            f"periods of plans is not in it: {money(standing.included_nanos)}.",
        )
        _metric(
            "Expired unused",
            sum(row.expired_paid_nanos for row in months),
            f"Bought credit that ended unused {shown}, at what was paid; at face "
            f"{money(sum(row.expired_nanos for row in months))}. It is not counted as revenue.",
        )

    sums = {"Deferred revenue": standing.deferred_nanos, "Unspent credit": standing.face_nanos}
    balances_in_second_currency(view, sums | {"Promotional credit": standing.promotional_nanos})


def _metric(label: str, nanos: int, meaning: str, past: int | None = None) -> None:
    """An amount, with its change against `past`."""
    delta = judged(None if past is None else change(nanos, past), "neither")
    st.metric(label, money(nanos), **delta, border=True, height="stretch", help=_plain(meaning))


def _plain(text: str) -> str:
    """A help text whose dollar signs begin no formula."""
    return text.replace("$", "\\$")


def _lists(view: View) -> None:
    with card("credit_lists"):
        chosen = st.segmented_control(
            "List",
            LISTS,
            default=LISTS[0],
            required=True,
            key="credit_list",
            bind="query-params",
            label_visibility="collapsed",
        )
        {"Expired": _expired, "Refunded": _refunded, "Usage refunds": _usage_refunds}.get(chosen or "", _purchases)(
            view
        )
        first, end = view.bounds
        st.page_link(
            "app_pages/usage.py",
            label=f"What calls of {month_text(view.month)} earned",
            icon=":material/arrow_forward:",
            icon_position="right",
            query_params={
                "by": "Account",
                "metric": "Revenue",
                "range": "Custom",
                "dates": [f"{first}", f"{end - _DAY}"],
            },
        )


def _purchases(view: View) -> None:
    engine, bounds = view.engine, view.bounds
    rows = revenue_data.purchases_of(engine, view.stamp, bounds, SHOWN)
    file = purchase_csv(lambda: revenue_data.all_purchases(engine, bounds), view.month)
    file = view.file_at(file, _moment, ("paid_usd", "face_usd"))
    file = view.file_at(file, lambda _: view.now, ("left_usd",))
    note = f"The newest {SHOWN}" if len(rows) == SHOWN else f"{count(len(rows))} purchases"
    card_title(f"Bought in {month_text(view.month)}", note, file)
    columns = {name: amount_column() for name in ("Paid", "Face", "Left")} | {"Bought": _MOMENT, "Expires": _MOMENT}
    records = in_second_currency(
        view, purchase_records(rows), {"Paid": [row.paid_nanos for row in rows]}, [row.at for row in rows]
    )
    _listed(records, "purchases", columns, "Nobody bought credit in this month.")


def _expired(view: View) -> None:
    _withdrawn(view, "expired", "Expired", "No bought credit expired in this month.")


def _refunded(view: View) -> None:
    _withdrawn(view, "refunded", "Refunded", "No purchase was refunded in this month.")


def _withdrawn(view: View, kind: Withdrawn, word: str, none: str) -> None:
    found = revenue_data.withdrawals_of(view.engine, view.stamp, view.bounds)
    rows = [one for one in found if one.kind == kind]
    total = money(sum(one.paid_nanos for one in rows))
    note = _plain(f"{count(len(rows))} purchases, {total} at what was paid")
    card_title(
        f"{word} in {month_text(view.month)}", note, view.file_at(withdrawal_csv(rows, kind, view.month), _moment)
    )
    columns = {"Credit": amount_column("At face."), "At what was paid": amount_column(), "When": _MOMENT}
    paid = {"At what was paid": [row.paid_nanos for row in rows]}
    _listed(in_second_currency(view, withdrawal_records(rows), paid, [row.at for row in rows]), kind, columns, none)


def _usage_refunds(view: View) -> None:
    rows = revenue_data.usage_refunds_of(view.engine, view.stamp, view.bounds)
    note = _plain(f"{count(len(rows))} calls, {money(sum(one.charge_nanos for one in rows))} of charges")
    card_title(
        f"Usage given back in {month_text(view.month)}", note, view.file_at(usage_refund_csv(rows, view.month), _moment)
    )
    columns = {
        "Charge": amount_column("What was given back of the call's charge."),
        "Revenue": amount_column("What this took off revenue."),
        "When": _MOMENT,
    }
    amounts = {"Charge": [row.charge_nanos for row in rows], "Revenue": [row.revenue_nanos for row in rows]}
    records = in_second_currency(view, usage_refund_records(rows), amounts, [row.at for row in rows])
    _listed(records, "usage_refunds", columns, "No usage was given back in this month.")


def _moment(line: Sequence[str]) -> datetime:
    """When something was bought, ended or given back: the second cell of its line."""
    return datetime.fromisoformat(line[1])


def _listed(records: list[dict[str, object]], key: str, columns: dict[str, object], none: str) -> None:
    if records:
        account_table(records, f"table_{key}", columns, key.replace("_", " ").capitalize())
    else:
        st.caption(none)
