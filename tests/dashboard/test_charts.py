"""Charts from rows."""

from __future__ import annotations

from datetime import date
from typing import Any

from dashboard.charts import (
    BEFORE,
    OTHER,
    OTHER_COLOUR,
    PALETTE,
    PICKED,
    RELEASE,
    Mark,
    colours,
    cost_and_revenue,
    lines_over_time,
    ranking,
    stacked_by_day,
)

DAYS = [date(2026, 11, 1), date(2026, 11, 2), date(2026, 11, 3)]
RANKING = ["a", "b", "c", "d"]


def _values(chart: dict[str, Any], layer: int) -> list[dict[str, Any]]:
    data = chart["layer"][layer].get("data") or chart["data"]
    return list(chart["datasets"][data["name"]])


def test_a_colour_stays_when_others_are_filtered_away() -> None:
    everything = colours(["a", "b", "c", OTHER], RANKING)

    assert colours(["c"], RANKING)["c"] == everything["c"] == PALETTE[2]
    assert everything[OTHER] == OTHER_COLOUR


def test_shown_names_never_share_a_colour() -> None:
    long = [f"model-{number}" for number in range(40)]

    found = colours([long[0], long[12], long[24]], long)

    assert len(set(found.values())) == 3


def test_revenue_is_stacked_and_cost_is_a_line() -> None:
    revenue = {"Subscriptions": [1.0, 1.0, 1.0], "Usage": [0.5, 0.25, 0.0]}

    chart = cost_and_revenue(DAYS, revenue, [0.1, 0.2, 0.3]).to_dict()

    assert [layer["mark"]["type"] for layer in chart["layer"]] == ["bar", "line"]
    assert [row["value"] for row in _values(chart, 0)] == [1.0, 1.0, 1.0, 0.5, 0.25, 0.0]
    assert [(row["day"], row["value"]) for row in _values(chart, 1)] == [
        ("2026-11-01", 0.1),
        ("2026-11-02", 0.2),
        ("2026-11-03", 0.3),
    ]


def test_releases_of_a_day_share_a_rule_and_others_are_left_out() -> None:
    marks = [
        Mark(date(2026, 11, 2), "v1", "First"),
        Mark(date(2026, 11, 2), "v2", "Second"),
        Mark(date(2026, 12, 2), "v3", "Later"),
    ]

    chart = cost_and_revenue(DAYS, {"Usage": [1.0, 1.0, 1.0]}, [0.0, 0.0, 0.0], marks).to_dict()

    assert [layer["mark"]["type"] for layer in chart["layer"]] == ["bar", "line", "rule", "point"]
    assert _values(chart, 2) == [
        {"day": "2026-11-02", "Released": "2 Nov 2026", "Release": "v1, v2", "Change": "First · Second"}
    ]


def test_every_day_is_on_the_axis() -> None:
    series = {"a": {DAYS[0]: 2.0}, OTHER: {DAYS[2]: 1.0}}

    chart = stacked_by_day(DAYS, series, colours(list(series), RANKING), title="Cost", is_money=True).to_dict()

    bars = chart["layer"][0]
    assert bars["encoding"]["x"]["scale"]["domain"] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert bars["encoding"]["color"]["scale"] == {"domain": ["a", OTHER], "range": [PALETTE[0], OTHER_COLOUR]}
    assert [(row["Series"], row["day"], row["Amount"]) for row in _values(chart, 0)] == [
        ("a", "2026-11-01", "$2.0000"),
        (OTHER, "2026-11-03", "$1.0000"),
    ]


def test_the_days_before_are_a_dotted_line() -> None:
    chart = stacked_by_day(
        DAYS, {"a": {DAYS[0]: 2.0}}, {"a": PALETTE[0]}, title="Requests", is_money=False, previous=[3.0, 1.0]
    ).to_dict()

    assert [layer["mark"]["type"] for layer in chart["layer"]] == ["bar", "line"]
    assert [(row["day"], row["Amount"]) for row in _values(chart, 1)] == [("2026-11-01", "3"), ("2026-11-02", "1")]
    # The legend draws it dotted, and gives it no square among the colours.
    assert chart["layer"][0]["encoding"]["color"]["scale"]["domain"] == ["a"]
    dash = chart["layer"][1]["encoding"]["strokeDash"]
    assert (dash["scale"], dash["legend"]["symbolType"]) == ({"domain": [BEFORE], "range": [[3, 3]]}, "stroke")


def test_the_day_before_is_a_line_across_a_single_bar() -> None:
    chart = cost_and_revenue(DAYS[:1], {"Usage": [1.0]}, [0.5], previous=[2.0]).to_dict()

    across = chart["layer"][2]
    assert (across["mark"]["type"], across["encoding"]["x2"]["bandPosition"]) == ("rule", 1)
    assert [row["Amount"] for row in _values(chart, 2)] == ["$2.00"]


def test_names_of_pairs_have_room_in_the_legend() -> None:
    long = "anthropic/claude-opus-4-1 \u00b7 skill_extraction"

    for name, room in (("a", (5, 190)), (long, (3, 300))):
        chart = stacked_by_day(DAYS, {name: {DAYS[0]: 2.0}}, {name: PALETTE[0]}, title="Cost", is_money=True).to_dict()
        found = chart["layer"][0]["encoding"]["color"]["legend"]
        assert (found["columns"], found["labelLimit"]) == room


def test_lines_of_amounts_below_zero_say_so() -> None:
    chart = lines_over_time(DAYS, {"a": [1.0, -2.5, 0.0], "b": [0.0, 0.0, 1.0]}, PALETTE).to_dict()

    assert [row["Amount"] for row in _values(chart, 0)] == ["$1.00", "-$2.50", "$0.00"]
    assert chart["layer"][1]["encoding"]["color"]["scale"]["range"] == list(PALETTE[:2])


def test_a_click_chooses_a_mark_or_a_release() -> None:
    marks = [Mark(DAYS[1], "v1", "First")]
    usage = stacked_by_day(DAYS, {"a": {DAYS[0]: 2.0}}, {"a": PALETTE[0]}, title="Cost", is_money=True, marks=marks)

    found = {param["name"]: param for param in usage.to_dict()["params"]}
    assert (found[PICKED]["select"]["fields"], found[PICKED]["bind"]) == (["Series"], "legend")
    assert found[RELEASE]["select"]["fields"] == ["Release"]


def test_a_ranking_keeps_the_given_order() -> None:
    chart = ranking([("b", 3.0, "$3.00"), ("a", 1.0, "$1.00")], colours(["a", "b"], RANKING), title="Cost").to_dict()

    assert chart["layer"][0]["encoding"]["y"]["sort"] == ["b", "a"]
    assert [row["Cost"] for row in _values(chart, 0)] == ["$3.00", "$1.00"]


def test_charts_of_no_days_can_be_drawn() -> None:
    assert cost_and_revenue([], {"Usage": []}, []).to_dict()["layer"]
    assert ranking([], {}, title="Cost").to_dict()["layer"]
