"""The Exchange rates page: entries, inverse, crosses, and a new dated rate."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from streamlit.testing.v1 import AppTest

from dashboard.charts import Mark
from dashboard.configuration.rate_charts import rate_steps
from dashboard.configuration.rate_effects import charges_words
from dashboard.configuration.rate_table import cross_rates, currencies, dated_rates, rate_text
from metering.rating.exchange import ExchangeRates
from schema.database import reading
from schema.money import NANO
from schema.tables import usage_events
from tests.dashboard.conftest import OpenApp
from tests.dashboard.reading_pages import diff, labelled, metrics, table
from tests.dashboard.seeding import Seeded, git, seed

RATES = """\
rates:
  USD/ZAR:
    - effective: 2025-01-01
      rate: 18
    - effective: 2026-01-01
      rate: 18.50
    - effective: 2100-01-01
      rate: 20
  EUR/USD:
    - effective: 2025-01-01
      rate: 1.1
"""
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def told(app: AppTest) -> str:
    """What stands on the page as Markdown."""
    return "\n".join(line.value for line in app.markdown).replace("\\", "")


def _row(base: str, quote: str, year: int, micros: int) -> dict[str, object]:
    return {"base": base, "quote": quote, "effective": datetime(year, 1, 1, tzinfo=UTC), "rate_micros": micros}


ROWS = [
    _row("USD", "ZAR", 2025, 18_000_000),
    _row("USD", "ZAR", 2026, 18_500_000),
    _row("USD", "ZAR", 2027, 20_000_000),
    _row("EUR", "USD", 2025, 1_100_000),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """A repository with exchange rates that no test changes."""
    return seed(tmp_path_factory.mktemp("shop"), {"exchange_rates.yaml": RATES})


def test_rates_are_written_with_eight_digits() -> None:
    assert [rate_text(rate) for rate in (Fraction(37, 2), Fraction(2, 37), Fraction(1))] == ["18.5", "0.054054054", "1"]


def test_entries_stand_by_their_dates() -> None:
    found = dated_rates(ROWS, NOW)

    assert list(found) == ["EUR/USD", "USD/ZAR"]
    assert [entry.standing for entry in found["USD/ZAR"]] == ["scheduled", "in force", "past"]
    assert found["USD/ZAR"][1].rate == Fraction(37, 2)


def test_crosses_go_by_way_of_usd() -> None:
    rates = ExchangeRates.from_rows(ROWS)

    assert currencies(rates) == ["USD", "EUR", "ZAR"]
    assert cross_rates(rates, NOW) == [
        ["USD", "1", "0.90909091", "18.5"],
        ["EUR", "1.1", "1", "20.35"],
        ["ZAR", "0.054054054", "0.049140049", "1"],
    ]
    assert cross_rates(rates, datetime(2020, 1, 1, tzinfo=UTC))[0] == ["USD", "1", None, None]
    assert currencies(ExchangeRates({})) == []


def test_the_chart_steps_and_marks_releases_within_its_days() -> None:
    entries = dated_rates(ROWS, NOW)["USD/ZAR"]
    marks = [Mark(NOW.date(), "v1", "Change"), Mark(datetime(2020, 1, 1, tzinfo=UTC).date(), "v0", "Before")]

    spec = rate_steps(entries, NOW, marks).to_dict()

    line, points, rule, head = spec["layer"]

    def rows(layer: dict[str, Any]) -> list[dict[str, Any]]:
        return list(spec["datasets"][layer["data"]["name"]])

    assert line["mark"]["interpolate"] == "step-after"
    assert [row["rate"] for row in rows(points)] == [18.0, 18.5, 20.0]
    assert [row["Release"] for row in rows(rule)] == ["v1"]
    assert head["encoding"]["x"]["scale"] == {"type": "utc"}


def test_the_page_shows_entries_and_crosses(shop: Seeded, open_app: OpenApp) -> None:
    app = open_app(shop, "rates", pair="USD/ZAR")

    assert not app.exception
    entries = [(row["Pair"], row["From"], row["Rate"], row["Standing"]) for row in table(app, 0)]
    assert entries == [
        ("EUR/USD", "2025-01-01", "1.1", "in force"),
        ("USD/ZAR", "2100-01-01", "20", "scheduled"),
        ("USD/ZAR", "2026-01-01", "18.5", "in force"),
        ("USD/ZAR", "2025-01-01", "18", "past"),
    ]
    assert table(app, 2)[1] == {"1 of": "EUR", "USD": "1.1", "EUR": "1", "ZAR": "20.35"}
    assert len(table(app, 1)) == 3


def test_a_new_rate_is_previewed_and_proposed(tmp_path: Path, open_app: OpenApp) -> None:
    shop = seed(tmp_path, {"exchange_rates.yaml": RATES})
    app = open_app(shop, "rates", pair="USD/ZAR")
    labelled(app.date_input, "From").set_value(date(2026, 6, 1)).run()
    labelled(app.text_input, "Rate").set_value("18.87").run()

    assert metrics(app) == {"1 USD in ZAR": "18.87", "1 ZAR in USD": "0.052994171"}
    assert labelled(app.metric, "1 USD in ZAR").delta == "+2.00%"
    assert "+    - effective: 2026-06-01\n+      rate: 18.87" in diff(app)

    labelled(app.button, "Propose").click().run()

    (branch,) = git(shop.repository, "for-each-ref", "--format=%(refname:short)", "refs/heads/ratecard").splitlines()
    assert "rate: 18.87" in git(shop.repository, "diff", f"main..{branch}")


def test_what_was_charged_is_told_in_the_other_currency() -> None:
    told = charges_words(100 * NANO, "USD/ZAR", Fraction(37, 2), Fraction(19))
    assert told == (
        "What calls of the last 30 days were charged, $100.00, is 1,850.00 ZAR at the rate before, 1,900.00 ZAR at this"
        " one."
    )
    assert charges_words(11 * NANO, "EUR/USD", None, Fraction(11, 10)).endswith("$11.00, is 10.00 EUR at this rate.")
    assert charges_words(NANO, "EUR/GBP", None, Fraction(1)) == ""


def test_a_new_rate_is_one_of_the_pair_that_is_shown(shop: Seeded, open_app: OpenApp) -> None:
    app = open_app(shop, "rates", pair="EUR/USD")
    labelled(app.text_input, "Rate").set_value("1.2").run()
    with reading(shop.engine()) as connection:
        recent = usage_events.c.day >= datetime.now(UTC).date() - timedelta(days=29)
        charged = connection.execute(select(func.sum(usage_events.c.charge_nanos)).where(recent)).scalar_one()

    assert labelled(app.selectbox, "Pair").value == "EUR/USD"
    assert [charges_words(charged, "EUR/USD", Fraction(11, 10), Fraction(12, 10)) in told(app)] == [True]
    app.button_group(key="pair").set_value("USD/ZAR").run()
    assert labelled(app.selectbox, "Pair").value == "USD/ZAR"


def test_an_entry_is_changed_and_removed(shop: Seeded, open_app: OpenApp) -> None:
    app = open_app(shop, "rates", rate_action="Edit", rate="USD/ZAR@2026-01-01")
    labelled(app.text_input, "Rate").set_value("19").run()
    assert "-      rate: 18.50\n+      rate: 19" in diff(app)

    app = open_app(shop, "rates", rate_action="Remove", rate="USD/ZAR@2026-01-01")
    assert "-    - effective: 2026-01-01" in diff(app)
