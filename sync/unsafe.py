"""What is unsafe about a plan because of what was before: history, edits of the database, rows that depend on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync.changes import Change
from sync.current import Current, as_json, differing_fields
from sync.desired import Rows

ALLOWED_BY: dict[str, str | None] = {
    "BILL_RISE": "--force",
    "DATABASE_EDITED": "--force",
    "DELETES_ALL": "--force",
    "LOWEST_MARGIN": "--force",
    "MODEL_IN_USE": None,
    "OLDER_COMMIT": "--rollback",
    "PLAN_IN_USE": None,
    "PRICE_BELOW_COST": "--force",
    "PRICE_IN_EFFECT": "--reprice",
    "TOO_MANY_DELETES": "--force",
    "TOO_MANY_UPDATES": "--force",
}
"""The codes of what is unsafe, and the option of apply that allows each; None when nothing does."""


@dataclass(frozen=True, slots=True)
class Unsafe:
    """A change that apply refuses unless an option or an approval allows it."""

    code: str
    key: str
    message: str
    approved: Mapping[str, str] | None = None
    """Who approved it, until when and why."""

    @property
    def option(self) -> str | None:
        """The option of apply that allows it; None when nothing does."""
        return ALLOWED_BY[self.code]

    @property
    def way_out(self) -> str:
        """What lets it pass, or that nothing does."""
        if self.approved is not None:
            return f"approved by {self.approved['by']} until {self.approved['until']}: {self.approved['reason']}"
        return self.option or "nothing allows it"

    def as_json(self) -> dict[str, Any]:
        """The reason as it stands in `plan --format json`."""
        told: dict[str, Any] = {"code": self.code, "key": self.key, "message": self.message}
        return told if self.approved is None else {**told, "approved": dict(self.approved)}


def step_back(commit: str, release: int, before: str, *, known: bool = True) -> Unsafe:
    """That a commit does not descend from the one which the last release applied, or (not `known`) that it may not."""
    if not known:
        message = (
            f"whether commit {commit[:12]} descends from {before[:12]}, which release {release} applied, cannot be"
            " told: this clone is shallow; run `git fetch --unshallow`"
        )
        return Unsafe("OLDER_COMMIT", f"release {release}", message)
    message = (
        f"commit {commit[:12]} does not descend from {before[:12]}, which release {release}"
        " applied: this would be a step back"
    )
    return Unsafe("OLDER_COMMIT", f"release {release}", message)


def unsafe_changes(
    current: Current,
    target: Rows,
    journal: Mapping[tuple[str, str], Any],
    changes: Sequence[Change],
    now: datetime,
) -> Iterator[Unsafe]:
    """Edits of the database that would be overwritten, prices in effect that would change, kinds that would end."""
    for change in changes:
        edited = _edited(change, journal)
        if edited:
            yield Unsafe("DATABASE_EDITED", change.key, edited)
        in_effect = _in_effect(change, current, now)
        if in_effect:
            yield Unsafe("PRICE_IN_EFFECT", change.key, in_effect)
    for kind, rows in current.rows.items():
        if rows and not target.get(kind):
            what = f"all {len(rows)}" if len(rows) > 1 else "the only one"
            yield Unsafe("DELETES_ALL", kind, f"{what} would be deleted, and none of the kind would be left")


def _edited(change: Change, journal: Mapping[tuple[str, str], Any]) -> str | None:
    """How the current row differs from what the last release left; None when it does not."""
    left = journal.get((change.kind, change.name))
    if change.before is None:
        return None if left is None else "it was deleted in the database, not by a release"
    if left is None:
        return "it was added in the database, not by a release"
    fields = differing_from_journal(change.kind, change.before, left)
    return f"{', '.join(fields)} was changed in the database, not by a release" if fields else None


def differing_from_journal(kind: str, row: Mapping[str, Any], left: Mapping[str, Any]) -> list[str]:
    """The fields in which a current row differs from what the journal says the last release left."""
    entry = {name: value for name, value in left.items() if name != "in_force_from"}
    return list(differing_fields(kind, entry, as_json(dict(row))))


def _in_effect(change: Change, current: Current, now: datetime) -> str | None:
    since = current.in_force.get(change.name) if change.kind == "price" else None
    if since is None or since > now or not change.moves_money:
        return None
    verb, instead = "changes", "append a new entry"
    if change.action == "delete":
        verb, instead = "removes", "append a new entry, or make the model inactive"
    known = f"this {verb} a price that is in effect since {since:%Y-%m-%d}"
    return f"{known}: calls may have been billed by it; {instead}"


__all__ = ["ALLOWED_BY", "Unsafe", "differing_from_journal", "step_back", "unsafe_changes"]
