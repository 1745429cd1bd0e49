"""Checks before calls and counters after them, on a meter; limits that change with a release."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from metering.errors import (
    BadEventError,
    ModelNotInPlanError,
    QuotaExceededError,
    UnavailableError,
    UnknownAccountError,
    UnknownUnitError,
)
from metering.meter import Meter
from metering.quotas.checking import Decision
from metering.usage import Usage
from schema.database import reading, writing
from schema.tables import account_state, accounts
from tests.metering.rate_card import NOW, ROWS, Clock, apply_rows, model_row, plan_row, price_row, setting
from tests.metering.rating.test_features import feature_row
from tests.metering.test_meter import take_away

LIMITS = {"run_units_per_month": 100, "requests_per_day": 20, "requests_per_minute": 5, "tokens_per_month": 1_000}
FREE = plan_row("free", limits=LIMITS | {"documents": 5, "file_size_mb": 5})
TEAM = plan_row("team", access="standard", limits={"run_units_per_month": 5_000, "documents": None})
FULL = 100_000_000
JULY = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture
def limited(engine: Engine, migrated_url: str, clock: Clock) -> Iterator[Meter]:
    """A meter on plans with limits; the default plan is `free`."""
    zero = {"input": 0, "output": 0}
    models = [*ROWS["model"], model_row("local", "llama"), model_row("anthropic", "grand", access="all")]
    prices = [*ROWS["price"], price_row("local", "llama", rates=zero), price_row("anthropic", "grand")]
    apply_rows(engine, ROWS | {"plan": [FREE, TEAM], "model": models, "price": prices})
    with Meter.open(migrated_url, now=clock, listen=False) as meter:
        yield meter


def count(meter: Meter, account: str = "acct-1", **counters: Any) -> None:
    """Set the counters of an account for the periods that run at `NOW`."""
    meter.check(account)
    minute = int(NOW.timestamp()) // 60
    periods = {"month": date(2026, 6, 1), "day": NOW.date(), "minute": minute}
    owner = select(accounts.c.id).where(accounts.c.account == account).scalar_subquery()
    with writing(meter.engine) as connection:
        connection.execute(
            update(account_state).where(account_state.c.account_id == owner).values(**periods, **counters)
        )


def tell(decision: Decision) -> tuple[bool, str | None]:
    return decision.allowed, decision.code


def test_99_of_100_run_units_are_allowed_and_100_are_not(limited: Meter) -> None:
    count(limited, month_run_unit_micros=99_000_000)
    assert tell(limited.check("acct-1")) == (True, None)
    count(limited, month_run_unit_micros=FULL - 1)
    assert tell(limited.check("acct-1")) == (True, None)
    count(limited, month_run_unit_micros=FULL)
    decision = limited.check("acct-1")
    assert tell(decision) == (False, "QUOTA_EXCEEDED")
    assert (decision.status, decision.plan) == (429, "free")
    with pytest.raises(QuotaExceededError, match="100 of 100 run units this month are used on plan 'free'"):
        decision.raise_if_refused()


def test_4999_of_5000_are_allowed_and_5000_are_not(limited: Meter) -> None:
    limited.check("acct-1")
    with writing(limited.engine) as connection:
        connection.execute(update(account_state).values(plan="team"))
    count(limited, month_run_unit_micros=4_999 * 10**6)
    assert tell(limited.check("acct-1")) == (True, None)
    count(limited, month_run_unit_micros=5_000 * 10**6)
    assert tell(limited.check("acct-1")) == (False, "QUOTA_EXCEEDED")


def test_would_exceed_answers_before_the_work(limited: Meter) -> None:
    count(limited, month_run_unit_micros=99_000_000, month_tokens=990)
    assert limited.would_exceed("acct-1", {"run_unit": 1}) is False
    assert limited.would_exceed("acct-1", {"run_unit": "1.000001"}) is True
    assert limited.would_exceed("acct-1", {"run_unit": Decimal("0.5"), "output": 10}) is False
    assert limited.would_exceed("acct-1", {"run_unit": Decimal("0.5"), "output": 11}) is True
    assert tell(limited.check("acct-1", units={"run_unit": 1})) == (True, None)
    assert tell(limited.check("acct-1", units={"run_unit": "1.000001"})) == (False, "QUOTA_EXCEEDED")


def test_would_exceed_looks_at_the_limit_where_overage_goes_on(limited: Meter) -> None:
    apply_rows(limited.engine, {"plan": [FREE | {"overage": "soft"}]})
    count(limited, month_run_unit_micros=FULL)
    assert limited.would_exceed("acct-1", {"run_unit": 1}) is True
    assert tell(limited.check("acct-1", units={"run_unit": 1})) == (True, None)


def test_what_is_recorded_is_counted(limited: Meter, clock: Clock) -> None:
    def use(event: str, **values: Any) -> None:
        limited.record(Usage(event_id=event, account="acct-1", provider="local", model="llama", **values))

    use("e1", units={"input": 400, "output": 100})
    use("e2", units={"cache_read": 300, "run_unit": "2.5"})
    used = {one.name: one.used for one in limited.check("acct-1").quotas}
    assert used == {
        "tokens_per_month": 800,
        "requests_per_day": 2,
        "requests_per_minute": 2,
        "run_units_per_month": Decimal("2.5"),
    }
    for number in range(3):
        use(f"more-{number}")
    refused = limited.check("acct-1")
    assert refused.message == "5 of 5 requests this minute are used on plan 'free'; more from 2026-06-15 12:01 UTC on"
    clock.forward(seconds=60)
    assert tell(limited.check("acct-1")) == (True, None)
    # What has happened is kept, whatever a check says, and counted.
    for number in range(15):
        use(f"late-{number}")
    clock.forward(minutes=1)
    assert limited.check("acct-1").message == (
        "20 of 20 requests today are used on plan 'free'; more from 2026-06-16 00:00 UTC on"
    )
    clock.forward(hours=12)
    assert tell(limited.check("acct-1")) == (True, None)
    assert [one.used for one in limited.check("acct-1").quotas][1] == 0
    clock.moment = JULY
    assert {one.used for one in limited.check("acct-1").quotas} == {0}


def test_a_clock_that_is_ahead_hides_no_requests(limited: Meter, clock: Clock) -> None:
    ahead = Usage(event_id="e0", account="acct-1", model="small", occurred_at=NOW + timedelta(minutes=4))
    limited.record(ahead)
    for number in range(1, 5):
        limited.record(Usage(event_id=f"e{number}", account="acct-1", model="small"))
    assert str(limited.check("acct-1").message).startswith("5 of 5 requests this minute are used")
    clock.moment = datetime(2026, 6, 15, 23, 58, tzinfo=UTC)
    limited.record(Usage(event_id="e5", account="acct-1", model="small", occurred_at=datetime(2026, 6, 16, tzinfo=UTC)))
    used = {one.name: one.used for one in limited.check("acct-1").quotas}
    assert (used["requests_per_day"], used["requests_per_minute"]) == (6, 1)


def test_grace_ends_at_110_percent_and_flags_what_is_over(limited: Meter) -> None:
    apply_rows(limited.engine, {"plan": [FREE | {"overage": "grace"}]})
    count(limited, month_run_unit_micros=110 * 10**6 - 1)
    decision = limited.check("acct-1")
    assert (tell(decision), decision.observed) == ((True, None), False)
    assert {one.name: one.state for one in decision.quotas}["run_units_per_month"] == "over"
    count(limited, month_run_unit_micros=110 * 10**6)
    decision = limited.check("acct-1")
    assert tell(decision) == (False, "QUOTA_EXCEEDED")
    assert decision.message == (
        "110 of 100 run units this month are used on plan 'free', which ends at 110; more from 2026-07-01 00:00 UTC on"
    )


def test_enforcement_is_switched_by_a_release_without_a_restart(limited: Meter) -> None:
    count(limited, month_run_unit_micros=FULL)
    assert tell(limited.check("acct-1", "anthropic", "haiku")) == (False, "QUOTA_EXCEEDED")
    apply_rows(limited.engine, {"setting": [setting("enforcement", "observe")]})
    watched = limited.check("acct-1", "anthropic", "haiku")
    assert (tell(watched), watched.observed, watched.status) == ((True, "QUOTA_EXCEEDED"), True, 200)
    watched.raise_if_refused()
    grand = limited.check("acct-2", "anthropic", "grand", units={"input": 10})
    assert (tell(grand), grand.observed) == ((True, "MODEL_NOT_IN_PLAN"), True)
    poor = limited.check("acct-2", "anthropic", "haiku", units={"input": 10})
    assert (tell(poor), poor.observed) == ((True, "INSUFFICIENT_BALANCE"), True)
    apply_rows(limited.engine, {"setting": [setting("enforcement", "on")]})
    assert tell(limited.check("acct-1", "anthropic", "haiku")) == (False, "QUOTA_EXCEEDED")


def test_overage_and_limits_are_switched_by_a_release_without_a_restart(limited: Meter) -> None:
    count(limited, month_run_unit_micros=FULL)
    allowed = []
    for overage in ("block", "grace", "block", "soft", "observe", "block"):
        apply_rows(limited.engine, {"plan": [FREE | {"overage": overage}]})
        allowed.append(limited.check("acct-1").allowed)
    assert allowed == [False, True, False, True, True, False]
    apply_rows(limited.engine, {"plan": [FREE | {"limits": LIMITS | {"run_units_per_month": 101}}]})
    assert limited.check("acct-1").allowed is True
    apply_rows(limited.engine, {"plan": [FREE | {"limits": LIMITS | {"run_units_per_month": None}}]})
    assert limited.check("acct-1").allowed is True


def test_a_release_that_a_check_saw_is_kept(limited: Meter) -> None:
    before = limited._runtime.last_book
    limited.check("acct-1")
    assert limited._runtime.last_book is before
    release = apply_rows(limited.engine, {"plan": [FREE | {"overage": "soft"}]})
    limited.check("acct-1")
    assert limited._runtime.last_book.release.id == release


def test_model_access_is_the_plans(limited: Meter) -> None:
    grand = limited.check("acct-1", "anthropic", "grand")
    assert (tell(grand), grand.status) == ((False, "MODEL_NOT_IN_PLAN"), 403)
    assert grand.message == "model anthropic/grand is of access 'all'; plan 'free' opens 'basic'"
    with pytest.raises(ModelNotInPlanError):
        grand.raise_if_refused()


def test_a_model_that_may_not_be_called_is_refused(limited: Meter) -> None:
    assert tell(limited.check("acct-1", "anthropic", "opus")) == (False, "UNREGISTERED_MODEL")
    assert tell(limited.check("acct-1", "anthropic", "retired")) == (False, "UNREGISTERED_MODEL")
    assert tell(limited.check("acct-1", "anthropic", "unpriced")) == (False, "NO_PRICING_CONFIG")
    assert tell(limited.check("acct-1", "anthropic", "haiku", units={"image": 1})) == (False, "NO_PRICING_CONFIG")
    apply_rows(limited.engine, {"setting": [setting("enforcement", "observe")]})
    assert tell(limited.check("acct-1", "anthropic", "opus")) == (False, "UNREGISTERED_MODEL")


def test_the_wallet_must_cover_the_call(limited: Meter) -> None:
    empty = limited.check("acct-1", "anthropic", "haiku")
    assert (tell(empty), empty.status) == ((False, "INSUFFICIENT_BALANCE"), 402)
    assert empty.message == "nothing is left in the wallet"
    # 1,000 input at 0.80 and 500 output at 4.00 USD per million, times 3.
    units = {"input": 1_000, "output": 500}
    limited.wallets.grant("acct-1", "promo", usd="0.0084", key="g1")
    apply_rows(limited.engine, {"plan": [FREE | {"limits": {}}]})
    assert tell(limited.check("acct-1", "anthropic", "haiku", units=units)) == (True, None)
    assert tell(limited.check("acct-1", None, "small", units=units)) == (True, None)
    short = limited.check("acct-1", "anthropic", "haiku", units=units | {"input": 1_001})
    assert tell(short) == (False, "INSUFFICIENT_BALANCE")
    assert short.message == "the call may come to 0.0084024 USD; 0.0084 USD are available"
    assert tell(limited.check("acct-1", "anthropic", "haiku")) == (True, None)
    assert tell(limited.check("acct-1", "anthropic", "haiku", units={"input": 10**6}, task="routing")) == (True, None)


def test_credit_that_cannot_be_spent_now_does_not_cover(limited: Meter, clock: Clock) -> None:
    limited.wallets.grant("acct-1", "promo", usd=5, key="later", starts_at=JULY)
    limited.wallets.grant("acct-1", "promo", usd=5, key="ends", expires_at=datetime(2026, 6, 15, 13, tzinfo=UTC))
    assert tell(limited.check("acct-1", "anthropic", "haiku")) == (True, None)
    clock.forward(hours=1)
    assert tell(limited.check("acct-1", "anthropic", "haiku")) == (False, "INSUFFICIENT_BALANCE")
    clock.moment = JULY
    assert tell(limited.check("acct-1", "anthropic", "haiku")) == (True, None)


def test_a_free_model_is_not_stopped_by_an_empty_wallet(limited: Meter) -> None:
    """Elsewhere a price of zero blocked calls, or was taken for no price at all (LiteLLM 38515, 25874)."""
    assert tell(limited.check("acct-1", "local", "llama")) == (True, None)
    assert tell(limited.check("acct-1", "local", "llama", units={"input": 900})) == (True, None)


def test_soft_plans_call_on_an_empty_wallet(limited: Meter) -> None:
    apply_rows(limited.engine, {"plan": [FREE | {"overage": "soft"}]})
    decision = limited.check("acct-1", "anthropic", "haiku", units={"input": 900})
    assert (tell(decision), decision.observed) == ((True, None), False)


def test_unregistered_models_count_where_settings_burn_credit_for_them(limited: Meter) -> None:
    apply_rows(limited.engine, {"setting": [setting("unknown_model", {"credits_multiplier": "1"})]})
    assert tell(limited.check("acct-1", "anthropic", "opus")) == (False, "INSUFFICIENT_BALANCE")
    limited.wallets.grant("acct-1", "promo", usd=1, key="g1")
    assert tell(limited.check("acct-1", "anthropic", "opus")) == (True, None)


FEATURES = [
    feature_row("web_search", "per_use", "0.01", multiplier_micros=1_500_000),
    feature_row("image_gen", "per_image", "0.04", plan_overrides={"free": {"multiplier_micros": 1_100_000}}),
    feature_row("deep", "per_token", "0.0000005"),
    feature_row("rag_search", "per_use", "1", billable=False),
    feature_row("flat", "per_use", "0.002", mode="replace"),
]


def test_the_wallet_must_cover_a_feature(limited: Meter) -> None:
    apply_rows(limited.engine, {"feature": FEATURES, "plan": [FREE | {"limits": {}}]})
    short = limited.check("acct-1", feature="web_search")
    assert (tell(short), short.status) == ((False, "INSUFFICIENT_BALANCE"), 402)
    assert short.message == "the call may come to 0.015 USD; 0 USD are available"
    assert limited.check("acct-1", feature="deep").message == "nothing is left in the wallet"
    for free in ("rag_search", "only a name"):
        assert tell(limited.check("acct-1", feature=free)) == (True, None)
    assert tell(limited.check("acct-1", feature="web_search", task="routing")) == (True, None)
    limited.wallets.grant("acct-1", "promo", usd="0.0234", key="g1")
    assert tell(limited.check("acct-1", feature="web_search")) == (True, None)
    assert tell(limited.check("acct-1", feature="deep")) == (True, None)
    short = limited.check("acct-1", feature="image_gen", units={"image": 1})
    assert short.message == "the call may come to 0.044 USD; 0.0234 USD are available"
    # 0.0084 of the model and 0.015 of the feature.
    units = {"input": 1_000, "output": 500}
    assert tell(limited.check("acct-1", "anthropic", "haiku", units=units, feature="web_search")) == (True, None)
    short = limited.check("acct-1", "anthropic", "haiku", units=units | {"input": 1_001}, feature="web_search")
    assert short.message == "the call may come to 0.0234024 USD; 0.0234 USD are available"
    many = {"input": 10**6}
    assert tell(limited.check("acct-1", "anthropic", "haiku", units=many)) == (False, "INSUFFICIENT_BALANCE")
    assert tell(limited.check("acct-1", "anthropic", "haiku", units=many, feature="flat")) == (True, None)


RUN_UNITS = [
    {"name": "minimum", "value_micros": 10_000},
    {"name": "decimals", "value_micros": 4_000_000},
    {"name": "tier/heavy", "value_micros": 1_500_000},
    {"name": "tool/default", "value_micros": 100_000},
    {"name": "tool/build_module", "value_micros": 500_000},
]


def test_the_run_units_of_a_tool_must_fit(limited: Meter) -> None:
    apply_rows(limited.engine, {"run_unit": RUN_UNITS})
    count(limited, month_run_unit_micros=98_000_000, month_tokens=1_000)
    # 1 s x 1.5 + 0.5 = 2 run units: what is left, to the last.
    fits: dict[str, Any] = {"tool": "build_module", "tier": "heavy", "cpu_seconds": 1}
    assert tell(limited.check("acct-1", **fits)) == (True, None)
    assert tell(limited.check("acct-1", **fits | {"gpu_seconds": "0.5"})) == (True, None)
    over = limited.check("acct-1", **fits | {"gpu_seconds": "1.0001"})
    assert tell(over) == (False, "QUOTA_EXCEEDED")
    assert over.message == (
        "98 of 100 run units this month are used on plan 'free'; this call would add 2.0002; "
        "more from 2026-07-01 00:00 UTC on"
    )
    assert tell(limited.check("acct-1", tool="other", latency_ms=1_900)) == (True, None)
    assert tell(limited.check("acct-1", tool="other", latency_ms=1_901)) == (False, "QUOTA_EXCEEDED")
    assert tell(limited.check("acct-1", tool="other", latency_ms=1_901, units={"run_unit": 2})) == (True, None)
    # A call of a model has tokens, even if nobody says how many: the month's are used up.
    refused = limited.check("acct-1", "local", "llama", **fits)
    assert str(refused.message).startswith("1,000 of 1,000 tokens this month are used")
    assert tell(limited.check("acct-1", "local", "llama", **fits, units={"request": 1})) == (False, "NO_PRICING_CONFIG")
    count(limited, month_run_unit_micros=FULL - 1, month_tokens=0)
    refused = limited.check("acct-1", "local", "llama", **fits)
    assert str(refused.message).startswith("99.999999 of 100 run units this month are used")


def test_a_tool_is_counted_when_it_is_checked_as_when_it_is_recorded(limited: Meter) -> None:
    apply_rows(limited.engine, {"run_unit": RUN_UNITS, "plan": [FREE | {"limits": {"run_units_per_month": 2}}]})
    call: dict[str, Any] = {"tool": "build_module", "tier": "heavy", "cpu_seconds": "0.5", "latency_ms": 900}
    allowed = []
    for number in range(3):
        allowed.append(limited.check("acct-1", **call).allowed)
        limited.record(Usage(event_id=f"e{number}", account="acct-1", **call))
    # 0.5 s x 1.5 + 0.5 = 1.25 each.
    assert allowed == [True, False, False]
    assert {one.name: one.used for one in limited.check("acct-1").quotas}["run_units_per_month"] == Decimal("3.75")


@pytest.mark.parametrize(("current", "allowed"), [(0, True), (4, True), (5, False), (6, False), ("4", True)])
def test_a_static_limit_allows_one_more_below_it(limited: Meter, current: Any, allowed: bool) -> None:
    decision = limited.check("acct-1", limit="documents", current=current)
    assert decision.allowed is allowed
    assert [one.name for one in decision.quotas] == ["documents"]
    if current == 5:
        assert (decision.code, decision.message) == (
            "QUOTA_EXCEEDED",
            "5 of 5 documents are used on plan 'free'",
        )
        assert decision.quotas[0].as_json() == {
            "name": "documents",
            "used": 5,
            "limit": 5,
            "remaining": 0,
            "percent": 100,
            "state": "blocked",
            "resets_at": None,
        }


def test_a_file_of_the_size_of_its_limit_fits(limited: Meter) -> None:
    assert limited.check("acct-1", limit="file_size_mb", current=0, adding=5).allowed is True
    assert limited.check("acct-1", limit="file_size_mb", current=0, adding=Decimal("4.25")).allowed is True
    larger = limited.check("acct-1", limit="file_size_mb", current=0, adding="5.000001")
    assert tell(larger) == (False, "QUOTA_EXCEEDED")
    assert larger.message == "0 of 5 file_size_mb are used on plan 'free'; this would add 5.000001"


def test_static_limits_know_no_overage_but_are_observed(limited: Meter) -> None:
    for overage in ("soft", "grace"):
        apply_rows(limited.engine, {"plan": [FREE | {"overage": overage}]})
        assert tell(limited.check("acct-1", limit="documents", current=5)) == (False, "QUOTA_EXCEEDED")
    apply_rows(limited.engine, {"setting": [setting("enforcement", "observe")]})
    watched = limited.check("acct-1", limit="documents", current=5)
    assert (tell(watched), watched.observed, watched.quotas[0].state) == ((True, "QUOTA_EXCEEDED"), True, "over")


def test_a_used_up_quota_of_calls_does_not_stop_documents(limited: Meter) -> None:
    count(limited, month_run_unit_micros=FULL)
    assert limited.check("acct-1", limit="documents", current=1).allowed is True


def test_unlimited_and_unnamed_static_limits(limited: Meter) -> None:
    limited.check("acct-1")
    with writing(limited.engine) as connection:
        connection.execute(update(account_state).values(plan="team"))
    assert limited.check("acct-1", limit="documents", current=10**6).allowed is True
    assert limited.check("acct-1", limit="file_size_mb", current=0, adding=10**6).allowed is True


def test_questions_that_make_no_sense(limited: Meter) -> None:
    with pytest.raises(BadEventError, match="no plan has a limit 'documnts'; did you mean 'documents'"):
        limited.check("acct-1", limit="documnts", current=1)
    with pytest.raises(BadEventError, match="'tokens_per_month' is counted here"):
        limited.check("acct-1", limit="tokens_per_month", current=1)
    for wrong in ({"limit": "documents"}, {"current": 1}, {"limit": "documents", "current": 1, "units": {"input": 1}}):
        with pytest.raises(BadEventError):
            limited.check("acct-1", **wrong)
    for current in (-1, 1.5, True, "many", "1.0000001", Decimal("NaN")):
        with pytest.raises(BadEventError, match="current is"):
            limited.check("acct-1", limit="documents", current=current)  # type: ignore[arg-type]
    with pytest.raises(UnknownUnitError):
        limited.check("acct-1", units={"tokens": 1})
    others: list[dict[str, Any]] = [{"tier": "heavy"}, {"cpu_seconds": 1}, {"gpu_seconds": 1}, {"latency_ms": 1}]
    for other in others:
        with pytest.raises(BadEventError, match="tool is missing"):
            limited.check("acct-1", **other)
    for seconds in (-1, 0.5, "many"):
        with pytest.raises(BadEventError, match="cpu_seconds is"):
            limited.check("acct-1", tool="build", cpu_seconds=seconds)  # type: ignore[arg-type]
    with pytest.raises(BadEventError, match=r"latency_ms is 1\.5; it must be a whole number"):
        limited.check("acct-1", tool="build", latency_ms="1.5")
    with pytest.raises(BadEventError, match="a static limit is no call"):
        limited.check("acct-1", feature="web_search", limit="documents", current=1)
    with pytest.raises(BadEventError, match="model is missing"):
        limited.check("acct-1", "anthropic")
    for name in ("", "x" * 201, "a\x00b", "\ud800"):
        with pytest.raises(BadEventError, match="account is"):
            limited.check(name)


def test_a_suspended_account_is_refused_everything_at_once(limited: Meter) -> None:
    assert limited.check("acct-1").allowed is True
    with writing(limited.engine) as connection:
        connection.execute(update(accounts).values(status="suspended"))
    for decision in (
        limited.check("acct-1"),
        limited.check("acct-1", "local", "llama"),
        limited.check("acct-1", "anthropic", "opus"),
        limited.check("acct-1", limit="documents", current=0),
    ):
        assert (tell(decision), decision.status) == ((False, "ACCOUNT_SUSPENDED"), 403)
    apply_rows(limited.engine, {"setting": [setting("enforcement", "observe")]})
    assert tell(limited.check("acct-1")) == (False, "ACCOUNT_SUSPENDED")


def test_the_first_check_of_an_unknown_account_counts_by_the_default_plan(limited: Meter) -> None:
    """Elsewhere the first calls of an unknown customer passed every budget (LiteLLM 40095)."""
    decision = limited.check("new", "anthropic", "haiku")
    assert (tell(decision), decision.plan) == ((False, "INSUFFICIENT_BALANCE"), "free")
    apply_rows(limited.engine, {"setting": [setting("unknown_account", "refuse")]})
    assert limited.check("older", create=False).code == "UNKNOWN_ACCOUNT"
    unknown = limited.check("newer")
    assert (tell(unknown), unknown.status, unknown.plan, unknown.quotas) == (
        (False, "UNKNOWN_ACCOUNT"),
        404,
        None,
        (),
    )
    with pytest.raises(UnknownAccountError):
        limited.would_exceed("newer", {"input": 1})
    with reading(limited.engine) as connection:
        assert connection.execute(select(func.count()).select_from(accounts)).scalar_one() == 1


def test_the_included_credit_of_a_new_period_is_there_for_the_check(limited: Meter, clock: Clock) -> None:
    apply_rows(limited.engine, {"plan": [FREE | {"included_nanos": 10**9, "limits": {}}]})
    assert tell(limited.check("acct-1", "anthropic", "haiku")) == (True, None)
    limited.record(Usage(event_id="e1", account="acct-1", provider="openai", model="gpt", units={"input": 250_000}))
    assert tell(limited.check("acct-1", "anthropic", "haiku")) == (False, "INSUFFICIENT_BALANCE")
    clock.moment = JULY
    assert tell(limited.check("acct-1", "anthropic", "haiku")) == (True, None)


def test_without_the_database_nothing_is_allowed(limited: Meter, migrated_url: str) -> None:
    """Elsewhere a guard that failed closed failed open (LiteLLM 33923)."""
    serve = {"policy": "database_away", "value": {"serve": True, "max_age_minutes": 60}}
    apply_rows(limited.engine, {"policy": [serve], "setting": [setting("enforcement", "observe")]})
    assert limited.check("acct-1").allowed is True
    take_away(limited.engine, migrated_url)
    for decision in (
        limited.check("acct-1"),
        limited.check("acct-1", "local", "llama", units={"input": 1}),
        limited.check("acct-1", limit="documents", current=0),
    ):
        assert (tell(decision), decision.status) == ((False, "METERING_UNAVAILABLE"), 503)
        assert (decision.plan, decision.quotas, decision.observed) == (None, (), False)
        with pytest.raises(UnavailableError):
            decision.raise_if_refused()
    with pytest.raises(UnavailableError):
        limited.would_exceed("acct-1", {"input": 1})
    with pytest.raises(UnavailableError):
        limited.quotas.state("acct-1")
    assert limited.route("anthropic", "extraction") == "haiku"


def test_a_decision_as_json(limited: Meter) -> None:
    apply_rows(limited.engine, {"plan": [FREE | {"limits": {"run_units_per_month": 100}}]})
    count(limited, month_run_unit_micros=FULL)
    assert limited.check("acct-1").as_json() == {
        "allowed": False,
        "observed": False,
        "code": "QUOTA_EXCEEDED",
        "message": "100 of 100 run units this month are used on plan 'free'; more from 2026-07-01 00:00 UTC on",
        "account": "acct-1",
        "plan": "free",
        "quotas": [
            {
                "name": "run_units_per_month",
                "used": "100",
                "limit": "100",
                "remaining": "0",
                "percent": 100,
                "state": "blocked",
                "resets_at": "2026-07-01T00:00:00+00:00",
            }
        ],
    }


def test_the_state_of_an_account_for_a_widget(limited: Meter, clock: Clock) -> None:
    apply_rows(limited.engine, {"plan": [FREE | {"limits": {"run_units_per_month": 100, "requests_per_day": 20}}]})
    count(limited, month_run_unit_micros=95_000_000, day_requests=16)
    told = limited.quotas.state("acct-1").as_json()
    assert told == {
        "format_version": 1,
        "account": "acct-1",
        "status": "active",
        "plan": "free",
        "plan_name": "Free",
        "overage": "block",
        "state": "upgrade",
        "quotas": [
            {
                "name": "requests_per_day",
                "used": 16,
                "limit": 20,
                "remaining": 4,
                "percent": 80,
                "state": "warning",
                "resets_at": "2026-06-16T00:00:00+00:00",
            },
            {
                "name": "run_units_per_month",
                "used": "95",
                "limit": "100",
                "remaining": "5",
                "percent": 95,
                "state": "upgrade",
                "resets_at": "2026-07-01T00:00:00+00:00",
            },
        ],
        "requests_today": 16,
        "requests_per_day": 20,
        "period": "2026-06",
        "resets_at": "2026-07-01T00:00:00+00:00",
        "days_to_reset": 16,
    }
    days = []
    for moment in (datetime(2026, 6, 30, 23, 59, tzinfo=UTC), JULY, datetime(2026, 12, 1, tzinfo=UTC)):
        clock.moment = moment
        days.append((limited.quotas.state("acct-1").days_to_reset, limited.quotas.state("acct-1").period))
    assert days == [(1, "2026-06"), (31, "2026-07"), (31, "2026-12")]
    assert limited.quotas.state("acct-1").state == "ok"
    with pytest.raises(UnknownAccountError):
        limited.quotas.state("nobody")
