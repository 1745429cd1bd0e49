"""`credit_packs` and `features`: what is sold besides models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schema.documents.base import Count, Document, Flag, Given, Multiplier, PerUnit, Slug, Text, Usd

CostType = Literal["per_token", "per_use", "per_image"]


class CreditPack(Document):
    """Credit that is bought at once."""

    price: Usd
    """What is paid, in the pack's currency."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"
    """ISO 4217."""
    credits: Count
    """What is received (`settings.credits_per_dollar` of them make a dollar of usage)."""
    order: Count = 0
    """Its place on a price page."""
    badge: Text | None = None
    """Such as Most Popular."""
    active: Flag = True
    """Whether it can be bought."""
    stripe_price_id: Text | None = None
    """Empty until Stripe is connected."""
    accept: tuple[Text, ...] = ()
    """Codes of warnings about this pack that somebody looked at."""


class CreditPacksDocument(Document):
    """The credit packs."""

    packs: dict[Slug, CreditPack] = Field(default_factory=dict)
    """Packs by name."""


class FeatureOverride(Document):
    """What a plan pays for a feature instead."""

    amount: Annotated[PerUnit | None, Given] = None
    """Instead of the feature's amount."""
    multiplier: Annotated[Multiplier | None, Given] = None
    """Instead of the feature's multiplier."""


class Feature(Document):
    """A feature that costs something by itself."""

    display_name: Text | None = None
    """The name that people see."""
    description: Text | None = None
    """What it does."""
    cost_type: CostType = "per_use"
    """What the amount is for."""
    amount: PerUnit = Field(default=0, validate_default=True)
    """USD per token, use or image."""
    multiplier: Multiplier = Field(default=1, validate_default=True)
    """Times the amount."""
    plans: dict[Slug, FeatureOverride] = Field(default_factory=dict)
    """Other amounts or multipliers by plan."""
    billable: Flag = True
    """Whether it is charged at all."""
    mode: Literal["add", "replace"] = "add"
    """Whether it is charged besides the model's charge or in place of it."""


class FeaturesDocument(Document):
    """The features."""

    features: dict[Slug, Feature] = Field(default_factory=dict)
    """Features by name."""
