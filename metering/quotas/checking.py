"""Checking: may this account make this call, or have one more of this, now? Pure, over what was read before.

A check promises nothing: two callers may be told the same last request is free. What must not be exceeded is set aside
by a hold; what has happened is counted, whatever a check said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from metering.book.entities import Plan
from metering.book.ratebook import RateBook
from metering.errors import (
    BadEventError,
    InsufficientBalanceError,
    QuotaExceededError,
    RefusalError,
)
from metering.quotas.admission import Objection, objections, of_account, overage_of, plan_of
from metering.quotas.limits import (
    QuotaState,
    admits,
    estimate_of,
    exceeds,
    grouped,
    limit_parts,
    policy_for,
    quota_states,
    state_of,
    used_at,
)
from metering.quotas.standing import Standing
from metering.rating.appraisal import quote
from metering.rating.run_units import ToolCall
from metering.usage import Quantity, stored_parts
from schema.documents.plans import QUOTA_LIMITS
from schema.findings import did_you_mean
from schema.money import micros, usd_text
from schema.units import MILLION


@dataclass(frozen=True, slots=True)
class Call:
    """The call that is asked about; `units` are stored parts. Without a model, a feature and a tool only the account is
    judged."""

    provider: str | None = None
    model: str | None = None
    units: Mapping[str, int] | None = None
    task: str | None = None
    reasoning_level: str | None = None
    feature: str | None = None
    tool: ToolCall | None = None
    """The tool that is called: its run units count, unless `units` name them."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a check. `code` and `message` say what refuses, or what would if more than observing were on."""

    allowed: bool
    account: str
    plan: str | None
    """The plan that was judged by; None when it is not known."""
    refusal: RefusalError | None
    quotas: tuple[QuotaState, ...]

    @property
    def code(self) -> str | None:
        """The code of the reason, such as QUOTA_EXCEEDED."""
        return None if self.refusal is None else self.refusal.code

    @property
    def message(self) -> str | None:
        """The reason, for people."""
        return None if self.refusal is None else str(self.refusal)

    @property
    def status(self) -> int:
        """The HTTP status that answers the call: 200 when it may be made."""
        return 200 if self.allowed or self.refusal is None else self.refusal.status

    @property
    def observed(self) -> bool:
        """Whether it is allowed only because nothing is enforced."""
        return self.allowed and self.refusal is not None

    def raise_if_refused(self) -> None:
        """Raise the refusal, if there is one that counts."""
        if self.refusal is not None and not self.allowed:
            raise self.refusal

    def as_json(self) -> dict[str, object]:
        """The decision in JSON."""
        return {
            "allowed": self.allowed,
            "observed": self.observed,
            "code": self.code,
            "message": self.message,
            "account": self.account,
            "plan": self.plan,
            "quotas": [quota.as_json() for quota in self.quotas],
        }


def refused(account: str, error: RefusalError) -> Decision:
    """The decision when nothing could be judged: unknown account, or the database away. It never allows."""
    return Decision(False, account, None, error, ())


def decide(book: RateBook, standing: Standing, call: Call, now: datetime) -> Decision:
    """Judge a call: the account's status, the model, its access, quotas and rates, then money.

    Raises BadEventError and UnknownUnitError for a call that cannot be made by anybody.
    """
    plan = plan_of(book, standing.state.plan)
    states = quota_states(standing.state, plan, overage_of(book, plan), now)
    return _decision(standing.account, plan, states, list(_against(book, standing, plan, call, now)))


def decide_limit(book: RateBook, standing: Standing, limit: str, current: Quantity, adding: Quantity) -> Decision:
    """Judge a static limit: whether an account that has `current` of something may have `adding` more.

    A limit that the account's plan does not name is none. Raises BadEventError for a limit that no plan names, for one
    that the runtime counts itself, and for quantities that are no number or negative.
    """
    if limit in QUOTA_LIMITS:
        raise BadEventError(f"'{limit}' is counted here: check the account, without limit and current")
    known = {name for plan in book.plans.values() for name in plan.limits} - set(QUOTA_LIMITS)
    if limit not in known:
        raise BadEventError(f"no plan has a limit '{limit}'{did_you_mean(limit, known)}")
    used, more = _parts("current", current), _parts("adding", adding)
    plan = plan_of(book, standing.state.plan)
    against = list(of_account(book, standing.state, standing.status, plan))
    allowed = None if plan is None else limit_parts(plan, limit)
    policy = policy_for(limit, overage_of(book, plan))
    refusal = None if plan is None else beyond_limit(plan, limit, used, more)
    if refusal is not None:
        against.append(Objection(refusal, policy == "observe"))
    state = QuotaState(limit, used, allowed, state_of(allowed, used, policy), None)
    return _decision(standing.account, plan, (state,), against)


def beyond_limit(plan: Plan, limit: str, used: int, more: int) -> QuotaExceededError | None:
    """That `used` and `more` of something, in millionths, go beyond a static limit of a plan; None when they do not.

    It asks neither for overage, which static limits do not know, nor whether anything is enforced.
    """
    allowed = limit_parts(plan, limit)
    if allowed is None or admits(allowed, used, more, "block"):
        return None
    text = f"{grouped(limit, used)} of {grouped(limit, allowed)} {limit} are used on plan '{plan.slug}'"
    if used < allowed:
        text += f"; this would add {grouped(limit, more)}"
    return QuotaExceededError(text, quota=limit)


def exceeding(book: RateBook, standing: Standing, call: Call, now: datetime) -> tuple[str, ...]:
    """The quotas whose limit an estimate would go beyond, whatever the plan makes of overage."""
    plan = plan_of(book, standing.state.plan)
    if plan is None:
        return ()
    used = used_at(standing.state, now)
    estimate = estimate_of(_with_run_units(book, call).units).items()
    return tuple(name for name, more in estimate if exceeds(limit_parts(plan, name), getattr(used, name), more))


def tool_call(
    tool: str | None,
    tier: str | None,
    cpu_seconds: Quantity | None,
    gpu_seconds: Quantity | None,
    latency_ms: Quantity | None,
) -> ToolCall | None:
    """What a call tells of its tool, read as `Usage` reads it; None without a tool.

    Raises BadEventError for a quantity that is no number or negative, and for any of the others without a tool.
    """
    if tool is None:
        if not tier is cpu_seconds is gpu_seconds is latency_ms is None:
            raise BadEventError("tier, cpu_seconds, gpu_seconds and latency_ms are those of a tool: tool is missing")
        return None
    cpu = None if cpu_seconds is None else stored_parts("cpu_seconds", cpu_seconds, MILLION)
    gpu = None if gpu_seconds is None else stored_parts("gpu_seconds", gpu_seconds, MILLION)
    latency = None if latency_ms is None else stored_parts("latency_ms", latency_ms, 1)
    return ToolCall(tool, tier, cpu, gpu, latency)


def _with_run_units(book: RateBook, call: Call) -> Call:
    """The call with the run units of its tool, unless it names them or tells nothing that they follow from."""
    units, tool = call.units or {}, call.tool
    if tool is None or not tool.measured or "run_unit" in units:
        return call
    counted = book.run_units.count(tool)
    return replace(call, units={**units, "run_unit": counted}) if counted else call


def _estimates(call: Call, counted: Call) -> Iterator[Mapping[str, int] | None]:
    """By what units the quotas are judged."""
    if not call.units and call.model is not None and counted.units:
        # The run units of a model's call are known, its tokens are not: a full month of either stops it.
        yield None
    yield counted.units


def _against(book: RateBook, standing: Standing, plan: Plan | None, call: Call, now: datetime) -> Iterator[Objection]:
    entry = None if call.model is None else book.find(call.provider, call.model)
    counted = _with_run_units(book, call)
    for estimate in _estimates(call, counted):
        yield from objections(book, standing.state, standing.status, plan, entry, estimate, now)
    try:
        need = 0 if call.model is None and call.feature is None else _most(book, standing, call, counted, now)
    except RefusalError as error:
        # Neither settings nor a plan that observe can give a price to a model that has none.
        yield Objection(error, False)
        return
    overage = overage_of(book, plan)
    available = standing.available_nanos
    if need and overage != "soft" and need > available:
        text = "nothing is left in the wallet"
        if call.units or need > 1:
            text = f"the call may come to {usd_text(need)} USD; {usd_text(max(available, 0))} USD are available"
        yield Objection(InsufficientBalanceError(text), overage == "observe")


def _most(book: RateBook, standing: Standing, call: Call, counted: Call, now: datetime) -> int:
    """What a call is charged in nano-USD; `counted` is the call with its run units.

    Without units it is what is charged whatever it counts, such as a feature by its use, or else the least that can be
    told apart from nothing, or nothing. Raises what `quote` raises.
    """

    def charge(units: Mapping[str, int]) -> int:
        model, plan = call.model or "", standing.state.plan
        told = (call.task, call.reasoning_level, call.feature)
        return quote(book, call.provider, model, units, now, plan, *told).charge_nanos

    known = charge(counted.units or {})
    if call.units or known:
        return known
    entry = None if call.model is None else book.find(call.provider, call.model)
    price = None if entry is None else entry.price_at(now)
    # A million of each unit that it may be charged by: what is charged nothing for that is free.
    units = ("input", "output") if price is None else tuple(price.costs)
    sold = None if call.feature is None else book.features.get(call.feature)
    return min(charge(dict.fromkeys((*units, *(sold.counted if sold else ())), MILLION)), 1)


def _decision(account: str, plan: Plan | None, states: tuple[QuotaState, ...], against: list[Objection]) -> Decision:
    enforced = next((one.error for one in against if not one.observed), None)
    first = enforced or next((one.error for one in against), None)
    return Decision(enforced is None, account, None if plan is None else plan.slug, first, states)


def _parts(name: str, quantity: Quantity) -> int:
    """A quantity of a static limit in millionths."""
    try:
        if isinstance(quantity, bool | float):
            raise ValueError("give an int, a Decimal or text")
        parts = micros(Decimal(quantity))
    except (ArithmeticError, ValueError, TypeError):
        raise BadEventError(f"{name} is {quantity!r}, which is no number of at most 6 decimals") from None
    if parts < 0:
        raise BadEventError(f"{name} is negative: {quantity}")
    return parts


__all__ = ["Call", "Decision", "beyond_limit", "decide", "decide_limit", "exceeding", "refused", "tool_call"]
