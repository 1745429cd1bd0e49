"""Reading a snapshot, and planning against it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from metering.wallets.wallet import AccountState, Grant, Met
from schema.keys import KINDS, parse_moment
from schema.units import UNITS
from sync.changes import find_changes
from sync.current import Current, Release, as_json, from_json
from sync.errors import PlanError
from sync.impact.usage import Line, Recorded
from sync.plan import Plan, Target, make_plan
from sync.plan_file import checksum
from sync.snapshots.export import FORMAT_VERSION, HIDDEN, KIND
from sync.snapshots.usage import SnapshotUsage
from sync.unsafe import Unsafe

_START = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What `ratecard snapshot` exported."""

    days: int
    made_at: datetime
    current: Current
    edited: Mapping[tuple[str, str], Any]
    """What the last release left of the entities that were edited since."""
    on_plan: Mapping[str, int]
    """How many accounts are on each plan."""
    usage: SnapshotUsage


def read_snapshot(path: Path) -> Snapshot:
    """A snapshot from a file. Raises PlanError when it is none, or of another format."""
    try:
        told = json.loads(path.read_bytes())
    except OSError as error:
        raise PlanError(f"the snapshot {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or told.get("kind") != KIND:
        raise PlanError(f"{path} is no snapshot; write one with `ratecard snapshot FILE`")
    if told.get("format_version") != FORMAT_VERSION:
        version = json.dumps(told.get("format_version"))
        raise PlanError(
            f"the snapshot {path} has the format {version[:20]}, and this program reads"
            f" {FORMAT_VERSION}; export it again"
        )
    try:
        if told["checksum"] != checksum(told):
            raise ValueError
        return _snapshot(told)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise PlanError(f"the snapshot {path} is not whole; export it again with `ratecard snapshot FILE`") from None


def plan_snapshot(snapshot: Snapshot, target: Target, *, now: datetime) -> Plan:
    """The plan for the database that a snapshot was made of, as far as the snapshot tells."""
    rows = {kind: entities for kind, entities in target.rows.items() if kind != HIDDEN}
    current = snapshot.current
    changes = tuple(find_changes(current.rows, rows))
    # What was not edited since is as the last release left it.
    journal: dict[tuple[str, str], Any] = {
        (change.kind, change.name): as_json(change.before) for change in changes if change.before is not None
    }
    for entity, left in snapshot.edited.items():
        if left is None:
            journal.pop(entity, None)
        else:
            journal[entity] = left
    dependents = [
        Unsafe("PLAN_IN_USE", change.key, f"{snapshot.on_plan[change.name]:,} accounts are on it")
        for change in changes
        if change.kind == "plan" and change.after is None and snapshot.on_plan.get(change.name)
    ]
    without_people = Target(target.commit, target.config_tree, rows, target.follows, target.touched)
    return make_plan(
        without_people,
        current,
        journal,
        dependents,
        snapshot.usage,
        now=now,
        days=snapshot.days,
        changes=changes,
    )


def _snapshot(told: Mapping[str, Any]) -> Snapshot:
    release = told["release"]
    rows = {kind: {name: from_json(row) for name, row in told["rows"].get(kind, {}).items()} for kind in KINDS}
    in_force = {name: parse_moment(since) for name, since in told["in_force"].items()}
    current = Current(
        release=None if release is None else _release(release),
        rows=rows,
        in_force=in_force,
        origin=told["origin"],
    )
    usage = SnapshotUsage(
        kept_recorded=[Recorded(*one) for one in told["recorded"]],
        kept_lines=[_line(*one) for one in told["lines"]],
        kept_wallets=dict(_wallet(*one) for one in told["wallets"]),
        kept_met={one[0]: Met(*one[1:]) for one in told["met"]},
        kept_lowest=dict(told["lowest"]),
        kept_subscriptions=dict(told["subscriptions"]),
    )
    edited = {(kind, name): left for kind, name, left in told["edited"]}
    return Snapshot(int(told["days"]), parse_moment(told["made_at"]), current, edited, told["on_plan"], usage)


def _release(told: Mapping[str, Any]) -> Release:
    return Release(
        id=told["id"],
        commit=told["commit"],
        config_tree=told["config_tree"],
        label=None,
        title="",
        author="",
        applied_by="",
        applied_at=parse_moment(told["applied_at"]),
        creates=0,
        updates=0,
        deletes=0,
    )


def _line(
    account: int,
    provider: str,
    model: str,
    plan: str,
    task: str | None,
    level: str | None,
    feature: str | None,
    events: int,
    smallest: int,
    largest: int,
    cost: int,
    charge: int,
    revenue: int,
    units: dict[str, int],
) -> Line:
    parts = tuple(int(units.get(unit, 0)) for unit in UNITS)
    kind = (provider, model, plan, task, level, feature)
    return Line(account, kind, None, None, events, smallest, largest, cost, charge, revenue, parts)


def _wallet(
    account: int, balance: int, owed: int, overdraft: int, plan: str, held: list[list[Any]]
) -> tuple[int, tuple[AccountState, list[Grant]]]:
    day = date(_START.year, 1, 1)
    state = AccountState(account, balance, owed, overdraft, plan, _START, day, 0, 0, day, 0, None)
    grants = [
        Grant(place, account, kind, face, paid, remaining, priority, parse_moment(starts), _moment(expires))
        for place, (kind, face, paid, remaining, priority, starts, expires) in enumerate(held, start=1)
    ]
    return account, (state, grants)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_moment(text)


__all__ = ["Snapshot", "plan_snapshot", "read_snapshot"]
