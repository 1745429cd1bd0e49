"""Who asks: the key of a request, its scope and its account, before a byte of the body is read.

Every request asks the database for its key, so that a key that was revoked ends at once. While the database is away,
keys that it confirmed within the last hour (`known_keys`) may still ask for what is answered from memory, and tell of
calls where a spool keeps them; nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from weakref import WeakValueDictionary

from fastapi import APIRouter, Request, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from metering.accounts.keys import KeyOwner
from metering.api.bodies import ExactRequest
from metering.api.errors import BadRequestError, ErrorAnswer, ForbiddenError, KeyNeededError, RateLimitedError, answers
from metering.api.known_keys import KnownKeys
from metering.api.rates import Rates
from metering.errors import UnavailableError
from metering.meter import Meter
from schema.findings import did_you_mean

Scope = Literal["read", "meter", "admin"]
LANE = 6
"""Requests of one account that are worked on at once."""
_LONGEST_NAME = 60
_NEEDED = {
    "read": "this key belongs to no account: use one of scope read or meter",
    "meter": "this key may only read",
    "admin": "this needs a key of scope admin",
}

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="API key",
    description="A key of an account (scope `read`, or `meter`, which may also record) or of administrators (`admin`).",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose valid key came with a request."""

    owner: KeyOwner

    @property
    def account(self) -> str:
        """The account that the key belongs to; only keys of administrators have none, and their routes do not ask."""
        assert self.owner.account is not None  # noqa: S101 - the scope was checked
        return self.owner.account

    @property
    def plan(self) -> str:
        """The plan of that account."""
        assert self.owner.plan is not None  # noqa: S101 - an account has one
        return self.owner.plan

    @property
    def sees_cost(self) -> bool:
        """Whether it is told what the provider takes: a key that only reads may be on a customer's own page."""
        return self.owner.scope != "read"


class Access:
    """Lets keys in, each as often as it may. May be shared by threads.

    `rates` bounds the requests of a key, `failures` how often an address may come without a valid one.
    """

    def __init__(
        self, meter: Meter, rates: Rates, failures: Rates, now: Callable[[], datetime], keys: KnownKeys
    ) -> None:
        self._meter = meter
        self._rates = rates
        self._failures = failures
        self._now = now
        self._known = keys
        self._lanes: WeakValueDictionary[int | None, asyncio.Semaphore] = WeakValueDictionary()

    def admit(self, text: str | None, address: str, scope: Scope, *, while_away: bool) -> Caller:
        """Who sends a key, if it may do what a scope allows.

        Raises KeyNeededError, ForbiddenError, RateLimitedError, UnavailableError.
        """
        if not text:
            raise KeyNeededError
        hashed = hashlib.sha256(text.encode(errors="replace")).digest()
        # Those who guess are slowed down; whoever has a key is not, also behind the same address.
        wait = 0 if hashed in self._known else self._failures.look(address)
        if wait:
            raise RateLimitedError(wait)
        owner = self._owner(text, hashed, while_away=while_away)
        if owner is None:
            self._failures.take(address)
            raise KeyNeededError
        wait = self._rates.take(owner.key_id)
        if wait:
            raise RateLimitedError(wait)
        if not owner.may(scope):
            raise ForbiddenError(_NEEDED["read" if owner.scope == "admin" else scope])
        return Caller(owner)

    @property
    def spools(self) -> bool:
        """Whether calls are kept while the database is away."""
        return self._meter.spool is not None

    def lane(self, caller: Caller) -> asyncio.Semaphore:
        """What the work on an account's requests goes through: where one waits for a lock, others find threads left."""
        account = caller.owner.account_id
        lane = self._lanes.get(account)
        if lane is None:
            lane = self._lanes[account] = asyncio.Semaphore(LANE)
        return lane

    def _owner(self, text: str, hashed: bytes, *, while_away: bool) -> KeyOwner | None:
        known = self._known.owner(hashed, self._now()) if while_away else None
        if known is not None and self._still_away():
            return known
        try:
            owner = self._meter.keys.authenticate(text)
        except UnavailableError:
            if known is None:
                raise
            return known
        self._known.note(hashed, owner, self._now())
        return owner

    def _still_away(self) -> bool:
        """Whether the database was away and did not come back; whoever looks after the book waits for it, no other."""
        if self._meter.spool is not None and self._meter.spool.away:
            return True
        if self._meter.status.away is None:
            return False
        with suppress(UnavailableError):
            self._meter.book  # noqa: B018 - looks after the book
        return self._meter.status.away is not None


def router(scope: Scope, *, tag: str, while_away: bool = False, spooled: bool = False) -> APIRouter:
    """A router whose routes want a key of a scope; `request.state.caller` is who sent it.

    They are answered without the database `while_away`, or, when `spooled`, where the meter has a spool.
    """
    return APIRouter(
        route_class=_route_class(scope, while_away, spooled),
        dependencies=[Security(bearer)],
        tags=[tag],
        responses=answers(401, 403, 422, 429, 503),
    )


def caller_of(request: Request) -> Caller:
    """Who sent a request that a router of `router` let in."""
    caller: Caller = request.state.caller
    return caller


def _route_class(scope: Scope, while_away: bool, spooled: bool) -> type[APIRoute]:
    class KeyedRoute(APIRoute):
        """A route that lets nobody in without a key, before it looks at anything else."""

        def get_route_handler(self) -> Callable[[Request], Any]:
            handler = super().get_route_handler()
            parameters = [parameter.alias for parameter in self.dependant.query_params]

            async def keyed(request: Request) -> Response:
                access: Access = request.app.state.access
                address = request.client.host if request.client else ""
                text = bearer_text(request.headers.get("authorization"))
                answered = while_away or (spooled and access.spools)
                caller = await run_in_threadpool(access.admit, text, address, scope, while_away=answered)
                request.state.caller = caller
                for name in request.query_params:
                    if name not in parameters:
                        # One that is left out by a slip would answer another question than was asked.
                        hint = did_you_mean(name, parameters)
                        raise BadRequestError(f"query.{name[:_LONGEST_NAME]}: there is no such parameter{hint}")
                async with access.lane(caller):
                    answer: Response = await handler(ExactRequest(request.scope, request.receive))
                return answer

            return keyed

    return KeyedRoute


def bearer_text(header: str | None) -> str | None:
    """The key in a header `Authorization: Bearer KEY`."""
    scheme, _, text = (header or "").strip().partition(" ")
    return text.strip() or None if scheme.lower() == "bearer" else None


def utc_now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)


__all__ = ["Access", "Caller", "ErrorAnswer", "Scope", "bearer_text", "caller_of", "router", "utc_now"]
