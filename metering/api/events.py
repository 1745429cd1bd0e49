"""Events: calls that happened, one or a batch of them. The same event id again charges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field, ValidationError

from metering.api.access import Caller, caller_of, router
from metering.api.errors import OF_BODIES, Fault, answers, fault_of
from metering.api.fields import (
    Answer,
    Body,
    Metadata,
    Moment,
    Name,
    Quantity,
    ReleaseAnswer,
    Text,
    Units,
    Usd,
    WholeQuantity,
)
from metering.api.wording import validation_message
from metering.errors import BadEventError, MeteringError, UnknownAccountError
from metering.meter import Meter
from metering.receipts import Receipt, Spooled
from metering.recording import Outcome
from metering.usage import Usage
from schema.money import usd_text

LARGEST_BATCH = 1_000

routes = router("meter", tag="events", spooled=True)


class CallBody(Body):
    """What is known of a call, apart from its event id."""

    account: Name | None = Field(None, description="May be left out: it is the key's.")
    provider: Name | None = Field(None, description="May be left out when `model` is an alias or `provider/model`.")
    model: Name | None = None
    units: Units = Field(default_factory=dict)
    occurred_at: Moment | None = Field(None, description="Now, when it is left out. At most 5 minutes ahead.")
    user: Text | None = None
    task: Text | None = None
    feature: Text | None = None
    tool: Text | None = None
    tier: Text | None = None
    reasoning_level: Text | None = None
    cpu_seconds: Quantity | None = None
    gpu_seconds: Quantity | None = None
    latency_ms: WholeQuantity | None = None
    metadata: Metadata | None = None


class EventBody(CallBody):
    """A call that happened."""

    event_id: Name = Field(description="Unique in its account; send the same again when no answer came.")


class BatchBody(Body):
    """Calls that happened."""

    events: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=LARGEST_BATCH)] = Field(
        description="Each as the body of `POST /v1/events`. One that cannot be recorded does not keep the others from "
        "it."
    )


class ReceiptAnswer(Answer):
    """What recording an event came to."""

    event_id: str
    status: str = Field(description="`priced`, or `unpriced`: kept, and billed by re-rating.", examples=["priced"])
    charge_usd: Usd
    cost_usd: Usd
    balance_usd: Usd = Field(description="After it; below zero when the account owes.")
    price: str | None = Field(description="The entry that priced it: `provider/model@date`.")
    release: ReleaseAnswer
    duplicate: bool = Field(description="Whether it was known, so that nothing was charged this time.")

    @classmethod
    def of(cls, receipt: Receipt) -> ReceiptAnswer:
        """A receipt as it is told."""
        return cls(
            event_id=receipt.event_id,
            status=receipt.status,
            charge_usd=usd_text(receipt.charge_nanos),
            cost_usd=usd_text(receipt.cost_nanos),
            balance_usd=usd_text(receipt.balance_nanos),
            price=receipt.price_key,
            release=ReleaseAnswer.of(receipt.release),
            duplicate=receipt.duplicate,
        )


class SpooledAnswer(Answer):
    """An event that is kept until the database is back, which takes no other doing: what it comes to is known then."""

    event_id: str
    status: Literal["spooled"]
    spooled_at: str = Field(description="Also when it occurred, unless `occurred_at` said when.")

    @classmethod
    def of(cls, spooled: Spooled) -> SpooledAnswer:
        """A kept event as it is told."""
        return cls(event_id=spooled.event_id, status="spooled", spooled_at=spooled.spooled_at.isoformat())


class Result(Answer):
    """What became of one event: a receipt, that it is kept, or an error."""

    receipt: ReceiptAnswer | None = None
    spooled: SpooledAnswer | None = None
    error: Fault | None = None


class BatchAnswer(Answer):
    """What became of each event, in the order in which they were sent."""

    results: list[Result]
    recorded: int = Field(description="How many were recorded this time.")
    duplicates: int
    spooled: int = Field(description="How many are kept until the database is back.")
    failed: int


SPOOLED: dict[int | str, dict[str, Any]] = {
    202: {"model": SpooledAnswer, "description": "The database is away: it is kept, and recorded when that is back."}
}


@routes.post("/v1/events", response_model=ReceiptAnswer, responses=answers(*OF_BODIES, 404, 409) | SPOOLED)
def record_event(request: Request, body: EventBody) -> ReceiptAnswer | JSONResponse:
    """Record a call that happened, and debit it.

    Recording is never refused for want of credit: what has happened is counted. With another content under the same
    event id it answers EVENT_CONFLICT.
    """
    meter: Meter = request.app.state.meter
    return answer_of(meter.record(usage_of(body, body.event_id, caller_of(request))))


@routes.post(
    "/v1/events/batch",
    responses=answers(*OF_BODIES)
    | {202: {"model": BatchAnswer, "description": "The database is away: all that can be read are kept."}},
)
def record_events(request: Request, response: Response, body: BatchBody) -> BatchAnswer:
    """Record up to 1,000 calls in one transaction; each has its receipt or its error."""
    meter: Meter = request.app.state.meter
    caller = caller_of(request)
    outcomes = record_each(meter, caller, body.events)
    receipts = [one for one in outcomes if isinstance(one, Receipt)]
    duplicates = sum(one.duplicate for one in receipts)
    spooled = sum(isinstance(one, Spooled) for one in outcomes)
    if spooled:
        response.status_code = 202
    return BatchAnswer(
        results=[_result(one) for one in outcomes],
        recorded=len(receipts) - duplicates,
        duplicates=duplicates,
        spooled=spooled,
        failed=len(outcomes) - len(receipts) - spooled,
    )


def answer_of(outcome: Receipt | Spooled) -> ReceiptAnswer | JSONResponse:
    """What is told of one event that was taken: 202 while it waits for the database."""
    if isinstance(outcome, Receipt):
        return ReceiptAnswer.of(outcome)
    return JSONResponse(SpooledAnswer.of(outcome).model_dump(), 202)


def _result(outcome: Outcome) -> Result:
    if isinstance(outcome, Receipt):
        return Result(receipt=ReceiptAnswer.of(outcome))
    if isinstance(outcome, Spooled):
        return Result(spooled=SpooledAnswer.of(outcome))
    return Result(error=fault_of(outcome))


def usage_of(body: CallBody, event_id: str, caller: Caller) -> Usage:
    """The call that a body tells of. Raises UnknownAccountError for any account but the key's."""
    if body.account not in (None, caller.account):
        raise UnknownAccountError(f"there is no account '{body.account}'")
    fields = {name: getattr(body, name) for name in CallBody.model_fields}
    return Usage(**fields | {"event_id": event_id, "account": caller.account})


def record_each(meter: Meter, caller: Caller, events: Sequence[dict[str, Any]]) -> list[Outcome]:
    """Record what can be read; the error of another stands in its place."""
    errors: dict[int, MeteringError] = {}
    usages = []
    for index, event in enumerate(events):
        try:
            body = EventBody.model_validate(event)
            usages.append(usage_of(body, body.event_id, caller))
        except ValidationError as error:
            errors[index] = BadEventError(validation_message(error.errors()))
        except MeteringError as error:
            errors[index] = error
    recorded = iter(meter.record_each(usages) if usages else ())
    return [errors.get(index) or next(recorded) for index in range(len(events))]


__all__ = ["SPOOLED", "CallBody", "EventBody", "ReceiptAnswer", "answer_of", "routes", "usage_of"]
