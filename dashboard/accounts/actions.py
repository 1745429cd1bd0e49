"""What admins do to accounts, as one call each: from the values of a dialog to the services of the meter. No streamlit.

Every function raises a RatecardError that says in one line what stands against it; the services write the audit log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from dashboard.formats import exact_money
from metering.audit import Actor
from metering.errors import AccountError
from metering.meter import Meter
from metering.wallets.giving import amount_nanos

BY_FEE = "Dearer at once, else at the end of the cycle"
NOW = "Now"
AT_END = "At the end of the cycle"
_WHEN = {BY_FEE: None, NOW: "now", AT_END: "period_end"}
AS_NOW = "As now"
_CYCLES = {AS_NOW: None, "Monthly": "monthly", "Annual": "annual"}
WHENS = tuple(_WHEN)
CYCLES = tuple(_CYCLES)
_LARGEST_FEE = 1_000_000_000

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """An action that a dialog asks about. The key makes what it does to a wallet happen once."""

    action: str
    accounts: tuple[str, ...]
    key: str
    subject: str = ""
    """What of the account it is about: the id of a key or of a user."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, in a sentence; a secret is to be shown once."""

    message: str
    secret: str | None = None


def perform(meter: Meter, request: Request, values: Values, by: str) -> Done:
    """Do what a request asks for, with the values of its dialog. Raises RatecardError."""
    reason = _given(values, "reason", "say why: the reason is kept in the audit log")
    return _ACTIONS[request.action](meter, request, values, by, reason)


def _rename(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    name = _text(values, "name")
    meter.accounts.rename(_one(request), name, by=by, reason=reason)
    return Done(f"{_one(request)} is called {name} now." if name else f"{_one(request)} has no name any more.")


def _move(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    plan = _given(values, "plan", "choose a plan")
    moved = meter.subscriptions.move(
        *request.accounts,
        plan=plan,
        by=by,
        cycle=_CYCLES[values.get("cycle", AS_NOW)],
        when=_WHEN[values.get("when", BY_FEE)],  # type: ignore[arg-type]
        fee_nanos=_fee(values),
        reason=reason,
    )
    later = sum(1 for one in moved if one.cancel_at is not None and one.ended_at is None)
    words = f"{_these(request)} {'is' if len(moved) == 1 else 'are'} put on {plan}"
    return Done(f"{words}{f', {later} of them when what is paid for has run out' if later else ''}.")


def _cancel(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    now = values.get("when") == NOW
    one = meter.subscriptions.cancel(_one(request), by=by, when="now" if now else "period_end", reason=reason)
    ends = one.ended_at or one.cancel_at
    return Done(f"The subscription to {one.plan} ends {'now' if now or ends is None else f'on {ends:%Y-%m-%d}'}.")


def _keep(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    one = meter.subscriptions.keep(_one(request), by=by, reason=reason)
    return Done(f"The subscription to {one.plan} goes on.")


def _gift(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    plan, months = _given(values, "plan", "choose a plan"), int(values.get("months") or 0)
    meter.subscriptions.gift(_one(request), plan, months, by=by, reason=reason)
    return Done(f"{_one(request)} has {plan} for {months} month{'s' if months != 1 else ''} without a fee.")


def _extend(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    one = meter.subscriptions.extend(_one(request), int(values.get("days") or 0), by=by, reason=reason)
    ends = one.trial_until if one.status == "trial" else one.cancel_at
    return Done(f"It lasts until {ends:%Y-%m-%d} now." if ends else "It lasts longer now.")


def _suspend(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    meter.accounts.suspend(*request.accounts, by=by, reason=reason)
    return Done(f"{_these(request)} {_is(request)} suspended: calls are refused.")


def _unsuspend(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    meter.accounts.unsuspend(*request.accounts, by=by, reason=reason)
    return Done(f"{_these(request)} may call again.")


def _ban(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    meter.accounts.ban(*request.accounts, by=by, reason=reason)
    return Done(f"{_these(request)} {_is(request)} banned: calls are refused, the keys are revoked.")


def _delete(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    account = _one(request)
    if str(values.get("confirm") or "").strip() != account.strip():
        raise AccountError("type the name of the account exactly as it stands there")
    meter.accounts.delete(account, by=by, reason=reason, forfeit=bool(values.get("forfeit")))
    return Done(f"{account} is deleted.")


def _grant(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    amount = _amount(values, "amount")
    if amount is None:
        raise AccountError("say how much")
    in_credits = values.get("unit") == "credits"
    if in_credits and amount != amount.to_integral_value():
        raise AccountError("credits are whole numbers")
    given = meter.wallets.grant(
        _one(request),
        str(values.get("kind") or "promo"),
        key=request.key,
        usd=None if in_credits else amount,
        credits=int(amount) if in_credits else None,
        paid=_amount(values, "paid") or 0,
        expires_at=_end(values),
        actor=Actor(by, reason),
    )
    return Done(f"{_one(request)} got credit worth {exact_money(given.face_nanos)}.")


def _refund_purchase(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    purchase = _given(values, "purchase", "choose the purchase")
    done = meter.wallets.refund_purchase(
        _one(request), purchase, key=request.key, usd=_amount(values, "amount"), actor=Actor(by, reason)
    )
    taken, money = exact_money(done.credit_nanos), exact_money(done.money_nanos)
    return Done(f"Credit of {taken} is taken back: pay {money} back to the customer.")


def _refund_event(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    event = _given(values, "event", "name the event by its id")
    done = meter.wallets.refund_usage(
        _one(request), event, key=request.key, usd=_amount(values, "amount"), actor=Actor(by, reason)
    )
    return Done(f"{exact_money(-done.charge_nanos)} of event {event} are given back.")


def _create_key(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    made = meter.keys.create(
        str(values.get("scope") or "meter"),
        by=by,
        account=_one(request),
        name=_text(values, "name"),
        expires_at=_end(values),
        reason=reason,
    )
    return Done(f"Key {made.key.key_id} is made.", made.text)


def _rotate_key(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    overlap = timedelta(hours=int(values.get("hours") or 0))
    made = meter.keys.rotate(request.subject, by=by, overlap=overlap, reason=reason)
    return Done(f"Key {made.key.key_id} stands in place of {request.subject}.", made.text)


def _revoke_key(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    meter.keys.revoke(request.subject, by=by, reason=reason)
    return Done(f"Key {request.subject} is revoked.")


def _add_user(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    user = _given(values, "user", "name the user by the id that calls use")
    meter.accounts.add_user(
        _one(request),
        user,
        by=by,
        name=_text(values, "name"),
        email=_text(values, "email"),
        role=_text(values, "role") or "member",
        reason=reason,
    )
    return Done(f"{user} is a user of {_one(request)} now.")


def _remove_user(meter: Meter, request: Request, values: Values, by: str, reason: str) -> Done:
    meter.accounts.remove_user(_one(request), request.subject, by=by, reason=reason)
    return Done(f"{request.subject} is no user of {_one(request)} any more; name and address are forgotten.")


def _one(request: Request) -> str:
    (account,) = request.accounts
    return account


def _these(request: Request) -> str:
    return request.accounts[0] if len(request.accounts) == 1 else f"{len(request.accounts):,} accounts"


def _is(request: Request) -> str:
    return "is" if len(request.accounts) == 1 else "are"


def _fee(values: Values) -> int | None:
    fee = _amount(values, "fee")
    if fee is None:
        return None
    if not 0 <= fee <= _LARGEST_FEE:
        raise AccountError(f"a fee is 0 to {_LARGEST_FEE:,} USD")
    return amount_nanos(fee)


def _text(values: Values, name: str) -> str | None:
    return str(values.get(name) or "").strip() or None


def _given(values: Values, name: str, advice: str) -> str:
    """What must be written; `advice` says what to do where it is not."""
    text = _text(values, name)
    if text is None:
        raise AccountError(advice)
    return text


def _end(values: Values) -> datetime | None:
    """When it expires: with the last day, on which it can still be used."""
    last: date | None = values.get("expires")
    return None if last is None else datetime.combine(last + timedelta(days=1), time(), UTC)


def _amount(values: Values, name: str) -> Decimal | None:
    """An amount as people write it: `1,250.50`, with or without a dollar sign; None when nothing is written."""
    text = _text(values, name)
    if text is None:
        return None
    try:
        amount = Decimal(text.removeprefix("$").replace(",", ""))
    except InvalidOperation:
        raise AccountError(f"'{text}' is no amount such as 12.50") from None
    if not amount.is_finite():
        raise AccountError(f"'{text}' is no amount such as 12.50")
    return amount


_ACTIONS: dict[str, Callable[[Meter, Request, Values, str, str], Done]] = {
    "rename": _rename,
    "move": _move,
    "cancel": _cancel,
    "keep": _keep,
    "gift": _gift,
    "extend": _extend,
    "suspend": _suspend,
    "unsuspend": _unsuspend,
    "ban": _ban,
    "delete": _delete,
    "grant": _grant,
    "refund_purchase": _refund_purchase,
    "refund_event": _refund_event,
    "user_add": _add_user,
    "user_remove": _remove_user,
    "key_create": _create_key,
    "key_rotate": _rotate_key,
    "key_revoke": _revoke_key,
}

__all__ = ["AS_NOW", "AT_END", "BY_FEE", "CYCLES", "NOW", "WHENS", "Done", "Request", "perform"]
