"""What every request passes first and every answer last: metrics, the bound on bodies, headers, the last resort."""

from __future__ import annotations

import logging
from time import perf_counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metering.api.errors import internal_answer, too_large, too_large_answer
from metering.api.metrics import Metrics
from metering.audit import act_from

LARGEST_BODY = 16 * 1024 * 1024
"""Bytes of a request: a thousand events with all that each may hold."""
UNMATCHED = "(none)"
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_log = logging.getLogger(__name__)


class Gate:
    """Counts requests and takes their time, stops bodies that are too large, and answers for faults of ours."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = False

        async def answer(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                started = True
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", "no-store")
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        method = scope["method"]
        if method == "HEAD":
            # As GET; the server sends no body then.
            scope = {**scope, "method": "GET"}
        client = scope.get("client")
        act_from(client[0] if client else None)
        begun = perf_counter()
        self._metrics.began()
        try:
            declared = Headers(scope=scope).get("content-length", "")
            if declared.isdecimal() and int(declared) > LARGEST_BODY:
                await too_large_answer(LARGEST_BODY)(scope, receive, answer)
            else:
                await self._app(scope, _bounded(receive), answer)
        except Exception:
            _log.exception("%s %s failed", method, _route(scope))
            if not started:
                await internal_answer()(scope, receive, answer)
        finally:
            self._metrics.ended(
                method if method in _METHODS else UNMATCHED, _route(scope), status, perf_counter() - begun
            )


def _bounded(receive: Receive) -> Receive:
    received = 0

    async def receive_bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > LARGEST_BODY:
            raise too_large(LARGEST_BODY)
        return message

    return receive_bounded


def _route(scope: Scope) -> str:
    """The path as it is documented, so that ids in it neither multiply the counters nor reach the log."""
    return getattr(scope.get("route"), "path", UNMATCHED)


__all__ = ["LARGEST_BODY", "Gate"]
