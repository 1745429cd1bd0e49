"""Charts with a month a bar, from rows."""

from __future__ import annotations

from datetime import date
from typing import Any

from dashboard.charts import BEFORE, Mark
from dashboard.revenue.charts import credit_chart, movements_chart
from metering.analytics.credit import CreditMonth
from metering.analytics.movements import Paid, calendar, mrr_months, steps

USD = 10**9
MONTHS = calendar(date(2026, 1, 1), date(2026, 3, 16))
PAID = [
    Paid(1, 240 * USD, date(2026, 1, 5), date(2026, 2, 10)),
    Paid(2, 120 * USD, date(2026, 2, 1), None),
]


def _values(chart: dict[str, Any], layer: int) -> list[dict[str, Any]]:
    data = chart["layer"][layer].get("data") or chart["data"]
    return list(chart["datasets"][data["name"]])


def test_movements_go_up_and_down_and_the_net_is_a_line() -> None:
    chart = movements_chart(mrr_months(steps(PAID), MONTHS)).to_dict()

    assert [layer["mark"]["type"] for layer in chart["layer"]] == ["bar", "line"]
    assert [(row["day"], row["Movement"], row["USD"], row["Amount"]) for row in _values(chart, 0)] == [
        ("2026-01-01", "New", 20.0, "$20.00"),
        ("2026-02-01", "New", 10.0, "$10.00"),
        ("2026-02-01", "Churn", -20.0, "-$20.00"),
    ]
    assert [row["USD"] for row in _values(chart, 1)] == [20.0, -10.0, 0.0]


def test_releases_stand_over_their_month() -> None:
    marks = [
        Mark(date(2026, 2, 3), "v1", "First"),
        Mark(date(2026, 2, 20), "v2", "Second"),
        Mark(date(2026, 4, 1), "v3", "Later"),
    ]

    chart = movements_chart(mrr_months(steps(PAID), MONTHS), marks).to_dict()

    assert [layer["mark"]["type"] for layer in chart["layer"]] == ["bar", "line", "rule", "point"]
    assert _values(chart, 2) == [
        {
            "day": "2026-02-01",
            "Released": "3 Feb 2026, 20 Feb 2026",
            "Release": "v1, v2",
            "Change": "First · Second",
        }
    ]


def test_the_months_before_are_a_dotted_line() -> None:
    months, before = (
        mrr_months(steps(PAID), MONTHS),
        mrr_months(steps(PAID), calendar(date(2026, 1, 1), date(2026, 4, 1))),
    )

    chart = movements_chart(months, before=before).to_dict()

    assert [layer["mark"]["type"] for layer in chart["layer"]] == ["bar", "line", "line"]
    assert [(row["day"], row["Series"], row["value"]) for row in _values(chart, 2)] == [
        ("2026-01-01", BEFORE, 20.0),
        ("2026-02-01", BEFORE, -10.0),
        ("2026-03-01", BEFORE, 0.0),
    ]
    nothing = mrr_months([], MONTHS)
    assert len(movements_chart(months, before=nothing).to_dict()["layer"]) == 2


def test_every_month_is_on_the_axis() -> None:
    chart = movements_chart(mrr_months(steps(PAID[:1]), MONTHS)).to_dict()

    axis = chart["layer"][0]["encoding"]["x"]
    assert axis["scale"]["domain"] == ["2026-01-01", "2026-02-01", "2026-03-01"]
    assert "%b %Y" in axis["axis"]["labelExpr"]


def test_credit_has_a_bar_for_what_came_in_and_one_for_what_was_earned() -> None:
    row = CreditMonth(date(2026, 1, 1), 2, 30 * USD, 35 * USD, 7 * USD, 6 * USD, 0, 0, 0, 0, 0, 0)

    values = _values(credit_chart([row]).to_dict(), 0)

    assert [(one["Series"], one["USD"]) for one in values] == [("Paid for credit", 30.0), ("Earned by its use", 6.0)]
