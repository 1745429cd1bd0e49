"""Routes and quotes: which model serves a task, and what a call would be charged. Served from memory."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request
from pydantic import Field

from metering.api.access import Caller, caller_of, router
from metering.api.errors import OF_BODIES, BadRequestError, answers
from metering.api.fields import Answer, Body, Name, ReleaseAnswer, Text, Units, Usd
from metering.meter import Meter
from schema.findings import did_you_mean
from schema.money import usd_text

routes = router("read", tag="pricing", while_away=True)


class BookAnswer(Answer):
    """The rate book that it was answered from."""

    release: ReleaseAnswer
    age_seconds: int = Field(description="How long ago it was last known to be the newest.")
    database: Literal["reached", "away"]

    @classmethod
    def of(cls, meter: Meter) -> BookAnswer:
        """The book that a meter serves from now."""
        status = meter.status
        return cls(
            release=ReleaseAnswer.of(status.release),
            age_seconds=int(status.age.total_seconds()),
            database="reached" if status.away is None else "away",
        )


class ModelName(Answer):
    """A model of a provider."""

    provider: str
    model: str


class RouteAnswer(ModelName):
    """The model that serves a task."""

    task: str = Field(description="The line of the routing table: the task, or `_default`.")
    fallbacks: list[ModelName] = Field(description="What to try when it fails, in this order.")
    book: BookAnswer


class QuoteBody(Body):
    """A call that may be made."""

    provider: Name | None = Field(None, description="May be left out when `model` is an alias or `provider/model`.")
    model: Name
    units: Units = Field(default_factory=dict)
    plan: Name | None = Field(None, description="Of the account, when it is left out; else one that is offered.")
    task: Text | None = None
    reasoning_level: Text | None = None
    feature: Text | None = None


class QuoteAnswer(Answer):
    """What a call would be charged."""

    charge_usd: Usd
    cost_usd: Usd | None = Field(description="What the provider takes; null for keys that only read.")
    plan: str
    price: str | None = Field(description="The entry in force: `provider/model@date`.")
    book: BookAnswer


@routes.get("/v1/route")
def route(
    request: Request,
    provider: Annotated[Name, Query(description="Whose routing table is asked.")],
    task: Annotated[Text | None, Query(description="The task; without one the provider's `_default`.")] = None,
    key: Annotated[Text | None, Query(description="The same key gets the same side of a split.")] = None,
) -> RouteAnswer:
    """The model for a task. NO_ROUTE when there is none; fallbacks are never taken silently."""
    meter: Meter = request.app.state.meter
    choice = meter.choose(provider, task, key=key)
    return RouteAnswer(
        provider=choice.provider,
        model=choice.model,
        task=choice.task,
        fallbacks=[ModelName(provider=owner, model=name) for owner, name in choice.fallbacks],
        book=BookAnswer.of(meter),
    )


@routes.post("/v1/quote", responses=answers(*OF_BODIES))
def quote(request: Request, body: QuoteBody) -> QuoteAnswer:
    """What a call would be charged now, by the price in force and the margin of the plan."""
    meter: Meter = request.app.state.meter
    caller = caller_of(request)
    plan = plan_of(meter, caller, body.plan)
    quoted = meter.quote(
        body.provider,
        body.model,
        body.units,
        plan=plan,
        task=body.task,
        reasoning_level=body.reasoning_level,
        feature=body.feature,
    )
    return QuoteAnswer(
        charge_usd=usd_text(quoted.charge_nanos),
        cost_usd=usd_text(quoted.cost_nanos) if caller.sees_cost else None,
        plan=plan,
        price=quoted.price_key,
        book=BookAnswer.of(meter),
    )


def plan_of(meter: Meter, caller: Caller, asked: str | None) -> str:
    """The plan to price by: the account's, or another that is offered. Raises BadRequestError.

    Plans that are not offered were agreed with other customers: to ask for one is to ask for one that is none.
    """
    own = caller.plan
    if asked is None or asked == own:
        return own
    offered = [plan.slug for plan in meter.book.plans.values() if plan.active]
    if asked not in offered:
        raise BadRequestError(f"plan: '{asked}' is not a plan{did_you_mean(asked, offered)}")
    return asked


__all__ = ["BookAnswer", "ModelName", "plan_of", "routes"]
