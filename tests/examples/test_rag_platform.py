"""Rag-platform: plans, limits, access, subscriptions, alerts, and the bill of its day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from metering.analytics.fees import mrr_nanos
from metering.meter import Meter
from metering.usage import Usage
from metering.virtual_keys.terms import terms_of
from schema.database import make_engine, reading
from schema.money import nanos
from schema.tables import audit_log
from tests.examples.businesses import Business, Day, fee_of_a_day, money, today
from tests.metering.rate_card import Clock

EXAMPLE = "rag-platform"
BY = "Price Desk <prices@example.com>"
JUNE = datetime(2030, 6, 10, 12, tzinfo=UTC)

LIMITS: dict[str, tuple[int | None, ...]] = {
    # tokens a month, requests a day, documents, projects, agents, MB a file, requests a minute, members
    "free": (50_000, 20, 5, 1, 1, 5, 5, 1),
    "pro": (500_000, 200, 50, 5, 5, 25, 30, 1),
    "premium": (2_000_000, 1000, 200, 20, 20, 100, 100, 5),
    "enterprise": (None, None, None, None, None, 500, 500, None),
}
NAMES = (
    "tokens_per_month",
    "requests_per_day",
    "documents",
    "projects",
    "agents",
    "file_size_mb",
    "requests_per_minute",
    "members",
)
ACCESS = {
    "free": {"gemini-2.0-flash", "llama-3.3-70b"},
    "pro": {"gemini-2.0-flash", "llama-3.3-70b", "gemini-2.0-pro"},
    "premium": {"gemini-2.0-flash", "llama-3.3-70b", "gemini-2.0-pro", "claude-3.5-sonnet", "gpt-4-turbo"},
    "enterprise": {
        "gemini-2.0-flash",
        "llama-3.3-70b",
        "gemini-2.0-pro",
        "claude-3.5-sonnet",
        "gpt-4-turbo",
        "customer-llama-ft",
    },
}


@pytest.fixture
def clock() -> Clock:
    return Clock(JUNE)


@pytest.fixture
def clocked(business: Business, clock: Clock) -> Iterator[Meter]:
    """A meter whose time a test sets."""
    with Meter.open(business.url, now=clock) as meter:
        yield meter


def question(event_id: str, account: str, tokens: int) -> Usage:
    units = {"input": tokens}
    return Usage(event_id=event_id, account=account, provider="litellm", model="gemini-2.0-flash", units=units)


def test_limits_of_the_plans(meter: Meter) -> None:
    assert {slug: plan.limits for slug, plan in meter.book.plans.items()} == {
        slug: dict(zip(NAMES, limits, strict=True)) for slug, limits in LIMITS.items()
    }


def test_fees_and_trials_of_the_plans(meter: Meter) -> None:
    book = meter.book.plans
    fees = {slug: (plan.monthly_nanos, plan.annual_nanos, plan.trial_days) for slug, plan in book.items()}
    dollar = 10**9
    assert fees == {
        "free": (0, None, 0),
        "pro": (19 * dollar, 190 * dollar, 14),
        "premium": (49 * dollar, 490 * dollar, 14),
        "enterprise": (None, None, 0),
    }
    for slug in ("pro", "premium"):
        monthly, annual, _ = fees[slug]
        assert monthly is not None
        assert annual is not None
        assert round((1 - Decimal(annual) / (monthly * 12)) * 100) == 17
    assert {slug: plan.overage for slug, plan in book.items()} == {
        "free": "block",
        "pro": "soft",
        "premium": "grace",
        "enterprise": "soft",
    }
    assert book["premium"].features == ("api_access", "priority_support", "team_members")


def test_a_plan_includes_what_its_tokens_come_to(meter: Meter) -> None:
    """30 USD per million, whichever model."""
    for slug in ("free", "pro", "premium"):
        tokens = meter.book.plans[slug].limits["tokens_per_month"]
        assert tokens is not None
        for model in ("gemini-2.0-flash", "gpt-4-turbo"):
            quote = meter.quote("litellm", model, {"input": tokens - 1, "output": 1}, plan=slug)
            assert quote.charge_nanos == meter.book.plans[slug].included_nanos == tokens * 30_000


def test_model_access_by_plan(meter: Meter) -> None:
    everything = {entry.model.name for entry in meter.book.entries.values()}
    assert everything == ACCESS["enterprise"]
    for slug, opened in ACCESS.items():
        account = f"access-{slug}"
        meter.accounts.create(account, by=BY)
        if slug != "free":
            fee = nanos(Decimal(900)) if slug == "enterprise" else None
            meter.subscriptions.start(account, slug, by=BY, fee_nanos=fee)
        codes = {model: meter.check(account, "litellm", model).code for model in everything}
        assert {model for model, code in codes.items() if code is None} == opened
        assert {code for code in codes.values() if code} <= {"MODEL_NOT_IN_PLAN"}


def test_states_of_a_quota_and_days_to_its_reset(clocked: Meter, clock: Clock) -> None:
    """80 % warns, 95 % prompts, 100 % blocks: of 50,000 tokens, to the token."""
    steps = {
        39_999: "ok",
        40_000: "warning",
        47_499: "warning",
        47_500: "upgrade",
        49_999: "upgrade",
        50_000: "blocked",
    }
    used = 0
    for total, state in steps.items():
        clocked.record(question(f"until-{total}", "bar", total - used))
        used = total
        clock.forward(minutes=1)
        overview = clocked.quotas.state("bar")
        assert (overview.state, overview.quotas[0].used) == (state, total)
        assert clocked.check("bar", "litellm", "gemini-2.0-flash").code in (None, "QUOTA_EXCEEDED")
    assert overview.days_to_reset == 21
    assert (overview.requests_today, overview.requests_per_day) == (6, 20)
    assert not clocked.check("bar").allowed
    assert [(alert.percent, alert.used) for alert in reversed(clocked.quotas.alerts("bar"))][:3] == [
        (80, 40_000),
        (95, 47_500),
        (100, 50_000),
    ]


def test_twenty_requests_a_day_and_five_a_minute(clocked: Meter, clock: Clock) -> None:
    for number in range(20):
        if number % 5 == 0:
            clock.forward(minutes=1)
        assert clocked.check("busy").allowed, number
        clocked.record(question(f"request-{number}", "busy", 1))
        if number == 4:
            refusal = clocked.check("busy")
            assert (refusal.allowed, refusal.code) == (False, "QUOTA_EXCEEDED")
    clock.forward(minutes=1)
    assert clocked.check("busy").code == "QUOTA_EXCEEDED"
    clock.forward(hours=12)
    assert clocked.check("busy").allowed


@pytest.mark.parametrize("slug", ["free", "pro", "premium", "enterprise"])
def test_static_limits_end_where_they_say(clocked: Meter, slug: str) -> None:
    account = f"static-{slug}"
    clocked.accounts.create(account, by=BY)
    if slug != "free":
        fee = nanos(Decimal(900)) if slug == "enterprise" else None
        clocked.subscriptions.start(account, slug, by=BY, fee_nanos=fee)
    limits = dict(zip(NAMES, LIMITS[slug], strict=True))
    for name in ("documents", "projects", "agents", "members"):
        limit = limits[name]
        if limit is None:
            assert clocked.check(account, limit=name, current=1_000_000).allowed
            continue
        assert clocked.check(account, limit=name, current=limit - 1).allowed
        assert clocked.check(account, limit=name, current=limit).code == "QUOTA_EXCEEDED"
    size = limits["file_size_mb"] or 0
    assert clocked.check(account, limit="file_size_mb", current=0, adding=size).allowed
    assert not clocked.check(account, limit="file_size_mb", current=0, adding=f"{size}.1").allowed


def test_a_trial_of_14_days_then_the_states_of_a_subscription(clocked: Meter, clock: Clock) -> None:
    clocked.accounts.create("states", by=BY)
    started = clocked.subscriptions.start("states", "pro", by=BY, trial=True)
    assert (started.status, started.trial_until) == ("trial", JUNE + timedelta(days=14))
    assert clocked.subscriptions.extend("states", 7, by=BY).trial_until == JUNE + timedelta(days=21)
    clock.forward(days=21)
    clocked.accounts.renew()
    assert clocked.subscriptions.of("states")[-1].status == "active"
    assert clocked.subscriptions.past_due("states", by=BY).status == "past_due"
    assert clocked.subscriptions.paid("states", by=BY).status == "active"
    assert clocked.subscriptions.change("states", "premium", by=BY).plan == "premium"
    assert clocked.subscriptions.change("states", "pro", by=BY).next_plan == "pro"
    clocked.subscriptions.cancel("states", by=BY, when="now")
    assert clocked.accounts.show("states").plan == "free"
    assert clocked.subscriptions.of("states")[-1].status == "cancelled"
    assert clocked.subscriptions.gift("states", "premium", 2, by=BY).fee_nanos == 0
    assert clocked.subscriptions.start("access-annual", "pro", by=BY, cycle="annual").fee_nanos == 190 * 10**9


def test_suspended_accounts_are_refused_and_everything_is_audited(clocked: Meter) -> None:
    for account in ("bulk-1", "bulk-2"):
        clocked.accounts.create(account, by=BY)
    clocked.accounts.suspend("bulk-1", "bulk-2", by=BY, reason="unpaid")
    assert {clocked.check(account).code for account in ("bulk-1", "bulk-2")} == {"ACCOUNT_SUSPENDED"}
    clocked.accounts.unsuspend("bulk-1", by=BY)
    clocked.accounts.ban("bulk-2", by=BY)
    with reading(clocked.engine) as connection:
        query = select(audit_log.c.actor, audit_log.c.action).where(audit_log.c.target.like("%bulk-%"))
        rows = connection.execute(query.order_by(audit_log.c.id)).all()
    assert {actor for actor, _ in rows} == {BY}
    assert len(rows) == 6


def test_secrets_are_named_never_stored(business: Business, meter: Meter) -> None:
    settings = meter.book.settings.values
    assert settings["stripe"] == {"secret_env": "STRIPE_SECRET_KEY", "webhook_secret_env": "STRIPE_WEBHOOK_SECRET"}
    assert settings["litellm"] == {
        "url": "https://litellm.example.com",
        "master_key_env": "LITELLM_MASTER_KEY",
        "key_prefix": "ratecard",
    }
    notifications = settings["notifications"]
    assert (notifications["webhook_env"], notifications["format"]) == ("SLACK_WEBHOOK_URL", "slack")
    assert notifications["templates"]["upgrade"].startswith("{account} has used {percent} % of its {quota}")
    assert (settings["site_name"], settings["default_plan"]) == ("RAG Platform", "free")
    path = business.top / "config" / "settings.yaml"
    text = path.read_text()
    path.write_text(text.replace("STRIPE_SECRET_KEY", "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc"))
    assert "[SECRET_IN_YAML]" in business.ratecard("validate", code=1)
    path.write_text(text)


def test_terms_of_the_proxy_keys(meter: Meter) -> None:
    """max_budget, monthly_tokens / 30 / 24 / 60 (1.157, 11.57, 46.3), requests a minute, and the plan's models."""
    found = {slug: terms_of(meter.book, plan, "active", today()) for slug, plan in meter.book.plans.items()}
    terms = {
        slug: (one.max_budget, one.tpm_limit, one.rpm_limit, set(one.models)) for slug, one in found.items() if one
    }
    assert terms == {
        "free": (Decimal("1.5"), 1, 5, ACCESS["free"]),
        "pro": (15, 11, 30, ACCESS["pro"]),
        "premium": (60, 46, 100, ACCESS["premium"]),
        "enterprise": (None, 200_000, 500, ACCESS["enterprise"]),
    }


def test_the_bill_of_the_day(day: Day) -> None:
    """By hand, in USD: a token is 30 / 1,000,000.

    Free uses the 1.50 that it includes; Pro 15.00 and 0.30 more, which is owed; Premium, in its trial, 60.00 and its
    tenth of 6.00; Enterprise owes 90.00. A day of 19 and of 900 a month is earned besides.
    """
    rows, total = day.bill("account", "plan")
    assert rows == {
        ("student", "free"): money("0.008", "1.5", "0", "-0.008"),
        ("bakery", "pro"): money("1.02", "15.3", "0.3", "-0.72"),
        ("lawyers", "premium"): money("31.2", "66", "0", "-31.2"),
        ("hospital", "enterprise"): money("9", "90", "90", "81"),
    }
    fees = fee_of_a_day(19) + fee_of_a_day(900)
    assert Decimal(total["subscription_usd"]) == fees
    assert Decimal(total["revenue_usd"]) == Decimal("90.3") + fees
    assert Decimal(total["profit_usd"]) == Decimal("90.3") + fees - Decimal("41.228")
    assert day.faults_of_the_ledger() == []


def test_the_day_says_who_may_call(day: Day) -> None:
    for line in (
        "student gemini-2.0-flash 49999 of 50000 tokens, upgrade may call",
        "student gemini-2.0-flash 50000 of 50000 tokens, blocked may not call: QUOTA_EXCEEDED",
        "student gemini-2.0-pro 50000 of 50000 tokens, blocked may not call: MODEL_NOT_IN_PLAN",
        "bakery gemini-2.0-pro 510000 of 500000 tokens, over may call",
        "lawyers claude-3.5-sonnet 2000000 of 2000000 tokens, over may call",
        "lawyers gpt-4-turbo 2200000 of 2000000 tokens, blocked may not call: QUOTA_EXCEEDED",
        "hospital customer-llama-ft 3000000 of unlimited tokens, ok may call",
        "ratecard: 5 of 5 documents are used on plan 'free' [QUOTA_EXCEEDED]",
    ):
        assert line in day.lines


def test_recurring_revenue_counts_who_pays(day: Day) -> None:
    """19 and 900; the trial does not pay yet."""
    engine = make_engine(day.url)
    with reading(engine) as connection:
        assert mrr_nanos(connection, today().date()) == 919 * 10**9
    engine.dispose()
