"""Edits as one commit on a new branch.

Base branch -> files at its commit -> edited texts -> validation -> blobs, tree, commit, create-only ref. `preview`
walks the same path and stops before anything is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from schema.catalogue import load_catalogue
from schema.documents import document_kind
from schema.documents.policy import PolicyDocument
from schema.errors import ConfigError
from schema.keys import Key, split_dated
from sync.checks import Validation, validate_files
from sync.edit import Edit, apply_edits, entity_text, entity_version, reprice_notes
from sync.errors import ConflictError, RefusedError, RepositoryError
from sync.forge import pull_request_url
from sync.plumbing import (
    create_ref,
    delete_ref,
    push_branch,
    ref_sha,
    refs_under,
    remote_branches,
    remote_url,
    write_commit,
    write_tree,
)
from sync.proposal_text import (
    PREFIX,
    PROPOSAL_REFS,
    checked_title,
    commit_message,
    line_counts,
    proposal_names,
    slug,
    unified_diff,
)
from sync.repository import Person, Repository

DEFAULT_BASE = "main"


@dataclass(frozen=True, slots=True)
class Base:
    """The branch that a proposal starts from: its name, commit and configuration."""

    branch: str
    commit: str
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a proposal would be. `files` maps paths inside the config folder to new contents, None for a file that goes;
    `diffs` are unified, by path from the top level; `notes` say what an apply will ask for.
    """

    base: Base
    files: Mapping[str, bytes | None]
    diffs: Mapping[str, str]
    validation: Validation
    notes: tuple[str, ...]

    @property
    def diff(self) -> str:
        """The unified diff of all files."""
        return "".join(self.diffs.values())


@dataclass(frozen=True, slots=True)
class Proposal:
    """A written proposal. `files` are paths from the top level; `url` opens the pull request once it is pushed.

    `counts` says how many lines came and went, by file.
    """

    branch: str
    commit: str
    files: tuple[str, ...]
    url: str | None
    base: str
    counts: Mapping[str, tuple[int, int]]
    notes: tuple[str, ...] = ()


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
    changed = apply_edits(start.files, edits, now=now, effective=effective, folder=folder)
    after = _with_changes(start.files, changed)
    _refuse_conflicts(start.files, after, edits, seen or {})
    if not changed:
        raise RefusedError("NO_CHANGE", f"nothing would change: {start.branch} says all of this already")
    validation = validate_files(after, folder, now, environment_admins)
    relative = repository.relative(folder)
    diffs = {
        _top_path(relative, path): unified_diff(_top_path(relative, path), start.files.get(path), data)
        for path, data in changed.items()
    }
    return Preview(start, changed, diffs, validation, tuple(reprice_notes(start.files, edits, now)))


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
) -> Proposal:
    """Write the edits as one commit of `author` on a new branch `ratecard/<slug of title>`, and push it if asked.

    `seen` maps keys to `entity_version`s as the person saw them. Work tree and index stay as they are. When the push
    fails, no branch is left behind. Raises what `preview` raises, and ConfigError when the result is not valid.
    """
    title = checked_title(title)
    author = _checked_author(author)
    made = preview(
        repository,
        edits,
        base=base,
        folder=folder,
        now=now,
        seen=seen,
        effective=effective,
        environment_admins=environment_admins,
    )
    if made.validation.errors:
        raise ConfigError(made.validation.errors)
    policy = read_policy(made.base.files)
    remote = _checked_remote(repository, policy) if push else None
    relative = repository.relative(folder)
    changes = {_top_path(relative, path): data for path, data in made.files.items()}
    tree = write_tree(repository, f"{made.base.commit}^{{tree}}", changes)
    commit = write_commit(repository, tree, (made.base.commit,), commit_message(title, edits), author, now)
    branch = _create_branch(repository, title, commit, remote)
    url = None
    if remote is not None:
        try:
            push_branch(repository, remote, commit, branch)
        except RepositoryError:
            delete_ref(repository, f"refs/heads/{branch}", commit)
            raise
        address = remote_url(repository, remote)
        url = pull_request_url(branch, made.base.branch, forge=policy.forge, remote_url=address)
    counts = {path: line_counts(diff) for path, diff in made.diffs.items()}
    return Proposal(branch, commit, tuple(sorted(changes)), url, made.base.branch, counts, made.notes)


def find_base(repository: Repository, base: str | None, folder: str) -> Base:
    """The base branch: the one named, else the policy's at HEAD, else `main`; the local one, then that of origin."""
    name = base or _policy_base(repository, folder) or DEFAULT_BASE
    for ref in (f"refs/heads/{name}", f"refs/remotes/origin/{name}"):
        commit = ref_sha(repository, ref)
        if commit is not None:
            return Base(name, commit, repository.config_files(commit, folder))
    raise RepositoryError(f"there is no branch '{name}' here or on origin; name the base with --base")


def read_policy(files: Mapping[str, bytes]) -> PolicyDocument:
    """The policy that the files state; its faulty parts are left out, because validation tells them."""
    catalogue, _ = load_catalogue({path: data for path, data in files.items() if document_kind(path) == "ratecard"})
    return PolicyDocument.model_construct(**{name: entity.document for name, entity in catalogue.of("policy").items()})


def _policy_base(repository: Repository, folder: str) -> str | None:
    try:
        return read_policy(repository.config_files("HEAD", folder)).base_branch
    except RepositoryError:
        return None


def _with_changes(files: Mapping[str, bytes], changed: Mapping[str, bytes | None]) -> dict[str, bytes]:
    after = {path: data for path, data in files.items() if path not in changed}
    after.update({path: data for path, data in changed.items() if data is not None})
    return after


def _refuse_conflicts(
    before: Mapping[str, bytes], after: Mapping[str, bytes], edits: Sequence[Edit], seen: Mapping[Key, str]
) -> None:
    edited = {edit.key for edit in edits}
    for key, version in seen.items():
        if any(_concerns(key, other) for other in edited) and entity_version(before, key) != version:
            raise ConflictError(str(key), entity_text(before, key), entity_text(after, key))


def _concerns(seen: Key, edited: Key) -> bool:
    """Whether the entity that was seen is edited; a dated kind without a date means all of its entries."""
    if seen == edited:
        return True
    if seen.kind != edited.kind or seen.kind not in ("price", "rate"):
        return False
    (seen_name, seen_date), (edited_name, edited_date) = split_dated(seen.name), split_dated(edited.name)
    return seen_name == edited_name and not (seen_date and edited_date)


def _checked_author(author: Person | None) -> Person:
    if author is None or not author.name.strip() or not author.email.strip():
        raise RefusedError(
            "NO_IDENTITY",
            "a proposal needs its author: run `git config user.name NAME` and `git config user.email ADDRESS`",
        )
    return author


def _checked_remote(repository: Repository, policy: PolicyDocument) -> str:
    remote = policy.forge.remote if policy.forge else "origin"
    if remote_url(repository, remote) is None:
        raise RepositoryError(f"there is no remote '{remote}' to push to; add it with `git remote add {remote} URL`")
    return remote


def _create_branch(repository: Repository, title: str, commit: str, remote: str | None) -> str:
    """A create-only ref of the first name that is free here, and on the remote that will be pushed to."""
    wanted = PREFIX + slug(title)
    taken = proposal_names(refs_under(repository, *PROPOSAL_REFS))
    if remote is not None:
        taken |= remote_branches(repository, remote, f"{wanted}*")
    number = 1
    while True:
        branch = wanted if number == 1 else f"{wanted}-{number}"
        free = not any(name == branch or name.startswith(f"{branch}/") for name in taken)
        if free and create_ref(repository, f"refs/heads/{branch}", commit, f"ratecard: propose {title}"):
            return branch
        number += 1


def _top_path(relative: str, path: str) -> str:
    return path if relative == "." else f"{relative}/{path}"
