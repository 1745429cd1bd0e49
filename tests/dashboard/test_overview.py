"""The Overview page: its numbers are the database's."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from streamlit.proto.Metric_pb2 import Metric as MetricProto

from dashboard.formats import count, money, ratio
from metering import analytics
from metering.analytics import Period
from schema.database import reading, writing
from schema.tables import account_state
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import Seeded, seed


def _metrics(app: object) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}  # type: ignore[attr-defined]


def test_the_cards_equal_the_database(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded)
    today = datetime.now(UTC).date()
    with reading(seeded.engine()) as connection:
        totals = analytics.totals(connection, Period.last(30, today), today=today)
        recurring = analytics.mrr_nanos(connection, today)
        active = analytics.active_users(connection, Period.last(1, today))

    shown = _metrics(app)

    assert not app.exception
    assert totals.revenue_nanos > 0
    assert totals.cost_nanos > 0
    assert shown["Revenue"] == money(totals.revenue_nanos)
    assert shown["Cost"] == money(totals.cost_nanos)
    assert shown["Profit"] == money(totals.profit_nanos)
    assert shown["Profit margin"] == ratio(totals.profit_nanos, totals.revenue_nanos)
    assert shown["Requests"] == count(totals.requests)
    assert shown["Users"] == count(totals.users)
    assert shown["Accounts"] == count(totals.accounts)
    assert shown["Active today"] == count(active)
    assert shown["MRR"] == money(recurring) == "$20.00"


def test_a_range_in_the_url_is_the_range_of_the_page(seeded: Seeded, open_app: OpenApp) -> None:
    today = datetime.now(UTC).date()
    with reading(seeded.engine()) as connection:
        totals = analytics.totals(connection, Period.last(7, today), today=today)

    app = open_app(seeded, range="7 days")

    assert _metrics(app)["Cost"] == money(totals.cost_nanos)


def test_the_trends_are_of_the_range_and_its_filters(seeded: Seeded, open_app: OpenApp) -> None:
    today = datetime.now(UTC).date()
    period = Period.last(7, today)
    with reading(seeded.engine()) as connection:
        daily = analytics.callers_daily(connection, period, {"plan": "pro"})
    finished = [day for day in period.days() if day < today]

    app = open_app(seeded, range="7 days", only_plan="pro")

    trends = {metric.label: list(metric.proto.chart_data) for metric in app.metric}
    assert trends["Users"] == [daily[day].users if day in daily else 0 for day in finished]
    assert trends["Accounts"] == [daily[day].accounts if day in daily else 0 for day in finished]
    assert any(trends["Users"])


def test_a_running_day_is_not_judged_against_a_whole_one(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, range="Today")

    shown = {metric.label: metric.proto for metric in app.metric}
    assert shown["Requests"].delta
    assert {shown[name].color for name in ("Revenue", "Cost", "Requests")} == {MetricProto.MetricColor.GRAY}
    assert any("so far; changes against" in line.value for line in app.caption)


def test_an_empty_range_says_what_to_do(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, range="Custom", dates=["2020-01-01", "2020-01-31"])

    words = [line.value for line in app.caption]
    assert "No calls and no fees in these days. Choose more of them, or clear a filter." in words
    assert "1 Jan 2020 to 31 Jan 2020; nothing before to compare with" in words


def test_changes_are_hidden_when_nothing_is_compared(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded)
    assert any(metric.delta for metric in app.metric)

    app.toggle(key="compare").set_value(False).run()

    assert not any(metric.delta for metric in app.metric)


def test_what_needs_attention_is_listed(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded)

    assert any("1 call of openai" in line.value and "cannot be billed" in line.value for line in app.markdown)


def test_the_numbers_lead_to_what_is_behind_them(seeded: Seeded, open_app: OpenApp) -> None:
    links = {(link.proto.page, link.proto.query_string) for link in open_app(seeded).get("page_link")}

    assert {("profit", ""), ("revenue", ""), ("usage", "by=User&metric=Requests")} <= links


def test_accounts_below_zero_are_listed_behind_their_number(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path)
    with writing(seeded.engine()) as connection:
        connection.execute(account_state.update().values(balance_nanos=-(10**9)))

    links = [link.proto for link in open_app(seeded).get("page_link")]

    (wanted,) = (link for link in links if link.label == "Look at them")
    assert (wanted.page, wanted.query_string) == ("accounts", "sort=Balance&order=Lowest+first")


def test_without_a_database_the_page_says_what_to_run(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(Seeded(seeded.repository, "sqlite:////nowhere/at/all.db"))

    assert [line.value for line in app.subheader] == ["Nothing has been applied yet"]
    assert [line.value for line in app.code] == ["ratecard apply --yes"]
