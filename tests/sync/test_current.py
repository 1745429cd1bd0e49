from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from schema.database import reading, writing
from schema.errors import DatabaseError
from sync.current import as_json, from_json, list_releases, read_current, released, row_name, same
from tests.small_config import SMALL_CONFIG
from tests.sync.targets import APPLIED, LATER, apply_files, make_target
from tests.sync.test_desired import WHOLE
from tests.sync.test_plan import CHANGED


def test_rows_are_named_as_the_documents_name_them() -> None:
    for kind, rows in make_target(WHOLE).rows.items():
        for name, row in rows.items():
            assert row_name(kind, row) == name


def test_rows_survive_the_journal() -> None:
    for rows in make_target(WHOLE).rows.values():
        for row in rows.values():
            assert from_json(as_json(row)) == row


def test_journal_gives_the_newest_state_of_each_key(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    apply_files(engine, CHANGED, LATER)
    with reading(engine) as connection:
        everything = released(connection)
        some = released(connection, {("pack", "Growth"), ("pack", "Huge"), ("model", "openai/gpt-4o")})
    assert ("pack", "Growth") not in everything
    assert everything["model", "openai/gpt-4o"]["display_name"] == "GPT 4o"
    assert everything["price", "openai/gpt-4o@2026-01-01"]["in_force_from"] == "2026-01-01"
    assert some == {key: everything[key] for key in [("pack", "Huge"), ("model", "openai/gpt-4o")]}


def test_releases_are_listed_newest_first(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG, label="v1")
    apply_files(engine, CHANGED, LATER)
    with reading(engine) as connection:
        listed = list_releases(connection)
        newest = list_releases(connection, 1)
    assert [(release.id, release.label, release.applied_at) for release in listed] == [
        (2, None, LATER),
        (1, "v1", APPLIED),
    ]
    assert (listed[0].creates, listed[0].updates, listed[0].deletes) == (1, 1, 1)
    assert newest == listed[:1]


def test_value_that_cannot_be_read_is_told_with_its_table(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    if engine.dialect.name == "postgresql":
        # Its types let no such value in.
        with pytest.raises(Exception, match="invalid input syntax for type json"), writing(engine) as connection:
            connection.execute(text("UPDATE prices SET rates = '{broken'"))
        return
    with writing(engine) as connection:
        connection.execute(text("UPDATE prices SET rates = '{broken'"))
    refused = pytest.raises(DatabaseError, match="the table prices holds a value that cannot be read")
    with reading(engine) as connection, refused:
        read_current(connection)


def test_moments_come_back_aware_and_in_utc(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    with reading(engine) as connection:
        current = read_current(connection)
    row = current.rows["price"]["openai/gpt-4o@2026-01-01"]
    assert row["effective"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert row["effective"].tzinfo is UTC
    assert current.in_force["openai/gpt-4o@2026-01-01"] == datetime(2026, 1, 1, tzinfo=UTC)


def test_free_values_are_the_same_only_with_their_types() -> None:
    assert same("setting", {"value": {"a": [1, "x"]}}, {"value": {"a": [1, "x"]}})
    assert not same("setting", {"value": {"a": [1]}}, {"value": {"a": [True]}})
    assert same("model", {"active": True}, {"active": True})
