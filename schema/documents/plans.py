"""`plans`: what customers subscribe to."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from schema.documents.base import Count, Document, Flag, Given, Slug, Text, Usd

Overage = Literal["block", "soft", "grace", "observe"]

QUOTA_LIMITS = ("tokens_per_month", "requests_per_day", "requests_per_minute", "run_units_per_month")
"""Limits that the runtime counts; any other name is a static limit that callers check themselves against."""
STATIC_LIMITS = ("documents", "projects", "agents", "file_size_mb", "members")
"""The static limits of the shipped plans."""


class PlanPrice(Document):
    """The fee of a plan."""

    monthly: Usd
    """Per month."""
    annual: Annotated[Usd | None, Given] = None
    """Per year when paid yearly; without it the plan has no yearly cycle."""


def _limit(value: Any) -> Any:
    if value is None:
        raise PydanticCustomError("empty_value", "write a whole number or unlimited", {})
    return None if value == "unlimited" else value


Limit = Annotated[
    Count | None,
    BeforeValidator(_limit),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"const": "unlimited"}]}),
]
"""A whole number, or `unlimited` (None)."""


class LiteLLMBudget(Document):
    """What the virtual key of a subscription gets at a LiteLLM proxy."""

    max_budget: Usd | None = None
    """USD per budget duration."""
    budget_duration: Text = "30d"
    """How long a budget lasts, in LiteLLM's notation."""
    tpm_limit: Count | None = None
    """Tokens a minute; without it tokens_per_month / 30 / 24 / 60."""


class PlanEntry(Document):
    """One plan."""

    name: Text
    """The name that people see."""
    description: Text | None = None
    """One line for a price page."""
    active: Flag = True
    """Whether it can be subscribed to."""
    price: PlanPrice | Literal["custom"]
    """Monthly and annual fee, or `custom` for a fee agreed with each customer."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"
    """The currency of the fee, ISO 4217."""
    trial_days: Count = 0
    """Days before the first fee."""
    access: Slug = "standard"
    """The highest access class it opens (see `settings.access_classes`)."""
    included_credit: Usd = Field(default=0, validate_default=True)
    """USD of usage that each period includes; it expires with the period and burns first."""
    overage: Overage = "block"
    """What happens when the credit has run out: block, soft (owed), grace (10 % free), observe."""
    limits: dict[Slug, Limit] = Field(default_factory=dict)
    """Quotas and static limits: a whole number or `unlimited`."""
    features: tuple[Slug, ...] = ()
    """What the plan unlocks, for the product to ask."""
    litellm: LiteLLMBudget | None = None
    """The virtual key of a subscription at a LiteLLM proxy."""
    accept: tuple[Text, ...] = ()
    """Codes of warnings about this plan that somebody looked at."""


class PlansDocument(Document):
    """The plans."""

    plans: dict[Slug, PlanEntry] = Field(default_factory=dict)
    """Plans by slug."""
