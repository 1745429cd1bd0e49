"""The plan: what an apply would change and what that moves in money, as frozen data.

Text, JSON, Markdown and apply all consume this one object. Its fingerprint covers the config tree, the base release,
the rows that were read and the changes; apply makes the plan again inside its transaction and compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from schema.keys import KINDS, Key
from sync.approvals import approve, read_approvals, repriced_by
from sync.changes import Change, find_changes
from sync.current import Current, read_current, released
from sync.dependents import find_dependents
from sync.desired import Rows
from sync.guardrails import find_breaches, read_limits
from sync.impact import DEFAULT_DAYS, DatabaseUsage, Impact, UsageSource, measure
from sync.repository import CommitInfo
from sync.unsafe import Unsafe, differing_from_journal, step_back, unsafe_changes

FORMAT_VERSION = 1

Entity = tuple[str, str]
"""Kind and name."""
Journal = Mapping[Entity, Any]
"""Entities as the last release left them."""


def _nothing_touched(commit: str) -> Collection[Entity] | None:
    return ()


@dataclass(frozen=True, slots=True)
class Target:
    """What the database should become: a commit, git's hash of its config folder, and the rows it says."""

    commit: CommitInfo
    config_tree: str
    rows: Rows
    follows: Callable[[str], bool | None] = field(default=lambda commit: True, compare=False)
    """Whether the target's commit may follow a release of another commit without being a step back; None when git
    cannot tell.
    """
    touched: Callable[[str], Collection[Entity] | None] = field(default=_nothing_touched, compare=False)
    """The entities in files that differ from another commit's; None when git cannot tell."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an apply would do. `base_release` is None for a database without a release."""

    commit: CommitInfo
    config_tree: str
    database: str | None
    """What tells this database from others: a digest of its first release; None before that."""
    base_release: int | None
    changes: tuple[Change, ...]
    adopts: tuple[Entity, ...]
    """Edits of the database that git says too by now: an apply writes down that they are released."""
    unsafe: tuple[Unsafe, ...]
    fingerprint: str
    impact: Impact | None
    """None for a database that is missing or empty: it has no usage."""

    @property
    def writes(self) -> bool:
        """Whether an apply would write anything."""
        return bool(self.changes or self.adopts)

    @property
    def summary(self) -> dict[str, int]:
        """How many entities are created, updated and deleted."""
        counts = {"create": 0, "update": 0, "delete": 0}
        for change in self.changes:
            counts[change.action] += 1
        return counts

    def as_json(self) -> dict[str, Any]:
        """The plan as it stands in `plan --format json`."""
        return {
            "format_version": FORMAT_VERSION,
            "commit": self.commit.sha,
            "release": self.base_release,
            "fingerprint": self.fingerprint,
            "changes": [change.as_json() for change in self.changes],
            "adopts": [str(Key(*entity)) for entity in self.adopts],
            "summary": self.summary,
            "unsafe": [unsafe.as_json() for unsafe in self.unsafe],
            "impact": {} if self.impact is None else self.impact.as_json(),
        }


def plan_empty(target: Target, *, now: datetime) -> Plan:
    """The plan for a database that is missing or empty."""
    return make_plan(target, Current(), {}, (), None, now=now)


def plan_for(
    connection: Connection,
    target: Target,
    *,
    now: datetime,
    days: int = DEFAULT_DAYS,
    measured: Impact | None = None,
) -> tuple[Plan, Current]:
    """The plan for a database, and the rows it was made from. Only reads.

    Its impact is that of the usage of the `days` before `now`, unless it was `measured` already.
    """
    current = read_current(connection)
    changes = tuple(find_changes(current.rows, target.rows))
    agreed = _touched_and_same(current, target, changes)
    wanted = {(change.kind, change.name) for change in changes} | agreed
    journal = released(connection, wanted) if wanted else {}
    usage = DatabaseUsage(connection, now - timedelta(days=days), now)
    dependents = [Unsafe(*found) for found in find_dependents(connection, changes)]
    plan = make_plan(
        target, current, journal, dependents, usage, now=now, days=days, measured=measured, changes=changes
    )
    adopts = tuple(sorted(_adopted(current, journal, agreed), key=lambda found: (KINDS.index(found[0]), found[1])))
    return replace(plan, adopts=adopts), current


def _touched_and_same(current: Current, target: Target, changes: Collection[Change]) -> set[Entity]:
    """The entities that git may have changed since the last release, and on which the database agrees already."""
    release = current.release
    if release is None or release.config_tree == target.config_tree:
        return set()
    touched = target.touched(release.commit)
    if touched is None:
        touched = [(kind, name) for kind, rows in target.rows.items() for name in rows]
    changed = {(change.kind, change.name) for change in changes}
    return {(kind, name) for kind, name in touched if name in current.rows[kind] and (kind, name) not in changed}


def _adopted(current: Current, journal: Journal, agreed: Collection[Entity]) -> Iterator[Entity]:
    """Those of the entities on which database and git agree that are not as the last release left them."""
    for kind, name in agreed:
        left = journal.get((kind, name))
        if left is None or differing_from_journal(kind, current.rows[kind][name], left):
            yield kind, name


def make_plan(
    target: Target,
    current: Current,
    journal: Journal,
    dependents: Collection[Unsafe],
    usage: UsageSource | None,
    *,
    now: datetime,
    days: int = DEFAULT_DAYS,
    measured: Impact | None = None,
    changes: tuple[Change, ...] | None = None,
) -> Plan:
    """The plan from what was read. Pure, but for the usage that it asks for.

    `journal` holds at least the entities that change. Without usage there is no impact, and bills cannot rise.
    """
    if changes is None:
        changes = tuple(find_changes(current.rows, target.rows))
    release = current.release
    base = release.id if release else None
    approvals = read_approvals(target.rows)
    impact = measured
    stands = release is not None or any(current.rows.values())
    if impact is None and usage is not None and stands:
        repriced = repriced_by(approvals, now)
        impact = measure(
            usage, changes, current.rows, target.rows, current.in_force, now=now, days=days, repriced=repriced
        )
    unsafe: tuple[Unsafe, ...] = ()
    if stands:
        found = [*_unsafe(target, current, journal, changes, impact, now), *dependents]
        unsafe = tuple(approve(found, approvals, now))
    return Plan(
        target.commit,
        target.config_tree,
        current.origin,
        base,
        changes,
        (),
        unsafe,
        _fingerprint(target, base, current, changes),
        impact,
    )


def _unsafe(
    target: Target,
    current: Current,
    journal: Journal,
    changes: tuple[Change, ...],
    impact: Impact | None,
    now: datetime,
) -> Iterator[Unsafe]:
    release = current.release
    if changes and release is not None and not (follows := target.follows(release.commit)):
        yield step_back(target.commit.sha, release.id, release.commit, known=follows is not None)
    yield from unsafe_changes(current, target.rows, journal, changes, now)
    if impact is None:
        raise AssertionError("a plan against rows needs its usage measured")
    limits = read_limits(current.rows, target.rows)
    yield from find_breaches(changes, current.rows, target.rows, impact, limits)


def _fingerprint(target: Target, base: int | None, current: Current, changes: tuple[Change, ...]) -> str:
    # repr is exact for rows of text, whole numbers, moments, lists and dicts, and much faster than JSON.
    digest = sha256(f"{FORMAT_VERSION}\n{target.config_tree}\n{current.origin}\n{base}\n".encode())
    for kind in KINDS:
        rows = current.rows[kind]
        digest.update(repr([(name, tuple(rows[name].values())) for name in sorted(rows)]).encode())
    digest.update(repr(sorted(current.in_force.items())).encode())
    digest.update(repr([(change.action, change.kind, change.name, change.after) for change in changes]).encode())
    return digest.hexdigest()


__all__ = ["FORMAT_VERSION", "Plan", "Target", "make_plan", "plan_empty", "plan_for"]
