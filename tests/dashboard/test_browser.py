"""The Overview and Usage in Chromium: bars equal the database, choices stay in the URL, a CSV is downloaded."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

from dashboard.formats import count, money
from metering import analytics
from metering.analytics import Period
from schema.database import reading
from tests.dashboard.conftest import Server, Visit
from tests.dashboard.seeding import ACCOUNTS, PERSON


def _last_30_days() -> Period:
    return Period.last(30, datetime.now(UTC).date())


def test_overview(server: Server, visit: Visit) -> None:
    period, today = _last_30_days(), datetime.now(UTC).date()
    with reading(server.seeded.engine()) as connection:
        totals = analytics.totals(connection, period, today=today)
        by_model = analytics.usage_by(connection, ("model",), period)

    visit.open(server.url, "Overview")
    visit.page.locator("[data-testid=stVegaLiteChart] .marks").nth(1).wait_for()

    visit.sees(money(totals.revenue_nanos), money(totals.profit_nanos), count(totals.requests))
    bars = visit.page.locator(".st-key-cost_by_model [role=graphics-symbol]")
    labels = [bars.nth(place).get_attribute("aria-label") or "" for place in range(bars.count())]
    for row in by_model:
        if row.cost_nanos:
            assert any(row.keys["model"] in label and money(row.cost_nanos) in label for label in labels)
    visit.sees("data as of", "Local mode", PERSON[0])


def test_usage_keeps_its_choices_in_the_url(server: Server, visit: Visit) -> None:
    with reading(server.seeded.engine()) as connection:
        (wanted,) = analytics.usage_by(connection, (), _last_30_days(), {"account": ACCOUNTS[1]})

    visit.open(f"{server.url}/usage?{urlencode({'only_account': ACCOUNTS[1], 'by': 'Task'})}", "Usage")

    visit.sees(money(wanted.charge_nanos))
    visit.page.get_by_role("radio", name="Provider").or_(visit.page.get_by_text("Provider", exact=True)).first.click()
    visit.rest()
    visit.page.reload()
    visit.page.get_by_role("heading", name="By provider", exact=True).wait_for()
    assert "by=Provider" in visit.page.url
    visit.sees(money(wanted.charge_nanos))


def test_usage_downloads_csv(server: Server, visit: Visit) -> None:
    visit.open(f"{server.url}/usage?by=Account", "Usage")

    with visit.page.expect_download() as waiting:
        visit.page.locator(".st-key-usage_table").get_by_role("button", name="CSV").click()

    lines = waiting.value.path().read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("account,requests,input,output")
    assert any(line.startswith("'=cmd(),") for line in lines)
