"""Telling alerts to a webhook: each is claimed, sent outside any transaction, and marked.

A claim moves the moment of the next attempt before anything is sent, so that two deliverers never send the same alert,
and one that dies loses none: its claim runs out and the alert is sent again, with the same `Idempotency-Key`. What the
webhook does not take is tried again after ever longer waits, and given up after a dozen attempts, or when its period
has been over for a day. The webhook's address is a secret: it is in no message and no row.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, and_, or_, select, update

from metering.book.ratebook import RateBook
from metering.errors import WebhookError
from metering.quotas.admission import overage_of
from metering.quotas.alerts import Alert, alert_rows
from metering.quotas.messages import Templates, alert_json, slack_message
from metering.quotas.posting import post
from metering.runtime import Runtime
from schema.tables import alerts

ATTEMPTS = 12
"""How often an alert is tried before it is given up, over about seven hours."""
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
IN_A_ROW = 3
"""After so many failures in a row the rest waits for the next delivery: the webhook is down."""
TIMEOUT_SECONDS = 10
"""How long a webhook may take in all, to the end of its answer's head; shorter than the shortest claim."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where alerts go, in which form (`slack` or `json`), and what they say."""

    address: str
    form: str
    templates: Templates | None = None


@dataclass(slots=True)
class Delivered:
    """What a delivery did, in alerts."""

    told: int = 0
    failed: int = 0
    """Tried in vain; they are tried again."""
    given_up: int = 0
    """Tried too often, or too late."""
    fault: str | None = None
    """Why the last one failed."""


def webhook_of(book: RateBook) -> Webhook:
    """The webhook that settings name. Raises WebhookError when they name none, or its variable holds no address."""
    named = book.settings.values["notifications"]
    if not named:
        raise WebhookError("settings.notifications names no webhook for alerts")
    variable = named["webhook_env"]
    address = os.environ.get(variable, "").strip()
    if not address:
        raise WebhookError(f"the variable {variable}, which settings.notifications names, is not set")
    try:
        parts = urlsplit(address)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and address.isascii()
    except ValueError:
        valid = False
    if not valid or not address.isprintable() or " " in address:
        raise WebhookError(f"the variable {variable}, which settings.notifications names, holds no http(s) address")
    return Webhook(address, named.get("format", "slack"), named.get("templates"))


def deliver(runtime: Runtime, *, limit: int = 100) -> Delivered:
    """Tell the alerts that are due, oldest first, at most so many. Raises WebhookError, UnavailableError."""
    moment = runtime.now()
    webhook = webhook_of(runtime.book(moment))
    done = Delivered(given_up=runtime.write(partial(_give_up_old, now=moment)))
    failures_in_a_row = 0
    for _ in range(limit):
        alert = runtime.write(partial(_claim, now=runtime.now()))
        if alert is None:
            break
        fault = _send(webhook, alert, runtime.book(moment))
        runtime.write(partial(_mark, alert=alert, fault=fault, now=runtime.now()))
        if fault is None:
            done.told += 1
            failures_in_a_row = 0
            continue
        done.fault = fault
        _log.warning("alert %s was not told: %s", alert.id, fault)
        if alert.attempts >= ATTEMPTS:
            done.given_up += 1
        else:
            done.failed += 1
        failures_in_a_row += 1
        if failures_in_a_row == IN_A_ROW:
            break
    return done


def wait_after(attempts: int) -> timedelta:
    """How long after so many attempts the next one waits: a minute, then twice as long each time, up to an hour."""
    wait = FIRST_WAIT
    for _ in range(attempts - 1):
        wait = min(wait * 2, LONGEST_WAIT)
    return wait


def _give_up_old(connection: Connection, now: datetime) -> int:
    """Give up what is about a period that has been over for a day: it would only confuse."""
    day = (now.astimezone(UTC) - timedelta(days=1)).date()
    table = alerts.c
    daily = table.quota == "requests_per_day"
    over = or_(and_(daily, table.period < day.isoformat()), and_(~daily, table.period < f"{day:%Y-%m}"))
    gone = update(alerts).where(table.try_at <= now, over)
    fault = "its period was over before it could be told"
    return len(connection.execute(gone.values(try_at=None, fault=fault).returning(table.id)).all())


def _claim(connection: Connection, now: datetime) -> Alert | None:
    """The oldest alert that is due, out of reach of other deliverers for as long as its next wait."""
    table = alerts.c
    due = (
        select(table.id, table.attempts)
        .where(table.try_at <= now)
        .order_by(table.try_at, table.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found = connection.execute(due).first()
    if found is None:
        return None
    attempts = found.attempts + 1
    claimed = update(alerts).where(table.id == found.id)
    connection.execute(claimed.values(attempts=attempts, try_at=now + wait_after(attempts)))
    return Alert(*connection.execute(alert_rows().where(table.id == found.id)).one())


def _mark(connection: Connection, alert: Alert, fault: str | None, now: datetime) -> None:
    """Note what came of an attempt; one that nobody repeats any more is out of the queue."""
    values: dict[str, Any] = {"fault": fault}
    if fault is None:
        values |= {"told_at": now, "try_at": None}
    elif alert.attempts >= ATTEMPTS:
        values["try_at"] = None
    connection.execute(update(alerts).where(alerts.c.id == alert.id).values(values))


def _send(webhook: Webhook, alert: Alert, book: RateBook) -> str | None:
    """Post an alert; why it was not taken, or None."""
    plan = book.plans.get(alert.plan)
    overage = overage_of(book, plan)
    shape = slack_message if webhook.form == "slack" else alert_json
    message = shape(alert, overage, webhook.templates)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "ratecard",
        "Idempotency-Key": f"ratecard-alert-{alert.id}",
    }
    return post(webhook.address, json.dumps(message).encode(), headers, TIMEOUT_SECONDS)


__all__ = ["ATTEMPTS", "Delivered", "Webhook", "deliver", "wait_after", "webhook_of"]
