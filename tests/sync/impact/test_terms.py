from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, update

from metering.accounts.accounts import create_account
from metering.meter import Meter
from metering.subscriptions.subscriptions import cancel, subscribe
from schema.database import writing
from schema.tables import accounts
from sync.impact import Pair, PlanTerms
from sync.render.plan_markdown import plan_markdown
from sync.render.plan_text import plan_lines
from sync.render.style import Style
from sync.snapshots import plan_snapshot, read_snapshot, snapshot_database
from tests.small_config import SMALL_CONFIG
from tests.sync.impact.calls import NANO, call, impact_of, record
from tests.sync.targets import LATER, apply_files, make_target, plan_of


def with_pro(*replacements: tuple[str, str]) -> dict[str, str]:
    text = SMALL_CONFIG["plans.yaml"]
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return {**SMALL_CONFIG, "plans.yaml": text}


MORE = with_pro(("included_credit: 10\n", "included_credit: 12.50\n"))
DEARER = with_pro(("annual: 200\n", "annual: 210\n"))


def subscribed(engine: Engine) -> None:
    """Five accounts subscribe to pro; one of them cancels, one is deleted."""
    apply_files(engine, SMALL_CONFIG)
    pro = Meter(engine, now=lambda: LATER).book.plans["pro"]
    with writing(engine) as connection:
        for number in range(1, 6):
            account = create_account(connection, f"acct-{number}", plan="free", now=LATER)
            cycle = "annual" if number == 3 else "monthly"
            subscribe(connection, account, pro, cycle, LATER - timedelta(days=9), now=LATER)
        cancel(connection, account, LATER, default_plan="free", now=LATER)
        connection.execute(update(accounts).where(accounts.c.account == "acct-4").values(status="deleted"))


def test_more_included_credit_reaches_every_running_subscription(engine: Engine) -> None:
    subscribed(engine)
    impact = impact_of(engine, make_target(MORE))
    assert impact.scenarios == ()
    (terms,) = impact.plans
    assert terms == PlanTerms("pro", 3, Pair(10 * NANO, 12_500_000_000), fee_changes=False)
    assert impact.as_json()["plans"] == [
        {
            "plan": "pro",
            "subscriptions": 3,
            "included_usd": {"before": "30", "after": "37.5"},
            "fee_changes": False,
        }
    ]


def test_text_and_markdown_tell_it_with_and_without_usage(engine: Engine) -> None:
    subscribed(engine)
    told = "plan pro: each month of 3 subscriptions includes $30.00 -> $37.50 of usage, +$7.50"
    plan = plan_of(engine, make_target(MORE), LATER)
    assert list(plan_lines(plan, Style()))[-6:] == [
        "    included_credit  10  ->  12.5",
        "",
        "subscriptions:",
        f"  {told}",
        "",
        "0 to create, 1 to update, 0 to delete",
    ]
    assert told.replace("plan pro", "- plan `pro`") in plan_markdown(plan).splitlines()
    record(engine, [call(1)])
    dearer = SMALL_CONFIG["pricing/anthropic.yaml"].replace("margin: 1.3", "margin: 1.4")
    both = list(plan_lines(plan_of(engine, make_target({**MORE, "pricing/anthropic.yaml": dearer}), LATER), Style()))
    assert both[both.index("subscriptions:") + 1] == f"  {told}"
    assert any(line.startswith("money: the 1 call of the last 30 days") for line in both)


def test_a_new_fee_leaves_running_subscriptions_as_they_were_agreed(engine: Engine) -> None:
    subscribed(engine)
    lines = list(plan_lines(plan_of(engine, make_target(DEARER), LATER), Style()))
    assert "  plan pro: 3 subscriptions keep their fee; the new fee is for those that begin from now on" in lines


def test_a_plan_without_subscriptions_says_so_and_words_say_nothing(engine: Engine) -> None:
    apply_files(engine, SMALL_CONFIG)
    assert "  plan pro: no subscription runs on it" in plan_lines(plan_of(engine, make_target(MORE)), Style())
    words = make_target(with_pro(("name: Pro\n", "name: Professional\n")))
    assert impact_of(engine, words).plans == ()


def test_a_snapshot_tells_the_same(engine: Engine, tmp_path: Path) -> None:
    subscribed(engine)
    path = tmp_path / "snapshot.json"
    path.write_text(json.dumps(snapshot_database(engine, now=LATER, days=30)))
    target = make_target(MORE)
    impact = plan_snapshot(read_snapshot(path), target, now=LATER).impact
    assert impact is not None
    assert impact.plans == impact_of(engine, target).plans
