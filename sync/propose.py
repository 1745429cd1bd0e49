"""Edits as a proposal: applied to the texts of a base branch, refused when an edited entity is not as it was seen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from schema.keys import Key, split_dated
from sync.bases import Base, find_base
from sync.edit import Edit, RenameEntity, apply_edits, entity_text, entity_version, reprice_notes
from sync.edit.rename import new_name
from sync.errors import ConflictError, EditError
from sync.proposal_text import edit_lines, listed
from sync.repository import Person, Repository
from sync.submit import Draft, Preview, Proposal, preview_of, submit, with_changes


def preview(
    repository: Repository,
    edits: Sequence[Edit],
    *,
    base: str | None = None,
    folder: str = "config",
    upstream: str | None = None,
    now: datetime,
    seen: Mapping[Key, str] | None = None,
    effective: datetime | None = None,
    environment_admins: Sequence[str] = (),
) -> Preview:
    """What `propose` would write, with what validation says about it; faults of validation do not raise here.

    Raises RepositoryError without a base, EditError for an edit that cannot be written, ConflictError when an edited
    entity differs from the version in `seen`, RefusedError when nothing would change.
    """
    start = find_base(repository, base, folder, upstream)
    return _draft(repository, edits, folder, now, seen or {}, {}, effective, environment_admins)(start)


def propose(
    repository: Repository,
    edits: Sequence[Edit],
    *,
    title: str,
    author: Person | None,
    base: str | None = None,
    folder: str = "config",
    push: bool = False,
    upstream: str | None = None,
    now: datetime,
    seen: Mapping[Key, str] | None = None,
    effective: datetime | None = None,
    environment_admins: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Proposal:
    """Write the edits as one commit of `author` on a new branch `ratecard/<slug of title>`, and push it if asked.

    `seen` maps keys to `entity_version`s as the person saw them; what it does not name was seen as this clone has it.
    Work tree and index stay as they are. When the push fails, no branch is left behind; with an `upstream`, from which
    the proposal starts and to which it is pushed, the branch stays here. Raises what `preview` raises, and ConfigError
    when the result is not valid.
    """
    known, files = dict(seen or {}), {}
    if push or upstream:
        files = dict(find_base(repository, base, folder, upstream).files)
        known = {key: entity_version(files, key, folder) for key in _edited(edits)} | known
    return submit(
        repository,
        _draft(repository, edits, folder, now, known, files, effective, environment_admins),
        title=title,
        author=author,
        now=now,
        base=base,
        folder=folder,
        push=push,
        upstream=upstream,
        environment=environment,
    )


def _draft(
    repository: Repository,
    edits: Sequence[Edit],
    folder: str,
    now: datetime,
    seen: Mapping[Key, str],
    seen_files: Mapping[str, bytes],
    effective: datetime | None,
    environment_admins: Sequence[str],
) -> Draft:
    def edited(files: Mapping[str, bytes]) -> dict[str, bytes | None]:
        return apply_edits(files, edits, now=now, effective=effective, folder=folder)

    def make(base: Base) -> Preview:
        for key in _conflicts(base.files, edits, seen):
            wanted = _wanted(key, edits, [base.files, seen_files], edited)
            raise ConflictError(str(key), entity_text(base.files, key, folder), wanted)
        changed = edited(base.files)
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


def _conflicts(files: Mapping[str, bytes], edits: Sequence[Edit], seen: Mapping[Key, str]) -> Iterator[Key]:
    keys = _edited(edits)
    for key, version in seen.items():
        if any(_concerns(key, other) for other in keys) and entity_version(files, key) != version:
            yield key


def _wanted(
    key: Key,
    edits: Sequence[Edit],
    places: Sequence[Mapping[str, bytes]],
    edited: Callable[[Mapping[str, bytes]], Mapping[str, bytes | None]],
) -> str:
    """What the edits make of an entity: on what is there now, else (it may be gone) on what was seen."""
    renames = [edit for edit in edits if isinstance(edit, RenameEntity) and edit.key == key]
    name = new_name(key, renames[-1].new_name) if renames else key.name
    for files in places:
        with contextlib.suppress(EditError):
            return entity_text(with_changes(files, edited(files)), Key(key.kind, name))
    return "another value"


def _concerns(seen: Key, edited: Key) -> bool:
    """Whether the entity that was seen is edited; a dated kind without a date means all of its entries."""
    if seen == edited:
        return True
    if seen.kind != edited.kind or seen.kind not in ("price", "rate"):
        return False
    (seen_name, seen_date), (edited_name, edited_date) = split_dated(seen.name), split_dated(edited.name)
    return seen_name == edited_name and not (seen_date and edited_date)


__all__ = ["Preview", "Proposal", "preview", "propose"]
