"""A draft as one commit on a new branch, here and on the remote.

Without a push: base branch -> draft -> blobs, tree, commit, create-only ref. With one, the draft is made on the newest
base of the remote; before the push the remote is looked at again, and when base or name have moved, all is made anew.
Nothing is ever pushed by force. A push that fails leaves no branch behind, or, for an upstream, the branch here alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from schema.documents import document_kind
from schema.documents.policy import Forge
from schema.errors import ConfigError
from sync.bases import Base, find_base, newest_base, read_policy, stale_notes
from sync.checks import Validation, validate_files
from sync.errors import ConflictError, EditError, RefusedError, RemoteError, RepositoryError
from sync.forge import page_of
from sync.plumbing import (
    create_ref,
    delete_ref,
    push_branch,
    refs_under,
    remote_tips,
    remote_url,
    write_commit,
    write_tree,
)
from sync.proposal_text import PREFIX, PROPOSAL_REFS, checked_title, line_counts, proposal_names, slug, unified_diff
from sync.pull_request import open_request
from sync.repository import Person, Repository
from sync.self_demotion import refuse_self_demotion

ATTEMPTS = 5
"""How often a proposal is made anew because the remote moved meanwhile."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a proposal would be. `files` maps paths inside the config folder to new contents, None for a file that goes;
    `diffs` are unified, by path from the top level; `notes` say what an apply will ask for, `details` follow the title
    in the message of the commit.
    """

    base: Base
    files: Mapping[str, bytes | None]
    diffs: Mapping[str, str]
    validation: Validation
    notes: tuple[str, ...]
    details: str = ""

    @property
    def diff(self) -> str:
        """The unified diff of all files."""
        return "".join(self.diffs.values())


@dataclass(frozen=True, slots=True)
class Proposal:
    """A written proposal. `files` are paths from the top level; `url` is the page of the pull request when `opened`,
    else the page that opens it once it is pushed.

    `counts` says how many lines came and went, by file; `remote` has the branch, or `unpushed` says why it has not.
    """

    branch: str
    commit: str
    files: tuple[str, ...]
    url: str | None
    base: str
    counts: Mapping[str, tuple[int, int]]
    notes: tuple[str, ...] = ()
    opened: bool = False
    remote: str | None = None
    unpushed: str = ""


Draft = Callable[[Base], Preview]
"""What is proposed on a base; called again on a newer one."""


def preview_of(
    repository: Repository,
    base: Base,
    changed: Mapping[str, bytes | None],
    *,
    folder: str,
    now: datetime,
    environment_admins: Sequence[str] = (),
    notes: Sequence[str] = (),
    details: str = "",
) -> Preview:
    """The preview of changed files on a base; raises RefusedError when nothing would change."""
    if not changed:
        raise RefusedError("NO_CHANGE", f"nothing would change: {base.shown} says all of this already")
    validation = validate_files(with_changes(base.files, changed), folder, now, environment_admins)
    relative = repository.relative(folder)
    diffs = {
        _top_path(relative, path): unified_diff(_top_path(relative, path), base.files.get(path), data)
        for path, data in changed.items()
    }
    return Preview(base, changed, diffs, validation, tuple(notes), details)


def with_changes(files: Mapping[str, bytes], changed: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """The files after a change; None takes a file out."""
    after = {path: data for path, data in files.items() if path not in changed}
    after.update({path: data for path, data in changed.items() if data is not None})
    return after


@dataclass(frozen=True, slots=True)
class _Order:
    """What stays the same however often a draft is made."""

    repository: Repository
    draft: Draft
    title: str
    author: Person
    now: datetime
    folder: str
    wanted: str

    def top_path(self, path: str) -> str:
        return _top_path(self.repository.relative(self.folder), path)


def submit(
    repository: Repository,
    draft: Draft,
    *,
    title: str,
    author: Person | None,
    now: datetime,
    base: str | None = None,
    folder: str = "config",
    push: bool = False,
    upstream: str | None = None,
    name: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Proposal:
    """Write a draft as one commit of `author`, and push it if asked. Work tree and index stay as they are.

    `name` is the branch's behind `ratecard/` (default: made of the title), `environment` may hold the forge's token.
    With an `upstream` the proposal starts from what that remote has and goes to it: the branch is then there and not
    here, so that it is gone when it is merged there; what the remote does not take stays here, and the proposal says
    why. Raises what the draft raises, ConfigError when its result is not valid, RepositoryError when a remote that is
    no upstream does not take it.
    """
    title = checked_title(title)
    wanted = PREFIX + (name or slug(title))
    order = _Order(repository, draft, title, _checked_author(author), now, folder, wanted)
    start = find_base(repository, base, folder, upstream)
    forge = read_policy(start.files).forge
    unpushed = ""
    if push or upstream:
        try:
            written = _pushed(order, start, upstream or remote_of(forge), forge, environment or {})
            if upstream:
                delete_ref(repository, f"refs/heads/{written.branch}", written.commit)
            return written
        except RemoteError as error:
            if upstream is None:
                raise
            unpushed = str(error)
            start = find_base(repository, base, folder, upstream)
    made = _allowed(order, draft(start))
    commit = _commit(order, made)
    branch = _create_branch(order, commit, frozenset())
    written = _proposal(order, made, branch, commit, stale_notes(repository, start, remote_of(forge)))
    return replace(written, unpushed=unpushed)


def remote_of(forge: Forge | None) -> str:
    """The remote that the policy names."""
    return forge.remote if forge else "origin"


def _pushed(order: _Order, start: Base, remote: str, forge: Forge | None, environment: Mapping[str, str]) -> Proposal:
    repository = order.repository
    address = remote_url(repository, remote)
    if address is None:
        raise RepositoryError(f"there is no remote '{remote}' to push to; add it with `git remote add {remote} URL`")
    tips = _look(order, remote, start)
    for _ in range(ATTEMPTS):
        base = newest_base(repository, start, remote, tips.get(start.branch), order.folder)
        made = _allowed(order, _drafted(order, base, start))
        commit = _commit(order, made)
        branch = _create_branch(order, commit, tips.keys())
        try:
            seen, tips = tips, _look(order, remote, start)
            if tips.get(start.branch) == seen.get(start.branch) and branch not in tips:
                push_branch(repository, remote, commit, branch)
                break
        except RepositoryError:
            now_there = _look_or(order, remote, start, tips)
            if now_there.get(start.branch) == tips.get(start.branch) and branch not in now_there:
                delete_ref(repository, f"refs/heads/{branch}", commit)
                raise
            tips = now_there
        delete_ref(repository, f"refs/heads/{branch}", commit)
    else:
        raise RemoteError(f"{remote} changed {ATTEMPTS} times while this was proposed; try again")
    page = page_of(read_policy(base.files).forge or forge, address)
    request = open_request(page, branch, base.branch, order.title, _body(made), environment)
    written = _proposal(order, made, branch, commit, (*request.notes, *base.notes))
    return replace(written, url=request.url, opened=request.opened, remote=remote)


def _look(order: _Order, remote: str, start: Base) -> dict[str, str]:
    """The remote's base branch and the branches whose names begin like the wanted one, with their commits."""
    return remote_tips(order.repository, remote, start.branch, f"{order.wanted}*")


def _look_or(order: _Order, remote: str, start: Base, known: dict[str, str]) -> dict[str, str]:
    try:
        return _look(order, remote, start)
    except RepositoryError:
        return known


def _drafted(order: _Order, base: Base, start: Base) -> Preview:
    """The draft on the remote's base; what it refuses there, this clone may not show yet."""
    if base.commit == start.commit:
        return order.draft(base)
    update = "" if start.remote else f"update {start.branch} here and "
    advice = f"this is {base.shown} at {base.commit[:12]}; {update}look again"
    try:
        return order.draft(base)
    except ConflictError as error:
        raise ConflictError(error.key, error.current, error.proposed, advice) from None
    except EditError as error:
        raise EditError(f"{error} ({advice})") from None


def _allowed(order: _Order, made: Preview) -> Preview:
    if made.validation.errors:
        raise ConfigError(made.validation.errors)
    if any(document_kind(path) == "access" for path in made.files):
        refuse_self_demotion(made.base.files, with_changes(made.base.files, made.files), order.author.email)
    return made


def _commit(order: _Order, made: Preview) -> str:
    changes = {order.top_path(path): data for path, data in made.files.items()}
    tree = write_tree(order.repository, f"{made.base.commit}^{{tree}}", changes)
    message = f"{order.title}\n\n{made.details}"
    return write_commit(order.repository, tree, (made.base.commit,), message, order.author, order.now)


def _create_branch(order: _Order, commit: str, remote_names: Collection[str]) -> str:
    return create_proposal_branch(order.repository, order.wanted, commit, order.title, remote_names)


def create_proposal_branch(
    repository: Repository, wanted: str, commit: str, title: str, remote_names: Collection[str]
) -> str:
    """A create-only ref of the first name that is free here, and on the remote that will be pushed to."""
    taken = proposal_names(refs_under(repository, *PROPOSAL_REFS)) | set(remote_names)
    number = 1
    while True:
        branch = wanted if number == 1 else f"{wanted}-{number}"
        free = not any(name == branch or name.startswith(f"{branch}/") for name in taken)
        if free and create_ref(repository, f"refs/heads/{branch}", commit, f"ratecard: propose {title}"):
            return branch
        number += 1


def _proposal(
    order: _Order,
    made: Preview,
    branch: str,
    commit: str,
    notes: Sequence[str],
) -> Proposal:
    files = tuple(sorted(order.top_path(path) for path in made.files))
    counts = {path: line_counts(diff) for path, diff in made.diffs.items()}
    return Proposal(branch, commit, files, None, made.base.shown, counts, (*notes, *made.notes))


def _body(made: Preview) -> str:
    """The text of a pull request: what the commit's message tells, and what an apply will ask for."""
    return made.details + "".join(f"\n{note[:1].upper()}{note[1:]}.\n" for note in made.notes)


def _checked_author(author: Person | None) -> Person:
    if author is None or not author.name.strip() or not author.email.strip():
        raise RefusedError(
            "NO_IDENTITY",
            "a proposal needs its author: run `git config user.name NAME` and `git config user.email ADDRESS`",
        )
    return author


def _top_path(relative: str, path: str) -> str:
    return path if relative == "." else f"{relative}/{path}"


__all__ = [
    "ATTEMPTS",
    "Draft",
    "Preview",
    "Proposal",
    "create_proposal_branch",
    "preview_of",
    "remote_of",
    "submit",
    "with_changes",
]
