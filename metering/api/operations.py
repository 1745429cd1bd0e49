"""What probes and monitoring ask: alive, ready, metrics."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from metering.api.access import router
from metering.api.errors import answers
from metering.api.fields import Answer
from metering.api.metrics import CONTENT_TYPE, Metrics
from metering.errors import UnavailableError
from metering.meter import Meter

probes = APIRouter(tags=["operations"])
scraping = router("admin", tag="operations", while_away=True)


class HealthAnswer(Answer):
    """The process answers."""

    status: Literal["ok"]


class ReadyAnswer(Answer):
    """What can be served now."""

    status: Literal["ready"]
    database: Literal["reached", "away"]
    spool: Literal["none", "empty", "waiting"] = Field(
        description="Whether calls that happen while the database is away are kept, and whether any wait for it."
    )


@probes.get("/health")
async def health() -> HealthAnswer:
    """Whether the process is alive. Asks nothing of the database."""
    return HealthAnswer(status="ok")


@probes.get("/ready", responses=answers(503))
def ready(request: Request) -> ReadyAnswer:
    """Whether requests can be served: there is a rate book that is young enough, or a spool that takes calls.

    With `database: away` routes and quotes are served as the policy allows, and calls that happened are kept where
    there is a spool; all else answers METERING_UNAVAILABLE.
    """
    meter: Meter = request.app.state.meter
    try:
        meter.book  # noqa: B018 - looks after the book, and raises when none may serve
    except UnavailableError:
        if meter.spool is None:
            raise
    return ReadyAnswer(
        status="ready",
        database="reached" if meter.status.away is None else "away",
        spool="none" if meter.spool is None else "waiting" if meter.spool.waits() else "empty",
    )


@scraping.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request) -> Response:
    """Counters for Prometheus; the key goes into its `authorization`."""
    counters: Metrics = request.app.state.metrics
    meter: Meter = request.app.state.meter
    with suppress(UnavailableError):
        # Where nobody else asks for the book, its age and an outage would go unseen.
        meter.book  # noqa: B018 - looks after the book
    spool = None if meter.spool is None else meter.spool.state()
    return Response(counters.text(meter.status, spool, request.app.state.now()), media_type=CONTENT_TYPE)


__all__ = ["probes", "scraping"]
