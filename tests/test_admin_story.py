"""The story of docs/a-change-from-branch-to-bill.md: its very commands in their order, and what they come to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import func, select

from metering.errors import UnregisteredModelError
from metering.meter import Meter
from schema.tables import accounts, subscriptions, usage_events
from tests.shell_pages import TOP, blocks, make_demo, run_block, run_shell

PAGE = (TOP / "docs" / "a-change-from-branch-to-bill.md").read_text(encoding="utf-8")
NEW = "mistral/ministral-14b-2512"
HAIKU = "anthropic/claude-haiku-4-5"
NANO = 10**9
KEPT = ("config/pricing/mistral.yaml", "config/registry/mistral.yaml")


class Call(NamedTuple):
    """A recorded call of the demo; cost and charge in nano-USD."""

    model: str
    task: str | None
    caller: str
    at: datetime
    input: int
    output: int
    cost: int
    charge: int

    def priced(self, input_rate: int, output_rate: int) -> int:
        """Its cost in nano-USD, at nano-USD per token."""
        return self.input * input_rate + self.output * output_rate


def demo_calls(url: str) -> list[Call]:
    event = usage_events.c
    columns = (event.provider, event.model, event.task, event.user_id, accounts.c.account, event.occurred_at)
    sums = (event.input_units, event.output_units, event.cost_nanos, event.charge_nanos)
    with Meter.open(url) as meter, meter.engine.connect() as connection:
        rows = connection.execute(select(*columns, *sums).join(accounts, accounts.c.id == event.account_id)).all()
    return [Call(f"{row[0]}/{row[1]}", row[2], row[3] or row[4], *row[5:]) for row in rows]


def subscriptions_on(url: str, plan: str) -> int:
    columns = subscriptions.c
    running = select(func.count()).where(columns.plan == plan, columns.ended_at.is_(None))
    with Meter.open(url) as meter, meter.engine.connect() as connection:
        return int(connection.execute(running).scalar_one())


def usd(nanos: int) -> str:
    cents = (Decimal(abs(nanos)) / 10**9).quantize(Decimal("0.01"))
    return f"{'-' if nanos < 0 else ''}${cents}"


def forecast(calls: list[Call], callers: set[str], now: datetime, margin: int) -> set[str]:
    """Lines that the plan must show: the calls of the new model's callers at its price, all others as they were."""
    window = [call for call in calls if now - timedelta(days=30) <= call.at < now]
    tried = [call for call in window if (call.model, call.task) == (HAIKU, "extraction")]
    moved = [call for call in tried if call.caller in callers]
    before, gone = (sum(call.priced(1_000, 5_000) for call in some) for some in (tried, moved))
    cost = sum(call.priced(200, 200) for call in moved)
    total = sum(call.charge for call in window)
    change = cost * margin - gone * 3
    assert len(moved) > 20
    return {
        f"money: the {len(window):,} calls of the last 30 days, re-priced",
        f"charge {usd(total)} {usd(total + change)} {usd(change)} {change / total * 100:+.1f} %",
        (
            f"{HAIKU} charge {usd(before * 3)} -> {usd((before - gone) * 3)} {-gone / before * 100:+.1f} %"
            f" cost {usd(before)} -> {usd(before - gone)} margin 3"
        ),
        f"{NEW} charge $0 -> {usd(cost * margin)} cost $0 -> {usd(cost)} margin - -> {margin}",
        f"route anthropic/extraction: {len(moved)} calls would have gone to another model",
    }


def lines(text: str) -> Iterator[str]:
    """The lines of a text, however it is laid out in columns."""
    return (" ".join(line.split()) for line in text.splitlines() if line.strip())


def timeless(text: str) -> set[str]:
    """The lines of a text, whatever the commit and the day."""
    return {re.sub(r"\b[0-9a-f]{12}\b", "COMMIT", re.sub(r"\d{4}-\d\d-\d\d", "DAY", line)) for line in lines(text)}


def amountless(text: str) -> set[str]:
    """The lines of a text, whatever the amounts and counts."""
    return {re.sub(r"[-+]?\$?\d[\d,.]*", "N", line) for line in lines(text)}


def test_a_change_goes_from_branch_to_bill_and_back(tmp_path: Path) -> None:
    repository = make_demo(tmp_path)
    url = f"sqlite:///{repository}/.ratecard/ratecard.db"
    propose, measure, merge, call, ask, go_back, see = blocks(PAGE)
    of_money, of_lines, of_keeping = blocks(PAGE, "text")
    calls = demo_calls(url)

    run_shell(propose, repository)
    begin = datetime.now(UTC)
    now, _, later = run_shell(measure, repository).partition("  from 20")
    planned = {moment: set(lines(now)) for moment in (begin, datetime.now(UTC))}
    assert amountless(of_money) <= amountless(now + later)
    assert "+ included_credit: 18.00" in lines(now)
    assert "included_credit 15 -> 18" in lines(now)
    pro = subscriptions_on(url, "pro")
    assert pro > 5
    told = f"of {pro} subscriptions includes {usd(pro * 15 * NANO)} -> {usd(pro * 18 * NANO)} of usage"
    assert f"plan pro: each month {told}, +{usd(pro * 3 * NANO)}" in lines(later)

    assert run_shell(merge, repository).endswith(", 3 created, 2 updated, 0 deleted\n")
    commit = run_shell("git rev-parse --short=12 main", repository).strip()
    with Meter.open(url) as meter:
        routed = {one.caller: meter.route("anthropic", "extraction", key=one.caller) for one in calls}
    callers = {caller for caller, model in routed.items() if model == NEW}
    # A call may leave the window between the plan and this line.
    assert any(forecast(calls, callers, moment, 3) <= told for moment, told in planned.items())
    assert any(forecast(calls, callers, moment, 4) - told <= set(lines(later)) for moment, told in planned.items())

    assert run_shell(call, repository) == f"{NEW}: cost $0.000300000  charge $0.000900000\n"

    asked = run_shell(ask, repository)
    assert timeless(of_lines) <= timeless(asked)
    line = run_shell(f"git grep -n 'margin: 3$' {commit} -- {KEPT[0]} | tail -1", repository).split(":")[2]
    assert f"charge $0.0003 x margin 3 = $0.0009 line {line} {commit} Price Desk" in lines(asked)
    assert f"+ model {NEW}" in lines(asked)

    out, notes = run_block(go_back, repository)
    assert timeless(of_keeping) == {note.removeprefix("ratecard: ") for note in timeless(notes)}
    assert {f"- {note}" for note in timeless(of_keeping)} <= timeless(run_shell("git log -1 --format=%B", repository))
    assert out.endswith(", 0 created, 3 updated, 1 deleted\n")
    assert f"{NEW} charge $0.0009 -> $0 -100.0 % cost $0.0003 -> $0 margin 3 -> -" in lines(out)
    assert run_shell("git diff --name-only main~2 main", repository).split() == list(KEPT)
    assert "active: false" in run_shell(f"git diff main~2 main -- {KEPT[1]}", repository)
    with Meter.open(url) as meter:
        assert meter.route("anthropic", "extraction", key="user-4") == "claude-haiku-4-5"
        assert meter.book.plans["pro"].included_nanos == 15 * NANO
        with pytest.raises(UnregisteredModelError):
            meter.quote("mistral", "ministral-14b-2512", {"input": 1000})

    seen = run_shell(see, repository)
    assert "no changes" in lines(seen)
    head = run_shell("git rev-parse --short=12 main", repository).strip()
    assert f"no drift: release 3, commit {head} and the database agree" in lines(seen)
    assert timeless(of_lines) <= timeless(seen)
    assert commit in seen
    assert run_shell("git status --short", repository) == ""
