"""Deciding: which events are new, what each is charged, and how its account meets that. Pure, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from metering.book.ratebook import RateBook
from metering.errors import BadEventError, EventConflictError, MeteringError, UnregisteredModelError
from metering.quotas.alerts import counters_of
from metering.rating.appraisal import appraise
from metering.rating.run_units import ToolCall
from metering.recording.batch import AccountBatch, Batch, NewEvent
from metering.storage import Locked
from metering.subscriptions.subscriptions import plan_in
from metering.usage import LARGEST_DECIMAL, Event
from metering.wallets.wallet import LARGEST_AMOUNT, LARGEST_BALANCE, Met
from schema.units import MILLION

Unpriced = Literal["keep", "refuse"]
_NOTHING = Met(0, 0, 0, 0, 0, 0)


def decide(
    book: RateBook,
    locked: Locked,
    asked: Sequence[tuple[int, Event]],
    keys: Sequence[tuple[int, str]],
    accounts: dict[int, AccountBatch],
    unpriced: Unpriced,
    batch: Batch,
    now: datetime,
) -> None:
    """Decide about events (with their places) in the order given; `keys` are their accounts and ids.

    What becomes of them is added to `batch`, wallets and counters of `accounts` change in memory. `unpriced` says
    whether a call that no price covers is kept or is an error.
    """
    seen: dict[tuple[int, str], tuple[int, bytes]] = {}
    usage_ids = iter(locked.event_ids)
    for (index, event), key in zip(asked, keys, strict=True):
        before = locked.known.get(key)
        earlier = seen.get(key)
        if before is not None or earlier is not None:
            where, contents = before or earlier or (0, b"")
            if contents != event.content_hash:
                batch.errors[index] = EventConflictError(
                    f"event {event.event_id} of account {event.account} is known with other contents"
                )
            elif before is not None:
                batch.repeats[index] = where
                # Recorded before, without this hold: it has nothing to wait for any more.
                _settle(batch, index, event, accounts[key[0]])
            else:
                batch.twice[index] = where
            continue
        account = accounts[key[0]]
        try:
            new = _rate(book, index, next(usage_ids), event, account, unpriced, now)
        except UnregisteredModelError:
            model = event.provider, event.model
            if model not in batch.unregistered:
                batch.unregistered[model] = book.unregistered(*model)
            batch.errors[index] = batch.unregistered[model]
            continue
        except MeteringError as error:
            batch.errors[index] = error
            continue
        seen[key] = (index, event.content_hash)
        batch.new.append(new)
        _settle(batch, index, event, account)


def _settle(batch: Batch, index: int, event: Event, account: AccountBatch) -> None:
    """Give back what the hold of an event set aside, unless that is settled with it already."""
    hold = batch.holds.get(index)
    if hold is None or hold.status == "captured":
        return
    if hold.status == "open":
        account.wallet.state.held_nanos -= hold.amount_nanos
    batch.captured.append((hold, event.event_id))


def _rate(
    book: RateBook,
    index: int,
    usage_id: int,
    event: Event,
    account: AccountBatch,
    unpriced: Unpriced,
    now: datetime,
) -> NewEvent:
    wallet, at = account.wallet, event.occurred_at
    plan = wallet.state.plan
    if at < wallet.state.plan_since:
        plan = plan_in(account.history, at, book.settings.default_plan)
    if event.tool is not None:
        event = _with_run_units(book, event)
    worth = appraise(
        book,
        event.provider,
        event.model,
        event.units,
        plan=plan,
        at=at,
        task=event.task,
        reasoning_level=event.reasoning_level,
        feature=event.feature,
    )
    if worth.refusal is not None and unpriced == "refuse":
        raise worth.refusal
    if max(worth.cost_nanos, worth.charge_nanos) > LARGEST_AMOUNT:
        raise BadEventError(f"event {event.event_id} comes to more than a thousand million USD")
    if wallet.state.balance_nanos - worth.charge_nanos < -LARGEST_BALANCE:
        raise BadEventError(f"event {event.event_id} takes the balance below minus eight thousand million USD")
    if account.before is None:
        account.before = counters_of(wallet.state)
    # A caller's clock may be ahead: counted in a minute to come, the event would hide all that happen in this one.
    wallet.state.count(at if at < now else now, event.units)
    charge = worth.charge_nanos
    if not charge:
        return NewEvent(index, usage_id, event, account, plan, worth, _NOTHING)
    known_plan = book.plans.get(plan)
    observe = book.settings.observe or (known_plan is not None and known_plan.overage == "observe")
    met = wallet.debit(charge, at, observe=observe)
    account.charged += charge
    account.first_event = account.first_event or event.event_id
    account.last_at = at if account.last_at is None or at > account.last_at else account.last_at
    return NewEvent(index, usage_id, event, account, plan, worth, met)


def _with_run_units(book: RateBook, event: Event) -> Event:
    """A tool call with its run units, unless it names them itself or tells nothing that they follow from."""
    call = ToolCall(event.tool, event.tier, event.cpu_seconds_micros, event.gpu_seconds_micros, event.latency_ms)
    if "run_unit" in event.units or not call.measured:
        return event
    counted = book.run_units.count(call)
    if counted > LARGEST_DECIMAL * MILLION:
        raise BadEventError(f"event {event.event_id} comes to more than {LARGEST_DECIMAL} run units")
    return replace(event, units={**event.units, "run_unit": counted})


__all__ = ["Unpriced", "decide"]
