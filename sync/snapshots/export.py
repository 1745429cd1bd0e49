"""Exporting a snapshot: reading a database and leaving the names out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from schema.database import reading
from schema.keys import moment_text
from schema.tables import account_state, accounts
from schema.units import UNITS
from sync.current import Current, as_json, read_current, released
from sync.errors import PlanError
from sync.impact.reach import EVERYTHING
from sync.impact.usage import DatabaseUsage, Kind, Line
from sync.plan_file import checksum
from sync.planning import has_tables
from sync.snapshots.usage import UNREGISTERED
from sync.unsafe import differing_from_journal

KIND = "ratecard snapshot"
FORMAT_VERSION = 1
HIDDEN = "access"
"""The kind whose rows are people."""

THRESHOLDS = (32_000, 64_000, 128_000, 200_000, 256_000, 272_000, 512_000, 1_000_000)
"""Inputs at which context tiers begin at the providers: usage is summed up between these and those of our prices."""


def snapshot_database(engine: Engine, *, now: datetime, days: int) -> dict[str, Any]:
    """A snapshot of a database, ready for JSON. Raises PlanError when it is missing or empty."""
    if not has_tables(engine):
        raise PlanError("the database has nothing to take a snapshot of; run `ratecard apply` first")
    with reading(engine) as connection:
        return export_snapshot(connection, now=now, days=days)


def export_snapshot(connection: Connection, *, now: datetime, days: int) -> dict[str, Any]:
    """A snapshot of a database, ready for JSON; `read_snapshot` reads it. Only reads."""
    current = read_current(connection)
    usage = DatabaseUsage(connection, now - timedelta(days=days), now)
    recorded = usage.recorded()
    number = _numbers(one.account for one in recorded)
    registered = {(row["provider"], row["model"]) for row in current.rows["model"].values()}
    tasks = current.rows["task"].keys()
    features = current.rows["feature"].keys()
    lines = usage.lines(EVERYTHING, single=False, thresholds=_thresholds(current))
    known = list(number)
    wallets = usage.wallets(known)
    told = {
        "kind": KIND,
        "format_version": FORMAT_VERSION,
        "made_at": moment_text(now),
        "days": days,
        "release": _release(current),
        "origin": current.origin,
        "rows": {
            kind: {name: as_json(row) for name, row in rows.items()}
            for kind, rows in current.rows.items()
            if kind != HIDDEN
        },
        "in_force": {name: moment_text(since) for name, since in current.in_force.items()},
        "edited": _edited(connection, current),
        "on_plan": _on_plan(connection),
        "subscriptions": usage.subscriptions(current.rows["plan"].keys()),
        "recorded": [[number[one.account], *one[1:]] for one in recorded],
        "lines": [_line(line, number, registered, tasks, features) for line in lines],
        "wallets": [
            [
                number[account],
                wallet.state.balance_nanos,
                wallet.state.owed_nanos,
                wallet.state.overdraft_nanos,
                wallet.state.plan,
                [
                    [
                        grant.kind,
                        grant.face_nanos,
                        grant.paid_nanos,
                        grant.remaining_nanos,
                        grant.priority,
                        moment_text(grant.starts_at),
                        None if grant.expires_at is None else moment_text(grant.expires_at),
                    ]
                    for grant in wallet.grants
                ],
            ]
            for account, wallet in wallets.items()
        ],
        "met": [[number[account], *met] for account, met in usage.met(known).items()],
        "lowest": [[number[account], lowest] for account, lowest in usage.lowest(known).items()],
    }
    return {**told, "checksum": checksum(told)}


def _numbers(ids: Iterable[int]) -> dict[int, int]:
    """Numbers from 1 in place of the database's own ids."""
    return {account: place for place, account in enumerate(sorted(set(ids)), start=1)}


def _thresholds(current: Current) -> tuple[int, ...]:
    own = {
        tier["from"] for row in current.rows["price"].values() for tier in (*row["tiers"], *(row["charge_tiers"] or ()))
    }
    return tuple(sorted(own | set(THRESHOLDS)))


def _release(current: Current) -> dict[str, Any] | None:
    release = current.release
    if release is None:
        return None
    return {
        "id": release.id,
        "commit": release.commit,
        "config_tree": release.config_tree,
        "applied_at": moment_text(release.applied_at),
    }


def _edited(connection: Connection, current: Current) -> list[list[Any]]:
    """The entities that are not as the last release left them, with what it left: null when it left none."""
    journal = released(connection)
    entities = {(kind, name) for kind, rows in current.rows.items() for name in rows} | journal.keys()
    found: list[list[Any]] = []
    for kind, name in sorted(entities):
        left, row = journal.get((kind, name)), current.rows[kind].get(name)
        same = left is not None and row is not None and not differing_from_journal(kind, row, left)
        if kind != HIDDEN and not same:
            found.append([kind, name, left])
    return found


def _on_plan(connection: Connection) -> dict[str, int]:
    state = account_state.c
    query = (
        select(state.plan, func.count())
        .join(accounts, accounts.c.id == state.account_id)
        .where(accounts.c.status != "deleted")
        .group_by(state.plan)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _model(provider: str, model: str, registered: set[tuple[str, str]]) -> tuple[str, str]:
    # A use of a feature alone names no model.
    return (provider, model) if not model or (provider, model) in registered else UNREGISTERED


def _line(
    line: Line,
    number: dict[int, int],
    registered: set[tuple[str, str]],
    tasks: Collection[str],
    features: Collection[str],
) -> list[Any]:
    kind = Kind(*line.kind)
    return [
        number[line.account],
        *_model(kind.provider, kind.model, registered),
        kind.plan,
        kind.task if kind.task is not None and kind.task in tasks else None,
        kind.level,
        kind.feature if kind.feature is not None and kind.feature in features else None,
        line.events,
        line.smallest,
        line.largest,
        line.cost,
        line.charge,
        line.revenue,
        {unit: int(parts) for unit, parts in zip(UNITS, line.parts, strict=True) if parts},
    ]


__all__ = ["FORMAT_VERSION", "HIDDEN", "KIND", "export_snapshot", "snapshot_database"]
