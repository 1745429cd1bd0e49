"""Admission: whether an account may make a call now, by its status, its plan and its counters. Pure.

It looks at everything but money: what the call costs and whether the wallet covers it is decided by `quote` and `hold`.
Settings or a plan that only observe let a call pass that would have been refused, and what would have refused it is
told. A suspended account is refused under every policy: somebody decided that by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from metering.book.entities import Plan
from metering.book.ratebook import Entry, RateBook
from metering.errors import AccountSuspendedError, ModelNotInPlanError, QuotaExceededError, RefusalError
from metering.quotas.limits import (
    NOUNS,
    Used,
    admits,
    end_of,
    estimate_of,
    grouped,
    limit_parts,
    policy_for,
    resets_at,
    used_at,
)
from metering.wallets.wallet import AccountState


class Objection(NamedTuple):
    """A reason against a call. One that is only observed lets it pass."""

    error: RefusalError
    observed: bool


def admit(
    book: RateBook,
    state: AccountState,
    account_status: str,
    plan: Plan | None,
    entry: Entry | None,
    units: Mapping[str, int] | None,
    now: datetime,
    reserved: Used | None = None,
) -> RefusalError | None:
    """Why a call may not be made now, or None when it may.

    `state` holds the account's counters, `plan` its plan (None when the rate card does not have it: then the default
    plan counts), `entry` the registered model that is called, if any, and `units` an estimate in stored parts, if any.
    What is `reserved` by open holds counts as used.
    """
    found = objections(book, state, account_status, plan, entry, units, now, reserved)
    return next((one.error for one in found if not one.observed), None)


def objections(
    book: RateBook,
    state: AccountState,
    account_status: str,
    plan: Plan | None,
    entry: Entry | None,
    units: Mapping[str, int] | None,
    now: datetime,
    reserved: Used | None = None,
) -> Iterator[Objection]:
    """Every reason against a call, the weightiest first; the arguments are those of `admit`."""
    counted = plan or plan_of(book, state.plan)
    yield from of_account(book, state, account_status, counted)
    if counted is None:
        return
    if entry is not None and not opens(book, counted, entry.model.access):
        message = f"model {entry.model.key} is of access '{entry.model.access}'; plan '{counted.slug}' opens"
        yield Objection(ModelNotInPlanError(f"{message} '{counted.access}'"), book.settings.observe)
    overage = overage_of(book, counted)
    used = used_at(state, now)
    for quota, estimate in estimate_of(units).items():
        held = 0 if reserved is None else getattr(reserved, quota)
        limit, parts = limit_parts(counted, quota), getattr(used, quota) + held
        # Judged as if it blocked: what `observe` lets pass is to be told.
        policy = policy_for(quota, overage)
        if not admits(limit, parts, estimate, "block" if policy == "observe" else policy):
            yield Objection(exceeded(counted, quota, parts, estimate, policy, now, held), policy == "observe")


def of_account(book: RateBook, state: AccountState, account_status: str, plan: Plan | None) -> Iterator[Objection]:
    """What stands against an account, whatever it wants: its status, or that no plan says what it may use."""
    if account_status != "active":
        yield Objection(AccountSuspendedError(f"the account is {account_status}"), False)
    if plan is None and book.plans:
        yield Objection(_no_plan(book, state.plan), book.settings.observe)


def plan_of(book: RateBook, slug: str) -> Plan | None:
    """The plan of an account, else the default plan; None when the rate card has neither."""
    return book.plans.get(slug) or book.plans.get(book.settings.default_plan)


def overage_of(book: RateBook, plan: Plan | None) -> str:
    """How overage is treated now: `observe` when settings enforce nothing, else as the plan says."""
    if book.settings.observe:
        return "observe"
    return "block" if plan is None else plan.overage


def opens(book: RateBook, plan: Plan, access: str) -> bool:
    """Whether a plan opens models of an access class: its own class and those before it in the settings' order."""
    classes = list(book.settings.values["access_classes"])
    if access == plan.access:
        return True
    return access in classes and plan.access in classes and classes.index(access) < classes.index(plan.access)


def exceeded(
    plan: Plan, quota: str, used: int, estimate: int, policy: str, now: datetime, held: int = 0
) -> QuotaExceededError:
    """That a quota of a plan has ended, or that an estimate does not fit into what is left; quantities in parts.

    `held` is how much of `used` is only set aside.
    """
    limit = limit_parts(plan, quota) or 0
    ends = resets_at(quota, now)
    end = end_of(limit, "block" if policy == "observe" else policy) or 0
    text = f"{grouped(quota, used)} of {grouped(quota, limit)} {NOUNS[quota]} are used on plan '{plan.slug}'"
    if held:
        text += f", {grouped(quota, held)} of them by open holds"
    if end > limit:
        text += f", which ends at {grouped(quota, end)}"
    if used < end:
        text += f"; this call would add {grouped(quota, estimate)}"
    return QuotaExceededError(f"{text}; more from {ends:%Y-%m-%d %H:%M} UTC on", quota=quota, resets_at=ends)


def _no_plan(book: RateBook, slug: str) -> ModelNotInPlanError:
    return ModelNotInPlanError(
        f"plan '{slug}' of the account is not in the rate card, and neither is the default plan"
        f" '{book.settings.default_plan}'; set settings.default_plan"
    )


__all__ = ["Objection", "admit", "exceeded", "objections", "of_account", "opens", "overage_of", "plan_of"]
