"""Sums in the second currency of the settings, at the dated rates."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import sources
from dashboard.second_currency import SecondCurrency
from dashboard.usage.converted_sums import amount
from metering import analytics
from metering.analytics import Period
from metering.rating.exchange import ExchangeRates
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


def test_tables_show_balances_and_sums_in_it(
    tmp_path: Path, open_app: OpenApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is deferred changes by the minute, which may end between one page and the other.
    moment = datetime.now(UTC)
    monkeypatch.setattr(sources, "utc_now", lambda: moment)
    settings = SMALL_CONFIG["settings.yaml"] + "currency: ZAR\n"
    seeded = seed(tmp_path, {"settings.yaml": settings, "exchange_rates.yaml": RATES})

    def table(app: AppTest, first: str, second: str) -> pd.DataFrame:
        return next(found.value for found in app.dataframe if list(found.value.columns[:2]) == [first, second])

    served = table(open_app(seeded, "profit", converted="true"), "Plan", "Accounts")
    assert list(served["Profit, ZAR"]) == pytest.approx([18.5 * dollars for dollars in served["Profit"]])
    for view, word in (("Subscriptions", "Ending"), ("Credit", "Deferred")):
        shown = open_app(seeded, "revenue", revenue=view, converted="true")
        plain = open_app(seeded, "revenue", revenue=view)
        months, in_usd = (next(one.value for one in app.dataframe if word in one.value) for app in (shown, plain))
        assert list(months[word]) == pytest.approx([18.5 * dollars for dollars in in_usd[word]])
        assert in_usd[word][0] > 0
        cards = {metric.label: metric.value for metric in shown.metric}
        card = "MRR" if view == "Subscriptions" else "Deferred revenue"
        in_it, usd = (float(cards[name].lstrip("ZAR $").replace(",", "")) for name in (f"{card}, ZAR", card))
        assert in_it == pytest.approx(18.5 * usd, abs=0.1)
        assert not [metric for metric in plain.metric if "ZAR" in metric.label]


def test_balances_are_at_the_rate_of_their_moment() -> None:
    dated = ((datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)), (18_000_000, 19_000_000))
    found = SecondCurrency("ZAR", ExchangeRates({("USD", "ZAR"): dated}))

    moments = [datetime(year, month, 15, tzinfo=UTC) for year, month in ((2025, 12), (2026, 1), (2026, 2))]
    assert found.amounts([10**9, 10**9, None], moments) == [None, 18.0, None]
    assert found.nanos(3, moments[2]) == 57


def test_without_a_second_currency_none_is_offered(seeded: Seeded, open_app: OpenApp) -> None:
    assert [toggle.label for toggle in open_app(seeded).toggle] == ["Compare with the period before"]


def test_amounts_name_their_currency() -> None:
    assert amount(1_234_500_000_000, "ZAR") == "ZAR 1,234.50"
    assert amount(-70_000_000, "ZAR") == "-ZAR 0.07"
