from __future__ import annotations

from typing import Any

import pytest

from metering.errors import AccountSuspendedError, ModelNotInPlanError, QuotaExceededError, RefusalError
from metering.quotas.admission import admit, objections, opens
from metering.wallets.wallet import AccountState
from tests.metering.quotas.states import book, counters, plan
from tests.metering.rate_card import NOW, model_row, plan_row


def refusal(state: AccountState, overage: str = "block", units: dict[str, int] | None = None, **values: Any) -> Any:
    """Why a call without a model is refused."""
    return admit(
        book(settings=values.pop("settings", None)), state, "active", plan(overage, **values), None, units, NOW
    )


@pytest.mark.parametrize(
    ("counter", "allowed", "blocked"),
    [
        ("month_tokens", 999, 1_000),
        ("day_requests", 99, 100),
        ("minute_requests", 4, 5),
        ("month_run_unit_micros", 99_999_999, 100_000_000),
    ],
)
def test_each_quota_blocks_at_its_limit(counter: str, allowed: int, blocked: int) -> None:
    assert refusal(counters(**{counter: allowed})) is None
    found = refusal(counters(**{counter: blocked}))
    assert isinstance(found, QuotaExceededError)
    assert (found.code, found.status) == ("QUOTA_EXCEEDED", 429)


def test_a_refusal_says_what_is_used_and_when_it_begins_anew() -> None:
    found = refusal(counters(month_run_unit_micros=100_000_000))
    assert str(found) == "100 of 100 run units this month are used on plan 'team'; more from 2026-07-01 00:00 UTC on"
    assert (found.quota, found.resets_at.isoformat()) == ("run_units_per_month", "2026-07-01T00:00:00+00:00")
    found = refusal(counters(month_tokens=990), units={"input": 6, "output": 5})
    assert str(found) == (
        "990 of 1,000 tokens this month are used on plan 'team'; this call would add 11;"
        " more from 2026-07-01 00:00 UTC on"
    )
    found = refusal(counters(month_tokens=1_090), "grace", units={"output": 11})
    assert str(found) == (
        "1,090 of 1,000 tokens this month are used on plan 'team', which ends at 1,100; this call would add 11;"
        " more from 2026-07-01 00:00 UTC on"
    )


def test_an_estimate_that_does_not_fit_is_refused() -> None:
    assert refusal(counters(month_tokens=990), units={"output": 10}) is None
    assert refusal(counters(month_tokens=990), units={"output": 11}).quota == "tokens_per_month"
    assert refusal(counters(month_tokens=1_099), "grace", units={"output": 1}) is None
    assert refusal(counters(month_tokens=1_099), "grace", units={"output": 2}).quota == "tokens_per_month"


def test_a_full_month_of_tokens_stops_no_call_without_tokens() -> None:
    full = counters(month_tokens=1_000)
    assert refusal(full, units={"run_unit": 1}) is None
    assert refusal(full, units={"image": 1}) is None
    assert refusal(full, units={"input": 1}).quota == "tokens_per_month"
    assert refusal(full, units={}).quota == "tokens_per_month"


def test_soft_goes_on_but_not_past_a_rate() -> None:
    assert refusal(counters(month_tokens=10**9, day_requests=10**6), "soft") is None
    assert refusal(counters(minute_requests=5), "soft").quota == "requests_per_minute"
    assert refusal(counters(minute_requests=5), "grace").quota == "requests_per_minute"
    assert refusal(counters(minute_requests=5), "observe") is None


def test_unlimited_and_unnamed_limits_never_block() -> None:
    used = counters(month_tokens=10**12, day_requests=10**9, minute_requests=10**6, month_run_unit_micros=10**18)
    assert refusal(used, limits={}) is None
    assert refusal(used, limits={"tokens_per_month": None, "requests_per_day": None}) is None


def test_a_limit_of_zero_blocks_the_first_call() -> None:
    assert refusal(counters(), limits={"tokens_per_month": 0}).quota == "tokens_per_month"


def test_observing_lets_pass_and_says_so() -> None:
    state = counters(month_tokens=1_000, minute_requests=9)
    for card, overage in ((book(settings={"enforcement": "observe"}), "block"), (book(), "observe")):
        assert admit(card, state, "active", plan(overage), None, None, NOW) is None
        found = list(objections(card, state, "active", plan(overage), None, None, NOW))
        assert [(one.error.code, one.observed) for one in found] == [("QUOTA_EXCEEDED", True)] * 2
        assert str(found[1].error).startswith("1,000 of 1,000 tokens this month are used on plan 'team'; more from")


@pytest.mark.parametrize("status", ["suspended", "banned", "deleted"])
def test_an_account_that_is_not_active_is_refused_under_every_policy(status: str) -> None:
    for enforcement in ("on", "observe"):
        found = admit(book(settings={"enforcement": enforcement}), counters(), status, plan(), None, None, NOW)
        assert isinstance(found, AccountSuspendedError)
        assert (found.code, found.status, str(found)) == ("ACCOUNT_SUSPENDED", 403, f"the account is {status}")


@pytest.mark.parametrize(
    ("opened", "access", "allowed"),
    [
        ("basic", "basic", True),
        ("basic", "standard", False),
        ("standard", "basic", True),
        ("standard", "standard", True),
        ("standard", "all", False),
        ("all", "standard", True),
        ("all", "unheard-of", False),
        ("unheard-of", "basic", False),
        ("unheard-of", "unheard-of", True),
    ],
)
def test_a_plan_opens_its_class_and_those_before_it(opened: str, access: str, allowed: bool) -> None:
    card = book(model=[model_row("anthropic", "haiku", access=access)])
    team = plan(access=opened)
    assert opens(card, team, access) is allowed
    entry = card.find("anthropic", "haiku")
    found = admit(card, counters(), "active", team, entry, None, NOW)
    assert (found is None) is allowed
    if found is not None:
        assert isinstance(found, ModelNotInPlanError)
        assert (found.code, found.status) == ("MODEL_NOT_IN_PLAN", 403)
        assert str(found) == f"model anthropic/haiku is of access '{access}'; plan 'team' opens '{opened}'"


def test_access_is_no_overage_and_only_settings_observe_it() -> None:
    model = [model_row("anthropic", "haiku", access="all")]
    for card, passes in ((book(model=model), False), (book(model=model, settings={"enforcement": "observe"}), True)):
        found = admit(card, counters(), "active", plan("observe"), card.find("anthropic", "haiku"), None, NOW)
        assert (found is None) is passes


def test_the_order_of_classes_is_the_settings() -> None:
    card = book(settings={"access_classes": ["free", "jive", "jigga"]})
    assert [opens(card, plan(access="jive"), access) for access in ("free", "jive", "jigga")] == [True, True, False]


def test_an_unknown_plan_counts_as_the_default_plan() -> None:
    card = book(plan_row("free", limits={"requests_per_day": 20}), plan_row("pro"))
    full: Any = admit(card, counters(plan="gone", day_requests=20), "active", None, None, None, NOW)
    assert full.quota == "requests_per_day"
    assert "plan 'free'" in str(full)
    assert admit(card, counters(plan="gone", day_requests=19), "active", None, None, None, NOW) is None


def test_without_a_plan_to_count_by_it_refuses() -> None:
    card = book(plan_row("pro"))
    found = admit(card, counters(plan="gone"), "active", None, None, None, NOW)
    assert isinstance(found, RefusalError)
    assert str(found) == (
        "plan 'gone' of the account is not in the rate card, and neither is the default plan 'free';"
        " set settings.default_plan"
    )
    assert admit(book(plan=[]), counters(plan="gone"), "active", None, None, None, NOW) is None
