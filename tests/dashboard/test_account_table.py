"""Accounts as a table and as a file: what of which quota is used, exact amounts, names that stay names."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

from dashboard.accounts.table import COLUMNS, csv_lines, frame, share_used, shown_quota, table_key, used_words
from dashboard.exports import csv_text
from metering.accounts.browsing import AccountRow
from metering.accounts.listing import AccountInfo
from metering.book.entities import Plan
from tests.metering.rate_card import plan_row

AT = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
QUOTAS = {"free": ("tokens_per_month", 50_000), "team": ("run_units_per_month", 5_000_000_000)}
HOSTILE = ("=cmd()", "@SUM(A1)", "**x** <script>", "\u202eevil", 'a,b"c')


def _row(account: str, plan: str = "free", number: int = 1, **used: int) -> AccountRow:
    info = AccountInfo(account, account, "active", plan, AT, "trial", AT, -1_500_000_001, 0, 0, 2, AT, None)
    counted = {"tokens_per_month": 0, "run_units_per_month": 0, "requests_per_day": 0}
    return AccountRow(number, info, counted | used)


def test_the_first_quota_that_a_plan_limits_is_shown() -> None:
    def shown(**limits: int | None) -> tuple[str, int] | None:
        return shown_quota(Plan.from_row(plan_row("x", limits=limits)))

    assert shown(requests_per_day=20, tokens_per_month=50_000) == ("tokens_per_month", 50_000)
    assert shown(tokens_per_month=None, run_units_per_month=100) == ("run_units_per_month", 100_000_000)
    assert shown(tokens_per_month=None, requests_per_day=20) == ("requests_per_day", 20)
    assert shown(documents=5) is None


def test_how_much_is_used_is_told_in_whole_units() -> None:
    free, team, other = (
        _row("a", tokens_per_month=12_500),
        _row("b", "team", run_units_per_month=1_500_000),
        _row("c", "x"),
    )
    assert (share_used(free, QUOTAS), used_words(free, QUOTAS)) == (0.25, "12,500 of 50,000 tokens")
    assert (share_used(team, QUOTAS), used_words(team, QUOTAS)) == (0.0003, "1.5 of 5,000 run units")
    assert (share_used(other, QUOTAS), used_words(other, QUOTAS)) == (None, "0 tokens")


def test_names_are_shown_as_they_are_and_disarmed_in_a_file() -> None:
    rows = [_row(name, number=place) for place, name in enumerate(HOSTILE)]
    assert tuple(frame(rows, QUOTAS, {})["Account"]) == HOSTILE
    lines = list(csv.reader(io.StringIO(csv_text(COLUMNS, csv_lines(rows, QUOTAS, {0: 7})))))
    assert [line[0] for line in lines[1:]] == ["'=cmd()", "'@SUM(A1)", *HOSTILE[2:]]
    told = dict(zip(lines[0], lines[1], strict=True))
    assert told["balance_usd"] == "-1.500000001"
    assert told["revenue_month_usd"] == "0.000000007"
    assert (told["used"], told["limit"], told["ends_at"]) == ("0", "50000", "2026-11-03T09:30:00Z")


def test_another_page_is_another_table() -> None:
    assert table_key(["a", "b"]) == table_key(("a", "b")) != table_key(["b", "a"])
    assert table_key(["\udcff"]) != table_key([])
