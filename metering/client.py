"""A client of the HTTP API. This one file is all of it: it imports the standard library alone, and may be copied.

    with Client("https://billing.example.com", "rk_…") as client:
        hold = client.hold("claude-haiku-4-5", provider="anthropic", input=4_000, max_output=1_000)
        receipt = client.capture(hold.hold_id, Event("call-81", units={"input": 3_812, "output": 440}))
        receipt = client.record(Event("call-82", model="claude-haiku-4-5", provider="anthropic", units={"input": 9}))
        for outcome in client.record_many(events):
            ...

A client may be shared by threads. It keeps connections open, and tries again what failed on the way: that is safe,
because an event is charged once by its id, and a hold is placed once by its own. What the API refuses raises
`Refused`, with the code to decide by; what it could not be asked raises `Unreachable`. Amounts are exact Decimals in
USD.
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from decimal import Decimal
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

__version__ = "1"

LARGEST_BATCH = 1_000
"""Events that go into one request."""
_AGAIN = frozenset({"METERING_UNAVAILABLE", "RATE_LIMITED", "INTERNAL"})
"""Codes that may go away by themselves; with them the answers of proxies, which have no code."""
_PROXY_STATUSES = frozenset({502, 503, 504})
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0
_IDLE_SECONDS = 60.0
"""After how long an open connection is not trusted any more; shorter than the server keeps it."""
_MOST_IDLE = 16


class ClientError(Exception):
    """Whatever kept the API from doing as asked."""


class Unreachable(ClientError):  # noqa: N818 - how it reads where it is caught
    """No answer came, however often it was tried. Whether it was done is not known; sent again, it is done once."""


class Refused(ClientError):  # noqa: N818 - how it reads where it is caught
    """The API answered that it does not do it. `code` is stable, such as INSUFFICIENT_BALANCE."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Event:
    """A call that happened. `event_id` is unique in the account; take the provider's id, or one of your own.

    Units are whole numbers, Decimals or text, never binary floats. Without a time it occurred when it arrives.
    """

    event_id: str
    model: str | None = None
    provider: str | None = None
    units: Mapping[str, int | Decimal | str] | None = None
    occurred_at: datetime | str | None = None
    user: str | None = None
    task: str | None = None
    feature: str | None = None
    tool: str | None = None
    tier: str | None = None
    reasoning_level: str | None = None
    cpu_seconds: int | Decimal | str | None = None
    gpu_seconds: int | Decimal | str | None = None
    latency_ms: int | None = None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Receipt:
    """What recording an event came to, in USD. `duplicate`: it was known, and nothing was charged this time."""

    event_id: str
    status: str
    charge: Decimal
    cost: Decimal
    balance: Decimal
    price: str | None
    release: int
    duplicate: bool


@dataclass(frozen=True)
class Spooled:
    """An event that is kept until the API's database is back; what it comes to is known then. It is not sent again."""

    event_id: str
    spooled_at: str
    status: str = "spooled"


@dataclass(frozen=True)
class Rejected:
    """An event of a batch that was not recorded, and why."""

    event_id: str
    code: str
    message: str


@dataclass(frozen=True)
class Hold:
    """Credit set aside for a call, in USD."""

    hold_id: str
    status: str
    amount: Decimal
    provider: str
    model: str
    expires_at: str


@dataclass(frozen=True)
class Route:
    """The model that serves a task, and what to try when it fails, each with its provider."""

    provider: str
    model: str
    fallbacks: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Quote:
    """What a call would be charged, in USD; `cost` is None for keys that only read."""

    charge: Decimal
    cost: Decimal | None
    plan: str
    price: str | None


@dataclass(frozen=True)
class Decision:
    """Whether a call may be made. `code` says what refuses it, or would if it were enforced."""

    allowed: bool
    code: str | None
    message: str | None
    plan: str | None


@dataclass(frozen=True)
class Wallet:
    """What the account has, in USD and in credits."""

    account: str
    plan: str
    balance: Decimal
    available: Decimal
    held: Decimal
    owed: Decimal
    available_credits: Decimal


class Client:
    """One account at one API, by one key.

    `timeout` is how many seconds one try may take to connect and to answer; `attempts` how often at most it is tried.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = 10.0,
        attempts: int = 4,
        context: ssl.SSLContext | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("the address of the API has the form https://HOST[:PORT][/PATH]")
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            # What was given is not repeated: it may be a key with a slip in it.
            raise ValueError("that is no API key")
        if attempts < 1 or timeout <= 0:
            raise ValueError("there is at least one attempt, and a timeout is more than nothing")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Accept": "application/json",
            "User-Agent": f"ratecard-client/{__version__}",
        }
        self._timeout = timeout
        self._attempts = attempts
        self._context = context
        self._sleep = sleep
        self._idle: list[tuple[http.client.HTTPConnection, float]] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        """Without the key, which must not reach a log."""
        return f"Client({self._host})"

    def close(self) -> None:
        """Close the connections that are open."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()

    def record(self, event: Event) -> Receipt | Spooled:
        """Record a call that happened; the same event again is charged once.

        Spooled is what it comes to with an API that keeps events while its database is away.
        """
        return _recorded(self._ask("POST", "/v1/events", _event(event)))

    def record_many(self, events: Iterable[Event]) -> list[Receipt | Spooled | Rejected]:
        """Record calls, a thousand in a request: as `record`, or why one was not recorded, in their order.

        When a later request fails, what came before is recorded; send all of them again.
        """
        outcomes: list[Receipt | Spooled | Rejected] = []
        for batch in _batches(events):
            answer = self._ask("POST", "/v1/events/batch", {"events": [_event(event) for event in batch]})
            for event, result in zip(batch, answer["results"]):  # noqa: B905 - runs on Python 3.9, too
                fault = result["error"]
                outcomes.append(
                    _recorded(result["receipt"] or result["spooled"])
                    if fault is None
                    else Rejected(event.event_id, fault["code"], fault["message"])
                )
        return outcomes

    def hold(
        self,
        model: str,
        *,
        provider: str | None = None,
        input: int = 0,  # noqa: A002 - what the unit is called
        max_output: int | None = None,
        units: Mapping[str, int | Decimal | str] | None = None,
        task: str | None = None,
        reasoning_level: str | None = None,
        feature: str | None = None,
        hold_id: str | None = None,
        lifetime_seconds: int | None = None,
    ) -> Hold:
        """Set credit aside for the most that a call may come to. Raises Refused when it may not be made."""
        body = {
            "model": model,
            "provider": provider,
            "input": input,
            "max_output": max_output,
            "units": None if units is None else _units(units),
            "task": task,
            "reasoning_level": reasoning_level,
            "feature": feature,
            # The id is made here, so that a second try finds the hold of the first.
            "hold_id": hold_id or uuid.uuid4().hex,
            "lifetime_seconds": lifetime_seconds,
        }
        return _hold(self._ask("POST", "/v1/holds", _given(body)))

    def capture(self, hold_id: str, event: Event) -> Receipt | Spooled:
        """Record what the call of a hold used, and give back the rest. Model and task are the hold's if not named."""
        return _recorded(self._ask("POST", f"/v1/holds/{quote(hold_id, safe='')}/capture", _event(event)))

    def release(self, hold_id: str) -> Hold:
        """Give back the credit of a call that was not made."""
        return _hold(self._ask("POST", f"/v1/holds/{quote(hold_id, safe='')}/release"))

    def route(self, provider: str, task: str | None = None, *, key: str | None = None) -> Route:
        """The model for a task; the same key gets the same side of a split."""
        query = urlencode(_given({"provider": provider, "task": task, "key": key}))
        found = self._ask("GET", f"/v1/route?{query}")
        fallbacks = tuple((one["provider"], one["model"]) for one in found["fallbacks"])
        return Route(found["provider"], found["model"], fallbacks)

    def quote(
        self,
        model: str,
        units: Mapping[str, int | Decimal | str],
        *,
        provider: str | None = None,
        plan: str | None = None,
        task: str | None = None,
        reasoning_level: str | None = None,
        feature: str | None = None,
    ) -> Quote:
        """What a call would be charged now, on the account's plan or another that is offered."""
        body = {
            "model": model,
            "units": _units(units),
            "provider": provider,
            "plan": plan,
            "task": task,
            "reasoning_level": reasoning_level,
            "feature": feature,
        }
        found = self._ask("POST", "/v1/quote", _given(body))
        cost = found["cost_usd"]
        return Quote(
            Decimal(found["charge_usd"]), None if cost is None else Decimal(cost), found["plan"], found["price"]
        )

    def check(
        self,
        model: str | None = None,
        *,
        provider: str | None = None,
        units: Mapping[str, int | Decimal | str] | None = None,
        task: str | None = None,
        reasoning_level: str | None = None,
        feature: str | None = None,
        tool: str | None = None,
        tier: str | None = None,
        cpu_seconds: int | Decimal | str | None = None,
        gpu_seconds: int | Decimal | str | None = None,
        latency_ms: int | None = None,
        limit: str | None = None,
        current: int | Decimal | str | None = None,
        adding: int | Decimal | str | None = None,
    ) -> Decision:
        """Whether a call may be made now; or, with `limit` and `current`, whether there may be `adding` (1) more."""
        body = {
            "model": model,
            "provider": provider,
            "units": None if units is None else _units(units),
            "task": task,
            "reasoning_level": reasoning_level,
            "feature": feature,
            "tool": tool,
            "tier": tier,
            "cpu_seconds": _number(cpu_seconds),
            "gpu_seconds": _number(gpu_seconds),
            "latency_ms": latency_ms,
            "limit": limit,
            "current": _number(current),
            "adding": _number(adding),
        }
        found = self._ask("POST", "/v1/check", _given(body))
        return Decision(found["allowed"], found["code"], found["message"], found["plan"])

    def would_exceed(
        self,
        units: Mapping[str, int | Decimal | str] | None = None,
        *,
        tool: str | None = None,
        tier: str | None = None,
        cpu_seconds: int | Decimal | str | None = None,
        gpu_seconds: int | Decimal | str | None = None,
        latency_ms: int | None = None,
    ) -> bool:
        """Whether an estimate goes beyond a limit of the plan: units, the run units of a tool, or both."""
        body = {
            "units": None if units is None else _units(units),
            "tool": tool,
            "tier": tier,
            "cpu_seconds": _number(cpu_seconds),
            "gpu_seconds": _number(gpu_seconds),
            "latency_ms": latency_ms,
        }
        return bool(self._ask("POST", "/v1/would-exceed", _given(body))["would_exceed"])

    def wallet(self) -> Wallet:
        """What the account has."""
        found = self._ask("GET", "/v1/wallet")
        names = ("balance_usd", "available_usd", "held_usd", "owed_usd", "available_credits")
        return Wallet(found["account"], found["plan"], *(Decimal(found[name]) for name in names))

    def quota(self) -> dict[str, Any]:
        """How the account stands with its limits, as the widget shows it."""
        return self._ask("GET", "/v1/quota")

    def usage(self, **query: str | Sequence[str]) -> dict[str, Any]:
        """The usage of a period; `period`, `start`, `end` and `by` as the API takes them."""
        return self._ask("GET", f"/v1/usage?{urlencode(query, doseq=True)}")

    def catalogue(self, plan: str | None = None) -> dict[str, Any]:
        """Models, features, plans, packs and exchange rates, with the prices of a plan."""
        return self._ask("GET", f"/v1/catalogue?{urlencode(_given({'plan': plan}))}")

    def history(self, *, page: int = 1_000, **query: str) -> Iterator[dict[str, Any]]:
        """Recorded events, newest first, asked for page by page; filters as the API takes them."""
        return self._pages("/v1/history", "events", page, query)

    def transactions(self, *, page: int = 1_000, **query: str) -> Iterator[dict[str, Any]]:
        """Postings of the ledger, newest first, asked for page by page."""
        return self._pages("/v1/transactions", "transactions", page, query)

    def _pages(self, path: str, name: str, page: int, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        asked = {**query, "limit": str(page)}
        while True:
            found = self._ask("GET", f"{path}?{urlencode(asked)}")
            yield from found[name]
            if found["next_cursor"] is None:
                return
            asked["cursor"] = found["next_cursor"]

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """One request, tried until it is answered by more than a passing fault."""
        data = None if body is None else json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
        last = f"{self._host} did not answer"
        for attempt in range(self._attempts):
            try:
                status, headers, text = self._exchange(method, path, data)
            except (OSError, http.client.HTTPException) as error:
                last = f"{self._host} did not answer: {str(error) or type(error).__name__}"
                wait = _wait(attempt)
            else:
                found = _json(text)
                if 200 <= status < 300 and isinstance(found, dict):
                    return found
                refusal, passing = _refusal(status, found)
                if not passing or attempt + 1 == self._attempts:
                    raise refusal
                wait = max(_wait(attempt), _retry_after(headers))
            if attempt + 1 < self._attempts:
                self._sleep(wait)
        raise Unreachable(last)

    def _exchange(self, method: str, path: str, data: bytes | None) -> tuple[int, http.client.HTTPMessage, bytes]:
        headers = dict(self._headers)
        if data is not None:
            headers["Content-Type"] = "application/json"
        connection, kept = self._connection()
        try:
            while True:
                try:
                    connection.request(method, self._prefix + path, data, headers)
                    answer = connection.getresponse()
                    break
                except (http.client.RemoteDisconnected, ConnectionError):
                    connection.close()
                    # The server may have closed what was kept open; that is no fault of anything, and costs no try.
                    if not kept:
                        raise
                    kept = False
                    connection = self._connect()
            text = answer.read()
        except BaseException:
            connection.close()
            raise
        self._keep(connection, answer)
        return answer.status, answer.headers, text

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        """A connection to use, and whether it was open already."""
        until = time.monotonic() - _IDLE_SECONDS
        with self._lock:
            while self._idle:
                connection, since = self._idle.pop()
                if since > until:
                    return connection, True
                connection.close()
        return self._connect(), False

    def _connect(self) -> http.client.HTTPConnection:
        if self._secure:
            context = self._context or ssl.create_default_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                self._host, self._port, timeout=self._timeout, context=context
            )
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        connection.connect()
        # Head and body are two packets: the second must not wait for the acknowledgement of the first.
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _keep(self, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse) -> None:
        if not answer.will_close:
            with self._lock:
                if len(self._idle) < _MOST_IDLE:
                    self._idle.append((connection, time.monotonic()))
                    return
        connection.close()


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _number(value: Any) -> Any:
    """A quantity as JSON carries it exactly: whole numbers as they are, all others as text."""
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a binary float; give an int, a Decimal or text")
    return str(value) if isinstance(value, Decimal) else value


def _units(units: Mapping[str, Any]) -> dict[str, Any]:
    return {unit: _number(quantity) for unit, quantity in units.items()}


def _event(event: Event) -> dict[str, Any]:
    values = _given({field.name: getattr(event, field.name) for field in fields(event)})
    if "units" in values:
        values["units"] = _units(values["units"])
    for name in ("cpu_seconds", "gpu_seconds"):
        if name in values:
            values[name] = _number(values[name])
    moment = values.get("occurred_at")
    if isinstance(moment, datetime):
        # A time without a zone is UTC everywhere in the API.
        aware = moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment  # noqa: UP017 - Python 3.9
        values["occurred_at"] = aware.astimezone(timezone.utc).isoformat()  # noqa: UP017 - Python 3.9
    return values


def _batches(events: Iterable[Event]) -> Iterator[list[Event]]:
    batch: list[Event] = []
    for event in events:
        batch.append(event)
        if len(batch) == LARGEST_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _receipt(found: Mapping[str, Any]) -> Receipt:
    return Receipt(
        event_id=found["event_id"],
        status=found["status"],
        charge=Decimal(found["charge_usd"]),
        cost=Decimal(found["cost_usd"]),
        balance=Decimal(found["balance_usd"]),
        price=found["price"],
        release=found["release"]["id"],
        duplicate=found["duplicate"],
    )


def _recorded(found: Mapping[str, Any]) -> Receipt | Spooled:
    return Spooled(found["event_id"], found["spooled_at"]) if found["status"] == "spooled" else _receipt(found)


def _hold(found: Mapping[str, Any]) -> Hold:
    names = ("provider", "model", "expires_at")
    return Hold(found["hold_id"], found["status"], Decimal(found["amount_usd"]), *(found[name] for name in names))


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _refusal(status: int, found: Any) -> tuple[Refused, bool]:
    """What an answer refuses, and whether that may go away by itself."""
    fault = found.get("error") if isinstance(found, dict) else None
    if isinstance(fault, dict) and isinstance(fault.get("code"), str):
        return Refused(status, fault["code"], str(fault.get("message", ""))), fault["code"] in _AGAIN
    # A proxy between, or another server altogether.
    return Refused(status, f"HTTP_{status}", "the answer is none of the API's"), status in _PROXY_STATUSES


def _wait(attempt: int) -> float:
    """Seconds before the next try: twice as long each time, and never the same for all who wait."""
    return min(_FIRST_WAIT * (1 << attempt), _LONGEST_WAIT) * (0.5 + random.random() / 2)  # noqa: S311 - no secret


def _retry_after(headers: http.client.HTTPMessage) -> float:
    text = headers.get("Retry-After", "")
    return min(float(text), _LONGEST_WAIT) if text.isascii() and text.isdecimal() else 0.0


__all__ = [
    "LARGEST_BATCH",
    "Client",
    "ClientError",
    "Decision",
    "Event",
    "Hold",
    "Quote",
    "Receipt",
    "Refused",
    "Rejected",
    "Route",
    "Spooled",
    "Unreachable",
    "Wallet",
]
