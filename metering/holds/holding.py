"""What callers use: a hold is placed before a call, and captured or released after it.

    with meter.hold("acct-1", "anthropic", "claude-haiku-4-5", input=4_000, max_output=1_000) as hold:
        answer = call_the_provider()
        receipt = hold.capture(Usage(event_id=answer.id, units={"input": 3_812, "output": 440}))

A call that failed releases its hold; one that was cancelled in the middle is captured with what it had used by then. A
hold that nobody settles expires. The call of an expired or released hold is recorded all the same: it has happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from types import TracebackType
from uuid import uuid4

from sqlalchemy import Connection, select

from metering import given
from metering.accounts.accounts import account_id, ensure_accounts
from metering.book.ratebook import RateBook
from metering.errors import (
    BadEventError,
    EventConflictError,
    MeteringError,
    UnavailableError,
    UnknownAccountError,
    UnknownHoldError,
)
from metering.holds.estimate import allowed_output, estimated_charge
from metering.holds.placing import HoldRow, find_hold, list_holds, place, release, set_aside, unusable
from metering.quotas.admission import admit, plan_of
from metering.quotas.limits import counts
from metering.receipts import Receipt, Spooled
from metering.recording.outcomes import Settled
from metering.recording.recorder import Recorder
from metering.runtime import Runtime
from metering.spool.segment import Waiting
from metering.storage import Locked, store_for
from metering.subscriptions.renewal import renew
from metering.usage import Quantity, Usage, completed, stored_units
from metering.wallets.wallet import LARGEST_AMOUNT, LARGEST_BALANCE
from schema.money import usd, usd_text
from schema.tables import accounts

LIFETIME = timedelta(minutes=15)
"""How long a hold lasts when nothing else is said."""
LONGEST = timedelta(days=7)
"""How long it may last."""

Capture = Callable[[Usage, str], Receipt | Spooled]
"""Records a usage and settles the hold of its account that is named."""


@dataclass(slots=True)
class Hold:
    """Credit set aside for one call, in nano-USD (and USD). Used as a context, it is released unless captured."""

    account: str
    hold_id: str
    provider: str
    model: str
    task: str | None
    amount_nanos: int
    expires_at: datetime
    status: str
    """open, captured, released or expired, as far as this object knows."""
    _capture: Capture
    _release: Callable[[str, str], HoldRow]

    @property
    def amount(self) -> Decimal:
        """What is set aside, in USD."""
        return usd(self.amount_nanos)

    def capture(self, usage: Usage) -> Receipt | Spooled:
        """Record what the call used and give back what is left of the hold, in one transaction.

        Account, provider, model and task are the hold's unless the usage names them. The same usage again returns the
        first receipt. Raises EventConflictError when another event captured the hold, BadEventError for another
        account's usage, UnavailableError.

        With a spool the call is kept while the database is away, and the hold is settled with it when it is recorded.
        Until then the hold takes from what can be spent, as long as it lasts. Should it expire, or be released, in
        the meantime, its credit is free again, once, and the call is charged all the same.
        """
        if not isinstance(usage, Usage):
            raise BadEventError(f"{str(usage)[:40]!r} is not a Usage")
        if usage.account not in (None, self.account):
            raise BadEventError(f"the hold is of account {self.account}, the usage of {usage.account}")
        filled = replace(
            usage,
            account=self.account,
            provider=usage.provider if usage.model is not None else self.provider,
            model=usage.model if usage.model is not None else self.model,
            task=usage.task if usage.task is not None else self.task,
        )
        outcome = self._capture(filled, self.hold_id)
        self.status = "captured"
        return outcome

    def release(self) -> None:
        """Set the credit free again; nothing happens when the hold is settled already. Raises UnavailableError."""
        if self.status != "captured":
            self.status = self._release(self.account, self.hold_id).status

    def __enter__(self) -> Hold:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.status == "open":
            self.release()


class Holds:
    """Places holds and settles them."""

    def __init__(self, runtime: Runtime, recorder: Recorder) -> None:
        self._runtime = runtime
        self._recorder = recorder

    def place(
        self,
        account: str,
        provider: str | None,
        model: str,
        *,
        input: Quantity = 0,  # noqa: A002 - what the unit is called
        max_output: int | None = None,
        units: Mapping[str, Quantity] | None = None,
        task: str | None = None,
        reasoning_level: str | None = None,
        feature: str | None = None,
        hold_id: str | None = None,
        lifetime: timedelta = LIFETIME,
    ) -> Hold:
        """Set credit aside for a call, for the dearest way in which it may be counted.

        The estimate is `input` with the whole output that is allowed (`max_output`, at most the model's), or `units`
        for calls that count something else. The same `hold_id` again is the same hold. Raises what refuses the call:
        UnregisteredModelError, NoPricingError, ModelNotInPlanError, QuotaExceededError, AccountSuspendedError,
        InsufficientBalanceError, UnknownAccountError, UnavailableError; BadEventError, UnknownUnitError;
        EventConflictError when the id is known for another call, or its hold is settled.
        """
        if not isinstance(lifetime, timedelta) or not timedelta() < lifetime <= LONGEST:
            raise BadEventError(f"a hold lasts longer than nothing and at most {LONGEST.days} days")
        # One id for all attempts: a lost answer to a commit must not hold twice.
        name = given.name("the id of a hold", hold_id or uuid4().hex, BadEventError)
        given.name("model", model, BadEventError)
        given.notes(BadEventError, provider=provider, task=task, reasoning_level=reasoning_level, feature=feature)

        def attempt(connection: Connection, book: RateBook, now: datetime) -> HoldRow:
            entry = book.find(provider, model)
            if entry is None and book.settings.unknown_model_micros is None:
                raise book.unregistered(provider, model)
            owner, called = (provider or "", model) if entry is None else (entry.model.provider, entry.model.name)
            if units is None:
                output = allowed_output(max_output, None if entry is None else entry.model.max_output)
                asked = stored_units({"input": input, "output": output}, from_zero=book.settings.from_zero)
            else:
                asked = stored_units(units, from_zero=book.settings.from_zero)
            number, status = _standing(connection, account, book, now)
            locked = _lock(connection, number, book, now)
            state = locked.states[number]
            known = find_hold(connection, number, name)
            if known is not None:
                if (known.provider, known.model, dict(known.units)) != (owner, called, asked):
                    raise EventConflictError(f"hold '{name}' is known for another call")
                if known.status != "open":
                    # Nothing is set aside by it any more: the call would be made without credit.
                    raise EventConflictError(f"hold '{name}' is {known.status}; a new call takes a hold of another id")
                return known
            plan = book.plans.get(state.plan)
            # A call that is under way has been admitted; the next one must find room beside it.
            reserved = set_aside(connection, number, now) if counts(plan_of(book, state.plan)) else None
            refusal = admit(book, state, status, plan, entry, asked, now, reserved)
            if refusal is not None:
                raise refusal
            amount = estimated_charge(
                book,
                provider,
                model,
                asked,
                now,
                state.plan,
                task=task,
                reasoning_level=reasoning_level,
                feature=feature,
            )
            if amount > LARGEST_AMOUNT or state.held_nanos + amount > LARGEST_BALANCE:
                raise BadEventError(f"the call may come to {usd_text(amount)} USD, which can only be a slip")
            goes_on = book.settings.observe or (plan is not None and plan.overage in ("soft", "observe"))
            values = {
                "account_id": number,
                "hold_id": name,
                "amount_nanos": amount,
                "provider": owner,
                "model": called,
                "plan": state.plan,
                "task": task,
                "units": asked,
                "release_id": book.release.id,
                "created_at": now,
                "expires_at": now + lifetime,
            }
            return place(connection, values, unusable_nanos=unusable(locked, number, now), enforce=not goes_on)

        return self._hold(account, self._runtime.change(attempt))

    def find(self, account: str, hold_id: str) -> Hold:
        """A hold that was placed before. Raises UnknownHoldError, UnknownAccountError, UnavailableError."""
        return self._hold(account, self.row(account, hold_id))

    def row(self, account: str, hold_id: str) -> HoldRow:
        """A hold as it is stored. Raises UnknownHoldError, UnknownAccountError, UnavailableError."""

        def read(connection: Connection) -> HoldRow:
            row = find_hold(connection, account_id(connection, account), hold_id)
            if row is None:
                raise UnknownHoldError(f"there is no hold '{hold_id}'")
            return row

        return self._runtime.read(read)

    def rows(self, account: str, *, open_only: bool = False, limit: int = 100) -> list[HoldRow]:
        """The holds of an account, newest first, at most so many. Raises UnknownAccountError, UnavailableError."""
        return self._runtime.read(
            lambda connection: list_holds(connection, account_id(connection, account), open_only=open_only, limit=limit)
        )

    def capture(self, account: str, hold_id: str, usage: Usage) -> Receipt | Spooled:
        """Record what the call of a hold used, as `Hold.capture` does, by the id of the hold.

        With a spool, the hold is looked for when the database is back, and what it says of the usage is filled in then;
        a call of a hold that there is not is put aside. Raises UnknownHoldError, UnknownAccountError, and what
        `Hold.capture` raises.
        """
        reason = None
        if self._recorder.spool is None or not self._recorder.spool.away:
            try:
                return self.find(account, hold_id).capture(usage)
            except UnavailableError as error:
                reason = error
        given.name("the id of a hold", hold_id, BadEventError)
        if usage.account not in (None, account):
            raise BadEventError(f"the hold is of account {account}, the usage of {usage.account}")
        provider = usage.provider if usage.model is not None else None
        return self._recorder.keep_capture(replace(usage, account=account, provider=provider), hold_id, reason)

    def capture_waiting(self, call: Waiting, now: datetime) -> Settled:
        """Record a call of a hold that waited for the database; an error that refuses it. Raises UnavailableError."""
        try:
            hold = self.row(call.event.account, call.hold or "")
            event = completed(call.event, timed=call.timed, provider=hold.provider, model=hold.model, task=hold.task)
            return self._recorder.write([event], now, unpriced="keep", collect=True, captures={0: hold.hold_id})[0]
        except UnavailableError:
            raise
        except MeteringError as error:
            return error

    def release(self, account: str, hold_id: str) -> HoldRow:
        """Set a hold's credit free. Raises UnknownHoldError, UnknownAccountError, UnavailableError."""
        now = self._runtime.now()
        return self._runtime.write(
            lambda connection: release(connection, account_id(connection, account), hold_id, now=now)
        )

    def _hold(self, account: str, row: HoldRow) -> Hold:
        return Hold(
            account,
            row.hold_id,
            row.provider,
            row.model,
            row.task,
            row.amount_nanos,
            row.expires_at,
            row.status,
            self._recorder.capture,
            self.release,
        )


def _standing(connection: Connection, account: str, book: RateBook, now: datetime) -> tuple[int, str]:
    """The id and the status of an account, created where settings say so."""
    given.name("account", account, BadEventError)
    table = accounts.c
    query = select(table.id, table.status).where(table.account == account)
    found = connection.execute(query).first()
    if found is None:
        ensure_accounts(connection, [account], book.settings, now=now)
        found = connection.execute(query).first()
    if found is None:
        raise UnknownAccountError(f"there is no account '{account}'")
    return found.id, found.status


def _lock(connection: Connection, account_id: int, book: RateBook, now: datetime) -> Locked:
    """The account behind its lock, with what time alone changes about it brought up to now."""
    store = store_for(connection)
    locked = store.lock([account_id], (), 0)
    if locked.states[account_id].due_at <= now:
        renew(connection, [account_id], book, now=now)
        locked = store.lock([account_id], (), 0)
    return locked


__all__ = ["LIFETIME", "LONGEST", "Hold", "Holds"]
