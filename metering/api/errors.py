"""What the API answers when it does not do as asked: `{"error": {"code", "message"}}` with an HTTP status.

Errors of the runtime keep their code and status (see `metering.errors`); these are the API's own.
Those of HTTP itself are BAD_JSON (400), NOT_FOUND, METHOD_NOT_ALLOWED (405), TOO_LARGE (413), NOT_JSON (415) and
INTERNAL (500).

ApiError (a MeteringError)
├── KeyNeededError      UNAUTHENTICATED  401   no key, or none that is valid: nobody is told why
├── ForbiddenError      FORBIDDEN        403   a valid key of another scope
├── NotFoundError       NOT_FOUND        404   no such thing of this account
├── RateLimitedError    RATE_LIMITED     429   too many requests; `Retry-After` says when
└── BadRequestError     BAD_REQUEST      422   a body or a parameter that has not the documented form
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route

from metering.api.wording import validation_message
from metering.errors import MeteringError, QuotaExceededError, UnavailableError
from schema.errors import RatecardError

_log = logging.getLogger(__name__)
_AWAY = "the database cannot be reached, so that nothing can be metered now; try again"
_LONGEST_MESSAGE = 500
_HTTP_CODES = {400: "BAD_JSON", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "TOO_LARGE"}
_HTTP_MESSAGES = {
    404: "there is nothing at this address; /openapi.json tells what there is",
    405: "this address does not take this method; Allow names those that it takes",
}


class ApiError(MeteringError):
    """A request that is not served. `headers` go with the answer."""

    headers: Mapping[str, str] = {}


class KeyNeededError(ApiError):
    """No valid key came with the request."""

    code = "UNAUTHENTICATED"
    status = 401
    headers = {"WWW-Authenticate": "Bearer"}  # noqa: RUF012 - never changed

    def __init__(self) -> None:
        super().__init__("this needs a valid API key, sent as `Authorization: Bearer rk_…`")


class ForbiddenError(ApiError):
    """The key is of another scope."""

    code = "FORBIDDEN"
    status = 403


class NotFoundError(ApiError):
    """The account has no such thing."""

    code = "NOT_FOUND"
    status = 404


class RateLimitedError(ApiError):
    """Too many requests."""

    code = "RATE_LIMITED"
    status = 429

    def __init__(self, wait_seconds: float) -> None:
        super().__init__("too many requests; wait as long as Retry-After says")
        self.headers = {"Retry-After": str(max(1, ceil(wait_seconds)))}


class BadRequestError(ApiError):
    """A body or parameter that has not the documented form."""

    code = "BAD_REQUEST"
    status = 422


class Fault(BaseModel):
    """Why a request, or one event of a batch, was not served."""

    code: str = Field(description="Stable: programs decide by it.", examples=["INSUFFICIENT_BALANCE"])
    message: str = Field(description="For people; may change.")


class ErrorAnswer(BaseModel):
    """The body of every answer that is not a success."""

    error: Fault


_MEANINGS = {
    400: "The body is not JSON.",
    401: "No valid API key.",
    402: "The wallet is short.",
    403: "The key's scope, the account's status or its plan does not allow it.",
    404: "The account has no such thing.",
    409: "The id is known with other contents.",
    413: "The body is too large.",
    415: "The body is not sent as JSON.",
    422: "The request cannot be read.",
    429: "Too many requests, or a quota that is used up.",
    503: "No such model, price or route; or the database cannot be reached.",
}


OF_BODIES = (400, 413, 415)
"""What any route that takes a body may answer."""


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: the errors that it may answer with, beside those that every route has."""
    return {status: {"model": ErrorAnswer, "description": _MEANINGS[status]} for status in sorted(statuses)}


def fault_of(error: RatecardError) -> Fault:
    """An error as customers are told it: without a word about our own machines."""
    if isinstance(error, UnavailableError):
        return Fault(code=error.code, message=_AWAY)
    message = str(error)
    # A name that it repeats may be long; answers are not.
    return Fault(code=error.code, message=message if len(message) <= _LONGEST_MESSAGE else f"{message[:497]}...")


def error_answer(error: RatecardError, now: datetime) -> JSONResponse:
    """The answer to a request that met an error at a moment."""
    if not isinstance(error, MeteringError):
        _log.error("%s: %s", error.code, error)
        return internal_answer()
    headers = dict(error.headers) if isinstance(error, ApiError) else {}
    if isinstance(error, UnavailableError):
        headers["Retry-After"] = "1"
        _log.warning("unavailable: %s", error)
    elif isinstance(error, QuotaExceededError) and error.resets_at is not None:
        wait = error.resets_at - now
        headers["Retry-After"] = str(max(1, ceil(wait.total_seconds())))
    return JSONResponse({"error": fault_of(error).model_dump()}, error.status, headers)


def handle_errors(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Have an app with these routes answer every error in the one form."""

    @app.exception_handler(RatecardError)
    async def own(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RatecardError)  # noqa: S101 - what it is registered for
        return error_answer(error, request.app.state.now())

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
        faults = error.errors()
        if faults and faults[0]["type"] == "json_invalid":
            reason = faults[0].get("ctx", {}).get("error", "it cannot be read")
            return _answer(400, "BAD_JSON", f"the body is not JSON: {reason}")
        if faults and isinstance(faults[0].get("input"), bytes):
            # FastAPI leaves a body of another type as it came.
            return _answer(415, "NOT_JSON", "send the body as JSON, with the header Content-Type: application/json")
        return _answer(422, BadRequestError.code, validation_message(faults))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
        status, headers = error.status_code, error.headers
        if status == 405:
            # Starlette names those of the first route of a path alone.
            headers = {"Allow": ", ".join(_methods(routes, request.scope["path"]))}
        message = _HTTP_MESSAGES.get(status, str(error.detail))
        return _answer(status, _HTTP_CODES.get(status, "BAD_REQUEST"), message, headers)

    @app.exception_handler(PoolTimeoutError)
    async def exhausted(request: Request, error: Exception) -> JSONResponse:
        return error_answer(UnavailableError(str(error)), request.app.state.now())


def _methods(routes: Sequence[BaseRoute], path: str) -> list[str]:
    """The methods of a path; of the document, which is none of the routes, GET."""
    found: set[str] = set()
    for route in routes:
        if isinstance(route, Route) and route.path_regex.match(path):
            found |= route.methods or set()
    if "GET" in found or not found:
        found |= {"GET", "HEAD"}
    return sorted(found)


def too_large(most: int) -> HTTPException:
    """That a body has more than so many bytes; of its kind, since FastAPI makes 400 of any other in reading one."""
    return HTTPException(413, f"the body has more than {most} bytes")


def too_large_answer(most: int) -> JSONResponse:
    """The same as an answer."""
    return _answer(413, _HTTP_CODES[413], too_large(most).detail)


def internal_answer() -> JSONResponse:
    """The answer to a request that met a fault of ours, which the log tells of."""
    return _answer(500, "INTERNAL", "something failed here; nothing was changed")


def _answer(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


__all__ = [
    "OF_BODIES",
    "ApiError",
    "BadRequestError",
    "ErrorAnswer",
    "Fault",
    "ForbiddenError",
    "KeyNeededError",
    "NotFoundError",
    "RateLimitedError",
    "answers",
    "error_answer",
    "fault_of",
    "handle_errors",
    "internal_answer",
    "too_large",
    "too_large_answer",
]
