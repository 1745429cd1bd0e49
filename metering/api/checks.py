"""Checks: may this call be made, or one more of this be had? Asked before; nothing is set aside or counted."""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from pydantic import Field, model_validator

from metering.api.access import caller_of, router
from metering.api.errors import OF_BODIES, answers
from metering.api.fields import Answer, Body, Name, Quantity, Text, Units, WholeQuantity
from metering.errors import UnavailableError
from metering.meter import Meter
from metering.quotas.checking import Decision
from metering.quotas.limits import QuotaState

routes = router("read", tag="checks")


class CheckBody(Body):
    """A call that may be made; or, with `limit` and `current`, one more of what a plan limits."""

    provider: Name | None = Field(None, description="May be left out when `model` is an alias or `provider/model`.")
    model: Name | None = Field(None, description="Without one only the account and its quotas are judged.")
    units: Units | None = Field(None, description="What the call may come to.")
    task: Text | None = None
    reasoning_level: Text | None = None
    feature: Text | None = None
    tool: Text | None = Field(None, description="With a time that it is expected to take, its run units are judged.")
    tier: Text | None = None
    cpu_seconds: Quantity | None = None
    gpu_seconds: Quantity | None = None
    latency_ms: WholeQuantity | None = None
    limit: Name | None = Field(None, description="A static limit of the plans, such as `documents`.")
    current: Quantity | None = Field(None, description="How many of it there are now.")
    adding: Quantity | None = Field(None, description="How many are to be added: 1, when it is left out.")

    @model_validator(mode="after")
    def _one_question(self) -> CheckBody:
        if self.adding is not None and self.limit is None:
            raise ValueError("adding belongs to limit and current")
        return self


class QuotaAnswer(Answer):
    """How a quota stands; limit, remaining and percent are null when it is unlimited."""

    name: str
    used: int | str
    limit: int | str | None
    remaining: int | str | None
    percent: int | None
    state: Literal["ok", "warning", "upgrade", "over", "blocked"] = Field(
        description="warning from 80 %, upgrade from 95 %; from 100 % over while calls go on, else blocked."
    )
    resets_at: str | None

    @classmethod
    def of(cls, state: QuotaState) -> QuotaAnswer:
        """A quota as it is told."""
        return cls.model_validate(state.as_json())


class CheckAnswer(Answer):
    """Whether it may be done now. `code` and `message` say what refuses, or would if more than observing were on."""

    allowed: bool
    observed: bool = Field(description="Allowed only because nothing is enforced.")
    code: str | None
    message: str | None
    plan: str | None
    quotas: list[QuotaAnswer]

    @classmethod
    def of(cls, decision: Decision) -> CheckAnswer:
        """A decision as it is told."""
        return cls(
            allowed=decision.allowed,
            observed=decision.observed,
            code=decision.code,
            message=decision.message,
            plan=decision.plan,
            quotas=[QuotaAnswer.of(state) for state in decision.quotas],
        )


class EstimateBody(Body):
    """What a call is expected to count: units, the run units of a tool, or both."""

    units: Units | None = None
    tool: Text | None = Field(None, description="With a time that it is expected to take, its run units are counted.")
    tier: Text | None = None
    cpu_seconds: Quantity | None = None
    gpu_seconds: Quantity | None = None
    latency_ms: WholeQuantity | None = None


class ExceedAnswer(Answer):
    """Whether an estimate goes beyond a limit."""

    would_exceed: bool


@routes.post("/v1/check", responses=answers(*OF_BODIES))
def check(request: Request, body: CheckBody) -> CheckAnswer:
    """Whether the account may make a call now, or have one more of what a static limit names.

    The answer is 200 either way; `allowed` decides. Two callers may be told of the same last request: what must not be
    exceeded is set aside by a hold.
    """
    meter: Meter = request.app.state.meter
    # Its fields have the names of the meter's arguments.
    asked = body.model_dump(exclude={"adding"})
    adding = 1 if body.adding is None else body.adding
    decision = meter.check(caller_of(request).account, **asked, adding=adding, create=False)
    if isinstance(decision.refusal, UnavailableError):
        # No answer is none that allows: whoever looks at the status alone must see that, too.
        raise decision.refusal
    return CheckAnswer.of(decision)


@routes.post("/v1/would-exceed", responses=answers(*OF_BODIES))
def would_exceed(request: Request, body: EstimateBody) -> ExceedAnswer:
    """Whether an estimate would go beyond a limit of the plan (used + estimate > limit), whatever it makes of that."""
    meter: Meter = request.app.state.meter
    exceeds = meter.would_exceed(caller_of(request).account, **body.model_dump())
    return ExceedAnswer(would_exceed=exceeds)


__all__ = ["QuotaAnswer", "routes"]
