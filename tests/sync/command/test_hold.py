"""`ratecard hold`: placed, captured, released and listed from a shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from metering.meter import Meter
from sync.command import main
from tests.metering.rate_card import ROWS, apply_rows
from tests.metering.rating.test_features import feature_row

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(engine: Engine, migrated_url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run(*words)`: a command on a database where acct-1 has one dollar."""
    apply_rows(engine, ROWS)
    with Meter.open(migrated_url, listen=False) as meter:
        meter.wallets.grant("acct-1", "purchase", key="pack", usd=1, paid=1)

    def run(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--database", migrated_url])
        return code, *capsys.readouterr()

    return run


def test_a_call_from_hold_to_bill(run: Run) -> None:
    placed = ("hold", "place", "acct-1", "anthropic/haiku", "--input", "1000", "--max-output", "500", "--id", "h1")
    code, out, _ = run(*placed, "--format", "json")
    hold = json.loads(out)["hold"]
    assert (code, hold["status"], hold["amount_usd"]) == (0, "open", "0.009")
    assert run(*placed)[1] == f"hold h1: 0.009 USD set aside until {hold['expires_at']}\n"
    code, out, _ = run("wallet", "show", "acct-1", "--format", "json")
    assert Decimal(json.loads(out)["wallet"]["held_usd"]) == Decimal("0.009")
    captured = ("hold", "capture", "acct-1", "h1", "--event", "e1", "--units", "input=1000,output=500")
    code, out, _ = run(*captured)
    assert code == 0
    assert out.startswith("event e1: charged 0.0084 USD, balance 0.9916 USD\n  priced by anthropic/haiku@2026-06-01, ")
    assert run(*captured)[1].startswith("event e1 (known already): charged 0.0084 USD")
    assert run("hold", "release", "acct-1", "h1")[1] == "hold h1: 0.009 USD is captured by event e1\n"
    code, out, _ = run("hold", "list", "acct-1")
    assert [line.split()[:4] for line in out.splitlines()] == [
        ["id", "status", "amount_usd", "model"],
        ["h1", "captured", "0.009", "anthropic/haiku"],
    ]
    assert run("hold", "list", "acct-1", "--open")[1] == "no holds\n"


def test_a_call_that_thinks_and_uses_a_feature(run: Run, engine: Engine) -> None:
    """500 output x 1.5 at 12 USD per million, and a search at 0.03 x 2."""
    apply_rows(engine, {"feature": [feature_row("search", "per_use", "0.03", multiplier_micros=2_000_000)]})
    told = ("--feature", "search", "--reasoning-level", "advanced")
    code, out, _ = run("check", "acct-1", "anthropic/haiku", "--units", "output=500", *told)
    assert (code, out) == (0, "allowed\n")
    code, _, error = run("check", "acct-1", "anthropic/haiku", "--units", "output=500", "--reasoning-level", "wild")
    assert (code, error.startswith("ratecard: 'wild' is not a reasoning level")) == (1, True)
    placed = ("hold", "place", "acct-1", "anthropic/haiku", "--max-output", "500", "--id", "h1", *told)
    assert run(*placed)[1].startswith("hold h1: 0.069 USD set aside until ")
    captured = ("hold", "capture", "acct-1", "h1", "--event", "e1", "--units", "output=500", "--user", "u1")
    code, out, _ = run(*captured, *told)
    assert out.startswith("event e1: charged 0.069 USD, balance 0.931 USD\n")
    code, out, _ = run("usage", "--by", "user,feature", "--format", "json")
    (row,) = json.loads(out)["rows"]
    assert (row["user"], row["feature"], row["charge_usd"]) == ("u1", "search", "0.069")


def test_what_is_refused_says_why_and_exits_with_1(run: Run) -> None:
    code, out, error = run("hold", "place", "acct-1", "anthropic/haiku", "--units", "output=1000000")
    assert (code, out) == (1, "")
    assert error == "ratecard: the call may come to 12 USD; 1 USD are available\n"
    code, _, error = run("hold", "release", "acct-1", "none")
    assert (code, error) == (1, "ratecard: there is no hold 'none'\n")
    for minutes in ("0", "-1", "10081", "9" * 30):
        code, _, error = run("hold", "place", "acct-1", "anthropic/haiku", "--units", "output=1", "--minutes", minutes)
        assert (code, error) == (1, "ratecard: a hold lasts longer than nothing and at most 7 days\n")
    for most in ("0", "1001", "9" * 30):
        code, _, error = run("hold", "list", "acct-1", "--most", most)
        assert (code, error) == (64, f"ratecard: --most is a number from 1 to 1000, not {most}\n")
    code, _, error = run("hold", "place", "acct-1", "anthropic/haiky", "--input", "1")
    assert (code, error) == (
        1,
        "ratecard: model anthropic/haiky is not registered; did you mean 'anthropic/haiku'?\n",
    )
