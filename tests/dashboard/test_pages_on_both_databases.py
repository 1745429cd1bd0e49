"""Every page on SQLite and on PostgreSQL; and what the pages say when the database cannot be used."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from dashboard.formats import count, money
from metering import analytics
from metering.analytics import Period
from schema.database import reading, writing
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import ACCOUNTS, Seeded, seed

PAGES = ("overview", "usage", "profit", "models", "pricing", "routing", "proposals")
QUERY = {"model": "openai/gpt-4o", "task": "chat_response"}


def test_every_page_is_drawn(database_url: str, tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path, url=database_url)
    engine = seeded.engine()
    today = datetime.now(UTC).date()
    with reading(engine) as connection:
        totals = analytics.totals(connection, Period.last(30, today), today=today)
    engine.dispose()

    for page in PAGES:
        app = open_app(seeded, page, **(QUERY if page in ("models", "pricing", "routing") else {}))
        assert [line.value for line in app.title] == [page.capitalize()]
        assert not app.error
        assert "Something went wrong" not in [line.value for line in app.subheader]

    shown = {metric.label: metric.value for metric in open_app(seeded).metric}
    assert shown["Revenue"] == money(totals.revenue_nanos)
    assert shown["Requests"] == count(totals.requests)
    _operations(seeded, open_app)


def _operations(seeded: Seeded, open_app: OpenApp) -> None:
    # No text of a database holds a NUL; in an address it is nothing.
    explained = open_app(seeded, "releases", event="call-0-2\0", account=ACCOUNTS[2])
    audited = open_app(seeded, "audit", subject="release\0 1")
    listed = open_app(seeded, "accounts", search="acct\0-")
    well = open_app(seeded, "health")

    assert {metric.label for metric in explained.metric} >= {"Charge", "Cost"}
    assert list(audited.dataframe[0].value["What"]) == ["release 1"]
    assert list(listed.dataframe[0].value["Account"]) == [ACCOUNTS[0]]
    assert {"Database", "Drift", "Alerts"} <= {line.value for line in well.subheader}
    assert not [*explained.error, *audited.error, *listed.error, *well.error]


@pytest.mark.parametrize("page", PAGES[:6])
def test_a_database_of_another_version_is_told(tmp_path: Path, open_app: OpenApp, page: str) -> None:
    seeded = seed(tmp_path)
    with writing(seeded.engine()) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))

    app = open_app(seeded, page)

    assert [line.value for line in app.subheader] == ["The database is of another version"]
    assert [line.value for line in app.code] == ["ratecard db upgrade"]


@pytest.mark.parametrize("page", PAGES)
def test_a_database_that_is_away_is_told(seeded: Seeded, open_app: OpenApp, page: str) -> None:
    app = open_app(Seeded(seeded.repository, "postgresql://nobody@127.0.0.1:1/none"), page)

    assert not app.exception
    assert any("cannot" in line.value for line in app.subheader)


def test_a_url_that_is_no_database_is_told(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(Seeded(seeded.repository, "mysql://nobody@127.0.0.1/none"))

    assert [line.value for line in app.subheader] == ["The database cannot be reached"]


def test_a_custom_range(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, range="Custom")
    day = datetime.now(UTC).date()
    app.date_input(key="dates").set_value((day, day)).run()
    with reading(seeded.engine()) as connection:
        totals = analytics.totals(connection, Period.last(1, day), today=day)

    assert {metric.label: metric.value for metric in app.metric}["Cost"] == money(totals.cost_nanos)
