"""Numbers and names as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from dashboard.formats import (
    brief_money,
    change,
    csv_cell,
    day,
    exact_money,
    literal,
    moment,
    money,
    multiplier,
    points,
    ratio,
    typed,
)


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "$0.00"),
        (1_234_500_000_000, "$1,234.50"),
        (-70_000_000, "-$0.07"),
        (5_000_000, "$0.00"),
        (15_000_000, "$0.02"),
        (-1, "$0.00"),
    ],
)
def test_money_has_two_decimals_rounded_half_even(nanos: int, text: str) -> None:
    assert money(nanos) == text


@pytest.mark.parametrize(
    ("nanos", "text"),
    [(3_500_000, "$0.0035"), (12_500_000_000, "$12.50"), (1, "$0.000000001"), (-1_000_000_000_000, "-$1,000.00")],
)
def test_exact_money_keeps_every_decimal(nanos: int, text: str) -> None:
    assert exact_money(nanos) == text


def test_less_than_a_cent_is_not_nothing() -> None:
    assert [brief_money(nanos) for nanos in (0, 10_000_000, 1_234_560_000_000)] == ["$0.00", "$0.01", "$1,234.56"]
    assert [brief_money(nanos) for nanos in (9_999_999, 420_000, -1)] == ["$0.010", "$0.0004", "-$0.000000001"]


def test_changes_and_shares() -> None:
    assert change(150, 100) == "+50.0%"
    assert change(-50, -100) == "+50.0%"
    assert change(5, 0) is None
    assert (change(99_999, 100_000), change(100_000, 100_000)) == ("0.0%", "0.0%")
    assert ratio(1, 3) == "33.3%"
    assert ratio(1, 0) == "—"
    assert points((50, 100), (40, 100)) == "+10.0 pp"
    assert points((50, 0), (40, 100)) is None
    assert multiplier(1_300_000) == "1.3\u00d7"


def test_days_and_moments() -> None:
    assert day(date(2026, 11, 3)) == "3 Nov 2026"
    assert moment(datetime(2026, 11, 3, 4, 5, tzinfo=UTC)) == "3 Nov 2026, 04:05 UTC"
    assert moment(None) == "—"


@pytest.mark.parametrize("name", ["**x**", "<script>", "[a](b)", "`c`", "$x$", ":red[x]", "_y_", "# z", "![i](u)"])
def test_a_name_keeps_no_markup(name: str) -> None:
    escaped = literal(name)

    for sign in "*<>[]()`$_#!":
        assert sign not in escaped.replace(f"\\{sign}", "")
    assert escaped.replace("\\", "").replace("\u2060", "") == name


def test_badges_escape_brackets_themselves() -> None:
    assert literal("[a](b)", brackets=False) == "[a]\\(b\\)"


def test_a_name_makes_no_link_and_no_emoji() -> None:
    assert "a@b" not in literal("a@b.example").replace("\\", "")
    assert ":smile:" not in literal(":smile:").replace("\\", "")
    assert "->" not in literal("a -> b").replace("\\", "")
    assert "www." not in literal("www.example.com").replace("\\", "")


@pytest.mark.parametrize("cell", ["=cmd()", "+1", "-1+2", "@x", "\tx", " =x", "\uff1dx"])
def test_a_text_that_spreadsheets_take_for_a_formula_is_quoted(cell: str) -> None:
    assert csv_cell(cell) == "'" + cell


def test_other_cells_stay() -> None:
    assert csv_cell("acct-0001") == "acct-0001"
    assert csv_cell(-5) == -5


def test_an_amount_as_text_stays_a_number_in_a_csv() -> None:
    assert [csv_cell(text) for text in ("-0.07", "12", "-1+2", "-")] == ["-0.07", "12", "'-1+2", "'-"]


@pytest.mark.parametrize(("written", "meant"), [(None, None), ("", None), (" \0 ", None), (" a\0b c ", "ab c")])
def test_what_is_typed_holds_nothing_that_no_database_holds(written: str | None, meant: str | None) -> None:
    assert typed(written) == meant
