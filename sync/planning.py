"""Reading a database for a plan or for drift, whatever state it is in. Nothing is written, nothing is made."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from schema.database import database_state, reading, require_current
from sync.current import Release, list_releases
from sync.drift import Drift, find_drift
from sync.impact import DEFAULT_DAYS
from sync.plan import Plan, Target, plan_empty, plan_for


def plan_database(engine: Engine, target: Target, *, now: datetime, days: int = DEFAULT_DAYS) -> Plan:
    """The plan for a database; a missing or empty one plans as empty. Refuses one of another version.

    Its impact is that of the usage of so many `days`.
    """
    if not has_tables(engine):
        return plan_empty(target, now=now)
    with reading(engine) as connection:
        return plan_for(connection, target, now=now, days=days)[0]


def drift_database(engine: Engine, target: Target) -> Drift:
    """The drift of a database; a missing or empty one has no release and nothing in it."""
    if not has_tables(engine):
        return find_drift(None, target)
    with reading(engine) as connection:
        return find_drift(connection, target)


def releases_of(engine: Engine, limit: int | None = None) -> list[Release]:
    """The releases of a database, newest first; none of a missing or empty one."""
    if not has_tables(engine):
        return []
    with reading(engine) as connection:
        return list_releases(connection, limit)


def has_tables(engine: Engine) -> bool:
    """Whether a database holds anything that may be read; refuses one of another version."""
    if database_state(engine) in ("missing", "empty"):
        return False
    require_current(engine)
    return True


__all__ = ["drift_database", "has_tables", "plan_database", "releases_of"]
