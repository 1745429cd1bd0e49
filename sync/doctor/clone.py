"""Is this clone fit to plan, apply and propose from? No network is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from sync.bases import find_base
from sync.current import Release
from sync.doctor.finding import Check, Reporter
from sync.errors import RepositoryError
from sync.render.style import count
from sync.repository import Repository

_SAY = Reporter("git")
_DRIFT = Reporter("drift")


def check_clone(repository: Repository, folder: str) -> Iterator[Check]:
    """Identity, base branch, remote, depth, and what is not committed."""
    head = repository.commit("HEAD")
    branch = repository.run("rev-parse", "--abbrev-ref", "HEAD")
    where = "a detached HEAD" if branch == "HEAD" else branch
    yield _SAY.ok(f"{repository.top}, {where} at {head.sha[:12]} ({head.title})")
    identity = repository.identity()
    if identity is None:
        yield _SAY.warn("git does not know who you are: proposals need an author", "git config user.name, user.email")
    else:
        yield _SAY.ok(f"you are {identity}")
    yield from _base(repository, folder)
    yield from _remotes(repository)
    if repository.is_shallow():
        yield _SAY.warn("the clone is shallow: explain cannot tell who wrote what", "git fetch --unshallow")
    dirty = repository.dirty(folder)
    if dirty:
        more = f" and {len(dirty) - 1} more" if len(dirty) > 1 else ""
        yield _SAY.warn(f"{dirty[0]}{more} is not committed: apply refuses", "git commit, or apply --allow-dirty")


def check_head(repository: Repository, release: Release | None, ref: str = "HEAD") -> Iterator[Check]:
    """Where HEAD, or another ref, stands against the commit that the last release applied."""
    if release is None:
        return
    head, applied = repository.sha(ref), release.commit
    known = f"release {release.id} applied {applied[:12]}"
    if head == applied:
        yield _DRIFT.ok(f"{ref} is the commit that release {release.id} applied")
    elif not repository.knows(applied):
        yield _DRIFT.warn(f"{known}, which this clone does not know", "git fetch")
    elif repository.is_ancestor(applied, head):
        ahead = int(repository.run("rev-list", "--count", f"{applied}..{head}"))
        yield _DRIFT.ok(f"{ref} is {count(ahead, 'commit')} ahead of what release {release.id} applied")
    else:
        yield _DRIFT.warn(f"{known}, from which {ref} does not descend: apply refuses", "git pull, or apply --rollback")


def _base(repository: Repository, folder: str) -> Iterator[Check]:
    try:
        base = find_base(repository, None, folder)
    except RepositoryError as error:
        yield _SAY.warn(str(error), "set base_branch in ratecard.yaml, or git fetch")
    else:
        yield _SAY.ok(f"proposals start from {base.shown} at {base.commit[:12]}")


def _remotes(repository: Repository) -> Iterator[Check]:
    names = repository.run("remote").split()
    if not names:
        yield _SAY.warn("no remote is configured: proposals stay in this clone", "git remote add origin URL")
    for name in names:
        try:
            url = repository.run("remote", "get-url", name)
        except RepositoryError:
            yield _SAY.warn(f"remote {name} has no URL", f"git remote set-url {name} URL")
            continue
        path = _local(repository.top, url)
        if path is not None and not path.exists():
            yield _SAY.warn(f"remote {name} is {path}, which does not exist", f"git remote set-url {name} URL")
        else:
            yield _SAY.ok(f"remote {name} is {shown_remote(url)}" + ("" if path else "; it was not asked"))


def _local(top: Path, url: str) -> Path | None:
    """The folder that a remote's URL names on this machine; None for one elsewhere."""
    if url.startswith("file://"):
        return Path(urlsplit(url).path)
    # HOST:PATH is a remote, as git reads it: a colon before the first slash.
    return None if "://" in url or ":" in url.partition("/")[0] else top / url


def shown_remote(url: str) -> str:
    """A remote's URL without the token or password that it may carry."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"***@{host}" if "@" in parts.netloc else host, query="", fragment="").geturl()


__all__ = ["check_clone", "check_head", "shown_remote"]
