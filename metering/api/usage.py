"""Usage: sums of a period by tool, tier, model and more, and the events behind them, newest first."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request
from pydantic import Field

from metering.accounts.activity import AccountUsage
from metering.analytics import PastEvent, Period, UsageRow
from metering.api.access import Caller, caller_of, router
from metering.api.currency import Currency, UsageInCurrency
from metering.api.errors import BadRequestError, NotFoundError, answers
from metering.api.fields import Answer, CountedUnits, Day, Moment, Name, Text, Usd, counted, moment_of
from metering.api.paging import PAGE, Cursor, Limit, cursor_of, id_of
from metering.errors import BadEventError
from metering.meter import Meter
from metering.subscriptions.periods import month_of, months_later
from schema.money import multiplier_text, usd_text

routes = router("read", tag="usage")

By = Literal["tool", "tier", "model", "provider", "task", "feature", "user", "plan", "day"]
_STANDARD: tuple[By, ...] = ("tool", "tier", "model")


class Sums(Answer):
    """The sums of some events; what re-rating and refunds changed is in."""

    requests: int
    units: CountedUnits
    charge_usd: Usd
    cost_usd: Usd | None = Field(description="What the provider takes; null for keys that only read.")


class Group(Sums):
    """The sums of one group."""

    key: str | None = Field(description="What it is grouped by; null for events that name none.")


class PeriodAnswer(Answer):
    """UTC days from `start` on and before `end`; null leaves a side open."""

    start: date | None
    end: date | None


class UsageAnswer(Answer):
    """The usage of the account in a period, groups dearest first."""

    account: str
    period: PeriodAnswer
    total: Sums
    in_currency: UsageInCurrency | None = Field(description="The total in a second currency; null without one.")
    by: dict[By, list[Group]]


class EventAnswer(Answer):
    """A recorded event as it stands now."""

    event_id: str
    occurred_at: str
    recorded_at: str
    provider: str
    model: str
    plan: str
    user: str | None
    task: str | None
    feature: str | None
    tool: str | None
    tier: str | None
    reasoning_level: str | None
    units: CountedUnits
    cpu_seconds: str | None
    gpu_seconds: str | None
    latency_ms: int | None
    metadata: Any
    status: str
    charge_usd: Usd = Field(description="With what re-rating, refunds and corrections changed.")
    adjusted_usd: Usd = Field(description="What of the charge those changes are.")
    cost_usd: Usd | None = Field(description="What the provider takes; null for keys that only read.")

    @classmethod
    def of(cls, event: PastEvent, caller: Caller) -> EventAnswer:
        """An event as a caller is told it."""
        same = ("event_id", "provider", "model", "plan", "user", "task", "feature", "tool", "tier", "reasoning_level")
        return cls(
            **{name: getattr(event, name) for name in (*same, "latency_ms", "metadata", "status")},
            occurred_at=event.occurred_at.isoformat(),
            recorded_at=event.recorded_at.isoformat(),
            units=counted(event.units),
            cpu_seconds=_seconds(event.cpu_seconds_micros),
            gpu_seconds=_seconds(event.gpu_seconds_micros),
            charge_usd=usd_text(event.charge_nanos),
            adjusted_usd=usd_text(event.adjusted_nanos),
            cost_usd=usd_text(event.cost_nanos) if caller.sees_cost else None,
        )


class HistoryAnswer(Answer):
    """A page of events, newest first."""

    events: list[EventAnswer]
    next_cursor: str | None = Field(description="Of the next page; null when this one is not full.")


@routes.get("/v1/usage")
def usage(
    request: Request,
    period: Annotated[
        Literal["month", "day", "all"], Query(description="The UTC month or day that runs, or all time.")
    ] = "month",
    start: Annotated[Day | None, Query(description="Instead of period: the first UTC day.")] = None,
    end: Annotated[Day | None, Query(description="The UTC day after the last one.")] = None,
    currency: Currency = None,
    by: Annotated[list[By], Query(max_length=9, description="What to group by.")] = [*_STANDARD],  # noqa: B006 - FastAPI copies it
) -> UsageAnswer:
    """What the account used in a period: in total and by tool, tier and model, or as asked."""
    meter: Meter = request.app.state.meter
    caller = caller_of(request)
    days = _days(request.app.state.now(), period, start, end)
    found = meter.activity.usage(caller.account, days, tuple(dict.fromkeys(by)), currency=currency)
    return UsageAnswer(
        account=caller.account,
        period=PeriodAnswer(start=days.start, end=days.end),
        total=Sums(**_sums(found.total, caller)),
        in_currency=_in_currency(found, caller),
        by={
            name: [Group(key=_key(row.keys[name]), **_sums(row, caller)) for row in found.by[name]]
            for name in dict.fromkeys(by)
        },
    )


@routes.get("/v1/history")
def history(
    request: Request,
    start: Annotated[Moment | None, Query()] = None,
    end: Annotated[Moment | None, Query()] = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
    user: Annotated[Text | None, Query()] = None,
    model: Annotated[Name | None, Query(description="Its name alone, without the provider.")] = None,
    task: Annotated[Text | None, Query()] = None,
    feature: Annotated[Text | None, Query()] = None,
    tool: Annotated[Text | None, Query()] = None,
    tier: Annotated[Text | None, Query()] = None,
) -> HistoryAnswer:
    """The account's events that occurred from `start` on and before `end`, newest first, page by page."""
    meter: Meter = request.app.state.meter
    caller = caller_of(request)
    asked = {"user": user, "model": model, "task": task, "feature": feature, "tool": tool, "tier": tier}
    filters = {name: wanted for name, wanted in asked.items() if wanted is not None}
    first, last = _moment("start", start), _moment("end", end)
    if first is not None and last is not None and first > last:
        raise BadRequestError(f"the period begins at {start}, after its end at {end}")
    try:
        events = meter.activity.history(
            caller.account, start=first, end=last, after=id_of(cursor), limit=limit, filters=filters
        )
    except BadEventError:
        raise BadRequestError("cursor: it is none that was given out") from None
    return HistoryAnswer(
        events=[EventAnswer.of(event, caller) for event in events],
        next_cursor=cursor_of(events[-1].event_id) if len(events) == limit else None,
    )


@routes.get("/v1/events/{event_id:path}", responses=answers(404))
def show_event(request: Request, event_id: Annotated[Name, Path(description="The event's id.")]) -> EventAnswer:
    """One event of the account."""
    meter: Meter = request.app.state.meter
    caller = caller_of(request)
    found = meter.activity.event(caller.account, event_id)
    if found is None:
        raise NotFoundError("there is no such event")
    return EventAnswer.of(found, caller)


def _moment(name: str, text: str | None) -> datetime | None:
    """The moment of a parameter. Raises BadRequestError for one that is in no calendar."""
    try:
        return moment_of(text)
    except ValueError as error:
        raise BadRequestError(f"query.{name}: {error}") from None


def _days(now: datetime, period: str, start: date | None, end: date | None) -> Period:
    """The days that are asked for. Raises BadRequestError when they are swapped."""
    if start is not None or end is not None:
        try:
            return Period(start, end)
        except ValueError as error:
            raise BadRequestError(str(error)) from None
    if period == "all":
        return Period()
    today = now.astimezone(UTC).date()
    if period == "day":
        return Period(today, today + timedelta(days=1))
    month = month_of(now)
    return Period(month.date(), months_later(month, 1).date())


def _sums(row: UsageRow, caller: Caller) -> dict[str, Any]:
    return {
        "requests": row.requests,
        "units": counted(row.units),
        "charge_usd": usd_text(row.charge_nanos),
        "cost_usd": usd_text(row.cost_nanos) if caller.sees_cost else None,
    }


def _in_currency(found: AccountUsage, caller: Caller) -> UsageInCurrency | None:
    if found.currency is None or found.converted is None:
        return None
    return UsageInCurrency.of(found.converted, found.currency, sees_cost=caller.sees_cost)


def _key(value: Any) -> str | None:
    if isinstance(value, date):
        return value.isoformat()
    # A use of a feature or a tool alone has neither provider nor model.
    return None if value in ("", "/") else value


def _seconds(micros: int | None) -> str | None:
    return None if micros is None else multiplier_text(micros)


__all__ = ["routes"]
