"""The tables of credit sales: records to show (amounts as floats of USD), and CSV with exact amounts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

from dashboard.exports import Csv
from dashboard.formats import dollars
from dashboard.revenue.charts import month_text
from dashboard.revenue.tables import Record, month_key, some
from metering.analytics.credit import CreditMonth, Holder
from metering.analytics.credit_sales import Purchase, UsageRefund, Withdrawal
from schema.money import usd_text

CREDIT_COLUMNS: dict[str, tuple[str, Callable[[CreditMonth], int]]] = {
    "Paid": ("paid_usd", lambda row: row.paid_nanos),
    "Face": ("face_usd", lambda row: row.face_nanos),
    "Used": ("used_face_usd", lambda row: row.used_nanos),
    "Earned": ("earned_usd", lambda row: row.earned_nanos),
    "Repaid": ("repaid_face_usd", lambda row: row.repaid_nanos),
    "Expired": ("expired_face_usd", lambda row: row.expired_nanos),
    "Expired, paid": ("expired_paid_usd", lambda row: row.expired_paid_nanos),
    "Taken back": ("taken_back_face_usd", lambda row: row.refunded_nanos),
    "Refunded": ("refunded_usd", lambda row: row.refunded_paid_nanos),
    "Usage refunds": ("usage_refunds_usd", lambda row: row.usage_refunded_nanos),
}
"""The columns of credit by month: the word on the page, the name in the CSV, and the nano-USD."""


def credit_records(months: Sequence[CreditMonth]) -> list[Record]:
    """Credit by month, newest first."""
    return [
        {"Month": month_text(row.month), "Purchases": row.purchases}
        | {name: some(read(row)) for name, (_, read) in CREDIT_COLUMNS.items()}
        for row in reversed(months)
    ]


def credit_csv(months: Sequence[CreditMonth], name: str = "credit-by-month") -> Csv:
    """Credit by month, exactly."""
    header = ["month", "purchases", *(column for column, _ in CREDIT_COLUMNS.values())]

    def line(row: CreditMonth) -> list[object]:
        return [month_key(row.month), row.purchases, *(usd_text(read(row)) for _, read in CREDIT_COLUMNS.values())]

    return Csv(name, header, lambda: [line(row) for row in months])


def holder_records(rows: Sequence[Holder]) -> list[Record]:
    """Accounts with credit to use."""
    return [
        {
            "Account": row.account,
            "Credit": dollars(row.face_nanos),
            "Deferred": dollars(row.deferred_nanos),
            "Next expiry": row.next_expiry,
        }
        for row in rows
    ]


def holder_csv(read: Callable[[], Sequence[Holder]]) -> Csv:
    """All accounts with credit to use; read when somebody asks for it."""
    header = ["account", "credit_face_usd", "deferred_revenue_usd", "next_expiry"]
    return Csv(
        "outstanding-credit",
        header,
        lambda: [
            [row.account, usd_text(row.face_nanos), usd_text(row.deferred_nanos), _iso(row.next_expiry)]
            for row in read()
        ],
    )


def purchase_records(rows: Sequence[Purchase]) -> list[Record]:
    """Purchases as a list; when they expire, where any does."""
    expire = any(row.expires_at for row in rows)
    return [
        {
            "Account": row.account,
            "Bought": row.at,
            "What": row.note or row.key,
            "Paid": dollars(row.paid_nanos),
            "Face": dollars(row.face_nanos),
            "Left": dollars(row.remaining_nanos),
        }
        | ({"Expires": row.expires_at} if expire else {})
        for row in rows
    ]


def purchase_csv(read: Callable[[], Sequence[Purchase]], month: date) -> Csv:
    """All purchases of a month; read when somebody asks for it."""
    header = ["account", "bought_at", "key", "note", "paid_usd", "face_usd", "left_usd", "expires_at"]

    def line(row: Purchase) -> list[object]:
        amounts = map(usd_text, (row.paid_nanos, row.face_nanos, row.remaining_nanos))
        return [row.account, _iso(row.at), row.key, row.note, *amounts, _iso(row.expires_at)]

    return Csv(f"purchases-{month_key(month)}", header, lambda: [line(row) for row in read()])


def withdrawal_records(rows: Sequence[Withdrawal]) -> list[Record]:
    """What expired or was refunded of purchases."""
    return [
        {
            "Account": row.account,
            "When": row.at,
            "Purchase": row.key,
            "Credit": dollars(row.face_nanos),
            "At what was paid": dollars(row.paid_nanos),
        }
        for row in rows
    ]


def withdrawal_csv(rows: Sequence[Withdrawal], kind: str, month: date) -> Csv:
    """The same, exactly."""
    header = ["account", "at", "purchase_key", "credit_face_usd", "paid_usd"]
    lines = [[row.account, _iso(row.at), row.key, usd_text(row.face_nanos), usd_text(row.paid_nanos)] for row in rows]
    return Csv(f"credit-{kind}-{month_key(month)}", header, lambda: lines)


def usage_refund_records(rows: Sequence[UsageRefund]) -> list[Record]:
    """Usage that was given back."""
    return [
        {
            "Account": row.account,
            "When": row.at,
            "Call": row.event_id,
            "Charge": dollars(row.charge_nanos),
            "Revenue": dollars(row.revenue_nanos),
        }
        for row in rows
    ]


def usage_refund_csv(rows: Sequence[UsageRefund], month: date) -> Csv:
    """The same, exactly."""
    header = ["account", "at", "event_id", "charge_usd", "revenue_usd"]
    lines = [
        [row.account, _iso(row.at), row.event_id, usd_text(row.charge_nanos), usd_text(row.revenue_nanos)]
        for row in rows
    ]
    return Csv(f"usage-refunds-{month_key(month)}", header, lambda: lines)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
