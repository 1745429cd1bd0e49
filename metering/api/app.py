"""The application: the routes with what they share. `create_app` takes a meter, and leaves closing it to its owner."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread
from fastapi import FastAPI
from fastapi.routing import APIRoute

from metering.api import administration, catalogue, checks, events, holds, operations, pricing, quota, usage, wallet
from metering.api.access import Access, utc_now
from metering.api.errors import handle_errors
from metering.api.gate import Gate
from metering.api.known_keys import KnownKeys
from metering.api.metrics import Metrics
from metering.api.rates import Rates
from metering.api.sweep import Sweep
from metering.book.file import database_name
from metering.meter import Meter
from metering.runtime import Clock

API_VERSION = "1"
THREADS = 12
"""Requests that are worked on at once, within what the pool of connections holds; of one account `access.LANE`."""
SWEEP_SECONDS = 60
_ROUTES = (
    events.routes,
    holds.routes,
    holds.captures,
    pricing.routes,
    checks.routes,
    usage.routes,
    quota.routes,
    wallet.routes,
    catalogue.routes,
    administration.routes,
    quota.pages,
    operations.probes,
    operations.scraping,
)
_DESCRIPTION = """\
Routes and prices calls of language models, records what they used, and debits it.

Amounts are decimal strings in USD, exact. Times are UTC. Every error has the form
`{"error": {"code", "message"}}`; programs decide by `code`. What an account does not own answers as what does not
exist.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an API is served."""

    requests_per_minute: int = 6_000
    """Of one key; 0 for any number."""
    failures_per_minute: int = 60
    """Keys that are not valid, of one address; 0 for any number. Keys that are known here are not kept out by it."""
    sweep_seconds: int = SWEEP_SECONDS
    """How often renewals and alerts are swept; 0 for never."""
    keys_file: Path | None = None
    """Where hashes of the keys that were confirmed are kept, for a start without the database; None for nowhere."""


def create_app(meter: Meter, options: Options | None = None, *, now: Clock = utc_now) -> FastAPI:
    """The API on a meter."""
    chosen = options or Options()
    per_minute = chosen.requests_per_minute
    metrics = Metrics()
    app = bare_app(metrics)
    app.state.meter = meter
    app.state.metrics = metrics
    app.state.now = now
    keys = KnownKeys(database_name(meter.engine), chosen.keys_file)
    if meter.status.from_file:
        keys.recall(now())
    app.state.access = Access(
        meter,
        Rates(per_minute, max(10, per_minute // 6)),
        Rates(chosen.failures_per_minute, chosen.failures_per_minute),
        now,
        keys,
    )
    app.state.sweep = Sweep(meter, metrics, chosen.sweep_seconds) if chosen.sweep_seconds else None
    return app


def bare_app(metrics: Metrics) -> FastAPI:
    """The routes without a meter: what the document is made of."""
    app = FastAPI(
        title="Ratecard",
        version=API_VERSION,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_running,
        generate_unique_id_function=_operation_id,
    )
    for routes in _ROUTES:
        app.include_router(routes)
    app.add_middleware(Gate, metrics=metrics)
    handle_errors(app, [route for routes in _ROUTES for route in routes.routes])
    return app


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    sweep: Sweep | None = app.state.sweep
    if sweep is not None:
        sweep.start()
    try:
        yield
    finally:
        if sweep is not None:
            await anyio.to_thread.run_sync(sweep.stop)


def _operation_id(route: APIRoute) -> str:
    return route.name


__all__ = ["API_VERSION", "SWEEP_SECONDS", "Options", "bare_app", "create_app"]
