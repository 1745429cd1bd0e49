"""Chat-credits: weighted tokens as credits, wallets, versions, and the bill of its day."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from metering.errors import BadEventError, InsufficientBalanceError
from metering.meter import Meter
from metering.rerating import Scope
from metering.usage import Usage
from sync.context import environment_admins
from tests.conftest import git
from tests.examples.businesses import Business, Day, money, today

EXAMPLE = "chat-credits"
MULTIPLIERS = {
    "deepseek": "0.5",
    "gemini-flash": "0.8",
    "gemini-pro": "1.2",
    "gpt-4o-mini": "1.0",
    "gpt-4o": "2.0",
    "claude-haiku": "0.8",
    "claude-sonnet": "1.5",
    "unknown": "1.0",
}
BY = "Price Desk <prices@example.com>"
VERSION = datetime(2026, 2, 20, tzinfo=UTC)


def message(event_id: str, account: str, alias: str = "gpt-4o-mini", task: str = "chat", output: int = 10_000) -> Usage:
    return Usage(event_id=event_id, account=account, model=alias, task=task, units={"output": output})


def credits_of(meter: Meter, alias: str, **units: int) -> Decimal:
    """The exact credits of a call: its charge in USD times ten."""
    return meter.quote(None, alias, units).charge * meter.book.settings.credits_per_dollar


def test_weighted_tokens(meter: Meter) -> None:
    """(100, 50, 10) is 35 + 5 + 10 = 50.0 output-equivalent tokens: as many credits as 50 of output."""
    fifty = credits_of(meter, "gpt-4o-mini", input=100, cache_read=50, output=10)
    assert fifty == credits_of(meter, "gpt-4o-mini", output=50) == Decimal("50.0") / 10_000
    assert credits_of(meter, "gpt-4o-mini", input=10_000) == Decimal("0.35")
    assert credits_of(meter, "gpt-4o-mini", cache_read=10_000) == Decimal("0.10")


def test_multipliers_by_alias_without_a_provider(meter: Meter) -> None:
    found = {alias: credits_of(meter, alias, output=10_000) for alias in MULTIPLIERS}
    assert found == {alias: Decimal(multiplier) for alias, multiplier in MULTIPLIERS.items()}
    assert meter.quote("deepseek", "deepseek", {"output": 10_000}).charge == Decimal("0.05")


def test_negative_counts_are_counted_as_0(meter: Meter) -> None:
    units = {"input": -100, "cache_read": -50, "output": 10}
    assert credits_of(meter, "gpt-4o-mini", **units) == credits_of(meter, "gpt-4o-mini", output=10)
    receipt = meter.record(Usage(event_id="negative", account="odd", model="deepseek", units=units))
    assert receipt.charge == meter.quote(None, "deepseek", {"output": 10}).charge
    assert credits_of(meter, "gpt-4o-mini", output=-10_000) == 0


def test_the_version_of_all_prices(meter: Meter) -> None:
    keys = {price.key.partition("@")[2] for entry in meter.book.entries.values() for price in entry.prices}
    assert keys == {"2026-02-20"}
    assert meter.book.release.label == "opening"
    assert meter.price(None, "deepseek", at=VERSION).key == "deepseek/deepseek-chat@2026-02-20"


def test_manager_routing_is_counted_and_not_billed(meter: Meter) -> None:
    receipt = meter.record(message("managed", "manager", task="manager_routing", output=1_000_000))
    assert (receipt.cost, receipt.charge, receipt.balance) == (Decimal("0.6"), 0, 0)


def test_a_cohort_gets_its_grant_once(meter: Meter) -> None:
    meter.accounts.create("beta-1", by=BY)
    first = meter.wallets.cohort("beta", credits=50)
    assert (first.face_nanos, first.added) == (5_000_000_000, first.accounts)
    meter.accounts.create("younger", by=BY)
    again = meter.wallets.cohort("beta", credits=50)
    assert (again.added, again.accounts) == (0, first.accounts)
    assert (meter.balance("beta-1").balance, meter.balance("younger").balance) == (5, 0)


def test_usage_and_debit_are_written_together_or_not_at_all(meter: Meter) -> None:
    meter.wallets.grant("careful", "promo", key="gift", credits=10)
    with pytest.raises(BadEventError):
        meter.record_many([message("fine", "careful"), message("", "careful")])
    assert meter.balance("careful").balance == 1
    assert [one.kind for one in meter.wallets.transactions("careful")] == ["grant"]


def test_kinds_of_the_ledger(meter: Meter) -> None:
    """grant, purchase, debit, refund; `adjustment` where an event is priced anew."""
    meter.wallets.grant("ledger", "promo", key="gift", credits=1)
    meter.wallets.buy("ledger", "Hundred", key="payment")
    meter.record(message("paid", "ledger", "gpt-4o"))
    meter.wallets.refund_usage("ledger", "paid", key="complaint", usd=Decimal("0.05"))
    found = [(one.kind, one.amount_nanos) for one in meter.wallets.transactions("ledger")]
    assert found == [
        ("refund", 50_000_000),
        ("debit", -200_000_000),
        ("purchase", 10_000_000_000),
        ("grant", 100_000_000),
    ]


def test_a_change_reaches_running_processes(business: Business, meter: Meter) -> None:
    """One meter, never reopened: refused, then only observed, and a new multiplier counts from its commit on."""
    with pytest.raises(InsufficientBalanceError):
        meter.hold("broke", None, "deepseek", max_output=10_000)
    assert meter.check("broke", None, "deepseek", units={"output": 1}).code == "INSUFFICIENT_BALANCE"
    assert meter.record(message("before", "ledger", "deepseek")).charge == Decimal("0.05")

    sets = ("--set", "setting enforcement=observe", "--set", "price deepseek/deepseek-chat#credits.multiplier=0.6")
    business.ratecard("propose", *sets, "--title", "Observe, and deepseek at 0.6")
    git(business.top, "merge", "--quiet", "ratecard/observe-and-deepseek-at-0-6")
    business.ratecard("apply", "--yes")

    decision = meter.check("broke", None, "deepseek", units={"output": 1})
    assert (decision.allowed, decision.observed) == (True, True)
    receipt = meter.record(message("after", "broke", "deepseek"))
    assert (receipt.charge, receipt.balance) == (Decimal("0.06"), Decimal("-0.06"))
    assert receipt.price_key == f"deepseek/deepseek-chat@{today():%Y-%m-%d}"


def test_admins_are_listed_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATECARD_ADMINS", "user-17, User-42")
    assert environment_admins() == ("user-17", "user-42")


def test_the_bill_of_the_day(day: Day) -> None:
    """By hand: 10 cents a credit; a tenth of a dollar for 10,000 weighted tokens, times the multiplier.

    claude-sonnet: 7,000 + 1,000 + 2,000 = 10,000 weighted, 1.5 credits. gpt-4o: 3,500 + 500 + 6,000, 2 credits. What
    the beta user spends was given, and what the visitor owes is only observed: neither is revenue. The deepseek message
    was given back.
    """
    rows, total = day.bill("account", "model")
    assert rows == {
        ("beta-1", "openai/gpt-4o-mini-2024-07-18"): money("0.00018075", "0.0005", "0", "-0.00018075"),
        ("beta-1", "deepseek/deepseek-chat"): money("0.0042", "0", "0", "-0.0042"),
        ("beta-1", "anthropic/claude-sonnet-4-5"): money("0.093", "0.15", "0", "-0.093"),
        ("late-1", "openai/gpt-4o-2024-08-06"): money("0.09125", "0.2", "0.2", "0.10875"),
        ("late-1", "google/gemini-2.5-flash"): money("0.025", "0.08", "0.08", "0.055"),
        ("late-1", "google/gemini-2.5-pro"): money("0.1", "0.12", "0.12", "0.02"),
        ("late-1", "anthropic/claude-haiku-4-5"): money("0.05", "0.08", "0.08", "0.03"),
        ("late-1", "unknown/an-alias-nobody-knows"): money("0", "0.1", "0.1", "0.1"),
        ("late-1", "openai/gpt-4o-mini-2024-07-18"): money("0.0006", "0.01", "0.01", "0.0094"),
        ("visitor", "openai/gpt-4o-mini-2024-07-18"): money("0.006", "0.1", "0", "-0.006"),
    }
    assert money(total["cost_usd"], total["charge_usd"], total["revenue_usd"], total["profit_usd"]) == money(
        "0.37023075", "0.8405", "0.59", "0.21976925"
    )
    assert "total 11 31,100 69,020 15,050 0.3702 0.8405 0.5900 0.2198" in day.lines
    assert "beta-1: $0.05 of event msg-02 given back, the balance is $4.8495" in day.lines
    assert day.faults_of_the_ledger() == []


def test_the_day_refuses_until_it_only_observes(day: Day) -> None:
    reason = "INSUFFICIENT_BALANCE the call may come to 0.1 USD"
    found = [line for line in day.lines if line.startswith("visitor may call")]
    assert [line.partition(";")[0] for line in found] == [
        f"visitor may call: False {reason}",
        f"visitor may call: True {reason}",
    ]


def test_alias_and_version_are_the_identity_of_a_multiplier(day: Day) -> None:
    """Another date is another price, and the one in effect cannot go; another multiplier is an edit of it."""
    path = day.top / "config" / "pricing" / "google.yaml"
    text = path.read_text()
    path.write_text(text.replace("2026-02-20", "2026-02-21", 1))
    git(day.top, "commit", "--all", "--quiet", "--message=Move the date")
    assert "google/gemini-2.5-flash@2026-02-20" in day.ratecard("apply", "--yes", code=1)

    path.write_text(text.replace("multiplier: 0.8", "multiplier: 0.9"))
    git(day.top, "commit", "--all", "--quiet", "--message=Flash at 0.9")
    day.ratecard("apply", "--yes", "--reprice")
    with Meter.open(day.url) as meter:
        survey = meter.rerating.survey(Scope(today().date()))
        meter.rerating.write(survey, by=BY)
        newest = meter.wallets.transactions("late-1", limit=1)[0]
    assert (newest.kind, newest.amount_nanos) == ("adjustment", -10_000_000)
    assert day.faults_of_the_ledger() == []
