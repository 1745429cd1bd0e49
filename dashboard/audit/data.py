"""Queries of the audit log's page. Rows are read anew each time: what was just done must stand there."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import streamlit as st
from sqlalchemy import Engine

from dashboard.audit.table import CSV_HEADER, csv_rows
from dashboard.exports import Csv, Rows
from metering.analytics import Period
from metering.audit_log import (
    AuditChoices,
    AuditEntry,
    AuditFilter,
    audit_choices,
    count_entries,
    find_entry,
    read_entries,
    stream_entries,
)
from schema.database import reading

CHOICES_SECONDS = 60
PAGE_ROWS = 50
MOST_CSV_ROWS = 100_000

Bounds = tuple[datetime | None, datetime | None]
"""The first moment, and the first that is not wanted any more; None where there is no end."""


@st.cache_data(ttl=CHOICES_SECONDS, show_spinner=False, max_entries=10)
def choices(_engine: Engine, address: str) -> AuditChoices:
    """What the filters offer."""
    with reading(_engine) as connection:
        return audit_choices(connection)


def counted(engine: Engine, wanted: AuditFilter) -> int:
    """How many entries there are."""
    with reading(engine) as connection:
        return count_entries(connection, wanted)


def page_of(engine: Engine, wanted: AuditFilter, page: int) -> list[AuditEntry]:
    """The entries of a page, from 1."""
    with reading(engine) as connection:
        return read_entries(connection, wanted, limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS)


def entry(engine: Engine, number: str) -> AuditEntry | None:
    """The entry that an address names."""
    if not number.isdecimal() or len(number) > 18:
        return None
    with reading(engine) as connection:
        return find_entry(connection, int(number))


def audit_csv(engine: Engine, wanted: AuditFilter) -> Csv:
    """All entries of a filter, the newest 100,000 of them."""

    def rows() -> Rows:
        with reading(engine) as connection:
            return list(csv_rows(stream_entries(connection, wanted, limit=MOST_CSV_ROWS)))

    return Csv("audit-log", CSV_HEADER, rows)


def bounds(period: Period | None) -> Bounds:
    """The first moment of a period, and the first after it."""
    if period is None:
        return None, None
    start, end = period.bounds()
    return _midnight(start), _midnight(end)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
