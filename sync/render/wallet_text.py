"""Wallets, grants, postings and refunds, as JSON and as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from schema.findings import printable
from schema.keys import moment_text
from schema.money import usd_text
from sync.render.table import table_lines

if TYPE_CHECKING:
    from metering.accounts.accounts import Balance
    from metering.corrections.corrections import Adjustment
    from metering.corrections.refunds import PurchaseRefund
    from metering.wallets.credits import CreditDisplay
    from metering.wallets.service import Cohort
    from metering.wallets.transactions import HeldGrant, Transaction
    from metering.wallets.wallet import Grant

GRANT_COLUMNS = ("key", "kind", "state", "left_usd", "worth_usd", "paid_usd", "starts_at", "expires_at", "note")
TRANSACTION_COLUMNS = ("id", "recorded_at", "kind", "amount_usd", "balance_usd", "key", "note")
_RIGHT = frozenset({"left_usd", "worth_usd", "paid_usd", "amount_usd", "balance_usd", "id"})


def balance_json(one: Balance, display: CreditDisplay) -> dict[str, Any]:
    """What an account has; what can be spent also in credits as customers see them."""
    return {
        "account": one.account,
        "plan": one.plan,
        "balance_usd": usd_text(one.balance_nanos),
        "available_usd": usd_text(one.available_nanos),
        "held_usd": usd_text(one.held_nanos),
        "owed_usd": usd_text(one.owed_nanos),
        "overdraft_usd": usd_text(one.overdraft_nanos),
        "credits": str(display.amount(one.available_nanos)),
        "credit_name": display.name,
    }


def balance_lines(one: Balance, display: CreditDisplay) -> Iterator[str]:
    """The same for reading; what is nothing is left out."""
    credits_ = printable(display.text(one.available_nanos))
    yield f"{printable(one.account)}, plan {printable(one.plan)}: {_usd(one.available_nanos)} to spend ({credits_})"
    parts = [
        ("in the ledger", one.balance_nanos if one.balance_nanos != one.available_nanos else 0),
        ("set aside by holds", one.held_nanos),
        ("owed", one.owed_nanos),
        ("overdraft", one.overdraft_nanos),
    ]
    for name, nanos in parts:
        if nanos:
            yield f"  {_usd(nanos)} {name}"


def held_json(one: HeldGrant, now: datetime) -> dict[str, Any]:
    """A grant as an account holds it."""
    return {
        "key": one.key,
        "kind": one.kind,
        "state": one.state_at(now),
        "left_usd": usd_text(one.remaining_nanos),
        "worth_usd": usd_text(one.face_nanos),
        "paid_usd": usd_text(one.paid_nanos),
        "priority": one.priority,
        "starts_at": moment_text(one.starts_at),
        "expires_at": None if one.expires_at is None else moment_text(one.expires_at),
        "created_at": moment_text(one.created_at),
        "note": one.note,
    }


def held_lines(found: Sequence[HeldGrant], now: datetime) -> Iterator[str]:
    """A table of grants in the order in which they burn, or that there are none."""
    if not found:
        yield "no grants"
        return
    yield from _table(GRANT_COLUMNS, [held_json(one, now) for one in found])


def transaction_json(one: Transaction) -> dict[str, Any]:
    """A posting."""
    return {
        "id": one.id,
        "kind": one.kind,
        "amount_usd": usd_text(one.amount_nanos),
        "balance_usd": usd_text(one.balance_nanos),
        "occurred_at": moment_text(one.occurred_at),
        "recorded_at": moment_text(one.recorded_at),
        "key": one.key,
        "note": one.note,
        "reverses": one.reverses,
    }


def transaction_lines(found: Sequence[Transaction]) -> Iterator[str]:
    """A table of postings, or that there are none."""
    if not found:
        yield "no transactions"
        return
    yield from _table(TRANSACTION_COLUMNS, [transaction_json(one) for one in found])


def grant_json(account: str, key: str, one: Grant) -> dict[str, Any]:
    """A grant that was just given."""
    return {
        "account": account,
        "key": key,
        "kind": one.kind,
        "worth_usd": usd_text(one.face_nanos),
        "paid_usd": usd_text(one.paid_nanos),
        "left_usd": usd_text(one.remaining_nanos),
        "priority": one.priority,
        "starts_at": moment_text(one.starts_at),
        "expires_at": None if one.expires_at is None else moment_text(one.expires_at),
    }


def grant_line(account: str, key: str, one: Grant) -> str:
    """The same in one line."""
    until = "" if one.expires_at is None else f" until {moment_text(one.expires_at)}"
    paid = "" if one.kind != "purchase" else f", {_usd(one.paid_nanos)} paid"
    return f"{printable(account)}: {one.kind} grant {printable(key)} worth {_usd(one.face_nanos)}{paid}{until}"


def adjustment_json(account: str, event: str, one: Adjustment) -> dict[str, Any]:
    """A refund of usage; amounts that were given back are positive."""
    return {
        "account": account,
        "event": event,
        "key": one.key,
        "refunded_usd": usd_text(-one.charge_nanos),
        "included_usd": usd_text(-one.included_nanos),
        "promotional_usd": usd_text(-one.promotional_nanos),
        "purchased_usd": usd_text(-one.purchased_nanos),
        "owed_usd": usd_text(-one.owed_nanos),
        "overdraft_usd": usd_text(-one.overdraft_nanos),
        "revenue_usd": usd_text(-one.revenue_nanos),
        "balance_usd": usd_text(one.balance_nanos),
        "repeated": one.repeated,
    }


def adjustment_line(account: str, event: str, one: Adjustment) -> str:
    """The same in one line."""
    if one.repeated:
        return f"{printable(account)}: {_usd(-one.charge_nanos)} of event {printable(event)} was given back before"
    return (
        f"{printable(account)}: {_usd(-one.charge_nanos)} of event {printable(event)} given back,"
        f" the balance is {_usd(one.balance_nanos)}"
    )


def purchase_refund_json(account: str, key: str, one: PurchaseRefund) -> dict[str, Any]:
    """A refund of a purchase."""
    return {
        "account": account,
        "purchase": one.grant_key,
        "key": key,
        "credit_usd": usd_text(one.credit_nanos),
        "money_usd": usd_text(one.money_nanos),
        "balance_usd": usd_text(one.balance_nanos),
        "repeated": one.repeated,
    }


def purchase_refund_line(account: str, one: PurchaseRefund) -> str:
    """The same in one line."""
    taken = "was taken back before" if one.repeated else "taken back"
    return (
        f"{printable(account)}: {_usd(one.credit_nanos)} of purchase {printable(one.grant_key)} {taken},"
        f" {_usd(one.money_nanos)} is to be paid out; the balance is {_usd(one.balance_nanos)}"
    )


def cohort_json(one: Cohort) -> dict[str, Any]:
    """A cohort's grant."""
    return {
        "key": one.key,
        "worth_usd": usd_text(one.face_nanos),
        "as_of": moment_text(one.as_of),
        "added": one.added,
        "accounts": one.accounts,
    }


def cohort_line(one: Cohort) -> str:
    """The same in one line."""
    return (
        f"cohort {printable(one.key)} of {moment_text(one.as_of)}: {_usd(one.face_nanos)} each, given to"
        f" {one.added:,} accounts now, {one.accounts:,} in all"
    )


def _table(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    cells = [["" if row[name] is None else str(row[name]) for name in columns] for row in rows]
    return table_lines(columns, cells, right=_RIGHT)


def _usd(nanos: int) -> str:
    return f"-${usd_text(-nanos)}" if nanos < 0 else f"${usd_text(nanos)}"


__all__ = [
    "GRANT_COLUMNS",
    "TRANSACTION_COLUMNS",
    "adjustment_json",
    "adjustment_line",
    "balance_json",
    "balance_lines",
    "cohort_json",
    "cohort_line",
    "grant_json",
    "grant_line",
    "held_json",
    "held_lines",
    "purchase_refund_json",
    "purchase_refund_line",
    "transaction_json",
    "transaction_lines",
]
