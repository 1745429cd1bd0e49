from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, Row, select

from metering.accounts.keys import authenticate
from metering.errors import ApiKeyError, UnknownAccountError
from metering.meter import Meter
from schema.database import reading
from schema.tables import api_keys, audit_log
from tests.metering.rate_card import NOW, Clock

BY = "Price Desk <prices@example.com>"
TICK = timedelta(microseconds=1)


@pytest.fixture(autouse=True)
def account(meter: Meter) -> str:
    meter.accounts.create("acct-0001", by=BY)
    return "acct-0001"


def stored(engine: Engine) -> list[Row[Any]]:
    with reading(engine) as connection:
        return list(connection.execute(select(api_keys).order_by(api_keys.c.id)))


def test_a_key_is_told_once_and_kept_as_a_hash(meter: Meter, card: Engine, account: str) -> None:
    made = meter.keys.create("meter", account=account, name="worker", by=BY)
    prefix, key_id, secret = made.text.split("_", 2)
    assert (prefix, key_id, len(key_id), len(secret)) == ("rk", made.key.key_id, 12, 43)
    (row,) = stored(card)
    assert (row.scope, row.name, row.created_at, row.created_by) == ("meter", "worker", NOW, BY)
    assert len(row.secret_hash) == 64
    with reading(card) as connection:
        logged = connection.execute(select(audit_log).order_by(audit_log.c.id.desc()).limit(1)).one()
    assert (logged.action, logged.target) == ("key.create", f"key {key_id}")
    assert logged.after == {"account": account, "scope": "meter"}
    for text in (str(row), str(logged), repr(made), repr(made.key), str(made.key.as_json(NOW))):
        assert secret not in text


def test_a_key_speaks_for_its_account_and_scope(meter: Meter, account: str) -> None:
    owner = meter.keys.authenticate(meter.keys.create("meter", account=account, by=BY).text)
    assert owner is not None
    assert (owner.account, owner.account_id, owner.account_status, owner.scope) == (account, 1, "active", "meter")
    assert [owner.may(scope) for scope in ("read", "meter", "admin")] == [True, True, False]
    reader = meter.keys.authenticate(meter.keys.create("read", account=account, by=BY).text)
    assert reader is not None
    assert [reader.may(scope) for scope in ("read", "meter", "admin")] == [True, False, False]
    admin = meter.keys.authenticate(meter.keys.create("admin", by=BY).text)
    assert admin is not None
    assert (admin.account, admin.account_id) == (None, None)
    assert [admin.may(scope) for scope in ("read", "meter", "admin")] == [False, False, True]


@pytest.mark.parametrize("end", [-1, 0, 20])
def test_a_key_with_any_other_character_is_nobodys(meter: Meter, account: str, end: int) -> None:
    text = meter.keys.create("read", account=account, by=BY).text
    place = len("rk_") + 13 + end if end >= 0 else len(text) - 1
    other = "x" if text[place] != "x" else "y"
    assert meter.keys.authenticate(text[:place] + other + text[place + 1 :]) is None


@pytest.mark.parametrize(
    "text",
    ["", "rk", "rk_", "rk__", "rk_{id}_", "rk_{id}", "sk_{id}_{secret}", "RK_{id}_{secret}", "rk_{id}_{secret}x",
     " rk_{id}_{secret}", "rk_{id}_{secret}\n", "rk_{id}_{secret}\x00", "rk_\x00_{secret}", "rk_{id}_\N{SNOWMAN}",
     "rk_%_{secret}", "x" * 100_000],
    ids=range(16),
)  # fmt: skip
def test_what_is_no_key_is_nobodys(meter: Meter, account: str, text: str) -> None:
    made = meter.keys.create("read", account=account, by=BY)
    _, key_id, secret = made.text.split("_", 2)
    assert meter.keys.authenticate(text.replace("{id}", key_id).replace("{secret}", secret)) is None


def test_the_secret_of_one_key_does_not_open_another(meter: Meter, account: str) -> None:
    meter.accounts.create("acct-0002", by=BY)
    one = meter.keys.create("read", account=account, by=BY)
    two = meter.keys.create("read", account="acct-0002", by=BY)
    assert meter.keys.authenticate(f"rk_{one.key.key_id}_{two.text.split('_', 2)[2]}") is None


def test_a_key_expires_to_the_moment(meter: Meter, account: str, clock: Clock) -> None:
    made = meter.keys.create("read", account=account, expires_at=NOW + timedelta(1), by=BY)
    clock.moment = NOW + timedelta(1) - TICK
    assert meter.keys.authenticate(made.text) is not None
    clock.moment = NOW + timedelta(1)
    assert meter.keys.authenticate(made.text) is None
    assert [key.state(clock.moment) for key in meter.keys.list(all_states=True)] == ["expired"]
    assert meter.keys.list() == []


def test_a_revoked_key_ends_at_once(meter: Meter, card: Engine, account: str) -> None:
    made = meter.keys.create("read", account=account, by=BY)
    assert meter.keys.revoke(made.key.key_id, by=BY, reason="left in a log").revoked_at == NOW
    assert meter.keys.authenticate(made.text) is None
    with pytest.raises(ApiKeyError) as caught:
        meter.keys.revoke(made.key.key_id, by=BY)
    assert str(caught.value) == f"key {made.key.key_id} is revoked already"
    with reading(card) as connection:
        logged = connection.execute(select(audit_log).order_by(audit_log.c.id.desc()).limit(1)).one()
    assert (logged.action, logged.before, logged.after) == (
        "key.revoke",
        {"account": account, "scope": "read"},
        {"reason": "left in a log"},
    )


def test_a_rotated_key_goes_on_for_the_overlap(meter: Meter, account: str, clock: Clock) -> None:
    old = meter.keys.create("meter", account=account, name="worker", by=BY)
    new = meter.keys.rotate(old.key.key_id, by=BY)
    assert (new.key.account, new.key.scope, new.key.name) == (account, "meter", "worker")
    assert new.text != old.text
    clock.moment = NOW + timedelta(hours=24) - TICK
    assert [meter.keys.authenticate(made.text) is not None for made in (old, new)] == [True, True]
    clock.moment = NOW + timedelta(hours=24)
    assert [meter.keys.authenticate(made.text) is not None for made in (old, new)] == [False, True]


def test_a_rotation_never_makes_the_old_key_last_longer(meter: Meter, account: str, clock: Clock) -> None:
    old = meter.keys.create("read", account=account, expires_at=NOW + timedelta(hours=2), by=BY)
    clock.moment = NOW + timedelta(hours=1)
    new = meter.keys.rotate(old.key.key_id, by=BY)
    assert new.key.expires_at == NOW + timedelta(hours=3)
    assert [key.expires_at for key in meter.keys.list()] == [NOW + timedelta(hours=3), NOW + timedelta(hours=2)]
    last = meter.keys.rotate(new.key.key_id, by=BY, overlap=timedelta(0))
    assert meter.keys.authenticate(new.text) is None
    assert meter.keys.authenticate(last.text) is not None
    with pytest.raises(ApiKeyError):
        meter.keys.rotate(new.key.key_id, by=BY)
    with pytest.raises(ApiKeyError):
        meter.keys.rotate(last.key.key_id, by=BY, overlap=-TICK)


def test_the_last_use_is_kept_to_the_minute(meter: Meter, card: Engine, account: str, clock: Clock) -> None:
    made = meter.keys.create("read", account=account, by=BY)
    clock.moment = NOW + timedelta(seconds=30)
    meter.keys.authenticate(made.text)
    assert stored(card)[0].last_used_at == NOW
    clock.moment = NOW + timedelta(seconds=59)
    meter.keys.authenticate(made.text)
    assert stored(card)[0].last_used_at == NOW
    clock.moment = NOW + timedelta(seconds=61)
    meter.keys.authenticate(made.text)
    assert stored(card)[0].last_used_at == NOW + timedelta(minutes=1)
    meter.keys.authenticate(made.text + "x")
    with reading(card) as connection:
        assert authenticate(connection, made.text, clock.moment) is not None


def test_keys_of_banned_and_deleted_accounts_are_nobodys(meter: Meter, account: str) -> None:
    made = meter.keys.create("read", account=account, by=BY)
    meter.accounts.suspend(account, by=BY)
    owner = meter.keys.authenticate(made.text)
    assert owner is not None
    assert owner.account_status == "suspended"
    meter.accounts.ban(account, by=BY)
    assert meter.keys.authenticate(made.text) is None
    with pytest.raises(ApiKeyError) as caught:
        meter.keys.create("read", account=account, by=BY)
    assert str(caught.value) == "account acct-0001 is banned"
    # Keys that a ban revoked stay revoked.
    meter.accounts.unsuspend(account, by=BY)
    assert meter.keys.authenticate(made.text) is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scope": "write", "account": "acct-0001"}, "'write' is not a scope: read, meter, admin"),
        ({"scope": "read"}, "a key of scope read or meter belongs to an account, a key of scope admin to none"),
        (
            {"scope": "admin", "account": "acct-0001"},
            "a key of scope read or meter belongs to an account, a key of scope admin to none",
        ),
        ({"scope": "read", "account": "acct-0001", "name": " "}, "the name of a key is 1 to 200 printable characters"),
        (
            {"scope": "read", "account": "acct-0001", "expires_at": NOW},
            "the key would expire before it is made: 2026-06-15T12:00:00Z",
        ),
    ],
)
def test_keys_that_cannot_be_made(meter: Meter, card: Engine, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiKeyError) as caught:
        meter.keys.create(by=BY, **values)
    assert str(caught.value) == message
    assert stored(card) == []


def test_keys_need_an_account_and_an_id_that_exists(meter: Meter, account: str) -> None:
    with pytest.raises(UnknownAccountError):
        meter.keys.create("read", account="nobody", by=BY)
    with pytest.raises(UnknownAccountError):
        meter.keys.list(account="nobody")
    whole = meter.keys.create("read", account=account, by=BY).text
    with pytest.raises(ApiKeyError) as caught:
        meter.keys.revoke(whole, by=BY)
    assert whole not in str(caught.value)


def test_keys_are_listed_newest_first(meter: Meter, account: str) -> None:
    meter.accounts.create("acct-0002", by=BY)
    ids = [
        meter.keys.create("read", account=account, by=BY).key.key_id,
        meter.keys.create("meter", account="acct-0002", by=BY).key.key_id,
        meter.keys.create("admin", by=BY).key.key_id,
    ]
    assert [key.key_id for key in meter.keys.list()] == ids[::-1]
    assert [key.key_id for key in meter.keys.list(account=account)] == ids[:1]
