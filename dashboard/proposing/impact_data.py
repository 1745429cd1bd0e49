"""The money impact of edits: the usage of the last days re-priced as `ratecard plan` does it, for these edits alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import streamlit as st
from sqlalchemy import Engine

from dashboard import sources
from schema.database import reading
from sync.approvals import read_approvals, repriced_by
from sync.changes import find_changes
from sync.checks import validate_files
from sync.current import read_current
from sync.desired import Rows, desired_rows
from sync.impact import DEFAULT_DAYS, DatabaseUsage, Impact, measure
from sync.submit import Preview

TTL_SECONDS = 900


def digest(shown: Preview) -> str:
    """What edits come to, as a cache key."""
    return sha256(f"{shown.base.commit}\n{shown.diff}".encode()).hexdigest()


def impact_of(shown: Preview, stamp: str, now: datetime) -> Impact:
    """The impact of a valid preview; kept for a while, for it reads all usage of the window."""
    return _impact(sources.engine(), stamp, digest(shown), shown, now)


@st.cache_resource(ttl=TTL_SECONDS, show_spinner=False, max_entries=20)
def _impact(_engine: Engine, stamp: str, edits: str, _shown: Preview, _now: datetime) -> Impact:
    after = desired_rows(_shown.validation.catalogue)
    base = validate_files(_shown.base.files, sources.CONFIG_FOLDER, _now)
    with reading(_engine) as connection:
        current = read_current(connection)
        target = _edited(current.rows, desired_rows(base.catalogue), after) if base.ok else after
        return measure(
            DatabaseUsage(connection, _now - timedelta(days=DEFAULT_DAYS), _now),
            tuple(find_changes(current.rows, target)),
            current.rows,
            target,
            current.in_force,
            now=_now,
            repriced=repriced_by(read_approvals(target), _now),
        )


def _edited(current: Rows, before: Rows, after: Rows) -> Rows:
    """The current rows with only that changed in which the edits differ from their base.

    What the base branch holds beyond the last release is no part of what these edits move.
    """
    target: dict[str, dict[str, dict[str, Any]]] = {kind: dict(rows) for kind, rows in current.items()}
    for kind in before.keys() | after.keys():
        old: Mapping[str, Any] = before.get(kind, {})
        new: Mapping[str, Any] = after.get(kind, {})
        for name in old.keys() | new.keys():
            if old.get(name) == new.get(name):
                continue
            rows = target.setdefault(kind, {})
            rows.pop(name, None)
            if name in new:
                rows[name] = new[name]
    return target


__all__ = ["digest", "impact_of"]
