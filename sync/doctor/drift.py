"""Do last release, git and database agree?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Engine

from schema.database import reading
from sync.current import last_release
from sync.doctor.clone import check_head
from sync.doctor.finding import Check, Reporter
from sync.plan import Target
from sync.planning import drift_database
from sync.render.style import count
from sync.repository import Repository

_SAY = Reporter("drift")


def check_drift(
    repository: Repository, engine: Engine, head: Callable[[], Target], ref: str = "HEAD"
) -> Iterator[Check]:
    """Where a ref stands, what was edited in the database, and what of git is not applied yet; `head` loads the ref."""

    def look() -> Iterator[Check]:
        with reading(engine) as connection:
            yield from check_head(repository, last_release(connection), ref)
        drift = drift_database(engine, head())
        if drift.edited:
            yield _SAY.warn(f"{count(len(drift.edited), 'edit')} in the database, not by a release", "ratecard drift")
        if drift.unapplied:
            yield _SAY.warn(f"{count(len(drift.unapplied), 'change')} of git not applied yet", "ratecard plan")
        if not drift.found:
            yield _SAY.ok("last release, git and database agree")

    yield from _SAY.guarded(look, "ratecard drift")


__all__ = ["check_drift"]
