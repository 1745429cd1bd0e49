"""What the database kept of one call: the event, its price, release, posting and adjustments. Only reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select

from metering.book.entities import Release as BookRelease
from metering.book.ratebook import RateBook
from metering.book.settings import Settings, read_settings
from metering.errors import MeteringError
from metering.rating.appraisal import appraise
from schema.money import MICRO
from schema.tables import (
    CONFIG_TABLES,
    UNIT_COLUMNS,
    accounts,
    event_keys,
    grants,
    ledger_postings,
    usage_adjustments,
    usage_events,
)
from sync.current import Release, last_release, list_releases
from sync.errors import RefusedError

_NAMED = 3

Values = Mapping[str, Any]
"""A row by column."""


@dataclass(frozen=True, slots=True)
class Burned:
    """What a posting took of one grant, in nano-USD."""

    grant: Values
    amount_nanos: int


@dataclass(frozen=True, slots=True)
class Posting:
    """A posting and the grants it burned."""

    row: Values
    burned: tuple[Burned, ...]


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What a re-rating changed."""

    row: Values
    release: Release
    price: Values | None
    posting: Posting | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """One call as the database has it, with the configuration that was current when it was recorded."""

    event: Values
    account: str
    units: Mapping[str, int]
    """Stored parts of the units that were counted."""
    release: Release
    price: Values | None
    price_release: Release | None
    """The release that brought the price's row."""
    newest: Release
    settings: Settings
    setting_rows: Mapping[str, Values]
    reasoning: Values | None
    task: Values | None
    feature: Values | None
    """None also for a feature that the rate card does not have."""
    run_units: Mapping[str, Values]
    """How run units are counted, by name; empty for a call of no tool."""
    posting: Posting | None
    adjustments: tuple[Adjustment, ...]
    refusal: str | None
    """Why no price covered it; None for a priced call."""

    @property
    def output_multiplier_micros(self) -> int:
        """What the reasoning level multiplies output by, in millionths."""
        return MICRO if self.reasoning is None else int(self.reasoning["multiplier_micros"])

    @property
    def billable(self) -> bool:
        """Whether the call's task is charged; one that no document lists is."""
        return self.task is None or bool(self.task["billable"])


def read_recorded(connection: Connection, event_id: str, account: str | None) -> Recorded:
    """The call with an event id (of an account, where several accounts know the id). Raises RefusedError."""
    name, usage_id = _find(connection, event_id, account)
    event = _one(connection, usage_events, usage_id)
    releases = {release.id: release for release in list_releases(connection)}
    release = releases[event["release_id"]]
    price = None if event["price_id"] is None else _one(connection, CONFIG_TABLES["price"].table, event["price_id"])
    settings = {row["setting"]: row for row in _as_of(connection, "setting", release.id)}
    reasoning = CONFIG_TABLES["reasoning"].table.c.level == event["reasoning_level"]
    task = CONFIG_TABLES["task"].table.c.task == event["task"]
    feature = CONFIG_TABLES["feature"].table.c.feature == event["feature"]
    run_units = [] if event["tool"] is None else _as_of(connection, "run_unit", release.id)
    newest = last_release(connection)
    return Recorded(
        event=event,
        account=name,
        units={unit: event[column] for unit, column in UNIT_COLUMNS.items() if event[column]},
        release=release,
        price=price,
        price_release=None if price is None else releases[price["introduced_release"]],
        newest=newest or release,
        settings=read_settings({setting: row["value"] for setting, row in settings.items()}),
        setting_rows=settings,
        reasoning=next(iter(_as_of(connection, "reasoning", release.id, reasoning)), None),
        task=next(iter(_as_of(connection, "task", release.id, task)), None),
        feature=next(iter(_as_of(connection, "feature", release.id, feature)), None),
        run_units={row["name"]: row for row in run_units},
        posting=_posting(connection, event["posting_id"]),
        adjustments=tuple(_adjustments(connection, usage_id, releases)),
        refusal=_refusal(connection, event, release) if event["status"] == "unpriced" else None,
    )


def _find(connection: Connection, event_id: str, account: str | None) -> tuple[str, int]:
    """The account and the row of an event. Each account is asked by the key of `event_keys`, which begins with it."""
    key, known = event_keys.c, accounts.c
    query = (
        select(known.account, key.usage_id)
        .join_from(accounts, event_keys, (key.account_id == known.id) & (key.event_id == event_id))
        .order_by(known.account)
    )
    if account is not None:
        query = query.where(known.account == account)
    found = [(row.account, row.usage_id) for row in connection.execute(query.limit(_NAMED + 1))]
    if not found:
        of = "" if account is None else f" of account '{account}'"
        raise RefusedError("UNKNOWN_EVENT", f"there is no event '{event_id}'{of} [UNKNOWN_EVENT]")
    if len(found) > 1:
        names = ", ".join(name for name, _ in found[:_NAMED]) + (", …" if len(found) > _NAMED else "")
        raise RefusedError(
            "AMBIGUOUS_EVENT",
            f"several accounts have an event '{event_id}' ({names}): name one with --account [AMBIGUOUS_EVENT]",
        )
    return found[0]


def _one(connection: Connection, table: Any, number: int) -> Values:
    return dict(connection.execute(select(table).where(table.c.id == number)).mappings().one())


def _as_of(connection: Connection, kind: str, release: int, *where: ColumnElement[bool]) -> list[Values]:
    """The rows of a kind that were current when a release was the newest."""
    table = CONFIG_TABLES[kind].table
    open_then = or_(table.c.retired_release.is_(None), table.c.retired_release > release)
    query = select(table).where(table.c.introduced_release <= release, open_then, *where).order_by(table.c.id)
    return [dict(row) for row in connection.execute(query).mappings()]


def _posting(connection: Connection, number: int | None) -> Posting | None:
    if number is None:
        return None
    row = _one(connection, ledger_postings, number)
    amounts = {int(grant): int(amount) for grant, amount in row["burned"]}
    query = select(grants).where(grants.c.id.in_(amounts))
    known = {found["id"]: dict(found) for found in connection.execute(query).mappings()}
    return Posting(row, tuple(Burned(known[grant], amount) for grant, amount in amounts.items() if grant in known))


def _adjustments(connection: Connection, usage_id: int, releases: Mapping[int, Release]) -> list[Adjustment]:
    table = usage_adjustments
    rows = connection.execute(select(table).where(table.c.usage_id == usage_id).order_by(table.c.id)).mappings().all()
    prices = CONFIG_TABLES["price"].table
    return [
        Adjustment(
            dict(row),
            releases[row["release_id"]],
            None if row["price_id"] is None else _one(connection, prices, row["price_id"]),
            _posting(connection, row["posting_id"]),
        )
        for row in rows
    ]


def _refusal(connection: Connection, event: Values, release: Release) -> str:
    """What the runtime said of a call that it could not price: the call, rated again by the book of its release."""
    model = CONFIG_TABLES["price"].table.c
    of_model: Sequence[ColumnElement[bool]] = (model.provider == event["provider"], model.model == event["model"])
    rows = {kind: _as_of(connection, kind, release.id) for kind in ("model", "task", "reasoning", "setting")}
    book = RateBook.build(
        BookRelease(release.id, release.commit, release.label, release.applied_at),
        {**rows, "price": _as_of(connection, "price", release.id, *of_model)},
        now=event["recorded_at"],
    )
    try:
        worth = appraise(
            book,
            event["provider"],
            event["model"],
            {unit: event[column] for unit, column in UNIT_COLUMNS.items() if event[column]},
            plan=event["plan"],
            at=event["occurred_at"],
            task=event["task"],
            reasoning_level=event["reasoning_level"],
        )
    except MeteringError as error:
        return str(error)
    return "no price covered it when it was recorded" if worth.refusal is None else str(worth.refusal)


__all__ = ["Adjustment", "Burned", "Posting", "Recorded", "Values", "read_recorded"]
