"""A good request for every operation of the API, and which scope it wants."""

from __future__ import annotations

from typing import Any, NamedTuple

CALL = {"provider": "anthropic", "model": "haiku", "units": {"input": 1_000, "output": 500}}


class Operation(NamedTuple):
    """An operation of the document; `path` is filled in, `scope` None for what needs no key."""

    method: str
    template: str
    scope: str | None
    path: str
    body: Any = None


OPERATIONS = (
    Operation("POST", "/v1/events", "meter", "/v1/events", {"event_id": "new", **CALL}),
    Operation("POST", "/v1/events/batch", "meter", "/v1/events/batch", {"events": [{"event_id": "new", **CALL}]}),
    Operation("GET", "/v1/events/{event_id}", "read", "/v1/events/known"),
    Operation("POST", "/v1/holds", "meter", "/v1/holds", {"model": "small", "input": 1_000, "max_output": 500}),
    Operation("GET", "/v1/holds/{hold_id}", "meter", "/v1/holds/known"),
    Operation("POST", "/v1/holds/{hold_id}/capture", "meter", "/v1/holds/known/capture", {"event_id": "new", **CALL}),
    Operation("POST", "/v1/holds/{hold_id}/release", "meter", "/v1/holds/known/release"),
    Operation("GET", "/v1/route", "read", "/v1/route?provider=anthropic&task=extraction"),
    Operation("POST", "/v1/quote", "read", "/v1/quote", CALL),
    Operation("POST", "/v1/check", "read", "/v1/check", CALL),
    Operation("POST", "/v1/would-exceed", "read", "/v1/would-exceed", {"units": {"input": 5}}),
    Operation("GET", "/v1/usage", "read", "/v1/usage"),
    Operation("GET", "/v1/history", "read", "/v1/history"),
    Operation("GET", "/v1/quota", "read", "/v1/quota"),
    Operation("GET", "/v1/wallet", "read", "/v1/wallet"),
    Operation("GET", "/v1/transactions", "read", "/v1/transactions"),
    Operation("GET", "/v1/catalogue", "read", "/v1/catalogue"),
    Operation("POST", "/v1/admin/reload", "admin", "/v1/admin/reload"),
    Operation("GET", "/v1/admin/keys", "admin", "/v1/admin/keys"),
    Operation("POST", "/v1/admin/keys", "admin", "/v1/admin/keys", {"scope": "read", "account": "acct-1"}),
    Operation("POST", "/v1/admin/keys/{key_id}/rotate", "admin", "/v1/admin/keys/KEY/rotate", {}),
    Operation("DELETE", "/v1/admin/keys/{key_id}", "admin", "/v1/admin/keys/KEY"),
    Operation("GET", "/metrics", "admin", "/metrics"),
    Operation("GET", "/health", None, "/health"),
    Operation("GET", "/ready", None, "/ready"),
    Operation("GET", "/widget", None, "/widget"),
)
