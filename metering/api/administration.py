"""What administrators do over HTTP: take up a release at once, and look after keys. Each change is audited."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import Path, Query, Request
from pydantic import Field

from metering.accounts.keys import OVERLAP, ApiKey, NewKey
from metering.api.access import caller_of, router
from metering.api.errors import OF_BODIES, BadRequestError, answers
from metering.api.fields import Answer, Body, Moment, Name, Whole, moment_of
from metering.api.pricing import BookAnswer
from metering.meter import Meter

routes = router("admin", tag="administration")

Scope = Literal["read", "meter", "admin"]
KeyId = Annotated[str, Path(pattern="^[a-z0-9]{1,20}$", description="The part between `rk_` and the second `_`.")]
_LONGEST_OVERLAP = timedelta(days=30)


class NewKeyBody(Body):
    """A key to make."""

    scope: Scope
    account: Name | None = Field(None, description="Of scopes read and meter; keys of scope admin have none.")
    name: Name | None = Field(None, description="What it is for.")
    expires_at: Moment | None = None


class RotateBody(Body):
    """How a key is replaced."""

    overlap_seconds: Annotated[Whole, Field(ge=0, le=int(_LONGEST_OVERLAP.total_seconds()))] = Field(
        int(OVERLAP.total_seconds()), description="For how long the old one goes on."
    )


class KeyAnswer(Answer):
    """A key without its secret."""

    key_id: str
    account: str | None
    scope: Scope
    name: str | None
    state: Literal["valid", "revoked", "expired"]
    created_by: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None


class NewKeyAnswer(KeyAnswer):
    """A key that was made."""

    key: str = Field(description="Shown this once: nobody can read it again.")


class KeysAnswer(Answer):
    """Keys, the newest first."""

    keys: list[KeyAnswer]


class ReloadAnswer(Answer):
    """The rate book after a reload."""

    book: BookAnswer


@routes.post("/v1/admin/reload")
def reload(request: Request) -> ReloadAnswer:
    """Load the newest release now, instead of when it is heard of."""
    meter: Meter = request.app.state.meter
    meter.reload()
    return ReloadAnswer(book=BookAnswer.of(meter))


@routes.get("/v1/admin/keys", responses=answers(404))
def list_keys(
    request: Request,
    account: Annotated[Name | None, Query(description="Only of this account.")] = None,
    every: Annotated[bool, Query(alias="all", description="Those that are revoked or expired, too.")] = False,
) -> KeysAnswer:
    """Keys, the newest first."""
    meter: Meter = request.app.state.meter
    return KeysAnswer(keys=[_key(request, key) for key in meter.keys.list(account=account, all_states=every)])


@routes.post("/v1/admin/keys", status_code=201, responses=answers(*OF_BODIES, 404))
def create_key(request: Request, body: NewKeyBody) -> NewKeyAnswer:
    """Make a key of an account, or of administrators."""
    meter: Meter = request.app.state.meter
    try:
        expires_at = moment_of(body.expires_at)
    except ValueError as error:
        raise BadRequestError(f"expires_at: {error}") from None
    made = meter.keys.create(
        body.scope, account=body.account, name=body.name, expires_at=expires_at, by=_actor(request)
    )
    return _new_key(request, made)


@routes.post("/v1/admin/keys/{key_id}/rotate", status_code=201, responses=answers(*OF_BODIES))
def rotate_key(request: Request, key_id: KeyId, body: RotateBody) -> NewKeyAnswer:
    """Make a key in place of another."""
    meter: Meter = request.app.state.meter
    overlap = timedelta(seconds=body.overlap_seconds)
    return _new_key(request, meter.keys.rotate(key_id, overlap=overlap, by=_actor(request)))


@routes.delete("/v1/admin/keys/{key_id}")
def revoke_key(request: Request, key_id: KeyId) -> KeyAnswer:
    """End a key now: its next request is refused."""
    meter: Meter = request.app.state.meter
    return _key(request, meter.keys.revoke(key_id, by=_actor(request)))


def _actor(request: Request) -> str:
    return f"API key {caller_of(request).owner.key_id}"


def _key(request: Request, key: ApiKey) -> KeyAnswer:
    return KeyAnswer.model_validate(key.as_json(request.app.state.now()))


def _new_key(request: Request, made: NewKey) -> NewKeyAnswer:
    return NewKeyAnswer.model_validate(made.key.as_json(request.app.state.now()) | {"key": made.text})


__all__ = ["routes"]
