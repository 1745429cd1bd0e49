"""The audit log on its page: for admins, filtered and paged, with everything in the file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard.audit.data import PAGE_ROWS, audit_csv
from dashboard.audit.table import change_words, field_rows, reason_of
from metering.audit import Actor, note
from metering.audit_log import AuditEntry, AuditFilter, count_entries, read_entries
from schema.database import reading, writing
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import Seeded, git, seed

PERSON = "=cmd() **bold**"


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """A log of more than one page."""
    seeded = seed(tmp_path_factory.mktemp("logged"))
    now = datetime.now(UTC)
    with writing(seeded.engine()) as connection:
        for number in range(PAGE_ROWS):
            at = now - timedelta(minutes=number)
            changed = {"before": {"status": "active"}, "after": {"status": "suspended", "note": f"number {number}"}}
            note(connection, Actor(PERSON, "why"), "account.suspend", f"account x{number}", at=at, **changed)
    return seeded


def test_the_newest_page_and_the_next(logged: Seeded, open_app: OpenApp) -> None:
    app = open_app(logged, "audit")
    with reading(logged.engine()) as connection:
        total = count_entries(connection, AuditFilter())
        newest = read_entries(connection, AuditFilter(), limit=PAGE_ROWS)

    assert total > PAGE_ROWS
    assert f"{total} entries, newest first" in [line.value for line in app.caption]
    assert list(app.dataframe[0].value["What"]) == [entry.target for entry in newest]
    newest_row = app.dataframe[0].value.iloc[0]
    assert (newest_row["Change"], newest_row["Reason"]) == ("status: active → suspended, note: number 0", "why")


def test_filters_of_the_address_hold(logged: Seeded, open_app: OpenApp) -> None:
    app = open_app(
        logged, "audit", person=PERSON, action="account.suspend", kind="account", subject="X4", when="7 days"
    )

    assert list(app.dataframe[0].value["What"]) == ["account x4", *(f"account x4{digit}" for digit in range(10))]


def test_somebody_of_long_ago_can_be_named_by_the_address(logged: Seeded, open_app: OpenApp) -> None:
    app = open_app(logged, "audit", person="gone@example.com")

    assert app.selectbox(key="person").value == "gone@example.com"
    assert "Nothing was done" in [line.value for line in app.subheader]


def test_nothing_that_matches_is_told(logged: Seeded, open_app: OpenApp) -> None:
    app = open_app(logged, "audit", subject="nothing of this name")

    assert "Nothing was done" in [line.value for line in app.subheader]

    next(button for button in app.button if button.label == "Clear the filters").click().run()

    assert len(app.dataframe[0].value) == PAGE_ROWS


def test_an_entry_in_full(logged: Seeded, open_app: OpenApp) -> None:
    with reading(logged.engine()) as connection:
        entry = read_entries(connection, AuditFilter(kind="release"), limit=1)[0]

    app = open_app(logged, "audit", entry=str(entry.id))

    fields = {row["Field"]: row["After"] for row in app.dataframe[0].value.to_dict("records")}
    assert fields["commit"] == git(logged.repository, "rev-parse", "HEAD")
    app = open_app(logged, "audit", entry="9" * 30)
    assert any("There is no entry" in line.value for line in app.caption)


@pytest.mark.parametrize("email", ["books@example.com", "help@example.com"])
def test_it_is_for_admins(tmp_path: Path, open_app: OpenApp, email: str) -> None:
    seeded = seed(tmp_path)
    git(seeded.repository, "config", "user.email", email)

    app = open_app(seeded, "audit")

    assert [line.value for line in app.subheader] == ["Not with your role"]
    assert not app.dataframe


def test_the_file_holds_all_of_a_filter_and_no_formula(logged: Seeded) -> None:
    engine = logged.engine()
    text = audit_csv(engine, AuditFilter(kind="account", subject="x")).text()
    lines = text.strip().split("\n")

    assert lines[0] == "id,at_utc,person,action,what,before,after,address"
    assert len(lines) == PAGE_ROWS + 1
    assert "'=cmd() **bold**" in lines[1]


def test_fields_of_any_shape() -> None:
    entry = AuditEntry(1, datetime.now(UTC), "a", "b", "c", {"x": {"y": 1, "z": 2}, "w": True}, ["new", 2], None)

    assert field_rows(entry) == [
        {"Field": "x.y", "Before": "1", "After": ""},
        {"Field": "x.z", "Before": "2", "After": ""},
        {"Field": "w", "Before": "true", "After": ""},
        {"Field": "value", "Before": "", "After": "[new, 2]"},
    ]
    assert change_words(entry) == "x.y: 1, x.z: 2, w: true, 1 more"
    first = AuditEntry(
        1, datetime.now(UTC), "a", "apply", "release 1", {"release": None}, {"commit": "f", "create": 2}, None
    )
    assert (change_words(first), reason_of(first)) == ("create: 2, commit: f", None)
