"""What an alert says, as JSON for programs or as a message for Slack. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from metering.quotas.alerts import Alert
from metering.quotas.limits import REACHED, UPGRADE, amount_text, end_of, grouped, parts_per_unit
from metering.subscriptions.periods import months_later
from schema.findings import printable

FORMAT_VERSION = 1
_STATES = {80: "warning", 95: "upgrade", 100: "reached"}
_NAMED = re.compile(r"\{([a-z_]+)\}")

Templates = Mapping[str, str | None]
"""What settings have alerts say instead, by state; see `schema.documents.settings.AlertTemplates`."""


def alert_json(alert: Alert, overage: str, templates: Templates | None = None) -> dict[str, Any]:
    """An alert for a program; quantities that may have decimals are text."""
    whole = parts_per_unit(alert.quota) == 1
    return {
        "format_version": FORMAT_VERSION,
        "event": "quota_alert",
        "id": alert.id,
        "account": alert.account,
        "quota": alert.quota,
        "period": alert.period,
        "percent": alert.percent,
        "state": _STATES[alert.percent],
        "used": alert.used if whole else amount_text(alert.quota, alert.used),
        "limit": alert.allowed if whole else amount_text(alert.quota, alert.allowed),
        "plan": alert.plan,
        "overage": overage,
        "resets_on": period_end(alert.period).isoformat(),
        "created_at": alert.created_at.isoformat(),
        "message": message(alert, overage, templates),
    }


def slack_message(alert: Alert, overage: str, templates: Templates | None = None) -> dict[str, Any]:
    """An alert in the form of Slack's incoming webhooks; nothing that an account is called becomes markup or a mention.

    Slack's formatting asks for `&`, `<` and `>` as entities.
    """
    text = message(alert, overage, templates)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    return {"text": text, "mrkdwn": False}


def message(alert: Alert, overage: str, templates: Templates | None) -> str:
    """An alert for people: as the template of its state says, else the sentence."""
    template = (templates or {}).get(_STATES[alert.percent])
    if not template:
        return sentence(alert, overage)
    words = {
        "account": printable(alert.account),
        "plan": alert.plan,
        "quota": _noun(alert),
        "percent": str(alert.percent),
        "used": grouped(alert.quota, alert.used),
        "limit": grouped(alert.quota, alert.allowed),
        "period": alert.period,
        "resets_on": period_end(alert.period).isoformat(),
        "message": sentence(alert, overage),
    }
    # One pass: what an account is called is no template, whatever it holds.
    return _NAMED.sub(lambda found: words.get(found[1], found[0]), template)


def sentence(alert: Alert, overage: str) -> str:
    """An alert for people, in one line."""
    used, limit = grouped(alert.quota, alert.used), grouped(alert.quota, alert.allowed)
    when = ("in " if len(alert.period) == len("2026-11") else "on ") + alert.period
    head = f"{printable(alert.account)} reached {alert.percent} % of its {_noun(alert)} {when}"
    return f"{head}: {used} of {limit} on plan {alert.plan}. {_what_next(alert, overage)}"


def _noun(alert: Alert) -> str:
    return alert.quota.partition("_per_")[0].replace("_", " ")


def period_end(period: str) -> date:
    """The first day (UTC) after a period such as `2026-11` or `2026-11-21`."""
    if len(period) == len("2026-11"):
        return months_later(datetime.fromisoformat(f"{period}-01"), 1).date()
    return date.fromordinal(date.fromisoformat(period).toordinal() + 1)


def _what_next(alert: Alert, overage: str) -> str:
    until = f"until {period_end(alert.period)}, 00:00 UTC"
    end = end_of(alert.allowed, overage)
    if alert.percent < UPGRADE:
        return f"The limit holds {until}."
    if alert.percent < REACHED:
        return f"A greater plan would be needed to go on as before {until}."
    if end is None:
        return "Calls go on, and are owed." if overage == "soft" else "Calls go on: nothing is enforced."
    if end > alert.allowed:
        return f"Calls go on up to {grouped(alert.quota, end)}, then they are refused {until}."
    return f"Calls are refused {until}."


__all__ = ["FORMAT_VERSION", "Templates", "alert_json", "message", "period_end", "sentence", "slack_message"]
