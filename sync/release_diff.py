"""What differs between any two releases, from the journal alone: no git is needed, and nothing of it can be lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, tuple_

from schema.keys import KINDS, Key, moment_text, split_dated
from schema.tables import release_changes
from sync.changes import Action, find_changes
from sync.current import Release, from_json, list_releases
from sync.desired import Rows
from sync.errors import RefusedError
from sync.presenting import leaves, present, value_text

FORMAT_VERSION = 1

Shown = Mapping[str, Any]
"""An entity in the shape of the YAML; of a price also from when it is in force, where that is not its date."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An entity that is not the same in two releases."""

    action: Action
    kind: str
    name: str
    before: Shown | None
    after: Shown | None

    @property
    def key(self) -> str:
        """The entity as people name it."""
        return str(Key(self.kind, self.name))

    @property
    def fields(self) -> list[tuple[str, str, str]]:
        """Field, before and after, of the fields that differ; empty text where a side does not have the field."""
        before, after = leaves(self.before), leaves(self.after)
        return [
            (field, _text(before, field), _text(after, field))
            for field in dict.fromkeys([*before, *after])
            if before.get(field) != after.get(field) or type(before.get(field)) is not type(after.get(field))
        ]

    def as_json(self) -> dict[str, Any]:
        """The difference, in the form of a plan's changes."""
        return {
            "action": self.action,
            "kind": self.kind,
            "key": self.key,
            "before": self.before,
            "after": self.after,
        }


def _text(said: Mapping[str, Any], field: str) -> str:
    return value_text(said[field]) if field in said else ""


@dataclass(frozen=True, slots=True)
class ReleaseDiff:
    """From one release (None is the empty state before the first) to another, earlier or later."""

    before: Release | None
    after: Release | None
    differences: tuple[Difference, ...]

    @property
    def summary(self) -> dict[str, int]:
        """How many entities the second has more, has otherwise, and has no longer."""
        counts = {"create": 0, "update": 0, "delete": 0}
        for difference in self.differences:
            counts[difference.action] += 1
        return counts

    def as_json(self) -> dict[str, Any]:
        """The contract of `releases diff --format json`."""
        return {
            "format_version": FORMAT_VERSION,
            "from": None if self.before is None else release_json(self.before),
            "to": None if self.after is None else release_json(self.after),
            "changes": [difference.as_json() for difference in self.differences],
            "summary": self.summary,
        }


def release_json(release: Release) -> dict[str, Any]:
    """A release as it stands in `releases --format json`."""
    return {
        "id": release.id,
        "commit": release.commit,
        "label": release.label,
        "title": release.title,
        "author": release.author,
        "applied_by": release.applied_by,
        "applied_at": moment_text(release.applied_at),
        "counts": {"create": release.creates, "update": release.updates, "delete": release.deletes},
    }


def diff_releases(connection: Connection, before: str, after: str) -> ReleaseDiff:
    """What changed from one release to another. Each is named by its number or its label; `0` is the empty state.

    Only the entities that releases between the two touched are read. Raises RefusedError for an unknown release.
    """
    releases = list_releases(connection)
    one, other = _named(releases, before), _named(releases, after)
    first, last = (0 if release is None else release.id for release in (one, other))
    touched = _touched(min(first, last), max(first, last))
    return ReleaseDiff(
        one, other, tuple(_differences(_state(connection, first, touched), _state(connection, last, touched)))
    )


def beside_prices(connection: Connection, diff: ReleaseDiff) -> ReleaseDiff:
    """The same for people: a price that only one side has stands beside the one before it, whose fields it changes."""
    one_sided = [one for one in diff.differences if one.kind == "price" and one.action != "update"]
    if diff.before is None or diff.after is None or not one_sided:
        return diff
    sides = {"create": diff.after.id, "delete": diff.before.id}
    states = {
        action: _state(connection, sides[action], release_changes.c.kind == "price")
        for action in {one.action for one in one_sided}
    }
    replaced = {one.name: _beside(one, states[one.action]) for one in one_sided}
    found = [replaced.get(one.name, one) if one.kind == "price" else one for one in diff.differences]
    return replace(diff, differences=tuple(found))


def _beside(one: Difference, state: _State) -> Difference:
    model, date = split_dated(one.name)
    dates = {name: split_dated(name)[1] for name in state.rows["price"] if split_dated(name)[0] == model}
    earlier = max((name for name in dates if dates[name] < date), key=dates.__getitem__, default=None)
    if earlier is None:
        return one
    other = _shown(state, "price", earlier)
    return replace(one, before=other) if one.action == "create" else replace(one, after=other)


def _named(releases: list[Release], name: str) -> Release | None:
    if name.isdecimal():
        if int(name) == 0:
            return None
        found = next((release for release in releases if release.id == int(name)), None)
    else:
        found = next((release for release in releases if release.label == name), None)
    if found is None:
        newest = f"the newest is {releases[0].id}" if releases else "none has been applied yet"
        raise RefusedError(
            "UNKNOWN_RELEASE", f"there is no release '{name}': {newest}; see `ratecard releases` [UNKNOWN_RELEASE]"
        )
    return found


def _touched(low: int, high: int) -> ColumnElement[bool]:
    """The entities that some release after `low`, up to `high`, wrote into the journal."""
    other = release_changes.alias()
    keys = select(other.c.kind, other.c.key).where(other.c.release_id > low, other.c.release_id <= high)
    return tuple_(release_changes.c.kind, release_changes.c.key).in_(keys)


@dataclass(frozen=True, slots=True)
class _State:
    rows: Rows
    in_force: Mapping[str, str]


def _state(connection: Connection, release: int, touched: ColumnElement[bool]) -> _State:
    """Some entities as a release left them: the journal folded up to it."""
    table = release_changes
    newest = (
        select(func.max(table.c.id)).where(table.c.release_id <= release, touched).group_by(table.c.kind, table.c.key)
    )
    query = select(table.c.kind, table.c.key, table.c.after).where(table.c.id.in_(newest))
    rows: Rows = {kind: {} for kind in KINDS}
    in_force: dict[str, str] = {}
    for kind, name, after in connection.execute(query):
        if after is not None:
            rows[kind][name] = from_json(after)
            if kind == "price" and "in_force_from" in after:
                in_force[name] = after["in_force_from"]
    return _State(rows, in_force)


def _differences(before: _State, after: _State) -> Iterator[Difference]:
    found = {(change.kind, change.name): change.action for change in find_changes(before.rows, after.rows)}
    for name in before.in_force.keys() & after.in_force.keys():
        if before.in_force[name] != after.in_force[name]:
            found.setdefault(("price", name), "update")
    for kind, name in sorted(found, key=lambda key: (KINDS.index(key[0]), key[1])):
        yield Difference(found[kind, name], kind, name, _shown(before, kind, name), _shown(after, kind, name))


def _shown(state: _State, kind: str, name: str) -> Shown | None:
    shown = present(kind, state.rows[kind].get(name))
    if shown is not None and kind == "price" and state.in_force.get(name) != shown["effective"]:
        shown["in_force_from"] = state.in_force.get(name)
    return shown


__all__ = ["Difference", "ReleaseDiff", "beside_prices", "diff_releases", "release_json"]
