"""The plan: what an apply would change, as frozen data.

Text, JSON, Markdown and apply all consume this one object. Its fingerprint covers the config tree, the base release,
the rows that were read and the changes; apply makes the plan again inside its transaction and compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

from sqlalchemy import Connection

from schema.keys import KINDS, Key, moment_text, split_dated
from sync.current import Current, as_json, differing_fields, read_current, released, same
from sync.desired import Row, Rows
from sync.presenting import present
from sync.repository import CommitInfo

FORMAT_VERSION = 1

Action = Literal["create", "update", "delete"]

ALLOWED_BY = {
    "DATABASE_EDITED": "--force",
    "DELETES_ALL": "--force",
    "OLDER_COMMIT": "--rollback",
    "PRICE_IN_EFFECT": "--reprice",
}
"""The codes of what is unsafe, and the option of apply that allows each."""

MONEY_COLUMNS = (
    "rates",
    "tiers",
    "margin_micros",
    "plan_margins",
    "charge_rates",
    "charge_tiers",
    "credits_micros",
)
"""The columns of a price that decide what is billed; the others are for people."""


@dataclass(frozen=True, slots=True)
class Change:
    """One entity that an apply would create, update or delete; rows as in the database."""

    action: Action
    kind: str
    name: str
    before: Row | None
    after: Row | None
    follows: Row | None = None
    """Of a price that is created: the entry of the same model that it follows on in time, as the database has it."""

    @property
    def key(self) -> str:
        """The entity as people name it: `model anthropic/claude-haiku-4-5`."""
        return str(Key(self.kind, self.name))

    @property
    def followed(self) -> str | None:
        """The effective moment of the entry that a created price follows on, as keys write it."""
        return None if self.follows is None else moment_text(self.follows["effective"])

    @property
    def moves_money(self) -> bool:
        """Whether a price's rates, tiers or charge differ, not only its source or note."""
        if self.before is None or self.after is None:
            return True
        return any(name in MONEY_COLUMNS for name in differing_fields(self.kind, self.before, self.after))

    def as_json(self) -> dict[str, Any]:
        """The change as it stands in `plan --format json`."""
        return {
            "action": self.action,
            "kind": self.kind,
            "key": self.key,
            "before": present(self.kind, self.before),
            "after": present(self.kind, self.after),
        }


@dataclass(frozen=True, slots=True)
class Unsafe:
    """A change that apply refuses unless an option allows it (see ALLOWED_BY)."""

    code: str
    key: str
    message: str

    def as_json(self) -> dict[str, str]:
        """The reason as it stands in `plan --format json`."""
        return {"code": self.code, "key": self.key, "message": self.message}


@dataclass(frozen=True, slots=True)
class Target:
    """What the database should become: a commit, git's hash of its config folder, and the rows it says."""

    commit: CommitInfo
    config_tree: str
    rows: Rows
    follows: Callable[[str], bool] = field(default=lambda commit: True, compare=False)
    """Whether the target's commit may follow a release of another commit without being a step back."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an apply would do. `base_release` is None for a database without a release."""

    commit: CommitInfo
    config_tree: str
    base_release: int | None
    changes: tuple[Change, ...]
    unsafe: tuple[Unsafe, ...]
    fingerprint: str
    impact: Mapping[str, Any]

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
            "summary": self.summary,
            "unsafe": [unsafe.as_json() for unsafe in self.unsafe],
            "impact": dict(self.impact),
        }


def plan_empty(target: Target, *, now: datetime) -> Plan:
    """The plan for a database that is missing or empty."""
    return _plan(target, Current(), {}, now)


def plan_for(connection: Connection, target: Target, *, now: datetime) -> tuple[Plan, Current]:
    """The plan for a database, and the rows it was made from. Only reads."""
    current = read_current(connection)
    changes = tuple(find_changes(current.rows, target.rows))
    journal = released(connection, {(change.kind, change.name) for change in changes}) if changes else {}
    return _plan(target, current, journal, now, changes), current


def _plan(
    target: Target,
    current: Current,
    journal: Mapping[tuple[str, str], Any],
    now: datetime,
    changes: tuple[Change, ...] | None = None,
) -> Plan:
    if changes is None:
        changes = tuple(find_changes(current.rows, target.rows))
    release = current.release
    base = release.id if release else None
    unsafe = tuple(_unsafe(target, current, journal, changes, now)) if release or any(current.rows.values()) else ()
    fingerprint = _fingerprint(target, base, current, changes)
    return Plan(target.commit, target.config_tree, base, changes, unsafe, fingerprint, {})


def find_changes(current: Rows, desired: Rows) -> Iterator[Change]:
    """The differences between two sets of rows, by kind and name."""
    known = current.get("price", {})
    dated = _by_model(known) if desired.get("price", {}).keys() - known.keys() else {}
    for kind in KINDS:
        before, after = current.get(kind, {}), desired.get(kind, {})
        if before == after and kind not in ("setting", "policy"):
            continue
        for name in sorted(before.keys() | after.keys()):
            old, new = before.get(name), after.get(name)
            if old is None:
                follows = _latest_before(dated.get(split_dated(name)[0], ()), new) if kind == "price" and new else None
                yield Change("create", kind, name, None, new, follows)
            elif new is None:
                yield Change("delete", kind, name, old, None)
            elif not same(kind, old, new):
                yield Change("update", kind, name, old, new)


def _by_model(prices: Mapping[str, Row]) -> dict[str, list[Row]]:
    dated: dict[str, list[Row]] = {}
    for name, row in prices.items():
        dated.setdefault(split_dated(name)[0], []).append(row)
    return dated


def _latest_before(prices: Iterable[Row], created: Row) -> Row | None:
    earlier = [row for row in prices if row["effective"] < created["effective"]]
    return max(earlier, key=lambda row: row["effective"], default=None)


def _unsafe(
    target: Target,
    current: Current,
    journal: Mapping[tuple[str, str], Any],
    changes: tuple[Change, ...],
    now: datetime,
) -> Iterator[Unsafe]:
    release = current.release
    if changes and release is not None and not target.follows(release.commit):
        message = (
            f"commit {target.commit.sha[:12]} does not descend from {release.commit[:12]}, which release {release.id}"
            " applied: this would be a step back"
        )
        yield Unsafe("OLDER_COMMIT", f"release {release.id}", message)
    for change in changes:
        edited = _edited(change, journal)
        if edited:
            yield Unsafe("DATABASE_EDITED", change.key, edited)
        in_effect = _in_effect(change, current, now)
        if in_effect:
            yield Unsafe("PRICE_IN_EFFECT", change.key, in_effect)
    for kind, rows in current.rows.items():
        if rows and not target.rows.get(kind):
            what = f"all {len(rows)}" if len(rows) > 1 else "the only one"
            yield Unsafe("DELETES_ALL", kind, f"{what} would be deleted, and none of the kind would be left")


def _edited(change: Change, journal: Mapping[tuple[str, str], Any]) -> str | None:
    """How the current row differs from what the last release left; None when it does not."""
    left = journal.get((change.kind, change.name))
    if left is not None:
        left = {name: value for name, value in left.items() if name != "in_force_from"}
    if change.before is None:
        return None if left is None else "it was deleted in the database, not by a release"
    if left is None:
        return "it was added in the database, not by a release"
    fields = list(differing_fields(change.kind, left, as_json(change.before)))
    return f"{', '.join(fields)} was changed in the database, not by a release" if fields else None


def _in_effect(change: Change, current: Current, now: datetime) -> str | None:
    since = current.in_force.get(change.name) if change.kind == "price" else None
    if since is None or since > now or not change.moves_money:
        return None
    verb = "removes" if change.action == "delete" else "changes"
    return f"this {verb} a price that calls were billed by since {since:%Y-%m-%d}; append a new entry instead"


def _fingerprint(target: Target, base: int | None, current: Current, changes: tuple[Change, ...]) -> str:
    # repr is exact for rows of text, whole numbers, moments, lists and dicts, and much faster than JSON.
    digest = sha256(f"{FORMAT_VERSION}\n{target.config_tree}\n{base}\n".encode())
    for kind in KINDS:
        rows = current.rows[kind]
        digest.update(repr([(name, tuple(rows[name].values())) for name in sorted(rows)]).encode())
    digest.update(repr(sorted(current.in_force.items())).encode())
    digest.update(repr([(change.action, change.kind, change.name, change.after) for change in changes]).encode())
    return digest.hexdigest()


__all__ = [
    "ALLOWED_BY",
    "FORMAT_VERSION",
    "Change",
    "Plan",
    "Target",
    "Unsafe",
    "find_changes",
    "plan_empty",
    "plan_for",
]
