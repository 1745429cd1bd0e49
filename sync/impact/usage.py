"""The real usage that a plan is measured on, as a database has it. Nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, case, func, literal, or_, select, true

from metering.storage.rows import GRANT_COLUMNS, STATE_COLUMNS
from metering.wallets.wallet import AccountState, Grant, Met, Wallet
from schema.tables import UNIT_COLUMNS, account_state, accounts, grants, ledger_postings, subscriptions, usage_events
from schema.units import INPUT_UNITS
from sync.impact.reach import Reach

_MANY = 10_000
"""How many values one statement compares with."""
_MANY_MODELS = 2_000
"""From how many models on the filter by model is left out."""
_PARTITION = 5_000


class Kind(NamedTuple):
    """What decides about the price of a call, besides its units."""

    provider: str
    model: str
    plan: str
    task: str | None
    level: str | None
    feature: str | None


class Line(NamedTuple):
    """Some calls that are priced alike: one call, or the sum of `events` calls of one context tier."""

    account: int
    kind: tuple[str, str, str, str | None, str | None, str | None]
    """A `Kind`, as a plain tuple: there are many."""
    user: str | None
    posting: int | None
    """The debit of a single call."""
    events: int
    smallest: int
    """The smallest input of a call among them, in units; 0 when there is one call, whose units tell."""
    largest: int
    cost: int
    """As recorded, in nano-USD, like charge and revenue."""
    charge: int
    revenue: int
    parts: tuple[int, ...]
    """Stored parts of each of `schema.units.UNITS`, in that order."""


class Recorded(NamedTuple):
    """What an account's calls under one plan came to when they were recorded, in nano-USD."""

    account: int
    plan: str
    events: int
    cost: int
    charge: int
    revenue: int


class Balance(NamedTuple):
    """A wallet after a posting."""

    posting: int
    day: str
    balance: int


class UsageSource(Protocol):
    """Where the usage of a window is read. Accounts are numbers; `names` tells what people call them."""

    def recorded(self) -> list[Recorded]:
        """All usage of the window, summed up."""

    def models(self) -> set[tuple[str, str]]:
        """Provider and name of every model that was called in the window, registered or not."""

    def count(self, reach: Reach) -> int:
        """How many calls are within reach."""

    def lines(
        self,
        reach: Reach,
        *,
        single: bool,
        thresholds: Sequence[int] = (),
        accounts: Collection[int] | None = None,
    ) -> Iterator[Line]:
        """The usage within reach: call by call, or summed up between the `thresholds` of context tiers."""

    def names(self, numbers: Collection[int]) -> dict[int, str]:
        """The names of accounts."""

    def wallets(self, numbers: Collection[int]) -> dict[int, Wallet]:
        """The wallets of accounts as they are now, to be changed freely in memory."""

    def met(self, numbers: Collection[int]) -> dict[int, Met]:
        """How the charges of the window were met, by account."""

    def lowest(self, numbers: Collection[int]) -> dict[int, int]:
        """The lowest balance of the window, in nano-USD, by account."""

    def balances(self, numbers: Collection[int]) -> dict[int, list[Balance]]:
        """Every balance of the window in order, by account; none where only the lowest one is known."""

    def subscriptions(self, plans: Collection[str]) -> dict[str, int]:
        """How many subscriptions run now, by plan; a plan without any may be left out."""


class DatabaseUsage:
    """The usage that a database holds of a half-open window."""

    def __init__(self, connection: Connection, start: datetime, end: datetime) -> None:
        self._connection = connection
        self._start = start
        self._end = end

    def recorded(self) -> list[Recorded]:
        """See `UsageSource`."""
        columns = usage_events.c
        keys = (columns.account_id, columns.plan)
        sums = [_sum(columns[name]) for name in ("cost_nanos", "charge_nanos", "revenue_nanos")]
        query = select(*keys, func.count(), *sums).where(self._window()).group_by(*keys)
        return [Recorded(*row) for row in self._connection.execute(query)]

    def models(self) -> set[tuple[str, str]]:
        """See `UsageSource`."""
        columns = usage_events.c
        query = select(columns.provider, columns.model).where(self._window()).distinct()
        return {(provider, model) for provider, model in self._connection.execute(query)}

    def count(self, reach: Reach) -> int:
        """See `UsageSource`."""
        query = select(func.count()).select_from(usage_events).where(self._window(), _within(reach))
        return int(self._connection.execute(query).scalar_one())

    def lines(
        self,
        reach: Reach,
        *,
        single: bool,
        thresholds: Sequence[int] = (),
        accounts: Collection[int] | None = None,
    ) -> Iterator[Line]:
        """See `UsageSource`."""
        if accounts is None:
            yield from self._lines(reach, single, thresholds, true())
            return
        for chunk in _chunks(accounts):
            yield from self._lines(reach, single, thresholds, usage_events.c.account_id.in_(chunk))

    def _lines(
        self, reach: Reach, single: bool, thresholds: Sequence[int], more: ColumnElement[bool]
    ) -> Iterator[Line]:
        query = _calls() if single else _summed(thresholds, bool(reach.providers))
        query = query.where(self._window(), _within(reach), more)
        result = self._connection.execution_options(yield_per=_PARTITION).execute(query)
        for rows in result.partitions():
            for row in rows:
                # A third of the time of Line(…), whose constructor is written in Python.
                yield tuple.__new__(Line, (row[0], row[1:7], *row[7:15], row[15:]))

    def names(self, numbers: Collection[int]) -> dict[int, str]:
        """See `UsageSource`."""
        columns = accounts.c
        return {
            number: name
            for chunk in _chunks(numbers)
            for number, name in self._connection.execute(
                select(columns.id, columns.account).where(columns.id.in_(chunk))
            )
        }

    def wallets(self, numbers: Collection[int]) -> dict[int, Wallet]:
        """See `UsageSource`."""
        found: dict[int, Wallet] = {}
        state_columns = [account_state.c[name] for name in STATE_COLUMNS]
        grant_columns = [grants.c[name] for name in GRANT_COLUMNS]
        for chunk in _chunks(numbers):
            held: dict[int, list[Grant]] = defaultdict(list)
            rows = self._connection.execute(
                select(*grant_columns).where(grants.c.account_id.in_(chunk), grants.c.remaining_nanos > 0)
            )
            for row in rows:
                grant = Grant(*row)
                held[grant.account_id].append(grant)
            states = self._connection.execute(select(*state_columns).where(account_state.c.account_id.in_(chunk)))
            for row in states:
                state = AccountState(*row)
                found[state.account_id] = Wallet(state, held[state.account_id])
        return found

    def met(self, numbers: Collection[int]) -> dict[int, Met]:
        """See `UsageSource`."""
        columns = usage_events.c
        sums = [_sum(columns[f"{name.removesuffix('_nanos')}_nanos"]) for name in Met._fields]
        return {
            row[0]: Met(*row[1:])
            for chunk in _chunks(numbers)
            for row in self._connection.execute(
                select(columns.account_id, *sums)
                .where(self._window(), columns.account_id.in_(chunk))
                .group_by(columns.account_id)
            )
        }

    def lowest(self, numbers: Collection[int]) -> dict[int, int]:
        """See `UsageSource`."""
        columns = ledger_postings.c
        return {
            number: int(balance)
            for chunk in _chunks(numbers)
            for number, balance in self._connection.execute(
                select(columns.account_id, func.min(columns.balance_nanos))
                .where(columns.account_id.in_(chunk), self._postings())
                .group_by(columns.account_id)
            )
        }

    def balances(self, numbers: Collection[int]) -> dict[int, list[Balance]]:
        """See `UsageSource`."""
        columns = ledger_postings.c
        found: dict[int, list[Balance]] = defaultdict(list)
        for chunk in _chunks(numbers):
            rows = self._connection.execute(
                select(columns.account_id, columns.id, columns.occurred_at, columns.balance_nanos)
                .where(columns.account_id.in_(chunk), self._postings())
                .order_by(columns.account_id, columns.id)
            )
            for number, posting, at, balance in rows:
                found[number].append(Balance(posting, f"{at:%Y-%m-%d}", balance))
        return found

    def subscriptions(self, plans: Collection[str]) -> dict[str, int]:
        """See `UsageSource`."""
        columns = subscriptions.c
        query = (
            select(columns.plan, func.count())
            .join(accounts, accounts.c.id == columns.account_id)
            .where(columns.ended_at.is_(None), columns.plan.in_(sorted(plans)), accounts.c.status != "deleted")
            .group_by(columns.plan)
        )
        return {plan: int(number) for plan, number in self._connection.execute(query)}

    def _window(self) -> ColumnElement[bool]:
        columns = usage_events.c
        # The day is indexed, and narrows the window to whole days.
        return and_(
            columns.day >= self._start.date(),
            columns.day <= self._end.date(),
            columns.occurred_at >= self._start,
            columns.occurred_at < self._end,
        )

    def _postings(self) -> ColumnElement[bool]:
        moment = ledger_postings.c.occurred_at
        return and_(moment >= self._start, moment < self._end)


def _calls() -> Select[Any]:
    columns = usage_events.c
    return select(
        columns.account_id,
        columns.provider,
        columns.model,
        columns.plan,
        columns.task,
        columns.reasoning_level,
        columns.feature,
        columns.user_id,
        columns.posting_id,
        literal(1),
        literal(0),
        literal(0),
        columns.cost_nanos,
        columns.charge_nanos,
        columns.revenue_nanos,
        *(columns[name] for name in UNIT_COLUMNS.values()),
    )


def _summed(thresholds: Sequence[int], by_user: bool) -> Select[Any]:
    columns = usage_events.c
    size: ColumnElement[int] = columns[UNIT_COLUMNS[INPUT_UNITS[0]]]
    for unit in INPUT_UNITS[1:]:
        size = size + columns[UNIT_COLUMNS[unit]]
    tier: ColumnElement[int] = literal(0)
    for threshold in thresholds:
        tier = tier + case((size > threshold, 1), else_=0)
    user: ColumnElement[Any] = columns.user_id if by_user else func.nullif("", "")
    keys = (
        columns.account_id,
        columns.provider,
        columns.model,
        columns.plan,
        columns.task,
        columns.reasoning_level,
        columns.feature,
    )
    # A feature charges a call that counts none of its unit as one.
    none = [case((columns[UNIT_COLUMNS[unit]] == 0, place), else_=0) for place, unit in ((1, "image"), (2, "request"))]
    counted = case((columns.feature.is_not(None), none[0] + none[1]), else_=0)
    grouped = [*keys, counted, *([columns.user_id] if by_user else []), *([tier] if thresholds else [])]
    return select(
        *keys,
        user,
        literal(None),
        func.count(),
        func.min(size),
        func.max(size),
        _sum(columns.cost_nanos),
        _sum(columns.charge_nanos),
        _sum(columns.revenue_nanos),
        *(_sum(columns[name]) for name in UNIT_COLUMNS.values()),
    ).group_by(*grouped)


def _sum(column: ColumnElement[Any]) -> ColumnElement[int]:
    # PostgreSQL sums BIGINT up as NUMERIC.
    return func.sum(column).cast(BigInteger)


def _within(reach: Reach) -> ColumnElement[bool]:
    columns = usage_events.c
    parts: list[ColumnElement[bool]] = []
    if reach.everything or len(reach.models) > _MANY_MODELS:
        return true()
    by_provider: dict[str, list[str]] = defaultdict(list)
    for provider, model in sorted(reach.models):
        by_provider[provider].append(model)
    parts += [and_(columns.provider == provider, columns.model.in_(names)) for provider, names in by_provider.items()]
    if reach.tasks:
        parts.append(columns.task.in_(sorted(reach.tasks)))
    if reach.levels:
        parts.append(columns.reasoning_level.in_(sorted(reach.levels)))
    if reach.features:
        parts.append(columns.feature.in_(sorted(reach.features)))
    if reach.unregistered:
        parts.append(columns.price_id.is_(None))
    return or_(*parts)


def _chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(numbers)
    for start in range(0, len(ordered), _MANY):
        yield ordered[start : start + _MANY]


__all__ = ["Balance", "DatabaseUsage", "Line", "Recorded", "UsageSource"]
