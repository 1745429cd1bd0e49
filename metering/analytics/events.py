"""Sums over usage events, and over the adjustments that re-rating made of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, case, false, func, or_, select

from metering.analytics.period import Period, midnight, place_among
from schema.tables import UNIT_COLUMNS, accounts, usage_adjustments, usage_events

_event = usage_events.c

_COLUMNS: dict[str, tuple[ColumnElement[Any], ...]] = {
    "provider": (_event.provider,),
    "model": (_event.provider, _event.model),
    "account": (_event.account_id,),
    "user": (_event.user_id,),
    "plan": (_event.plan,),
    "task": (_event.task,),
    "feature": (_event.feature,),
    "tool": (_event.tool,),
    "tier": (_event.tier,),
    "day": (_event.day,),
}

_EMPTY = frozenset({"provider", "model"})
"""Columns that hold an empty text where an event names none: uses of a feature or a tool alone."""

BY = tuple(_COLUMNS)
"""What usage can be grouped and filtered by."""

_NAMES_AT_ONCE = 1_000
_HASH_MEGABYTES = 32

MONEY = ("cost_nanos", "charge_nanos", "revenue_nanos")

Filters = Mapping[str, str | None]
"""Column of `BY` to the wanted value: `model` reads provider/model, `day` a date; None asks for events without one."""


@dataclass(frozen=True, slots=True)
class UsageRow:
    """The sums of one group; adjustments are in. Decimal units count in stored millionths."""

    keys: dict[str, Any]
    """Column to value: text, a date for `day`, None where the events name none."""
    requests: int
    units: dict[str, int]
    """Unit to stored count, only those that occur."""
    cost_nanos: int
    charge_nanos: int
    revenue_nanos: int

    @property
    def profit_nanos(self) -> int:
        """Revenue less cost."""
        return self.revenue_nanos - self.cost_nanos


def conditions(period: Period, filters: Filters) -> list[ColumnElement[bool]]:
    """What an event must fulfil. Raises ValueError for an unknown column or a value that cannot be read."""
    found: list[ColumnElement[bool]] = []
    # An account's events are indexed by moment, all others by day: both say the same, as `day` is the moment's UTC day.
    if "account" in filters:
        if period.start is not None:
            found.append(_event.occurred_at >= midnight(period.start))
        if period.end is not None:
            found.append(_event.occurred_at < midnight(period.end))
    else:
        found.extend(_days(_event.day, period))
    for name, wanted in filters.items():
        found.extend(_equals(name, wanted))
    return found


def _days(column: ColumnElement[Any], period: Period) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if period.start is not None:
        found.append(column >= period.start)
    if period.end is not None:
        found.append(column < period.end)
    return found


def _equals(name: str, wanted: str | None) -> list[ColumnElement[bool]]:
    columns = _columns(name)
    if wanted is None:
        return [column == "" if name in _EMPTY else column.is_(None) for column in columns]
    if name == "account":
        return [columns[0] == select(accounts.c.id).where(accounts.c.account == wanted).scalar_subquery()]
    if name == "day":
        return [columns[0] == date.fromisoformat(wanted)]
    if name == "model":
        provider, slash, model = wanted.partition("/")
        if not slash:
            raise ValueError(f"'{wanted}' is not PROVIDER/MODEL")
        return [columns[0] == provider, columns[1] == model]
    return [columns[0] == wanted]


def _columns(name: str) -> tuple[ColumnElement[Any], ...]:
    if name not in _COLUMNS:
        raise ValueError(f"'{name}' is not one of {', '.join(BY)}")
    return _COLUMNS[name]


def usage_by(
    connection: Connection,
    by: Sequence[str],
    period: Period,
    filters: Filters | None = None,
    *,
    units: Collection[str] | None = None,
    among: tuple[str, Collection[str | None]] | None = None,
    since: Sequence[datetime] = (),
) -> list[UsageRow]:
    """Sums by one or more columns of `BY` (none: one row over all), dearest in cost first.

    `units` asks for some units only, which is quicker; `among` for the events in which a column has one of some values.
    `since` parts every group at moments, which are in order: `keys["since"]` is the last one by then, or None.
    """
    where = conditions(period, filters or {})
    if among is not None:
        column, values = among
        where.append(or_(false(), *(and_(*_equals(column, value)) for value in values)))
    columns = list(dict.fromkeys(column for name in by for column in _columns(name)))
    if since:
        columns.append(place_among(_event.occurred_at, since).label("since"))
    counted = {unit: name for unit, name in UNIT_COLUMNS.items() if units is None or unit in units}
    sums = [func.sum(_event[name]).label(name) for name in (*counted.values(), *MONEY)]
    query = select(*columns, func.count().label("requests"), *sums).where(*where).group_by(*columns)
    look_side_by_side(connection)
    found = {tuple(row[: len(columns)]): list(row[len(columns) :]) for row in connection.execute(query)}

    for row in connection.execute(adjusted(columns, period, where)):
        sums_of_group = found[tuple(row[: len(columns)])]
        for offset, change in enumerate(row[len(columns) :], start=-len(MONEY)):
            sums_of_group[offset] += change

    places = {name: [columns.index(column) for column in _columns(name)] for name in by}
    names = _account_names(connection, {group[places["account"][0]] for group in found}) if "account" in by else {}
    rows = []
    for group, (requests, *numbers) in found.items():
        if not requests:
            continue
        keys = {name: _shown(name, [group[at] for at in places[name]], names) for name in by}
        if since:
            keys["since"] = since[group[-1] - 1] if group[-1] else None
        used = {unit: int(count) for unit, count in zip(counted, numbers, strict=False) if count}
        rows.append(UsageRow(keys, requests, used, *map(int, numbers[len(counted) :])))
    return sorted(rows, key=_dearest)


def look_side_by_side(connection: Connection) -> None:
    """Let PostgreSQL share a look at many events among its processes, until the transaction ends.

    It takes groups for as many as their columns would have if they were independent, and would not share for so many.
    """
    if connection.dialect.name == "postgresql":
        settings = (("parallel_tuple_cost", "0.005"), ("jit", "off"), ("work_mem", _memory()))
        connection.execute(select(*(func.set_config(name, value, True) for name, value in settings)))


def _memory() -> ColumnElement[str]:
    """What the server grants anyway, and at least enough to hash sums of all units; with less it sorts the events."""
    granted = func.current_setting("work_mem")
    return case((func.pg_size_bytes(granted) < _HASH_MEGABYTES * 2**20, f"{_HASH_MEGABYTES}MB"), else_=granted)


def summed(rows: Iterable[UsageRow], by: Sequence[str]) -> list[UsageRow]:
    """Rows that were asked for by more columns, summed up by fewer of them; dearest in cost first."""
    groups: dict[tuple[Any, ...], list[UsageRow]] = {}
    for row in rows:
        groups.setdefault(tuple(row.keys[name] for name in by), []).append(row)
    found = []
    for key, parts in groups.items():
        units: dict[str, int] = {}
        for row in parts:
            for unit, count in row.units.items():
                units[unit] = units.get(unit, 0) + count
        amounts = (sum(row.cost_nanos for row in parts), sum(row.charge_nanos for row in parts))
        requests, revenue = sum(row.requests for row in parts), sum(row.revenue_nanos for row in parts)
        found.append(UsageRow(dict(zip(by, key, strict=True)), requests, units, *amounts, revenue))
    return sorted(found, key=_dearest)


def _dearest(row: UsageRow) -> tuple[int, int, list[str]]:
    return -row.cost_nanos, -row.charge_nanos, [str(key) for key in row.keys.values()]


def adjusted(
    columns: Sequence[ColumnElement[Any]], period: Period, where: Sequence[ColumnElement[bool]]
) -> Select[Any]:
    """The query of what adjustments of events change, by columns of the events: those, then the sums of `MONEY`."""
    change = usage_adjustments.c
    joined: FromClause = usage_adjustments.join(usage_events, _event.id == change.usage_id)
    sums = [func.sum(change[name]) for name in MONEY]
    query = select(*columns, *sums).select_from(joined).where(*where, *_days(change.day, period))
    # Without columns, a query of sums has one row even when nothing matches: `having` leaves it out.
    return query.group_by(*columns).having(func.count() > 0)


def _account_names(connection: Connection, numbers: Collection[int]) -> dict[int, str]:
    names: dict[int, str] = {}
    query = select(accounts.c.id, accounts.c.account)
    wanted = sorted(numbers)
    for start in range(0, len(wanted), _NAMES_AT_ONCE):
        chunk = query.where(accounts.c.id.in_(wanted[start : start + _NAMES_AT_ONCE]))
        names.update((number, name) for number, name in connection.execute(chunk))
    return names


def _shown(name: str, parts: Sequence[Any], names: Mapping[int, str]) -> Any:
    if name == "account":
        return names[parts[0]]
    if name in _EMPTY and not parts[-1]:
        return None
    return "/".join(parts) if name == "model" else parts[0]


def data_as_of(connection: Connection) -> datetime | None:
    """When the newest event occurred, or None without events."""
    newest = select(func.max(_event.day)).scalar_subquery()
    found: datetime | None = connection.execute(
        select(func.max(_event.occurred_at, type_=_event.occurred_at.type)).where(_event.day == newest)
    ).scalar_one()
    return found


def event_days(connection: Connection) -> tuple[date, date] | None:
    """The first and the last day with an event, or None without events."""
    first = connection.execute(select(func.min(_event.day))).scalar_one()
    last = connection.execute(select(func.max(_event.day))).scalar_one()
    return None if first is None else (first, last)
