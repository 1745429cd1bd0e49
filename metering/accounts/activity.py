"""What an account did, for itself to see: sums of its usage, its events and its postings, page by page.

Nothing here tells of other accounts: pages go on by ids that are the account's own, never by the numbers of rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from metering.accounts.accounts import account_id
from metering.analytics import (
    Converted,
    PastEvent,
    Period,
    UsageRow,
    find_event,
    history,
    second_currency,
    usage_by,
    usage_in,
)
from metering.errors import BadEventError, NoExchangeRateError
from metering.runtime import Runtime
from metering.wallets.ledger import USAGE_KEY
from metering.wallets.transactions import Transaction, read_transactions
from schema.tables import event_keys, ledger_postings, usage_events
from schema.tables.ledger import NO_DEBIT


@dataclass(frozen=True, slots=True)
class AccountUsage:
    """The usage of an account in a period: all of it, and by each column that was asked for, dearest first."""

    total: UsageRow
    by: dict[str, list[UsageRow]]
    currency: str | None
    """A second currency: the one that was asked for, else that of the setting `currency`."""
    converted: Converted | NoExchangeRateError | None
    """The total in it, or why it is not known; None without one."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A posting with the key of the one that it unwinds."""

    transaction: Transaction
    reverses: str | None


class Activity:
    """Usage, events and postings of one account. Raises UnknownAccountError, UnavailableError."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def usage(
        self, account: str, period: Period, by: Sequence[str] = (), *, currency: str | None = None
    ) -> AccountUsage:
        """The sums of a period, by columns of `metering.analytics.BY`. Raises ValueError for another column."""

        def read(connection: Connection) -> AccountUsage:
            account_id(connection, account)
            mine = {"account": account}
            rows = usage_by(connection, (), period, mine)
            total = rows[0] if rows else UsageRow({}, 0, {}, 0, 0, 0)
            sums = {name: usage_by(connection, [name], period, mine) for name in by}
            usual, exchange = second_currency(connection)
            second = currency or usual
            converted: Converted | NoExchangeRateError | None = None
            if second is not None:
                try:
                    converted = usage_in(connection, second, exchange, period, mine)
                except NoExchangeRateError as error:
                    # What is known in USD is told all the same.
                    converted = error
            return AccountUsage(total, sums, second, converted)

        return self._runtime.read(read)

    def event(self, account: str, event_id: str) -> PastEvent | None:
        """An event of the account; None when it has no such."""
        return self._runtime.read(lambda connection: find_event(connection, account_id(connection, account), event_id))

    def history(
        self,
        account: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        after: str | None = None,
        limit: int = 100,
        filters: Mapping[str, str] | None = None,
    ) -> list[PastEvent]:
        """Events, newest first; see `metering.analytics.history`. Raises BadEventError for an unknown `after`."""

        def read(connection: Connection) -> list[PastEvent]:
            number = account_id(connection, account)
            try:
                return history(connection, number, start=start, end=end, after=after, limit=limit, filters=filters)
            except KeyError:
                raise BadEventError("the page before ended with an event that is not known") from None

        return self._runtime.read(read)

    def postings(
        self, account: str, *, limit: int = 100, after: str | None = None, kind: str | None = None
    ) -> list[Posting]:
        """Postings, newest first: at most `limit` (1 to 1,000), those older than the posting with the key `after`.

        Raises BadEventError for an unknown `after`.
        """

        def read(connection: Connection) -> list[Posting]:
            number = account_id(connection, account)
            before = None if after is None else _posting(connection, number, after)
            found = read_transactions(connection, number, limit=limit, before=before, kind=kind)
            reversed_ids = {one.reverses for one in found if one.reverses is not None}
            row = ledger_postings.c
            query = select(row.id, row.idempotency_key).where(row.id.in_(reversed_ids), row.account_id == number)
            keys = {found: str(key) for found, key in connection.execute(query)} if reversed_ids else {}
            return [Posting(one, keys.get(one.reverses or 0)) for one in found]

        return self._runtime.read(read)


def _posting(connection: Connection, account_id: int, key: str) -> int:
    row, named, event = ledger_postings.c, event_keys.c, usage_events.c
    query = select(row.id).where(NO_DEBIT, row.account_id == account_id, row.idempotency_key == key)
    if key.startswith(USAGE_KEY):
        # A debit is found by the event that it is named after.
        query = (
            select(row.id)
            .join(usage_events, event.posting_id == row.id)
            .join(event_keys, named.usage_id == event.id)
            .where(named.account_id == account_id, named.event_id == key.removeprefix(USAGE_KEY))
            .where(row.idempotency_key == key)
        )
    number = connection.execute(query).scalar()
    if number is None:
        raise BadEventError("the page before ended with a transaction that is not known")
    return int(number)


__all__ = ["AccountUsage", "Activity", "Posting"]
