"""The demo as the dashboard shows it: the shipped configuration and real calls."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboard.formats import count, money
from metering import analytics
from metering.analytics import Period
from schema.database import reading
from tests.dashboard.conftest import TOP, OpenApp, Server, Visit, serve
from tests.dashboard.seeding import Seeded, make_repository


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """The demo's database, written by the real command in a repository with the shipped configuration."""
    folder = tmp_path_factory.mktemp("demo")
    top, url = folder / "repository", f"sqlite:///{folder / 'ratecard.db'}"
    top.mkdir()
    config = TOP / "config"
    make_repository(top, {str(path.relative_to(config)): path.read_text() for path in config.rglob("*.yaml")})
    command = [str(Path(sys.executable).parent / "ratecard"), "demo", "--no-serve", "--database", url]
    subprocess.run(command, cwd=top, check=True, capture_output=True, timeout=300)
    return Seeded(top, url)


def test_ninety_days_of_the_demo(demo: Seeded, open_app: OpenApp) -> None:
    today = datetime.now(UTC).date()
    with reading(demo.engine()) as connection:
        totals = analytics.totals(connection, Period.last(90, today), today=today)

    app = open_app(demo, range="90 days")

    shown = {metric.label: metric.value for metric in app.metric}
    assert totals.requests >= 28_000
    assert shown["Requests"] == count(totals.requests)
    assert shown["Revenue"] == money(totals.revenue_nanos)
    assert shown["Profit"] == money(totals.profit_nanos)


@pytest.mark.parametrize("page", ["usage", "models", "pricing", "routing", "proposals"])
def test_pages_of_the_demo(demo: Seeded, open_app: OpenApp, page: str) -> None:
    app = open_app(demo, page)

    assert [line.value for line in app.title] == [page.capitalize()]
    assert not app.error


def test_the_demo_in_the_browser(demo: Seeded, tmp_path: Path, visit: Visit) -> None:
    with reading(demo.engine()) as connection:
        today = datetime.now(UTC).date()
        totals = analytics.totals(connection, Period.last(30, today), today=today)

    with serve(demo, tmp_path / "log") as server:
        _look_at(server, visit, money(totals.revenue_nanos))
        visit.leave()


def _look_at(server: Server, visit: Visit, revenue: str) -> None:
    visit.open(server.url, "Overview")
    visit.sees(revenue)
    bars = visit.page.locator(".st-key-cost_and_revenue [role=graphics-symbol]")
    bars.first.wait_for(state="attached")
    # Two sources of revenue on thirty days, and the points of the line.
    assert bars.count() >= 60
