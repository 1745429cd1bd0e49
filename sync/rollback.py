"""The proposal that brings the configuration back to what a release said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Engine

from schema.database import reading
from schema.findings import did_you_mean
from schema.keys import Key
from sync.bases import Base
from sync.current import Release, read_current
from sync.errors import RefusedError, RepositoryError
from sync.planning import releases_of
from sync.proposal_text import listed
from sync.repository import Person, Repository
from sync.reverting import InEffect, revert
from sync.submit import Preview, Proposal, preview_of, submit


def find_release(releases: Sequence[Release], name: str) -> Release:
    """The release of a number, or the one of a label. Raises RefusedError when there is none, or more than one."""
    found = [release for release in releases if name in (str(release.id), release.label)]
    numbered = [release for release in found if str(release.id) == name]
    if len(numbered or found) == 1:
        return (numbered or found)[0]
    if found:
        several = ", ".join(str(release.id) for release in found)
        raise RefusedError("UNKNOWN_RELEASE", f"'{name}' is the label of releases {several}; name one by its number")
    if not releases:
        raise RefusedError("UNKNOWN_RELEASE", "the database has no release yet, so there is nothing to go back to")
    labels = [release.label for release in releases if release.label]
    span = f"there are 1 to {releases[0].id}" if releases[0].id > 1 else "there is only 1"
    raise RefusedError("UNKNOWN_RELEASE", f"there is no release '{name}'{did_you_mean(name, labels)}; {span}")


def in_effect(engine: Engine, now: datetime) -> dict[Key, InEffect]:
    """The prices and rates that a database has in force at `now`."""
    with reading(engine) as connection:
        current = read_current(connection)
    found = {Key("price", name): InEffect(row, current.in_force[name]) for name, row in current.rows["price"].items()}
    found |= {Key("rate", name): InEffect(row, row["effective"]) for name, row in current.rows["rate"].items()}
    return {key: entry for key, entry in found.items() if entry.since <= now}


def rollback(
    repository: Repository,
    engine: Engine,
    name: str,
    *,
    author: Person | None,
    now: datetime,
    title: str | None = None,
    base: str | None = None,
    folder: str = "config",
    push: bool = False,
    upstream: str | None = None,
    environment_admins: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Proposal:
    """Write the proposal that goes back to a release (its number or label), on `ratecard/rollback-to-release-N`.

    Reads the database, writes nothing there. Raises RefusedError for an unknown release and when nothing differs,
    RepositoryError when the release's commit is not in this clone, ConfigError when the result is not valid.
    """
    releases = releases_of(engine)
    release = find_release(releases, name)
    then = _files_of(repository, release, folder)
    held = in_effect(engine, now)

    def make(start: Base) -> Preview:
        back = revert(then, start.files, held, now=now, folder=folder)
        if not back.changed:
            raise RefusedError(
                "NO_CHANGE",
                f"nothing to roll back: {start.shown} says what release {release.id} said{_instead(release, releases)}",
            )
        return preview_of(
            repository,
            start,
            back.changed,
            folder=folder,
            now=now,
            environment_admins=environment_admins,
            notes=back.notes,
            details=_details(release, back.notes),
        )

    return submit(
        repository,
        make,
        title=title or f"Roll back to release {release.id}",
        author=author,
        now=now,
        base=base,
        folder=folder,
        push=push,
        upstream=upstream,
        name=f"rollback-to-release-{release.id}",
        environment=environment,
    )


def _files_of(repository: Repository, release: Release, folder: str) -> dict[str, bytes]:
    if not repository.knows(release.commit):
        raise RepositoryError(
            f"the commit {release.commit[:12]} of release {release.id} is not in this clone; `git fetch --all` it"
            " (`git fetch --unshallow` in a shallow clone)"
        )
    return repository.config_files(release.commit, folder)


def _instead(release: Release, releases: Sequence[Release]) -> str:
    """What to name when somebody named the release to undo rather than the one to go back to."""
    if release.id != releases[0].id or len(releases) == 1:
        return ""
    return f"; to undo release {release.id}, name the one before: `ratecard rollback {releases[1].id}`"


def _details(release: Release, notes: Sequence[str]) -> str:
    label = f" ({release.label})" if release.label else ""
    kept = f"\n{listed(notes)}" if notes else ""
    return (
        f"Release {release.id}{label} applied commit {release.commit}\n"
        f'"{release.title}" of {release.author} on {release.applied_at:%Y-%m-%d}.\n{kept}'
    )


__all__ = ["find_release", "in_effect", "rollback"]
