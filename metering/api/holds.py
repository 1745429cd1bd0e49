"""Holds: credit set aside for a call before it is made; captured with what it used, or released."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import Path, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from metering.api.access import caller_of, router
from metering.api.errors import OF_BODIES, answers
from metering.api.events import SPOOLED, EventBody, ReceiptAnswer, answer_of, usage_of
from metering.api.fields import Answer, Body, Name, Text, Units, Usd, Whole, WholeQuantity
from metering.holds.holding import LIFETIME, LONGEST
from metering.holds.placing import HoldRow
from metering.meter import Meter
from metering.usage import LARGEST_QUANTITY
from schema.money import usd_text

routes = router("meter", tag="holds")
captures = router("meter", tag="holds", spooled=True)

HoldId = Annotated[str, Field(min_length=1, max_length=200, pattern="^[A-Za-z0-9._:~-]*[A-Za-z0-9_:~-]$")]
"""What stands in a path: no slash, no space, and no last dot, which clients take for a folder."""
HoldPath = Annotated[HoldId, Path(description="The hold, by the id that it was placed with.")]


class HoldBody(Body):
    """A call that is about to be made, at its largest."""

    provider: Name | None = Field(None, description="May be left out when `model` is an alias or `provider/model`.")
    model: Name
    input: WholeQuantity = 0
    max_output: Annotated[Whole, Field(ge=0, le=LARGEST_QUANTITY)] | None = Field(
        None, description="The largest output that is allowed; without it the model's."
    )
    units: Units | None = Field(None, description="Instead of input and max_output, for calls that count others.")
    task: Text | None = None
    reasoning_level: Text | None = None
    feature: Text | None = None
    hold_id: HoldId | None = Field(None, description="Yours, so that it may be sent again; else one is made.")
    lifetime_seconds: Annotated[Whole, Field(ge=1, le=int(LONGEST.total_seconds()))] = int(LIFETIME.total_seconds())


class HoldAnswer(Answer):
    """A hold."""

    hold_id: str
    status: Literal["open", "captured", "released", "expired"]
    amount_usd: Usd = Field(description="What it sets aside while it is open.")
    provider: str
    model: str
    task: str | None
    expires_at: str
    event_id: str | None = Field(description="The event that captured it.")

    @classmethod
    def of(cls, row: HoldRow) -> HoldAnswer:
        """A hold as it is told."""
        return cls.model_validate(
            {
                "hold_id": row.hold_id,
                "status": row.status,
                "amount_usd": usd_text(row.amount_nanos),
                "provider": row.provider,
                "model": row.model,
                "task": row.task,
                "expires_at": row.expires_at.isoformat(),
                "event_id": row.event_id,
            }
        )


@routes.post("/v1/holds", responses=answers(*OF_BODIES, 402, 409))
def place_hold(request: Request, body: HoldBody) -> HoldAnswer:
    """Set credit aside for the dearest way in which a call may be counted; refuses what may not be made."""
    meter: Meter = request.app.state.meter
    account = caller_of(request).account
    # Its fields have the names of the meter's arguments.
    call = body.model_dump(exclude={"lifetime_seconds"})
    hold = meter.hold(account, **call, lifetime=timedelta(seconds=body.lifetime_seconds))
    return HoldAnswer.of(meter.holds.row(account, hold.hold_id))


@routes.get("/v1/holds/{hold_id}", responses=answers(404))
def show_hold(request: Request, hold_id: HoldPath) -> HoldAnswer:
    """A hold."""
    meter: Meter = request.app.state.meter
    return HoldAnswer.of(meter.holds.row(caller_of(request).account, hold_id))


@captures.post(
    "/v1/holds/{hold_id}/capture", response_model=ReceiptAnswer, responses=answers(*OF_BODIES, 404, 409) | SPOOLED
)
def capture_hold(request: Request, hold_id: HoldPath, body: EventBody) -> ReceiptAnswer | JSONResponse:
    """Record what the call used and give back what is left, in one transaction.

    Provider, model and task are the hold's unless they are named. A hold that expired or was released is captured all
    the same: the call has happened.
    """
    meter: Meter = request.app.state.meter
    caller = caller_of(request)
    return answer_of(meter.holds.capture(caller.account, hold_id, usage_of(body, body.event_id, caller)))


@routes.post("/v1/holds/{hold_id}/release", responses=answers(404))
def release_hold(request: Request, hold_id: HoldPath) -> HoldAnswer:
    """Set the credit free again; a hold that is settled stays as it is."""
    meter: Meter = request.app.state.meter
    return HoldAnswer.of(meter.holds.release(caller_of(request).account, hold_id))


__all__ = ["captures", "routes"]
