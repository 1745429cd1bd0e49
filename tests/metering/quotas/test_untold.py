"""How alerts stand that nobody was told of, on both databases."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, insert

from metering.accounts.accounts import account_id
from metering.meter import Meter
from metering.quotas.untold import GIVEN_UP_FOR, Untold, untold_alerts
from schema.database import reading, writing
from schema.tables import alerts
from tests.metering.rate_card import NOW


def test_the_waiting_the_failed_and_the_given_up_are_counted(card: Engine, meter: Meter) -> None:
    meter.accounts.create("acct-1", by="test")
    before = NOW - timedelta(hours=3)
    stored = [
        {"percent": 80, "created_at": before, "try_at": NOW, "told_at": None, "fault": None},
        {"percent": 95, "created_at": NOW, "try_at": NOW, "told_at": None, "fault": "HTTP 500"},
        {"percent": 100, "created_at": before, "try_at": None, "told_at": NOW, "fault": None},
        {"percent": 101, "created_at": before, "try_at": None, "told_at": None, "fault": "HTTP 500"},
        {"percent": 102, "created_at": NOW - GIVEN_UP_FOR * 2, "try_at": None, "told_at": None, "fault": "HTTP 500"},
    ]
    with writing(card) as connection:
        same = {"quota": "tokens_per_month", "period": "2026-03", "used": 9, "allowed": 10, "plan": "free"}
        number = account_id(connection, "acct-1")
        connection.execute(insert(alerts), [{**same, **one, "account_id": number} for one in stored])

    with reading(card) as connection:
        assert untold_alerts(connection, NOW) == Untold(waiting=2, failed=1, oldest=before, given_up=1)


def test_there_may_be_none(card: Engine) -> None:
    with reading(card) as connection:
        assert untold_alerts(connection, NOW) == Untold(0, 0, None, 0)
