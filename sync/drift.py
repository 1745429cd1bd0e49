"""Drift, three ways: the last release, git and the database.

What differs between the last release and the database was edited in the database; what differs between the last
release and git is not applied yet. The two are told apart by the journal of releases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from schema.keys import KINDS, Key
from sync.changes import Action, Change, find_changes
from sync.current import Current, from_json, journal_entry, read_current, released, same
from sync.desired import Row, Rows
from sync.edit_reasons import Reason, edit_reasons
from sync.plan import FORMAT_VERSION, Target
from sync.presenting import leaves, present

Fields = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Edit:
    """An entity whose row is not as the last release left it; `fields` tells the values by dotted field: as
    released, in the database, in git.

    `reason` is known when it was edited by `ratecard disable`, not by hand.
    """

    action: Action
    kind: str
    name: str
    fields: Fields
    reason: Reason | None = None

    def as_json(self) -> dict[str, Any]:
        """The edit as it stands in `drift --format json`."""
        return {
            "action": self.action,
            "kind": self.kind,
            "key": str(Key(self.kind, self.name)),
            "fields": self.fields,
            "reason": None if self.reason is None else self.reason.as_json(),
        }


@dataclass(frozen=True, slots=True)
class Drift:
    """How last release, git and database differ."""

    release: int | None
    commit: str
    edited: tuple[Edit, ...]
    unapplied: tuple[Change, ...]

    @property
    def found(self) -> bool:
        """Whether there is any."""
        return bool(self.edited or self.unapplied)

    def as_json(self) -> dict[str, Any]:
        """The drift as it stands in `drift --format json`."""
        return {
            "format_version": FORMAT_VERSION,
            "release": self.release,
            "commit": self.commit,
            "edited": [edit.as_json() for edit in self.edited],
            "unapplied": [change.as_json() for change in self.unapplied],
        }


def find_drift(connection: Connection | None, target: Target) -> Drift:
    """The drift of a database from its last release and from a commit. None stands for a database without tables."""
    if connection is None:
        current, journal, reasons = Current(), {}, {}
    else:
        current, journal = read_current(connection), released(connection)
        reasons = edit_reasons(connection, current.release.id if current.release else None)
    left: Rows = {kind: {} for kind in KINDS}
    for (kind, name), entry in journal.items():
        left[kind][name] = from_json(entry)
    release = current.release
    return Drift(
        release.id if release else None,
        target.commit.sha,
        tuple(_edits(current, left, target.rows, journal, reasons)),
        tuple(
            change
            for change in find_changes(left, target.rows)
            if not _agree(current.rows, target.rows, change.kind, change.name)
        ),
    )


def _agree(current: Rows, target: Rows, kind: str, name: str) -> bool:
    """Whether database and git say the same of an entity: what was edited by hand is no drift once git says it too."""
    one, other = current[kind].get(name), target.get(kind, {}).get(name)
    return one is other if one is None or other is None else same(kind, one, other)


def _edits(
    current: Current,
    left: Rows,
    target: Rows,
    journal: Mapping[tuple[str, str], Row],
    reasons: Mapping[str, Reason],
) -> Iterator[Edit]:
    changes = {
        (change.kind, change.name): change
        for change in find_changes(left, current.rows)
        if not _agree(current.rows, target, change.kind, change.name)
    }
    moved = {
        ("price", name): since
        for name, since in current.in_force.items()
        if ("price", name) in journal
        and journal["price", name].get("in_force_from") != journal_entry("price", {}, since)["in_force_from"]
    }
    for kind, name in sorted(changes.keys() | moved.keys(), key=lambda key: (KINDS.index(key[0]), key[1])):
        change = changes.get((kind, name))
        fields = _fields(change, target.get(kind, {}).get(name)) if change else {}
        if (kind, name) in moved:
            fields["in_force_from"] = {
                "released": journal[kind, name].get("in_force_from"),
                "database": journal_entry(kind, {}, moved[kind, name])["in_force_from"],
            }
        yield Edit(change.action if change else "update", kind, name, fields, reasons.get(str(Key(kind, name))))


def _fields(change: Change, wanted: Row | None) -> Fields:
    before = leaves(present(change.kind, change.before))
    after = leaves(present(change.kind, change.after))
    git = leaves(present(change.kind, wanted))
    return {
        field: {"released": before.get(field), "database": after.get(field), "git": git.get(field)}
        for field in dict.fromkeys([*before, *after])
        if before.get(field) != after.get(field) or type(before.get(field)) is not type(after.get(field))
    }


__all__ = ["Drift", "Edit", "find_drift"]
