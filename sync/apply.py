"""Apply: bring the database to a plan's target in one transaction, or not at all.

The public function guards; the private ones write. Rows are closed and new ones inserted, never changed or deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert, update

from schema.database import database_state, require_current, upgrade, writing
from schema.keys import split_dated
from schema.tables import CONFIG_TABLES, audit_log, release_changes, releases
from sync.bulk import insert_rows
from sync.current import Current, journal_entry
from sync.errors import PlanError, RefusedError
from sync.locking import CHANNEL, lock_config, notify_runtimes
from sync.plan import ALLOWED_BY, FORMAT_VERSION, Change, Plan, Target, plan_for

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class ReleaseResult:
    """What an apply did. Without changes nothing is written, and `release` is the one that stands."""

    changed: bool
    release: int | None
    commit: str
    label: str | None
    summary: dict[str, int]
    fingerprint: str

    def as_json(self) -> dict[str, Any]:
        """The result as it stands in `apply --format json`."""
        return {
            "format_version": FORMAT_VERSION,
            "changed": self.changed,
            "release": self.release,
            "commit": self.commit,
            "label": self.label,
            "summary": self.summary,
            "fingerprint": self.fingerprint,
        }


def prepare(engine: Engine) -> None:
    """Make the tables of a database that has none at all; refuse one of another version."""
    if database_state(engine) in ("missing", "empty"):
        upgrade(engine)
    require_current(engine)


def guard(plan: Plan, allowed: Collection[str]) -> None:
    """Raise RefusedError for the first unsafe change whose option (such as `--reprice`) is not in `allowed`."""
    refused = [unsafe for unsafe in plan.unsafe if ALLOWED_BY[unsafe.code] not in allowed]
    if refused:
        first = refused[0]
        more = f" (and {len(refused) - 1} more; see `ratecard plan`)" if len(refused) > 1 else ""
        option = ALLOWED_BY[first.code]
        raise RefusedError(first.code, f"{first.key}: {first.message}{more}; {option} allows it [{first.code}]")


def apply_plan(
    engine: Engine,
    plan: Plan,
    target: Target,
    *,
    now: datetime,
    applied_by: str,
    label: str | None = None,
    allowed: Collection[str] = (),
) -> ReleaseResult:
    """Apply a plan that was made for `target`.

    `now` is the moment of apply, from which later prices are in force; `allowed` holds the options that let unsafe
    changes pass. Raises RefusedError, and PlanError when the database is no longer as the plan saw it.
    """
    guard(plan, allowed)
    with writing(engine) as connection:
        lock_config(connection)
        fresh, current = plan_for(connection, target, now=now)
        if not fresh.changes:
            return _unchanged(fresh, current)
        if fresh.fingerprint != plan.fingerprint:
            raise PlanError("the database has changed since the plan was made; look at `ratecard plan` again")
        # What was safe when the plan was made may have come into effect since.
        guard(fresh, allowed)
        release = _write(connection, fresh, current, now, applied_by, label, reprice="--reprice" in allowed)
    return ReleaseResult(True, release, fresh.commit.sha, label, fresh.summary, fresh.fingerprint)


def _unchanged(plan: Plan, current: Current) -> ReleaseResult:
    release = current.release
    label = release.label if release else None
    return ReleaseResult(False, plan.base_release, plan.commit.sha, label, plan.summary, plan.fingerprint)


def _write(
    connection: Connection,
    plan: Plan,
    current: Current,
    now: datetime,
    applied_by: str,
    label: str | None,
    *,
    reprice: bool,
) -> int:
    release = _insert_release(connection, plan, now, applied_by, label)
    priced = priced_models(current, now)
    in_force = {
        change.name: in_force_from(change, current, priced, now, reprice=reprice)
        for change in plan.changes
        if change.kind == "price" and change.after is not None
    }
    for kind, config in CONFIG_TABLES.items():
        changes = [change for change in plan.changes if change.kind == kind]
        ids = [current.ids[kind][change.name] for change in changes if change.before is not None]
        _close(connection, config.table, ids, release)
        rows = [
            {**change.after, "introduced_release": release}
            | ({"in_force_from": in_force[change.name]} if kind == "price" else {})
            for change in changes
            if change.after is not None
        ]
        insert_rows(connection, config.table, rows)
    _journal(connection, plan.changes, in_force, release)
    _audit(connection, plan, now, applied_by, label, release)
    notify_runtimes(connection, release)
    return release


def priced_models(current: Current, now: datetime) -> frozenset[str]:
    """The models that have a price in force, as `provider/model`."""
    return frozenset(split_dated(name)[0] for name, since in current.in_force.items() if since <= now)


def in_force_from(
    change: Change, current: Current, priced: Collection[str], now: datetime, *, reprice: bool
) -> datetime:
    """From when a price that arrives now is in force.

    From its `effective`; but from `now` at the earliest for a model that already had a price in force (`priced`), so
    that nobody is billed backwards by accident, unless `reprice`. A change of words only (source, note) leaves the
    moment alone.
    """
    after = change.after or {}
    effective: datetime = after["effective"]
    if change.before is not None and not change.moves_money:
        return current.in_force[change.name]
    if reprice:
        return effective
    return max(effective, now) if split_dated(change.name)[0] in priced else effective


def _insert_release(connection: Connection, plan: Plan, now: datetime, applied_by: str, label: str | None) -> int:
    summary = plan.summary
    statement = insert(releases).values(
        commit_sha=plan.commit.sha,
        config_tree=plan.config_tree,
        label=label,
        title=plan.commit.title,
        author=plan.commit.author,
        authored_at=plan.commit.authored_at,
        applied_by=applied_by,
        applied_at=now,
        base_release=plan.base_release,
        fingerprint=plan.fingerprint,
        creates=summary["create"],
        updates=summary["update"],
        deletes=summary["delete"],
    )
    return int(connection.execute(statement.returning(releases.c.id)).scalar_one())


def _close(connection: Connection, table: Table, ids: Sequence[int], release: int) -> None:
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        connection.execute(update(table).where(table.c.id.in_(chunk)).values(retired_release=release))


def _journal(connection: Connection, changes: Iterable[Change], in_force: dict[str, datetime], release: int) -> None:
    rows = [
        {
            "release_id": release,
            "kind": change.kind,
            "key": change.name,
            "action": change.action,
            "after": None
            if change.after is None
            else journal_entry(change.kind, change.after, in_force.get(change.name)),
        }
        for change in changes
    ]
    insert_rows(connection, release_changes, rows)


def _audit(connection: Connection, plan: Plan, now: datetime, applied_by: str, label: str | None, release: int) -> None:
    connection.execute(
        insert(audit_log).values(
            at=now,
            actor=applied_by,
            action="apply",
            target=f"release {release}",
            before={"release": plan.base_release},
            after={"commit": plan.commit.sha, "label": label, **plan.summary},
        )
    )


__all__ = ["CHANNEL", "ReleaseResult", "apply_plan", "guard", "in_force_from", "prepare", "priced_models"]
