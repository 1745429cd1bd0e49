"""Rows for the tests of analytics, written as the tables hold them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from schema.tables import (
    CONFIG_TABLES,
    account_state,
    accounts,
    ledger_postings,
    releases,
    subscriptions,
    usage_adjustments,
    usage_events,
)

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


def at(text: str) -> datetime:
    """A UTC moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Rows:
    """Writes rows in one transaction, with defaults for what a test does not care about."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.release = self.add_release()

    def add_release(self, applied_at: datetime = NOW, **values: Any) -> int:
        row = {
            "commit_sha": "a" * 40,
            "config_tree": "b" * 40,
            "title": "Begin",
            "author": "Price Desk <prices@example.com>",
            "authored_at": applied_at,
            "applied_by": "prices@example.com",
            "applied_at": applied_at,
            "fingerprint": "c" * 64,
            "creates": 1,
            "updates": 2,
            "deletes": 3,
        }
        return self._insert(releases, row | values)

    def account(self, name: str, balance_nanos: int = 0, plan: str = "free") -> int:
        number = self._insert(accounts, {"account": name, "created_at": NOW})
        state = {"account_id": number, "balance_nanos": balance_nanos, "plan": plan, "plan_since": NOW}
        self.connection.execute(insert(account_state), state | {"month": NOW.date(), "day": NOW.date()})
        return number

    def event(self, account_id: int, occurred_at: datetime, **values: Any) -> int:
        """An event whose charge is owed, unless `values` say how it was met."""
        charge = values.get("charge_nanos", 0)
        met = {f"{name}_nanos": 0 for name in ("included", "promotional", "purchased", "owed", "overdraft", "revenue")}
        row = {
            "account_id": account_id,
            "event_id": f"e{self._count(usage_events)}",
            "occurred_at": occurred_at,
            "recorded_at": occurred_at,
            "day": occurred_at.astimezone(UTC).date(),
            "provider": "anthropic",
            "model": "claude-haiku-4-5",
            "plan": "pro",
            "status": "priced",
            "release_id": self.release,
            "cost_nanos": 0,
            "charge_nanos": charge,
            **met,
            "overdraft_nanos": charge,
        }
        return self._insert(usage_events, row | values)

    def adjustment(self, usage_id: int, **values: Any) -> int:
        event = self.connection.execute(select(usage_events).where(usage_events.c.id == usage_id)).one()
        row = {
            "usage_id": usage_id,
            "account_id": event.account_id,
            "day": event.day,
            "release_id": self.release,
            "cost_nanos": 0,
            "charge_nanos": 0,
            "revenue_nanos": 0,
            "idempotency_key": f"r{self._count(usage_adjustments)}",
            "recorded_at": NOW,
        }
        return self._insert(usage_adjustments, row | values)

    def subscription(self, account_id: int, started_at: datetime, fee_nanos: int, **values: Any) -> int:
        row = {"plan": "pro", "status": "active", "cycle": "monthly", "fee_nanos": fee_nanos, "started_at": started_at}
        return self._insert(subscriptions, row | {"account_id": account_id} | values)

    def posting(self, account_id: int, occurred_at: datetime, revenue_nanos: int) -> int:
        row = {
            "account_id": account_id,
            "kind": "purchase",
            "amount_nanos": 1,
            "balance_nanos": 1,
            "revenue_nanos": revenue_nanos,
            "burned": [],
            "idempotency_key": f"p{self._count(ledger_postings)}",
            "occurred_at": occurred_at,
            "recorded_at": occurred_at,
        }
        return self._insert(ledger_postings, row)

    def price(self) -> int:
        row = {
            "provider": "anthropic",
            "model": "claude-haiku-4-5",
            "effective": NOW,
            "in_force_from": NOW,
            "rates": {"input": 1_000_000},
            "tiers": [],
            "margin_micros": 1_000_000,
            "plan_margins": {},
            "introduced_release": self.release,
        }
        return self._insert(CONFIG_TABLES["price"].table, row)

    def task(self, name: str, *, billable: bool) -> None:
        row = {"task": name, "billable": billable, "introduced_release": self.release}
        self._insert(CONFIG_TABLES["task"].table, row)

    def _insert(self, table: Any, row: dict[str, Any]) -> int:
        return int(self.connection.execute(insert(table).values(**row).returning(table.c.id)).scalar_one())

    def _count(self, table: Any) -> int:
        return len(self.connection.execute(select(table.c.id)).all())
