"""What the rate book holds besides prices and routes: plain records of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Release:
    """One apply: the commit that prices calls until the next."""

    id: int
    commit: str
    label: str | None
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the registry."""

    provider: str
    name: str
    display_name: str
    type: str
    access: str
    aliases: tuple[str, ...]
    context_window: int | None
    max_output: int | None
    active: bool

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Model:
        """A model from a row of its table."""
        return cls(
            provider=row["provider"],
            name=row["model"],
            display_name=row["display_name"],
            type=row["type"],
            access=row["access"],
            aliases=tuple(row["aliases"] or ()),
            context_window=row["context_window"],
            max_output=row["max_output"],
            active=row["active"],
        )

    @property
    def key(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.name}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan. Fees and included credit in nano-USD; the monthly fee is None when it is agreed with each customer."""

    slug: str
    name: str
    active: bool
    monthly_nanos: int | None
    annual_nanos: int | None
    currency: str
    trial_days: int
    access: str
    included_nanos: int
    overage: str
    limits: dict[str, int | None]
    features: tuple[str, ...]
    litellm: dict[str, Any] | None = None
    """Budget and rate of the virtual key at a LiteLLM proxy, as `schema.documents.plans.LiteLLMBudget` names them."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Plan:
        """A plan from a row of its table."""
        return cls(
            slug=row["plan"],
            name=row["name"],
            active=row["active"],
            monthly_nanos=row["monthly_nanos"],
            annual_nanos=row["annual_nanos"],
            currency=row["currency"],
            trial_days=row["trial_days"],
            access=row["access"],
            included_nanos=row["included_nanos"],
            overage=row["overage"],
            limits=dict(row["limits"] or {}),
            features=tuple(row["features"] or ()),
            litellm=row["litellm"],
        )


@dataclass(frozen=True, slots=True)
class Pack:
    """A credit pack: what is paid, in `currency`, and the credits that are received."""

    name: str
    price_nanos: int
    currency: str
    credits: int
    order: int
    badge: str | None
    active: bool

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Pack:
        """A pack from a row of its table."""
        return cls(
            name=row["pack"],
            price_nanos=row["price_nanos"],
            currency=row["currency"],
            credits=row["credits"],
            order=row["sort_order"],
            badge=row["badge"],
            active=row["active"],
        )


__all__ = ["Model", "Pack", "Plan", "Release"]
