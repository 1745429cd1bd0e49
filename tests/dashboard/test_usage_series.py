"""Usage over time: the shown names and the rest are the whole."""

from __future__ import annotations

from datetime import date

from dashboard.charts import OTHER
from dashboard.usage.charts import margins, shares
from dashboard.usage.series import (
    OTHERS,
    Series,
    label,
    largest,
    pairs_csv,
    series_csv,
    series_of,
    shades,
    summed_up,
    within,
)
from metering.analytics import UsageRow

FIRST, SECOND = date(2026, 11, 1), date(2026, 11, 3)
GROUPS = ("plan", "task")


def _row(cost: int, plan: str, task: str | None, day: date | None = None) -> UsageRow:
    keys = {"plan": plan, "task": task} | ({"day": day} if day else {})
    return UsageRow(keys, 1, {}, cost, 0, 0)


def _cost(row: UsageRow) -> int:
    return row.cost_nanos


ROWS = [
    _row(50, "pro", "chat"),
    _row(30, "free", "chat"),
    _row(25, "free", None),
    _row(5, "pro", "x"),
    _row(0, "z", "z"),
]
BY_DAY = [
    _row(40, "pro", "chat", FIRST),
    _row(10, "pro", "chat", SECOND),
    _row(30, "free", "chat", SECOND),
    _row(25, "free", None, FIRST),
    _row(5, "pro", "x", SECOND),
]
WHOLE = [UsageRow({"day": FIRST}, 2, {}, 65, 0, 0), UsageRow({"day": SECOND}, 3, {}, 45, 0, 0)]


def test_the_largest_stand_group_by_group() -> None:
    assert largest(ROWS, GROUPS, _cost, 3) == [("free", "chat"), ("free", "(no task)"), ("pro", "chat")]
    assert largest(ROWS, GROUPS, _cost, 9)[-1] == ("pro", "x")


def test_the_rest_is_what_the_whole_leaves() -> None:
    shown = [("free", "chat"), ("pro", "chat")]

    series = series_of(shown, BY_DAY, WHOLE, GROUPS, _cost, "Day")

    assert series == {
        ("free", "chat"): {SECOND: 30},
        ("pro", "chat"): {FIRST: 40, SECOND: 10},
        OTHERS: {FIRST: 25, SECOND: 5},
    }
    weeks = series_of(shown, BY_DAY, WHOLE, GROUPS, _cost, "Month")
    assert weeks[OTHERS] == {FIRST: 30}
    assert summed_up(series, [FIRST, SECOND])["free", "chat"] == {FIRST: 0, SECOND: 30}
    assert OTHERS not in series_of([("pro",), ("free",)], BY_DAY, WHOLE, ("plan",), _cost, "Day")


def test_the_csv_of_the_chart_has_every_bar() -> None:
    series = series_of([("pro",)], BY_DAY, WHOLE, ("plan",), _cost, "Day")

    assert series_csv(series, [FIRST, SECOND], ("plan",), "Cost", is_money=True).text().splitlines() == [
        "from,plan,cost_usd",
        "2026-11-01,pro,0.00000004",
        "2026-11-01,Other,0.000000025",
        "2026-11-03,pro,0.000000015",
        "2026-11-03,Other,0.00000003",
    ]


def test_subgroups_are_shades_of_their_group() -> None:
    series: Series = {("free", "a"): {}, ("free", "b"): {}, ("pro", "a"): {}, OTHERS: {}}

    found = shades(series, {"free": "#000000", "pro": "#ff0000", OTHER: "#98a1b3"})

    assert found == {
        label(("free", "a")): "#000000",
        label(("free", "b")): "#333333",
        label(("pro", "a")): "#ff0000",
        OTHER: "#98a1b3",
    }


def test_many_subgroups_have_each_a_shade_of_their_own() -> None:
    series: Series = {("free", str(number)): {} for number in range(20)}

    found = shades(series, {"free": "#4c6fff"})

    assert len(set(found.values())) == 20
    assert next(iter(found.values())) == "#4c6fff"
    assert "#ffffff" not in found.values()


def test_small_names_are_one_on_both_sides() -> None:
    outer, inner, found = within(ROWS, GROUPS, _cost, 1)

    assert (outer, inner) == (["free", OTHER], ["chat", OTHER])
    assert found == {("free", "chat"): 30, ("free", OTHER): 25, (OTHER, "chat"): 50, (OTHER, OTHER): 5}
    values = {pair: (float(value), str(value)) for pair, value in found.items()}
    chart = shares(outer, inner, values, {"chat": "#000000", OTHER: "#98a1b3"}, title="Cost").to_dict()
    assert chart["layer"][0]["encoding"]["y"]["sort"] == outer


def test_margins_keep_their_order_and_their_texts() -> None:
    chart = margins([("a", 0.5, "50.0%"), ("b", -12.0, "-1,200.0%")]).to_dict()

    (values,) = chart["datasets"].values()
    assert [(row["Name"], row["value"], row["Kind"], row["Margin"]) for row in values] == [
        ("a", 0.5, "gain", "50.0%"),
        ("b", -1.0, "loss", "-1,200.0%"),
    ]


def test_margins_of_before_are_a_short_line() -> None:
    chart = margins([("a", 0.5, "50.0%"), ("b", 0.2, "20.0%")], {"a": (-3.0, "-300.0%")}).to_dict()

    (values,) = chart["datasets"].values()
    assert [(row["Name"], row["before"], row["Before"]) for row in values] == [("a", -1.0, "-300.0%"), ("b", None, "—")]
    assert [layer["mark"]["type"] for layer in chart["layer"]] == ["bar", "text", "tick"]


def test_pairs_are_exact_in_their_file() -> None:
    file = pairs_csv({("pro", "=cmd()"): 1_500_000_001, ("free", OTHER): 2}, ("plan", "task"), "Cost", is_money=True)

    assert file.text().splitlines() == ["plan,task,cost_usd", "pro,'=cmd(),1.500000001", "free,Other,0.000000002"]
