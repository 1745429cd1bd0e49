from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from metering.meter import Meter
from metering.usage import Usage
from schema.database import reading
from schema.tables import audit_log, usage_adjustments
from tests.in_process import Run, runner
from tests.metering.rate_card import JANUARY, NOW, ROWS, apply_rows, change, per_million

MAY = datetime(2026, 5, 10, 9, tzinfo=UTC)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


@pytest.fixture
def url(engine: Engine, migrated_url: str) -> str:
    """A database with three calls of May, of which two are to be re-rated and one has no price."""
    apply_rows(engine, ROWS)
    with Meter.open(migrated_url, now=lambda: NOW, listen=False) as meter:
        for number, model in enumerate(("haiku", "haiku", "unpriced")):
            meter.record(
                Usage(
                    event_id=str(number),
                    occurred_at=MAY,
                    account="acct-\x1b[2J",
                    provider="anthropic",
                    model=model,
                    units={"input": 1_000, "output": 200},
                )
            )
    rates = per_million(input="2", output="10")
    key = {"provider": "anthropic", "model": "haiku", "effective": JANUARY}
    apply_rows(engine, {"price": [change("price", key, rates=rates)]})
    return migrated_url


def written(engine: Engine) -> int:
    with reading(engine) as connection:
        return int(connection.execute(select(func.count()).select_from(usage_adjustments)).scalar_one())


def asked(run: Run, url: str, *words: str) -> Any:
    done = run("rerate", "--database", url, "--from", "2026-05-01", "--format", "json", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_a_dry_run_shows_and_yes_writes_once(engine: Engine, url: str, run: Run) -> None:
    shown = asked(run, url, "--dry-run")
    total = {
        "events": 3,
        "changed": 2,
        "billed": 0,
        "unpriced": 1,
        "refunded": 0,
        "cost_delta_usd": "0.004",
        "charge_raised_usd": "0.012",
        "charge_lowered_usd": "0",
        "charge_delta_usd": "0.012",
    }
    account = {"account": "acct-\x1b[2J", "adjustments": 2, "cost_delta_usd": "0.004", "charge_delta_usd": "0.012"}
    assert (shown["total"], shown["accounts"], shown["written"]) == (total, [account], None)
    assert [row["model"] for row in shown["models"]] == ["anthropic/haiku", "anthropic/unpriced"]
    assert written(engine) == 0
    done = asked(run, url, "--yes", "--by", "Price Desk <prices@example.com>", "--to", "2026-06-01")
    assert done["total"] == total
    assert done["written"] == {
        "adjustments": 2,
        "repeated": 0,
        "cost_delta_usd": "0.004",
        "charge_delta_usd": "0.012",
        "revenue_delta_usd": "0.012",
    }
    assert written(engine) == 2
    again = asked(run, url, "--yes")
    assert (again["adjustments"], again["written"]) == (0, None)
    with reading(engine) as connection:
        assert connection.execute(select(audit_log.c.actor)).scalars().all() == ["Price Desk <prices@example.com>"]


def test_text_shows_counts_and_money(url: str, run: Run, run_ratecard: Run) -> None:
    done = run_ratecard("rerate", "--database", url, "--from", "2026-05-01", "--to", "2026-06-01", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "re-rating from 2026-05-01 to 2026-06-01 by release 2 (commit 0123456789ab)",
        "MODEL               EVENTS  CHANGED  BILLED NOW  UNPRICED  COST $   CHARGE $",
        "anthropic/haiku     2       2        0           0         +0.0040  +0.0120",
        "anthropic/unpriced  1       0        0           1         0        0",
        "total               3       2        0           1         +0.0040  +0.0120",
        "1 event that no price covers: left as they are",
        "1 account, by the change of the charge in $:",
        "  acct-\N{REPLACEMENT CHARACTER}[2J  2 events  +0.0120",
        "2 adjustments written: cost +0.0040, charge +0.0120, revenue +0.0120 USD",
    ]
    nothing = run("rerate", "--database", url, "--from", "2026-05-01")
    assert (nothing.returncode, nothing.stdout.splitlines()[-1]) == (0, "nothing changes")
    empty = run("rerate", "--database", url, "--from", "2026-06-01")
    assert empty.stdout.splitlines() == [
        "re-rating from 2026-06-01 on by release 2 (commit 0123456789ab)",
        "no event occurred then",
    ]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ("--from", "2026-05-01"),
            1,
            "nobody can be asked here, and nothing was written; look at it by --dry-run, write by --yes",
        ),
        (("--from", "2026-05-02", "--to", "2026-05-01"), 64, "--from 2026-05-02 is after --to 2026-05-01"),
        (("--from", "2026-05-02", "--yes", "--dry-run"), 64, "--dry-run writes nothing, --yes writes"),
        (("--from", "May"), 64, "'May' is not a date such as 2026-01-31"),
        ((), 64, "the following arguments are required: --from"),
        (("--from", "2026-05-01", "--account", "nobody"), 1, "there is no account 'nobody'"),
        (("--from", "2026-05-01", "--model", "anthropic/haikus"), 1, "did you mean 'anthropic/haiku'?"),
    ],
)
def test_refusals(engine: Engine, url: str, run: Run, words: tuple[str, ...], code: int, message: str) -> None:
    done = run("rerate", "--database", url, *words)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert written(engine) == 0
