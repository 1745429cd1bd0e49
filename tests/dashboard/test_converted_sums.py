"""Sums in the second currency of the settings, at the dated rates."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from dashboard.usage.converted_sums import amount
from metering import analytics
from metering.analytics import Period
from schema.database import reading
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import Seeded, seed
from tests.small_config import SMALL_CONFIG

RATES = """\
rates:
  USD/ZAR:
    - effective: 2020-01-01
      rate: 18.50
"""


def test_pages_show_their_sums_in_it(tmp_path: Path, open_app: OpenApp) -> None:
    settings = SMALL_CONFIG["settings.yaml"] + "currency: ZAR\n"
    seeded = seed(tmp_path, {"settings.yaml": settings, "exchange_rates.yaml": RATES})
    today = datetime.now(UTC).date()
    with reading(seeded.engine()) as connection:
        exchange = analytics.second_currency(connection)[1]
        asked = (connection, "ZAR", exchange, Period.last(30, today))
        totals, calls = analytics.totals_in(*asked, today=today), analytics.usage_in(*asked)

    for page in ("overview", "profit"):
        shown = {metric.label: metric.value for metric in open_app(seeded, page, converted="true").metric}
        assert shown["Revenue, ZAR"] == amount(totals.revenue_nanos, "ZAR")
    shown = {metric.label: metric.value for metric in open_app(seeded, "usage", converted="true").metric}
    assert "Profit, ZAR" not in shown
    assert shown["Cost, ZAR"] == amount(calls.cost_nanos, "ZAR")
    assert not [metric for metric in open_app(seeded, "usage").metric if "ZAR" in metric.label]


def test_without_a_second_currency_none_is_offered(seeded: Seeded, open_app: OpenApp) -> None:
    assert [toggle.label for toggle in open_app(seeded).toggle] == ["Compare with the days before"]


def test_amounts_name_their_currency() -> None:
    assert amount(1_234_500_000_000, "ZAR") == "ZAR 1,234.50"
    assert amount(-70_000_000, "ZAR") == "-ZAR 0.07"
