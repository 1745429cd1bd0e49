"""The catalogue: what is offered now, and at which price for a plan. Served from memory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query, Request
from pydantic import Field

from metering.api.access import caller_of, router
from metering.api.fields import Answer, Name, Usd
from metering.api.pricing import BookAnswer, plan_of
from metering.book.entities import Pack, Plan
from metering.book.ratebook import RateBook
from metering.meter import Meter
from metering.rating.features import Feature
from metering.rating.price_list import ListedModel, feature_price, listed_models
from metering.wallets.credits import CreditDisplay
from schema.money import multiplier_text, per_million_text, per_unit_text, usd_text
from schema.units import TOKEN_UNITS

routes = router("read", tag="catalogue", while_away=True)

PriceText = Annotated[str, Field(pattern=r"^[0-9]+([.][0-9]{1,12})?$")]


class TierAnswer(Answer):
    """What is charged in calls whose input is greater than `above_input`."""

    above_input: int = Field(description="0 for calls in no tier.")
    per_million: dict[str, PriceText] = Field(description="USD per 1,000,000, by unit that is a token.")
    per_unit: dict[str, PriceText] = Field(description="USD for one, by any other unit.")


class ModelAnswer(Answer):
    """A model that can be called."""

    provider: str
    model: str
    display_name: str
    type: str
    access: str
    in_plan: bool = Field(description="Whether the plan opens it.")
    plans: list[str] = Field(description="The offered plans that open it.")
    aliases: list[str]
    context_window: int | None
    max_output: int | None
    price: str = Field(description="The entry in force: `provider/model@date`.")
    charges: list[TierAnswer]


class FeatureAnswer(Answer):
    """What is charged for by itself."""

    feature: str
    cost_type: Literal["per_token", "per_use", "per_image"]
    billable: bool
    mode: Literal["add", "replace"] = Field(description="Whether it adds to the model's charge or replaces it.")
    charge_usd: PriceText = Field(description="For one token, use or image.")


class PlanAnswer(Answer):
    """A plan that is offered."""

    plan: str
    name: str
    currency: str
    monthly: Usd | None = Field(description="Null for a fee that is agreed with each customer.")
    annual: Usd | None
    trial_days: int
    access: str
    included_credit_usd: Usd
    overage: Literal["block", "soft", "grace", "observe"]
    limits: dict[str, int | None] = Field(description="Null for unlimited.")
    features: list[str]


class PackAnswer(Answer):
    """Credit that can be bought."""

    pack: str
    price: Usd
    currency: str
    credits: int
    badge: str | None


class ExchangeRateAnswer(Answer):
    """How much of `quote` one unit of `base` is."""

    base: str
    quote: str
    rate: str
    since: str


class CreditsAnswer(Answer):
    """How credit is shown."""

    name: str
    per_dollar: int
    precision: int
    rounding: Literal["up", "nearest", "down"]

    @classmethod
    def of(cls, display: CreditDisplay) -> CreditsAnswer:
        """As settings say."""
        return cls(
            name=display.name, per_dollar=display.per_dollar, precision=display.precision, rounding=display.rounding
        )


class CatalogueAnswer(Answer):
    """What is offered now."""

    plan: str = Field(description="The plan whose prices are shown.")
    models: list[ModelAnswer]
    features: list[FeatureAnswer]
    plans: list[PlanAnswer]
    packs: list[PackAnswer]
    exchange_rates: list[ExchangeRateAnswer]
    reasoning_levels: dict[str, str] = Field(description="What output is multiplied by.")
    credits: CreditsAnswer
    book: BookAnswer


@routes.get("/v1/catalogue")
def catalogue(
    request: Request,
    plan: Annotated[Name | None, Query(description="Another plan that is offered, to see its prices.")] = None,
) -> CatalogueAnswer:
    """Models, features, plans, packs and exchange rates, as they are in force now."""
    meter: Meter = request.app.state.meter
    now: datetime = request.app.state.now()
    chosen = plan_of(meter, caller_of(request), plan)
    book = meter.book
    return CatalogueAnswer(
        plan=chosen,
        models=[_model(one, chosen) for one in listed_models(book, chosen, now)],
        features=[_feature(one, chosen) for _, one in sorted(book.features.items())],
        plans=[_plan(one) for one in book.plans.values() if one.active],
        packs=[_pack(one) for one in sorted(book.packs.values(), key=lambda pack: pack.order) if one.active],
        exchange_rates=_exchange_rates(book, now),
        reasoning_levels={name: multiplier_text(value) for name, value in sorted(book.reasoning.items())},
        credits=CreditsAnswer.of(CreditDisplay.of(book.settings)),
        book=BookAnswer.of(meter),
    )


def _model(listed: ListedModel, plan: str) -> ModelAnswer:
    model = listed.model
    return ModelAnswer(
        provider=model.provider,
        model=model.name,
        display_name=model.display_name,
        type=model.type,
        access=model.access,
        in_plan=plan in listed.plans,
        plans=list(listed.plans),
        aliases=list(model.aliases),
        context_window=model.context_window,
        max_output=model.max_output,
        price=listed.price_key,
        charges=[_tier(tier.above, tier.prices) for tier in listed.tiers],
    )


def _tier(above: int, prices: Mapping[str, int]) -> TierAnswer:
    return TierAnswer(
        above_input=above,
        per_million={unit: per_million_text(rate) for unit, rate in prices.items() if unit in TOKEN_UNITS},
        per_unit={unit: per_unit_text(rate) for unit, rate in prices.items() if unit not in TOKEN_UNITS},
    )


def _feature(feature: Feature, plan: str) -> FeatureAnswer:
    return FeatureAnswer.model_validate(
        {
            "feature": feature.name,
            "cost_type": feature.cost_type,
            "billable": feature.billable,
            "mode": "replace" if feature.replaces else "add",
            "charge_usd": per_unit_text(feature_price(feature, plan)),
        }
    )


def _plan(plan: Plan) -> PlanAnswer:
    return PlanAnswer.model_validate(
        {
            "plan": plan.slug,
            "name": plan.name,
            "currency": plan.currency,
            "monthly": None if plan.monthly_nanos is None else usd_text(plan.monthly_nanos),
            "annual": None if plan.annual_nanos is None else usd_text(plan.annual_nanos),
            "trial_days": plan.trial_days,
            "access": plan.access,
            "included_credit_usd": usd_text(plan.included_nanos),
            "overage": plan.overage,
            "limits": plan.limits,
            "features": list(plan.features),
        }
    )


def _pack(pack: Pack) -> PackAnswer:
    return PackAnswer(
        pack=pack.name,
        price=usd_text(pack.price_nanos),
        currency=pack.currency,
        credits=pack.credits,
        badge=pack.badge,
    )


def _exchange_rates(book: RateBook, now: datetime) -> list[ExchangeRateAnswer]:
    found = []
    for (base, quote), (starts, rates) in sorted(book.exchange.pairs.items()):
        in_force = [(start, rate) for start, rate in zip(starts, rates, strict=True) if start <= now]
        if in_force:
            since, rate = in_force[-1]
            found.append(
                ExchangeRateAnswer(base=base, quote=quote, rate=multiplier_text(rate), since=since.isoformat())
            )
    return found


__all__ = ["CreditsAnswer", "routes"]
