from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from metering.accounts.members import Member
from metering.errors import AccountError, UnknownAccountError
from metering.meter import Meter
from schema.database import reading
from schema.tables import audit_log
from tests.metering.rate_card import NOW, Clock

BY = "Price Desk <prices@example.com>"


@pytest.fixture(autouse=True)
def account(meter: Meter) -> str:
    meter.accounts.create("acct-0001", by=BY)
    return "acct-0001"


def test_users_are_added_listed_and_removed(meter: Meter, account: str, card: Engine) -> None:
    one = meter.accounts.add_user(account, "u-2", name="Desk", email="desk@example.com", role="owner", by=BY)
    assert one == Member("u-2", "Desk", "desk@example.com", "owner", NOW, None)
    meter.accounts.add_user(account, "u-1", by=BY)
    assert [user.user for user in meter.accounts.users(account)] == ["u-1", "u-2"]
    assert meter.accounts.users(account)[1] == one
    meter.accounts.remove_user(account, "u-2", by=BY)
    assert [user.user for user in meter.accounts.users(account)] == ["u-1"]
    gone = meter.accounts.users(account, removed=True)[1]
    assert gone == Member("u-2", None, None, "owner", NOW, NOW)
    assert gone.as_json() == {
        "user": "u-2",
        "name": None,
        "email": None,
        "role": "owner",
        "created_at": "2026-06-15T12:00:00Z",
        "removed_at": "2026-06-15T12:00:00Z",
    }
    with reading(card) as connection:
        log = audit_log.c
        found = connection.execute(select(log.action, log.before, log.after).order_by(log.id)).all()
    assert found[1:] == [
        ("user.add", None, {"user": "u-2", "role": "owner"}),
        ("user.add", None, {"user": "u-1", "role": "member"}),
        ("user.remove", {"user": "u-2", "role": "owner"}, None),
    ]


def test_who_left_may_return(meter: Meter, account: str, clock: Clock) -> None:
    meter.accounts.add_user(account, "u-1", by=BY)
    meter.accounts.remove_user(account, "u-1", by=BY)
    clock.moment = NOW.replace(month=7)
    assert meter.accounts.add_user(account, "u-1", role="owner", by=BY) == Member("u-1", None, None, "owner", NOW, None)
    assert [user.role for user in meter.accounts.users(account)] == ["owner"]


def test_users_that_cannot_be_added_or_removed(meter: Meter, account: str) -> None:
    meter.accounts.add_user(account, "u-1", by=BY)
    with pytest.raises(AccountError, match="u-1 is a user of acct-0001 already"):
        meter.accounts.add_user(account, "u-1", by=BY)
    with pytest.raises(AccountError, match="u-2 is not a user of acct-0001"):
        meter.accounts.remove_user(account, "u-2", by=BY)
    for values in ({"user": ""}, {"user": "a\x00"}, {"user": "u", "email": "nobody"}, {"user": "u", "role": "x" * 21}):
        with pytest.raises(AccountError):
            meter.accounts.add_user(account, by=BY, **values)
    with pytest.raises(UnknownAccountError):
        meter.accounts.users("nobody")
    with pytest.raises(UnknownAccountError):
        meter.accounts.add_user("nobody", "u-1", by=BY)
