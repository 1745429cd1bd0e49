"""Targets made from documents without git, and applies of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from hashlib import sha1

from sqlalchemy import Engine

from schema.database import reading
from sync.apply import ReleaseResult, apply_plan
from sync.checks import validate_files
from sync.desired import desired_rows
from sync.plan import Plan, Target, plan_for
from sync.repository import CommitInfo

APPLIED = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
LATER = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


def make_target(files: Mapping[str, str], *, follows: Callable[[str], bool] = lambda commit: True) -> Target:
    """A target with the rows of valid documents; its commit and tree are named by their contents."""
    validation = validate_files({path: text.encode() for path, text in files.items()}, "config", APPLIED)
    assert validation.errors == ()
    name = sha1(repr(sorted(files.items())).encode(), usedforsecurity=False).hexdigest()
    authored = datetime(2026, 5, 31, 9, 0, tzinfo=UTC)
    commit = CommitInfo(name, "Price Desk", "prices@example.com", authored, "Change the prices")
    return Target(commit, name[::-1], desired_rows(validation.catalogue), follows)


def plan_of(engine: Engine, target: Target, now: datetime = APPLIED, days: int = 30) -> Plan:
    """The plan of a migrated database."""
    with reading(engine) as connection:
        return plan_for(connection, target, now=now, days=days)[0]


def apply_files(
    engine: Engine,
    files: Mapping[str, str],
    now: datetime = APPLIED,
    *,
    allowed: Collection[str] = (),
    label: str | None = None,
) -> ReleaseResult:
    """Plan and apply documents."""
    target = make_target(files)
    plan = plan_of(engine, target, now)
    return apply_plan(engine, plan, target, now=now, applied_by="Release Desk", label=label, allowed=allowed)


def prices(*entries: str) -> str:
    """A pricing document of openai/gpt-4o with entries in flow style."""
    lines = "".join(f"    - {entry}\n" for entry in entries)
    return f"provider: openai\nprices:\n  gpt-4o:\n{lines}"
