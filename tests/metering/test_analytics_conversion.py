"""Totals in a second currency: each amount at the rate of its moment, rounded once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from metering.analytics import Conversion, Converted, Period, daily, second_currency, totals, totals_in
from metering.analytics.profit import profit
from metering.errors import NoExchangeRateError
from metering.rating.exchange import ExchangeRates
from schema.database import reading, writing
from schema.tables import CONFIG_TABLES
from tests.metering.analytics_data import Rows, at

DAYS = Period(date(2026, 6, 1), date(2026, 6, 5))
ALL = Period()


def rate(effective: datetime, value: str, base: str = "USD", quote: str = "ZAR") -> dict[str, Any]:
    micros = int(Fraction(value) * 10**6)
    return {"base": base, "quote": quote, "effective": effective, "rate_micros": micros, "source_url": None}


RATES = [
    rate(at("2026-01-01"), "18.50"),
    rate(at("2026-06-02"), "20"),
    rate(at("2026-06-03 12:00"), "0.04", "ZAR", "USD"),
]
EXCHANGE = ExchangeRates.from_rows(RATES)


def fill(engine: Engine) -> None:
    with writing(engine) as connection:
        rows = Rows(connection)
        first, second = rows.account("acct-0001"), rows.account("acct-0002")
        spent = {"overdraft_nanos": 0, "owed_nanos": 10, "revenue_nanos": 10, "charge_nanos": 10}
        rows.event(first, at("2026-06-01 23:59:59.999999"), cost_nanos=3, **spent)
        late = rows.event(first, at("2026-06-02"), cost_nanos=5, **spent)
        rows.event(first, at("2026-06-03 11:59:59"), cost_nanos=7, model="gpt-4o", **spent)
        rows.event(second, at("2026-06-03 12:00"), cost_nanos=11, **spent)
        rows.event(second, at("2026-06-04 08:00"), cost_nanos=13, **spent)
        rows.adjustment(late, cost_nanos=-1, charge_nanos=-2, revenue_nanos=-2)
        rows.posting(first, at("2026-06-03 13:00"), 100)
        rows.subscription(second, at("2026-06-02 18:00"), 30_000)


def test_each_amount_takes_the_rate_of_its_moment(engine: Engine) -> None:
    fill(engine)
    with reading(engine) as connection:
        found = totals_in(connection, "ZAR", EXCHANGE, DAYS)
        plain = totals(connection, DAYS)
    usage = Fraction("18.5") * 10 + 20 * (8 + 10) + 25 * (10 + 10)
    fees = 1_000 * (20 + 20 + 25)
    assert (plain.cost_nanos, plain.charge_nanos, plain.revenue_nanos) == (38, 48, 48 + 100 + 3_000)
    cost = Fraction("18.5") * 3 + 20 * (4 + 7) + 25 * (11 + 13)
    assert (cost, usage) == (Fraction("875.5"), 1_045)
    # The sum is rounded, half to even.
    assert found == Converted("ZAR", 876, 1_045, 1_045 + 20 * 100 + fees)
    assert found.profit_nanos == found.revenue_nanos - found.cost_nanos


def test_filters_and_open_periods_count_as_in_the_total(engine: Engine) -> None:
    fill(engine)
    with reading(engine) as connection:
        narrow = totals_in(connection, "ZAR", EXCHANGE, DAYS, {"model": "anthropic/gpt-4o"})
        payer = totals_in(connection, "ZAR", EXCHANGE, ALL, {"account": "acct-0002"}, today=date(2026, 6, 2))
    assert narrow == Converted("ZAR", 140, 200, 200)
    assert payer == Converted("ZAR", 25 * 24, 500, 500 + 20 * 1_000)


def test_one_rate_multiplies_the_total(engine: Engine) -> None:
    fill(engine)
    always = ExchangeRates.from_rows([rate(at("2020-01-01"), "18.5")])
    with reading(engine) as connection:
        found, plain = totals_in(connection, "ZAR", always, ALL), totals(connection, ALL)
    assert found.charge_nanos == plain.charge_nanos * 37 // 2
    assert found.revenue_nanos == plain.revenue_nanos * 37 // 2


def test_groups_and_days_count_as_in_the_total(engine: Engine) -> None:
    fill(engine)
    conversion = Conversion("ZAR", EXCHANGE)
    with reading(engine) as connection:
        accounts = conversion.usage_by(connection, ("account",), DAYS, {})
        days = daily(connection, DAYS, into=conversion)
        plans, owners = profit(connection, DAYS, {}, today=date(2026, 6, 4), into=conversion)

    found = {row.keys["account"]: (row.requests, row.cost_nanos, row.charge_nanos) for row in accounts}
    # 3 at 18.5, then 5 less 1 and 7 at 20; 11 and 13 at 25. The cost of acct-0001 is 275.5, and half to even.
    assert found == {"acct-0001": (3, 276, 185 + 20 * 18), "acct-0002": (2, 25 * 24, 25 * 20)}
    # The rate of the third day begins at noon: its fee and its repaid overdraft take the one of its midnight.
    assert [(row.cost_nanos, row.usage_revenue_nanos, row.repaid_nanos, row.subscription_nanos) for row in days] == [
        (56, 185, 0, 0),
        (80, 160, 0, 20_000),
        (7 * 20 + 11 * 25, 450, 2_000, 20_000),
        (13 * 25, 250, 0, 25_000),
    ]
    assert [(row.name, row.cost_nanos, row.revenue_nanos) for row in plans] == [("pro", 876, 1_045 + 65_000)]
    assert [(row.name, row.profit_nanos) for row in owners] == [
        ("acct-0001", 545 + 2_000 - 276),
        ("acct-0002", 500 + 65_000 - 600),
    ]


def test_spans_have_one_rate_at_their_midnights() -> None:
    conversion = Conversion("ZAR", EXCHANGE)

    assert list(conversion.spans(DAYS)) == [
        (date(2026, 6, 1), date(2026, 6, 2)),
        (date(2026, 6, 2), date(2026, 6, 4)),
        (date(2026, 6, 4), date(2026, 6, 5)),
    ]
    assert list(conversion.spans(Period(date(2026, 6, 2), date(2026, 6, 2)))) == []
    assert conversion.at_midnight(-3, date(2026, 6, 1)) == -56


def test_an_amount_from_before_the_first_rate_is_refused(engine: Engine) -> None:
    fill(engine)
    late = ExchangeRates.from_rows([rate(at("2026-06-02"), "20")])
    with reading(engine) as connection:
        with pytest.raises(NoExchangeRateError, match=r"USD/ZAR is in force at 2026-06-01"):
            totals_in(connection, "ZAR", late, DAYS)
        assert totals_in(connection, "ZAR", late, Period(date(2026, 6, 2), date(2026, 6, 3))).cost_nanos == 80


@pytest.mark.parametrize(("value", "currency"), [("ZAR", "ZAR"), ("USD", None), (None, None)])
def test_the_setting_names_the_currency(engine: Engine, value: str | None, currency: str | None) -> None:
    with writing(engine) as connection:
        release = {"introduced_release": Rows(connection).release}
        connection.execute(insert(CONFIG_TABLES["rate"].table).values([row | release for row in RATES]))
        if value is not None:
            row = {"setting": "currency", "value": value} | release
            connection.execute(insert(CONFIG_TABLES["setting"].table).values(**row))
    with reading(engine) as connection:
        found, exchange = second_currency(connection)
    assert (found, exchange) == (currency, EXCHANGE)
    assert exchange.starts("USD", "ZAR") == [at("2026-01-01"), at("2026-06-02"), datetime(2026, 6, 3, 12, tzinfo=UTC)]
