"""Files and tables in the second currency while its rate changes: each amount at the rate in force when it arose."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest

from dashboard.accounts.calls import calls_csv
from dashboard.converted_csv import at_moments, beside
from dashboard.exports import Csv
from dashboard.revenue.converted import credit_in, mrr_in, spans_of
from dashboard.revenue.data import recurring_in
from dashboard.revenue.tables import mrr_csv
from dashboard.second_currency import InCurrency, SecondCurrency, beside_in, second_currency
from dashboard.usage.converted_sums import amount
from dashboard.usage.profit_table import account_margins, daily_csv, margin_csv
from dashboard.usage.table import usage_csv
from metering.analytics import Conversion, Period, daily, totals_in, usage_by, usage_in
from metering.analytics.credit import CreditMonth
from metering.analytics.movements import Paid, calendar, months_back, mrr_months, steps
from metering.analytics.profit import profit_by_account
from metering.analytics.recurring import recurring_months
from metering.rating.exchange import ExchangeRates
from schema.database import reading
from schema.money import usd
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import ACCOUNTS, Seeded, seed
from tests.small_config import SMALL_CONFIG

USD = 10**9
TODAY = datetime.now(UTC).date()
TURN = TODAY - timedelta(days=10)
RATES = f"""\
rates:
  USD/ZAR:
    - effective: 2020-01-01
      rate: 18.50
    - effective: {TURN}
      rate: 20
"""
PERIOD = Period.last(30, TODAY)
JANUARY, MID = date(2026, 1, 1), datetime(2026, 2, 11, tzinfo=UTC)
ZAR = Conversion(
    "ZAR", ExchangeRates({("USD", "ZAR"): ((datetime(2026, 1, 1, tzinfo=UTC), MID), (18_000_000, 20_000_000))})
)
MONTHS = calendar(JANUARY, date(2026, 3, 16))


@pytest.fixture(scope="module")
def rand(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """The small business with a second currency, whose rate changed ten days ago."""
    settings = SMALL_CONFIG["settings.yaml"] + "currency: ZAR\n"
    return seed(tmp_path_factory.mktemp("rand"), {"settings.yaml": settings, "exchange_rates.yaml": RATES})


@pytest.fixture
def sums(rand: Seeded, monkeypatch: pytest.MonkeyPatch) -> InCurrency:
    """The sums of the last thirty days in it."""
    monkeypatch.chdir(rand.repository)
    monkeypatch.setenv("RATECARD_DATABASE_URL", rand.url)
    currency = second_currency(rand.engine(), rand.url)
    assert currency is not None
    return InCurrency(currency, rand.url, PERIOD.bounds(), (), TODAY)


def read(file: Csv) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.text())))


def test_a_file_of_sums_has_a_column_beside_each_amount(rand: Seeded, sums: InCurrency) -> None:
    with reading(rand.engine()) as connection:
        rows = usage_by(connection, ("account",), PERIOD)
        parts = [
            usage_by(connection, ("account",), period)
            for period in (Period(PERIOD.start, TURN), Period(TURN, PERIOD.end))
        ]
        days = daily(connection, PERIOD, today=TODAY)
        total = totals_in(connection, "ZAR", sums.currency.exchange, PERIOD, today=TODAY)
    before, after = ({row.keys["account"]: row.cost_nanos for row in part} for part in parts)

    file = beside_in(
        sums, usage_csv(rows, "account"), 1, lambda found: usage_csv(found.usage_by(("account",)), "account")
    )
    written = {line["account"].removeprefix("'"): line for line in read(file)}
    assert list(file.header)[-4:] == ["cost_zar", "charge_zar", "revenue_zar", "profit_zar"]
    for name in ACCOUNTS:
        expected = usd(before[name]) * Decimal("18.5") + usd(after[name]) * 20
        assert Decimal(written[name]["cost_zar"]) == pytest.approx(expected, abs=Decimal("1e-9"))
    by_day = read(beside_in(sums, daily_csv(days), 1, lambda found: daily_csv(found.daily())))
    assert sum(Decimal(line["revenue_zar"]) for line in by_day) == pytest.approx(
        usd(total.revenue_nanos), abs=Decimal("1e-7")
    )
    assert beside_in(None, file, 1, lambda found: file) is file


def test_without_a_rate_the_cells_are_empty(sums: InCurrency) -> None:
    late = SecondCurrency("ZAR", ExchangeRates({("USD", "ZAR"): ((datetime(2100, 1, 1, tzinfo=UTC),), (18_000_000,))}))
    unknown = InCurrency(late, "another stamp", sums.period, (), TODAY)

    rows = sums.usage_by(("account",))
    file = beside_in(
        unknown, usage_csv(rows, "account"), 1, lambda found: usage_csv(found.usage_by(("account",)), "account")
    )

    assert {line["cost_zar"] for line in read(file)} == {""}


def test_what_loses_money_is_listed_in_it_too(rand: Seeded, sums: InCurrency, open_app: OpenApp) -> None:
    with reading(rand.engine()) as connection:
        found = account_margins(profit_by_account(connection, PERIOD, {}, today=TODAY))
    losing = [row.name for row in found if row.profit_nanos < 0]
    assert losing
    file = beside_in(
        sums,
        margin_csv("losses", found, "account", "revenue"),
        1,
        lambda found: margin_csv("losses", account_margins(found.profit()[1]), "account", "revenue"),
    )
    losses = {line["account"].removeprefix("'"): -Decimal(line["profit_zar"]) for line in read(file)}

    table = next(one.value for one in open_app(rand, "profit", converted="true").dataframe if "Loss" in one.value)

    assert list(table["Account"]) == losing
    assert list(table["Loss, ZAR"]) == pytest.approx([float(losses[name]) for name in losing])
    assert all(18.4 < shown / loss < 20.1 for shown, loss in zip(table["Loss, ZAR"], table["Loss"], strict=True))
    plain = open_app(rand, "profit")
    assert not [one for one in plain.dataframe if any("ZAR" in name for name in one.value.columns)]


def test_what_came_and_went_takes_the_rate_of_its_day_and_a_balance_that_of_its_moment() -> None:
    paid = [
        Paid(1, 240 * USD, date(2026, 2, 10), date(2026, 3, 2)),
        Paid(2, 120 * USD, date(2026, 2, 11), None),
    ]
    months, spans = mrr_months(steps(paid), MONTHS), mrr_months(steps(paid), spans_of(MONTHS, ZAR))

    january, february, march = mrr_in(months, spans, ZAR, datetime(2026, 3, 15, 12, tzinfo=UTC))

    assert (january.starting_nanos, january.ending_nanos) == (0, 0)
    # 20 USD at 18 and 10 USD at 20; the balance of 30 USD at 20; then 20 USD go at 20.
    assert (february.nanos["new"], february.ending_nanos) == (20 * 18 * USD + 10 * 20 * USD, 30 * 20 * USD)
    assert (march.starting_nanos, march.nanos["churn"]) == (30 * 20 * USD, -20 * 20 * USD)


def test_a_month_of_before_the_first_rate_is_left_out() -> None:
    paid = [Paid(1, 240 * USD, date(2025, 12, 10), None)]
    months = calendar(date(2025, 12, 1), date(2026, 2, 5))
    rows = mrr_months(steps(paid), months)

    found = mrr_in(rows, mrr_months(steps(paid), spans_of(months, ZAR)), ZAR, datetime(2026, 2, 4, tzinfo=UTC))

    assert [row.month for row in found] == [date(2026, 2, 1)]
    zero = [CreditMonth(first, 0, *[0] * 10) for first, _ in months]
    sold = [CreditMonth(date(2025, 12, 1), 1, 5 * USD, *[0] * 9), *zero[1:]]
    assert [row.month for row in credit_in(months, sold, ZAR)] == [date(2026, 1, 1), date(2026, 2, 1)]


def test_months_of_credit_are_summed_over_the_spans_of_a_rate() -> None:
    spans = [
        CreditMonth(date(2026, 2, 1), 1, 5 * USD, 6 * USD, *[0] * 8),
        CreditMonth(date(2026, 2, 11), 2, 7 * USD, 8 * USD, *[0] * 8),
    ]

    (found,) = credit_in([(date(2026, 2, 1), date(2026, 3, 1))], spans, ZAR)

    assert found == CreditMonth(date(2026, 2, 1), 3, (5 * 18 + 7 * 20) * USD, (6 * 18 + 8 * 20) * USD, *[0] * 8)


def test_the_table_of_months_and_its_file_say_the_same(rand: Seeded, open_app: OpenApp) -> None:
    now = datetime.now(UTC)
    with reading(rand.engine()) as connection:
        months = recurring_months(connection, months_back(TODAY, 12), TODAY)
    currency = second_currency(rand.engine(), rand.url)
    assert currency is not None
    converted = recurring_in(rand.engine(), currency, months, now)
    file = read(beside(mrr_csv(months), "ZAR", 1, lambda: mrr_csv(converted)))

    def table(**query: str) -> pd.DataFrame:
        app = open_app(rand, "revenue", converted="true", **query)
        return next(one.value for one in app.dataframe if "Starting" in one.value.columns)

    began = next(place for place, line in enumerate(reversed(file)) if Decimal(line["new_usd"]))
    assert table()["New"][began] == float(file[-1 - began]["new_zar"]) == 20 * 18.5
    assert table()["Ending"][0] == float(file[-1]["ending_zar"]) == 20 * 20
    assert table(amounts="USD")["Ending"][0] == 20


def test_lines_of_one_moment() -> None:
    file = Csv(
        "x",
        ("at", "paid_usd", "left_usd", "note"),
        lambda: [["2026-02-10", "1.5", "", "a"], ["2026-02-12", "-2", "1", None]],
    )
    currency = SecondCurrency("ZAR", ZAR.exchange)

    def at(line: object) -> datetime:
        return datetime.fromisoformat(line[0]).replace(tzinfo=UTC)  # type: ignore[index]

    assert list(at_moments(file, "ZAR", currency.nanos, at).rows()) == [
        ["2026-02-10", "1.5", "", "a", "27", None],
        ["2026-02-12", "-2", "1", None, "-40", "20"],
    ]
    assert at_moments(file, "ZAR", currency.nanos, at, ("left_usd",)).header[-1] == "left_zar"


def test_lists_of_credit_are_in_it_too(rand: Seeded, open_app: OpenApp) -> None:
    bought = (TODAY - timedelta(days=45)).strftime("%Y-%m")
    app = open_app(rand, "revenue", revenue="Credit", converted="true", month=bought)

    tables = [one.value for one in app.dataframe]
    purchases = next(table for table in tables if "Paid, ZAR" in table.columns and "Account" in table.columns)
    months = next(table for table in tables if "Purchases" in table.columns)
    assert list(purchases["Paid, ZAR"]) == [15 * 18.5] * len(ACCOUNTS)
    assert months["Paid"].dropna().tolist() == [15 * 18.5 * len(ACCOUNTS)]


def test_the_calls_of_an_account_take_the_rate_of_their_moment(
    rand: Seeded, sums: InCurrency, open_app: OpenApp
) -> None:
    name = ACCOUNTS[1]
    with reading(rand.engine()) as connection:
        found = usage_in(connection, "ZAR", sums.currency.exchange, PERIOD, {"account": name})

    lines = read(calls_csv(name, PERIOD.bounds(), sums.currency))
    app = open_app(rand, "accounts", account=name, section="Usage", converted="true")

    assert {Decimal(line["cost_zar"]) / Decimal(line["cost_usd"]) for line in lines} == {Decimal("18.5"), Decimal(20)}
    assert sum(Decimal(line["charge_zar"]) for line in lines) == usd(found.charge_nanos)
    assert {metric.label: metric.value for metric in app.metric}["Charged, ZAR"] == amount(found.charge_nanos, "ZAR")
    assert "cost_zar" not in read(calls_csv(name, PERIOD.bounds(), None))[0]
