"""Reading the audit log: filters, pages and choices, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from metering.audit import Actor, note
from metering.audit_log import (
    AuditFilter,
    audit_choices,
    count_entries,
    find_entry,
    read_entries,
    stream_entries,
)
from schema.database import reading, writing

START = datetime(2026, 3, 1, tzinfo=UTC)
DONE = [
    ("Price Desk <prices@example.com>", "account.suspend", "account acct-0001"),
    ("Price Desk <prices@example.com>", "account.reactivate", "account acct-0001"),
    ("books@example.com", "key.create", "key rk_100%_Sure"),
    ("Price Desk <prices@example.com>", "apply", "release 12"),
    ("books@example.com", "cohort.grant", "accounts"),
]


@pytest.fixture
def log(engine: Engine) -> Engine:
    """A log with an entry an hour."""
    with writing(engine) as connection:
        for hour, (actor, action, target) in enumerate(DONE):
            at = START + timedelta(hours=hour)
            note(connection, Actor(actor), action, target, at=at, before={"step": hour}, after={"step": hour + 1})
    return engine


def test_entries_come_newest_first_in_pages_that_leave_none_out(log: Engine) -> None:
    with reading(log) as connection:
        pages = [read_entries(connection, AuditFilter(), limit=2, offset=offset) for offset in (0, 2, 4)]
        streamed = list(stream_entries(connection, AuditFilter(), limit=100))

    assert [entry.target for page in pages for entry in page] == [target for _, _, target in reversed(DONE)]
    assert [entry for page in pages for entry in page] == streamed
    first = streamed[-1]
    assert (first.at, first.before, first.after, first.address) == (START, {"step": 0}, {"step": 1}, None)
    assert (first.kind, first.subject) == ("account", "acct-0001")


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        (AuditFilter(), [4, 3, 2, 1, 0]),
        (AuditFilter(actor="books@example.com"), [4, 2]),
        (AuditFilter(action="apply"), [3]),
        (AuditFilter(kind="account"), [1, 0]),
        (AuditFilter(kind="accounts"), [4]),
        (AuditFilter(subject="ACCT"), [1, 0]),
        (AuditFilter(subject="100%_"), [2]),
        (AuditFilter(subject="0%1"), []),
        (AuditFilter(start=START + timedelta(hours=1), end=START + timedelta(hours=3)), [2, 1]),
        (AuditFilter(actor="books@example.com", kind="key", end=START), []),
    ],
)
def test_a_filter_lets_through_what_it_says(log: Engine, wanted: AuditFilter, places: list[int]) -> None:
    with reading(log) as connection:
        found = read_entries(connection, wanted, limit=100)
        number = count_entries(connection, wanted)

    assert [entry.target for entry in found] == [DONE[place][2] for place in places]
    assert number == len(places)


def test_what_occurs_can_be_chosen(log: Engine) -> None:
    with reading(log) as connection:
        choices = audit_choices(connection)

    assert choices.actors == ("Price Desk <prices@example.com>", "books@example.com")
    assert choices.actions == ("account.reactivate", "account.suspend", "apply", "cohort.grant", "key.create")
    assert choices.kinds == ("account", "accounts", "key", "release")


def test_an_entry_is_found_by_its_number(log: Engine) -> None:
    with reading(log) as connection:
        newest = read_entries(connection, AuditFilter(), limit=1)[0]

        assert find_entry(connection, newest.id) == newest
        assert find_entry(connection, newest.id + 1) is None


def test_an_empty_log(engine: Engine) -> None:
    with reading(engine) as connection:
        assert read_entries(connection, AuditFilter(), limit=10) == []
        assert audit_choices(connection).actors == ()
