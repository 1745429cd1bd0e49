"""Edits as a proposal: applied to the texts of a base branch, refused when an edited entity is not as it was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from schema.keys import Key, split_dated
from sync.bases import Base, find_base
from sync.edit import Edit, RenameEntity, apply_edits, entity_text, entity_version, reprice_notes
from sync.edit.rename import new_name
from sync.errors import ConflictError
from sync.proposal_text import edit_lines, listed
from sync.repository import Person, Repository
from sync.submit import Draft, Preview, Proposal, preview_of, submit, with_changes


def preview(
    repository: Repository,
    edits: Sequence[Edit],
    *,
    base: str | None = None,
    folder: str = "config",
    now: datetime,
    seen: Mapping[Key, str] | None = None,
    effective: datetime | None = None,
    environment_admins: Sequence[str] = (),
) -> Preview:
    """What `propose` would write, with what validation says about it; faults of validation do not raise here.

    Raises RepositoryError without a base, EditError for an edit that cannot be written, ConflictError when an edited
    entity differs from the version in `seen`, RefusedError when nothing would change.
    """
    start = find_base(repository, base, folder)
    return _draft(repository, edits, folder, now, seen or {}, effective, environment_admins)(start)


def propose(
    repository: Repository,
    edits: Sequence[Edit],
    *,
    title: str,
    author: Person | None,
    base: str | None = None,
    folder: str = "config",
    push: bool = False,
    now: datetime,
    seen: Mapping[Key, str] | None = None,
    effective: datetime | None = None,
    environment_admins: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Proposal:
    """Write the edits as one commit of `author` on a new branch `ratecard/<slug of title>`, and push it if asked.

    `seen` maps keys to `entity_version`s as the person saw them; what it does not name was seen as this clone has it.
    Work tree and index stay as they are. When the push fails, no branch is left behind. Raises what `preview` raises,
    and ConfigError when the result is not valid.
    """
    known = dict(seen or {})
    if push:
        files = find_base(repository, base, folder).files
        known = {key: entity_version(files, key, folder) for key in _edited(edits)} | known
    return submit(
        repository,
        _draft(repository, edits, folder, now, known, effective, environment_admins),
        title=title,
        author=author,
        now=now,
        base=base,
        folder=folder,
        push=push,
        environment=environment,
    )


def _draft(
    repository: Repository,
    edits: Sequence[Edit],
    folder: str,
    now: datetime,
    seen: Mapping[Key, str],
    effective: datetime | None,
    environment_admins: Sequence[str],
) -> Draft:
    def make(base: Base) -> Preview:
        changed = apply_edits(base.files, edits, now=now, effective=effective, folder=folder)
        _refuse_conflicts(base.files, with_changes(base.files, changed), edits, seen)
        notes = reprice_notes(base.files, edits, now)
        return preview_of(
            repository,
            base,
            changed,
            folder=folder,
            now=now,
            environment_admins=environment_admins,
            notes=notes,
            details=listed(edit_lines(edits)),
        )

    return make


def _edited(edits: Sequence[Edit]) -> set[Key]:
    return {edit.key for edit in edits}


def _refuse_conflicts(
    before: Mapping[str, bytes], after: Mapping[str, bytes], edits: Sequence[Edit], seen: Mapping[Key, str]
) -> None:
    edited = _edited(edits)
    names = {
        edit.key: Key(edit.key.kind, new_name(edit.key, edit.new_name))
        for edit in edits
        if isinstance(edit, RenameEntity)
    }
    for key, version in seen.items():
        if any(_concerns(key, other) for other in edited) and entity_version(before, key) != version:
            raise ConflictError(str(key), entity_text(before, key), entity_text(after, names.get(key, key)))


def _concerns(seen: Key, edited: Key) -> bool:
    """Whether the entity that was seen is edited; a dated kind without a date means all of its entries."""
    if seen == edited:
        return True
    if seen.kind != edited.kind or seen.kind not in ("price", "rate"):
        return False
    (seen_name, seen_date), (edited_name, edited_date) = split_dated(seen.name), split_dated(edited.name)
    return seen_name == edited_name and not (seen_date and edited_date)


__all__ = ["Preview", "Proposal", "preview", "propose"]
