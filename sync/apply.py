"""Apply: bring the database to a plan's target in one transaction, or not at all.

The public function guards; the private ones write. Rows are closed and new ones inserted, never changed or deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert, update

from metering.audit import write_row
from schema.database import database_state, require_current, upgrade, writing
from schema.tables import CONFIG_TABLES, release_changes, releases
from sync.approvals import read_approvals, repriced_by
from sync.bulk import insert_rows
from sync.current import Current, journal_entry
from sync.errors import PlanError, RefusedError
from sync.in_force import arriving
from sync.locking import CHANNEL, lock_config, notify_runtimes
from sync.plan import FORMAT_VERSION, Plan, Target, plan_for

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
    """Raise RefusedError for the first unsafe change that neither an option in `allowed` nor an approval lets pass."""
    refused = [unsafe for unsafe in plan.unsafe if unsafe.approved is None and unsafe.option not in allowed]
    if refused:
        first = refused[0]
        more = f" (and {len(refused) - 1} more; see `ratecard plan`)" if len(refused) > 1 else ""
        way_out = f"{first.option} or an approval allows it" if first.option else "no option allows it"
        raise RefusedError(first.code, f"{first.key}: {first.message}{more}; {way_out} [{first.code}]")


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
    changes pass. Raises RefusedError, and PlanError when the database is no longer as the plan saw it. Usage is not
    measured again: the plan's impact is what the guardrails judge.
    """
    guard(plan, allowed)
    with writing(engine) as connection:
        lock_config(connection, f"apply by {applied_by}")
        fresh, current = plan_for(connection, target, now=now, measured=plan.impact)
        if not fresh.writes:
            return _unchanged(fresh, current)
        if fresh.fingerprint != plan.fingerprint:
            raise PlanError("the database has changed since the plan was made; look at `ratecard plan` again")
        # What was safe when the plan was made may have come into effect since.
        guard(fresh, allowed)
        repriced = None if "--reprice" in allowed else repriced_by(read_approvals(target.rows), now)
        release = _write(connection, fresh, current, now, applied_by, label, repriced)
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
    repriced: Collection[str] | None,
) -> int:
    release = _insert_release(connection, plan, now, applied_by, label)
    in_force = arriving(plan.changes, current.in_force, now, repriced)
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
    _journal(connection, plan, current, in_force, release)
    _audit(connection, plan, now, applied_by, label, release)
    notify_runtimes(connection, release)
    return release


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


def _journal(
    connection: Connection, plan: Plan, current: Current, in_force: Mapping[str, datetime], release: int
) -> None:
    changed = [
        (change.kind, change.name, change.action, change.after, in_force.get(change.name)) for change in plan.changes
    ]
    adopted = [
        (kind, name, "update", current.rows[kind][name], current.in_force.get(name)) for kind, name in plan.adopts
    ]
    rows = [
        {
            "release_id": release,
            "kind": kind,
            "key": name,
            "action": action,
            "after": None if after is None else journal_entry(kind, after, since),
        }
        for kind, name, action, after, since in [*changed, *adopted]
    ]
    insert_rows(connection, release_changes, rows)


def _audit(connection: Connection, plan: Plan, now: datetime, applied_by: str, label: str | None, release: int) -> None:
    write_row(
        connection,
        at=now,
        actor=applied_by,
        action="apply",
        target=f"release {release}",
        before={"release": plan.base_release},
        after={"commit": plan.commit.sha, "label": label, **plan.summary, **_approved(plan)},
    )


def _approved(plan: Plan) -> dict[str, Any]:
    approved = [
        {"code": unsafe.code, "key": unsafe.key, **unsafe.approved} for unsafe in plan.unsafe if unsafe.approved
    ]
    return {"approved": approved} if approved else {}


__all__ = ["CHANNEL", "ReleaseResult", "apply_plan", "guard", "prepare"]
