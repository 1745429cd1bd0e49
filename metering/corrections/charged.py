"""What recorded events are charged by now: the event itself, every correction since, and what each of them burned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from metering.corrections.unwinding import MET_BY, Burn, Part, play_again, unwind
from metering.errors import BadCorrectionError
from metering.wallets.ledger import USAGE_KEY
from metering.wallets.wallet import Grant
from schema.tables import event_keys, grants, ledger_postings, usage_adjustments, usage_events

_CHUNK = 1_000
_MET = ("included", "promotional", "purchased")
_UNMET = ("owed", "overdraft")
_COLUMNS = ("account_id", "event_id", "occurred_at", "day", "plan", "posting_id", "cost_nanos", "charge_nanos")


@dataclass(slots=True)
class Charged:
    """An event with what it costs and is charged after all corrections so far, in nano-USD."""

    usage_id: int
    account_id: int
    event_id: str
    occurred_at: datetime
    day: date
    plan: str
    posting_id: int | None
    cost_nanos: int
    charge_nanos: int
    met: dict[str, int]
    """How the event itself was met when it was recorded."""
    adjustments: list[Row[Any]] = field(default_factory=list)
    """Its rows of `usage_adjustments`, oldest first."""


def read_charged(connection: Connection, usage_ids: Collection[int]) -> dict[int, Charged]:
    """Recorded events by the id of their row, without corrections. Raises BadCorrectionError for an unknown one."""
    event = usage_events.c
    names = ("id", *_COLUMNS, *(f"{name}_nanos" for name in (*_MET, *_UNMET)))
    query = select(*(event[name] for name in names))
    found = {}
    for some in _chunks(usage_ids):
        for row in connection.execute(query.where(event.id.in_(some))):
            values = {name: getattr(row, name) for name in _COLUMNS}
            met = {name: getattr(row, f"{name}_nanos") for name in (*_MET, *_UNMET)}
            found[row.id] = Charged(usage_id=row.id, met=met, **values)
    missing = sorted(set(usage_ids) - found.keys())
    if missing:
        raise BadCorrectionError(f"there is no recorded event with the row {missing[0]}")
    return found


def add_corrections(connection: Connection, charged: Mapping[int, Charged]) -> None:
    """Add what was corrected so far; the accounts must be locked, so that nothing is corrected meanwhile."""
    table = usage_adjustments.c
    for some in _chunks(charged):
        query = select(usage_adjustments).where(table.usage_id.in_(some)).order_by(table.id)
        for row in connection.execute(query):
            one = charged[row.usage_id]
            one.adjustments.append(row)
            one.cost_nanos += row.cost_nanos
            one.charge_nanos += row.charge_nanos


def read_parts(connection: Connection, charged: Sequence[Charged], known: dict[int, Grant]) -> dict[int, list[Part]]:
    """What meets each event's charge by now, in the order burned, by the event's id.

    `known` are grants of the locked accounts by id; those that were burned and are not among them are read and added.
    Raises BadCorrectionError when the records do not fit together.
    """
    wanted = [one.posting_id for one in charged] + [row.posting_id for one in charged for row in one.adjustments]
    postings = _postings(connection, {number for number in wanted if number is not None})
    burned_ids = {grant_id for row in postings.values() for grant_id, _ in row.burned}
    _add_grants(connection, burned_ids - known.keys(), known)
    of_posting: dict[int, list[Charged]] = defaultdict(list)
    for one in charged:
        if one.posting_id is not None:
            of_posting[one.posting_id].append(one)
    parts: dict[int, list[Part]] = {one.usage_id: [] for one in charged}
    for posting_id, some in of_posting.items():
        played = play_again(_events_of(connection, postings[posting_id], some), postings[posting_id].burned, known)
        for one in some:
            parts[one.usage_id] = _recorded(one, posting_id, played.get(one.usage_id, ()))
    for one in charged:
        parts[one.usage_id] = _corrected(one, parts[one.usage_id], postings, known)
    return parts


def _recorded(one: Charged, posting_id: int, played: Iterable[tuple[Grant, int]]) -> list[Part]:
    parts = [Part(MET_BY[grant.kind], grant.id, nanos, posting_id) for grant, nanos in played]
    for met_by in _MET:
        if sum(part.nanos for part in parts if part.met_by == met_by) != one.met[met_by]:
            raise BadCorrectionError(
                f"posting {posting_id} does not record what event {one.event_id} burned; run `ratecard doctor --ledger`"
            )
    return parts + _unmet(one.met, posting_id)


def _unmet(met: Mapping[str, int], posting_id: int) -> list[Part]:
    found = []
    if met["owed"]:
        found.append(Part("owed", None, met["owed"], posting_id))
    if met["overdraft"]:
        found.append(Part("overdraft", None, met["overdraft"], posting_id))
    return found


def _corrected(
    one: Charged, parts: list[Part], postings: Mapping[int, Row[Any]], known: Mapping[int, Grant]
) -> list[Part]:
    for row in one.adjustments:
        if row.charge_nanos < 0:
            parts = unwind(parts, -row.charge_nanos)[0]
        elif row.charge_nanos:
            for grant_id, nanos in postings[row.posting_id].burned:
                parts.append(Part(MET_BY[known[grant_id].kind], grant_id, nanos, row.posting_id))
            parts += _unmet({"owed": row.owed_nanos, "overdraft": row.overdraft_nanos}, row.posting_id)
    return parts


def _postings(connection: Connection, numbers: Collection[int]) -> dict[int, Row[Any]]:
    table = ledger_postings.c
    found: dict[int, Row[Any]] = {}
    for some in _chunks(numbers):
        query = select(table.id, table.account_id, table.burned, table.idempotency_key).where(table.id.in_(some))
        found |= {row.id: row for row in connection.execute(query)}
    return found


def _events_of(connection: Connection, posting: Row[Any], wanted: Sequence[Charged]) -> list[Burn]:
    """The events of a posting, from the first that it charged (its key names it) to the last one that is wanted."""
    event, key = usage_events.c, event_keys.c
    first = (
        select(key.usage_id)
        .where(
            key.account_id == posting.account_id,
            key.event_id == posting.idempotency_key.removeprefix(USAGE_KEY),
        )
        .scalar_subquery()
    )
    last = max(one.usage_id for one in wanted)
    query = (
        select(event.id, event.occurred_at, *(event[f"{name}_nanos"] for name in _MET))
        .where(event.id >= first, event.id <= last, event.posting_id == posting.id)
        .order_by(event.id)
    )
    return [Burn(row[0], row[1], dict(zip(_MET, row[2:], strict=True))) for row in connection.execute(query)]


def _add_grants(connection: Connection, numbers: Collection[int], known: dict[int, Grant]) -> None:
    table = grants.c
    columns = [table[name] for name in Grant.__slots__]
    for some in _chunks(numbers):
        for row in connection.execute(select(*columns).where(table.id.in_(some))):
            known[row.id] = Grant(*row)


def _chunks(numbers: Collection[Any]) -> Iterable[list[Any]]:
    ordered = sorted(numbers)
    return (ordered[start : start + _CHUNK] for start in range(0, len(ordered), _CHUNK))


__all__ = ["Charged", "add_corrections", "read_charged", "read_parts"]
