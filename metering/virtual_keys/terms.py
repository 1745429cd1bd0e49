"""What the virtual key of a subscription may do, by its plan. Pure.

max_budget is the plan's; tpm_limit the plan's, else tokens_per_month / 30 / 24 / 60; rpm_limit its requests_per_minute;
models those that it opens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from metering.book.entities import Plan
from metering.book.ratebook import RateBook
from metering.quotas.admission import opens

MINUTES_A_MONTH = 30 * 24 * 60
PROXY = "litellm"
"""The provider whose models are those of the proxy: they go by their names there, all others as provider/model."""
NO_MODELS = "no-default-models"
"""What LiteLLM calls a key without any model; an empty list opens all of them."""
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


@dataclass(frozen=True, slots=True)
class Terms:
    """The limits of a key as LiteLLM names them; None is no limit."""

    max_budget: Decimal | None
    """USD per budget duration."""
    budget_duration: str | None
    tpm_limit: int | None
    rpm_limit: int | None
    models: tuple[str, ...]
    blocked: bool

    def as_fields(self) -> dict[str, Any]:
        """The fields of LiteLLM's requests."""
        return {
            "max_budget": self.max_budget,
            "budget_duration": self.budget_duration,
            "tpm_limit": self.tpm_limit,
            "rpm_limit": self.rpm_limit,
            "models": list(self.models),
            "blocked": self.blocked,
        }

    def differing(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The fields in which a key that the proxy has differs, as they should be.

        What fits is left out of a change: a budget duration that is set anew begins anew.
        """
        there = {**found, "models": sorted(found.get("models") or ()), "blocked": bool(found.get("blocked"))}
        return {name: value for name, value in self.as_fields().items() if there.get(name) != value}


def terms_of(book: RateBook, plan: Plan, status: str, at: datetime) -> Terms | None:
    """The terms of an account's key, by its plan and status; None when the plan has no key."""
    named = plan.litellm
    if named is None:
        return None
    budget = named.get("max_budget")
    return Terms(
        max_budget=None if budget is None else Decimal(str(budget)),
        budget_duration=None if budget is None else named["budget_duration"],
        tpm_limit=tokens_a_minute(plan),
        rpm_limit=plan.limits.get("requests_per_minute"),
        models=tuple(sorted(_models(book, plan, at))) or (NO_MODELS,),
        blocked=status != "active",
    )


def tokens_a_minute(plan: Plan) -> int | None:
    """The rate of tokens that a plan names, else its month's tokens over the minutes of 30 days; None for no limit.

    LiteLLM knows whole tokens: rounded down, but never to 0, which would stop every call.
    """
    named = None if plan.litellm is None else plan.litellm.get("tpm_limit")
    tokens = plan.limits.get("tokens_per_month")
    if named is not None or tokens is None:
        return named
    return max(tokens // MINUTES_A_MONTH, min(tokens, 1))


def alias_of(prefix: str, account: str) -> str:
    """What the proxy calls an account's key: names that it may not like go by their digest."""
    if account.isascii() and len(account) <= 100 and _PLAIN.issuperset(account):
        return f"{prefix}-account-{account}"
    return f"{prefix}-digest-{sha256(account.encode()).hexdigest()}"


def is_ours(prefix: str, alias: str) -> bool:
    """Whether a key of the proxy is one that `alias_of` named."""
    return alias.startswith((f"{prefix}-account-", f"{prefix}-digest-"))


def _models(book: RateBook, plan: Plan, at: datetime) -> Iterator[str]:
    for entry in {entry.model.key: entry for entry in book.entries.values()}.values():
        model = entry.model
        if model.active and entry.price_at(at) is not None and opens(book, plan, model.access):
            yield model.name if model.provider == PROXY else model.key


__all__ = ["MINUTES_A_MONTH", "NO_MODELS", "PROXY", "Terms", "alias_of", "is_ours", "terms_of", "tokens_a_minute"]
