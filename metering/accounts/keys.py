"""API keys: `rk_ID_SECRET`, shown once when they are made; the database keeps the hash of the secret. Nothing commits.

A secret has 256 random bits, so a plain SHA-256 of it cannot be guessed from a copy of the database. A key of scope
`read` may look, `meter` may also record; both belong to one account. `admin` keys belong to none.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, insert, or_, select, update

from metering import given
from metering.accounts.accounts import account_id
from metering.audit import Actor, note
from metering.errors import ApiKeyError
from metering.subscriptions.due import NEVER
from metering.usage import LONGEST_NAME
from schema.keys import moment_text
from schema.tables import account_state, accounts, api_keys
from schema.tables.accounts import KEY_SCOPES

PREFIX = "rk"
OVERLAP = timedelta(hours=24)
"""For how long a key that was rotated goes on, unless something else is said."""

_ALPHABET = string.ascii_lowercase + string.digits
_ID_LENGTH = 12
_LONGEST_KEY = 200
_LONGEST_OVERLAP = timedelta(days=366)
_MINUTE = timedelta(minutes=1)
_NOBODY = hashlib.sha256(b"").hexdigest()
_INCLUDED = {"read": ("read",), "meter": ("read", "meter"), "admin": ("admin",)}


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as people see it: everything but the secret."""

    key_id: str
    account: str | None
    scope: str
    name: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def state(self, now: datetime) -> str:
        """`valid`, `revoked` or `expired`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "valid"

    def as_json(self, now: datetime) -> dict[str, Any]:
        """As it stands in `key list --format json`."""
        moments = ("created_at", "expires_at", "revoked_at", "last_used_at")
        return {
            "key_id": self.key_id,
            "account": self.account,
            "scope": self.scope,
            "name": self.name,
            "state": self.state(now),
            "created_by": self.created_by,
            **{name: None if (at := getattr(self, name)) is None else moment_text(at) for name in moments},
        }


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, with its text: nobody can read that again."""

    key: ApiKey
    text: str

    def __repr__(self) -> str:
        """Without the secret, which must not reach a log."""
        return f"NewKey({self.key.key_id})"


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """Who a valid key speaks for."""

    key_id: str
    scope: str
    account: str | None
    account_id: int | None
    account_status: str | None
    """`active` or `suspended`: of banned and deleted accounts no key is valid."""
    last_used_at: datetime | None
    plan: str | None
    """The account's, as it was brought up to date last."""

    def may(self, scope: str) -> bool:
        """Whether the key's scope includes another; a key of administrators includes only their own."""
        return scope in _INCLUDED[self.scope]


def create_key(
    connection: Connection,
    *,
    scope: str,
    actor: Actor,
    now: datetime,
    account: str | None = None,
    name: str | None = None,
    expires_at: datetime | None = None,
) -> NewKey:
    """Make a key of an account, or (scope `admin`) of no account. Raises ApiKeyError, UnknownAccountError."""
    if scope not in KEY_SCOPES:
        raise ApiKeyError(f"'{scope}' is not a scope: {', '.join(KEY_SCOPES)}")
    if (scope == "admin") != (account is None):
        raise ApiKeyError("a key of scope read or meter belongs to an account, a key of scope admin to none")
    if name is not None and (not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME):
        raise ApiKeyError(f"the name of a key is 1 to {LONGEST_NAME} printable characters")
    if expires_at is not None:
        expires_at = given.moment("the end of a key", expires_at, ApiKeyError)
    if expires_at is not None and expires_at <= now:
        raise ApiKeyError(f"the key would expire before it is made: {moment_text(expires_at)}")
    number = None if account is None else _account(connection, account)
    made = _insert(connection, account, number, scope, name, expires_at, actor, now)
    note(connection, actor, "key.create", _target(made.key), at=now, after={"account": account, "scope": scope})
    return made


def rotate_key(
    connection: Connection, key_id: str, *, actor: Actor, now: datetime, overlap: timedelta = OVERLAP
) -> NewKey:
    """Make a key in place of another, which goes on for `overlap` at most. Raises ApiKeyError.

    Account, scope and name stay; the new key lasts as long from now as the old one was made for.
    """
    if overlap < timedelta(0):
        raise ApiKeyError("an overlap is not negative")
    if overlap > _LONGEST_OVERLAP:
        raise ApiKeyError(f"an overlap is at most {_LONGEST_OVERLAP.days} days")
    old, number = _valid(connection, key_id, now)
    if number is not None:
        _require_open(connection, number, str(old.account))
    expires_at = None
    if old.expires_at is not None:
        expires_at = now + min(old.expires_at - old.created_at, NEVER - now)
    made = _insert(connection, old.account, number, old.scope, old.name, expires_at, actor, now)
    end = now + overlap if old.expires_at is None else min(now + overlap, old.expires_at)
    table = api_keys.c
    change = {"expires_at": end} if overlap else {"revoked_at": now}
    connection.execute(update(api_keys).where(table.key_id == key_id).values(change))
    note(
        connection,
        actor,
        "key.rotate",
        _target(old),
        at=now,
        after={"account": old.account, "successor": made.key.key_id, "valid_until": moment_text(end)},
    )
    return made


def revoke_key(connection: Connection, key_id: str, *, actor: Actor, now: datetime) -> ApiKey:
    """End a key now. Raises ApiKeyError for one that does not exist, or is not valid any more."""
    old, _ = _valid(connection, key_id, now)
    connection.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(revoked_at=now))
    note(connection, actor, "key.revoke", _target(old), at=now, before={"account": old.account, "scope": old.scope})
    return replace(old, revoked_at=now)


def list_keys(
    connection: Connection, *, now: datetime, account: str | None = None, all_states: bool = False
) -> list[ApiKey]:
    """Keys, the newest first: the valid ones, or all. Raises UnknownAccountError."""
    key = api_keys.c
    query = _query().order_by(key.id.desc())
    if account is not None:
        query = query.where(key.account_id == account_id(connection, account))
    if not all_states:
        query = query.where(key.revoked_at.is_(None), or_(key.expires_at.is_(None), key.expires_at > now))
    return [_key(row) for row in connection.execute(query)]


def authenticate(connection: Connection, text: str, now: datetime) -> KeyOwner | None:
    """Who a key's text speaks for at a moment; None for anything but a valid key, without a word why.

    Only reads: `note_use` keeps when it was used. The time that it takes does not depend on the secret.
    """
    readable = len(text) <= _LONGEST_KEY and text.isascii() and text.isprintable()
    parts = text.split("_", 2) if readable else []
    prefix, key_id, secret = parts if len(parts) == 3 else ("", "", "")
    row = connection.execute(_OWNER, {"key_id": key_id}).first()
    same = hmac.compare_digest(_NOBODY if row is None else row.secret_hash, _hash(secret))
    if row is None or not same or prefix != PREFIX:
        return None
    over = row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now)
    if over or row.status in ("banned", "deleted"):
        return None
    return KeyOwner(*row[1:8])


def use_is_news(owner: KeyOwner, now: datetime) -> bool:
    """Whether `note_use` would write: once a minute."""
    return owner.last_used_at is None or now - owner.last_used_at >= _MINUTE


def note_use(connection: Connection, owner: KeyOwner, now: datetime) -> None:
    """Keep when a key was used, to the minute."""
    minute = now.replace(second=0, microsecond=0)
    key = api_keys.c
    connection.execute(
        update(api_keys)
        .where(key.key_id == owner.key_id, or_(key.last_used_at.is_(None), key.last_used_at < minute))
        .values(last_used_at=minute)
    )


def _insert(
    connection: Connection,
    account: str | None,
    number: int | None,
    scope: str,
    name: str | None,
    expires_at: datetime | None,
    actor: Actor,
    now: datetime,
) -> NewKey:
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
    secret = secrets.token_urlsafe(32)
    key = ApiKey(key_id, account, scope, name, now, actor.by, expires_at, None, None)
    connection.execute(
        insert(api_keys).values(
            key_id=key_id,
            secret_hash=_hash(secret),
            account_id=number,
            scope=scope,
            name=name,
            created_at=now,
            created_by=actor.by,
            expires_at=expires_at,
        )
    )
    return NewKey(key, f"{PREFIX}_{key_id}_{secret}")


def _valid(connection: Connection, key_id: str, now: datetime) -> tuple[ApiKey, int | None]:
    row = None
    if given.is_name(key_id):
        row = connection.execute(_query().where(api_keys.c.key_id == key_id).with_for_update(of=api_keys)).first()
    if row is None:
        # People paste whole keys; what they pasted is not repeated.
        raise ApiKeyError("there is no such key; name it by its id, the part between rk_ and the second _")
    key = _key(row)
    if key.state(now) != "valid":
        raise ApiKeyError(f"key {key_id} is {key.state(now)} already")
    return key, row.account_id


def _query() -> Any:
    key = api_keys.c
    names = ("key_id", "scope", "name", "created_at", "created_by", "expires_at", "revoked_at", "last_used_at")
    columns = [key[name] for name in names]
    return (
        select(accounts.c.account, key.account_id, *columns)
        .select_from(api_keys)
        .outerjoin(accounts, accounts.c.id == key.account_id)
    )


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(**{name: getattr(row, name) for name in ApiKey.__slots__})


def _account(connection: Connection, account: str) -> int:
    number = account_id(connection, account)
    _require_open(connection, number, account)
    return number


def _require_open(connection: Connection, number: int, account: str) -> None:
    status = connection.execute(select(accounts.c.status).where(accounts.c.id == number)).scalar_one()
    if status in ("banned", "deleted"):
        raise ApiKeyError(f"account {account} is {status}")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _target(key: ApiKey) -> str:
    return f"key {key.key_id}"


def _owner() -> Select[Any]:
    """Built once: it is asked before every request."""
    key, account = api_keys.c, accounts.c
    columns = (
        key.secret_hash,
        key.key_id,
        key.scope,
        account.account,
        key.account_id,
        account.status,
        key.last_used_at,
        account_state.c.plan,
        key.expires_at,
        key.revoked_at,
    )
    return (
        select(*columns)
        .select_from(api_keys)
        .outerjoin(accounts, account.id == key.account_id)
        .outerjoin(account_state, account_state.c.account_id == key.account_id)
        .where(key.key_id == bindparam("key_id"))
    )


_OWNER = _owner()

__all__ = [
    "OVERLAP",
    "PREFIX",
    "ApiKey",
    "KeyOwner",
    "NewKey",
    "authenticate",
    "create_key",
    "list_keys",
    "note_use",
    "revoke_key",
    "rotate_key",
    "use_is_news",
]
