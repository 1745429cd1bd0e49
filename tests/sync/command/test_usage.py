from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from metering.analytics.fees import Fee
from schema.database import writing
from schema.money import usd_text
from schema.tables import CONFIG_TABLES
from tests.metering.analytics_data import Rows, at

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def fill(engine: Engine) -> None:
    with writing(engine) as connection:
        rows = Rows(connection)
        first, second = rows.account("acct-0001"), rows.account("=HYPERLINK(1)\x1b")
        rows.event(first, at("2026-06-01 10:00"), input_units=1_234, cost_nanos=1_500_000_000, charge_nanos=3 * 10**9)
        rows.event(
            second,
            at("2026-06-02 10:00"),
            provider="openai",
            model="gpt-4o",
            task="chat",
            run_unit_units=2_500_000,
            cost_nanos=1,
            charge_nanos=7,
            overdraft_nanos=0,
            owed_nanos=7,
            revenue_nanos=7,
        )
        rows.subscription(first, at("2026-06-01"), 30 * 10**9, ended_at=at("2026-06-11"))
        rows.posting(first, at("2026-06-02"), 5)


def asked(run: Run, url: str, *words: str) -> Any:
    done = run("usage", "--database", url, "--format", "json", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_json_is_exact(engine: Engine, migrated_url: str, run_ratecard: Run) -> None:
    fill(engine)
    assert asked(run_ratecard, migrated_url, "--by", "model,day") == {
        "rows": [
            {
                "model": "anthropic/claude-haiku-4-5",
                "day": "2026-06-01",
                "requests": 1,
                "units": {"input": 1234},
                "cost_usd": "1.5",
                "charge_usd": "3",
                "revenue_usd": "0",
                "profit_usd": "-1.5",
            },
            {
                "model": "openai/gpt-4o",
                "day": "2026-06-02",
                "requests": 1,
                "units": {"run_unit": "2.5"},
                "cost_usd": "0.000000001",
                "charge_usd": "0.000000007",
                "revenue_usd": "0.000000007",
                "profit_usd": "0.000000006",
            },
        ],
        "total": {
            "requests": 2,
            "users": 2,
            "accounts": 2,
            "units": {"input": 1234, "run_unit": "2.5"},
            "cost_usd": "1.500000001",
            "charge_usd": "3.000000007",
            "usage_revenue_usd": "0.000000007",
            "repaid_usd": "0.000000005",
            "subscription_usd": "10",
            "revenue_usd": "10.000000012",
            "profit_usd": "8.500000011",
        },
    }


def test_a_period_is_half_open(engine: Engine, migrated_url: str, run_ratecard: Run) -> None:
    fill(engine)
    found = asked(run_ratecard, migrated_url, "--by", "task", "--from", "2026-06-02", "--to", "2026-06-03")
    assert [(row["task"], row["requests"]) for row in found["rows"]] == [("chat", 1)]
    assert (found["total"]["subscription_usd"], found["total"]["revenue_usd"]) == ("1", "1.000000012")
    empty = asked(run_ratecard, migrated_url, "--from", "2026-05-01", "--to", "2026-05-01")
    assert (empty["rows"], empty["total"]["revenue_usd"]) == ([], "0")


def test_fees_of_an_open_period_accrue_through_today(engine: Engine, migrated_url: str, run_ratecard: Run) -> None:
    before = datetime.now(UTC)
    began = before - timedelta(days=40)
    with writing(engine) as connection:
        rows = Rows(connection)
        rows.subscription(rows.account("acct-0001"), began, 19 * 10**9)
    found = asked(run_ratecard, migrated_url)["total"]["subscription_usd"]
    fee = Fee(began.date(), 1, 19 * 10**9, began.date(), None)
    ends = {moment.date() + timedelta(days=1) for moment in (before, datetime.now(UTC))}
    assert found in {usd_text(fee.earned(began.date(), end)) for end in ends}


def test_csv_is_exact_and_safe(engine: Engine, migrated_url: str, run_ratecard: Run) -> None:
    fill(engine)
    done = run_ratecard("usage", "--database", migrated_url, "--by", "account,task", "--format", "csv")
    assert done.returncode == 0
    assert list(csv.reader(io.StringIO(done.stdout))) == [
        ["account", "task", "requests", "input", "run_unit", "cost_usd", "charge_usd", "revenue_usd", "profit_usd"],
        ["acct-0001", "", "1", "1234", "0", "1.5", "3", "0", "-1.5"],
        ["'=HYPERLINK(1)\x1b", "chat", "1", "0", "2.5", "0.000000001", "0.000000007", "0.000000007", "0.000000006"],
    ]


def test_text_is_aligned_and_printable(engine: Engine, migrated_url: str, run_ratecard: Run) -> None:
    fill(engine)
    done = run_ratecard("usage", "--database", migrated_url, "--by", "account")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "account         requests  input  run_unit  cost $  charge $  revenue $  profit $",
        "acct-0001              1  1,234         0  1.5000    3.0000     0.0000   -1.5000",
        "=HYPERLINK(1)\N{REPLACEMENT CHARACTER}         1      0       2.5  0.0000    0.0000     0.0000    0.0000",
        "total                  2  1,234       2.5  1.5000    3.0000    10.0000    8.5000",
        "revenue: usage $0.0000, subscriptions $10.0000, repaid overdraft $0.0000",
    ]


def show_in_rand(engine: Engine, since: str) -> None:
    with writing(engine) as connection:
        release = {"introduced_release": Rows(connection).release}
        rate = {"base": "USD", "quote": "ZAR", "effective": at(since), "rate_micros": 18_500_000}
        connection.execute(insert(CONFIG_TABLES["rate"].table).values(**rate, **release))
        setting = {"setting": "currency", "value": "ZAR"}
        connection.execute(insert(CONFIG_TABLES["setting"].table).values(**setting, **release))


def test_totals_are_shown_in_the_second_currency(engine: Engine, migrated_url: str, run_ratecard: Run) -> None:
    fill(engine)
    show_in_rand(engine, "2026-01-01")
    found = asked(run_ratecard, migrated_url)["total"]
    assert found["revenue_usd"] == "10.000000012"
    assert found["in_currency"] == {
        "currency": "ZAR",
        "cost": "27.750000018",
        "charge": "55.50000013",
        "revenue": "185.000000222",
        "profit": "157.250000204",
    }
    done = run_ratecard("usage", "--database", migrated_url)
    assert done.stdout.splitlines()[-1] == "in ZAR: cost 27.7500, charge 55.5000, revenue 185.0000, profit 157.2500"


def test_a_missing_rate_is_told_and_the_rest_is_shown(engine: Engine, migrated_url: str, run_ratecard: Run) -> None:
    fill(engine)
    show_in_rand(engine, "2026-06-02")
    why = "no exchange rate USD/ZAR is in force at 2026-06-01T00:00:00+00:00"
    found = asked(run_ratecard, migrated_url)["total"]
    assert (found["cost_usd"], found["in_currency"]) == ("1.500000001", {"unknown": why})
    done = run_ratecard("usage", "--database", migrated_url)
    assert done.stdout.splitlines()[-1] == f"in a second currency: {why}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--by", "modle"], "argument --by: 'modle' is not a column; did you mean 'model'?"),
        (["--by", ""], "argument --by: '' is not a column; it is one of provider, model, account, user, plan"),
        (["--from", "2026-02-30"], "argument --from: '2026-02-30' is not a date such as 2026-01-31"),
        (["--to", "20260201"], "argument --to: '20260201' is not a date such as 2026-01-31"),
        (["--from", "2026-02-02", "--to", "2026-02-01"], "--from 2026-02-02 is after --to 2026-02-01"),
        (["--format", "xml"], "argument --format: invalid choice: 'xml'"),
    ],
)
def test_wrong_usage(run_ratecard: Run, words: list[str], message: str) -> None:
    done = run_ratecard("usage", *words)
    assert done.returncode == 64
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_database(run_ratecard: Run, tmp_path: Any) -> None:
    done = run_ratecard("usage")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no database is named and this is not a git repository" in done.stderr
    missing = tmp_path / "missing.db"
    done = run_ratecard("usage", "--database", f"sqlite:///{missing}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("is missing; run `ratecard apply` first\n")
    assert not missing.exists()
