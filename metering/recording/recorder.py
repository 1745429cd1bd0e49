"""Recording as a meter does it: usages are read, written in a transaction, or kept while the database is away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from metering.errors import MeteringError, UnavailableError
from metering.receipts import Receipt, Spooled
from metering.recording import Recorded, record_events
from metering.recording.deciding import Unpriced
from metering.recording.left import LeftAccounts
from metering.recording.outcomes import Outcome, Settled
from metering.recording.undisturbed import record_undisturbed
from metering.runtime import Runtime, is_away
from metering.spool.draining import Draining
from metering.spool.segment import Waiting
from metering.usage import Event, Usage, read_usage


class Recorder:
    """Records calls on one runtime; threads may share it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._account_ids: dict[str, int] = {}
        self._left = LeftAccounts()
        self.spool: Draining | None = None
        """What keeps calls while the database is away."""

    def record(
        self,
        usages: Iterable[Usage],
        *,
        unpriced: Unpriced,
        collect: bool,
        captures: Mapping[int, str] | None = None,
        spooled: bool = True,
    ) -> list[Outcome]:
        """Record calls in one transaction, or keep them where `spooled` and a spool allow it.

        With `collect`, an error stands in the call's place; otherwise the first one is raised. `captures` names the
        holds, by place of the call, that are settled with it.
        """
        runtime = self._runtime
        now = runtime.now()
        from_zero = runtime.last_book.settings.from_zero
        errors: dict[int, MeteringError] = {}
        events = []
        for index, usage in enumerate(usages):
            try:
                events.append(read_usage(usage, now=now, from_zero=from_zero))
            except MeteringError as error:
                if not collect:
                    raise
                errors[index] = error
        if not events:
            return list(errors.values())
        spool = self.spool if spooled else None
        reason = None
        outcomes: Sequence[Outcome] | None = None
        if spool is None or not spool.away:
            try:
                outcomes = self.write(events, now, unpriced=unpriced, collect=collect, captures=captures)
            except UnavailableError as error:
                if spool is None or not is_away(error):
                    raise
                reason = error
        if outcomes is None and spool is not None:
            held = captures or {}
            outcomes = spool.keep([Waiting(event, now, held.get(index)) for index, event in enumerate(events)], reason)
        found = iter(outcomes or ())
        return [errors.get(index) or next(found) for index in range(len(errors) + len(events))]

    def capture(self, usage: Usage, hold_id: str) -> Receipt | Spooled:
        """Record a call and settle the hold of its account that is named."""
        (outcome,) = self.record([usage], unpriced="keep", collect=False, captures={0: hold_id})
        assert not isinstance(outcome, MeteringError)  # noqa: S101 - an error would have been raised
        return outcome

    def keep_capture(self, usage: Usage, hold_id: str, reason: UnavailableError | None) -> Spooled:
        """Keep a call of a hold that could not be looked for: what the hold says of it is filled in later.

        Raises `reason` where that is not about a database that is away, or there is nothing to keep it in.
        """
        if reason is not None and (self.spool is None or not is_away(reason)):
            raise reason
        assert self.spool is not None  # noqa: S101 - without a reason it is because of the spool that nobody looked
        now = self._runtime.now()
        event = read_usage(usage, now=now, from_zero=self._runtime.last_book.settings.from_zero, of_hold=True)
        return self.spool.keep([Waiting(event, now, hold_id, usage.occurred_at is not None)], reason)[0]

    def write(
        self,
        events: Sequence[Event],
        now: datetime,
        *,
        unpriced: Unpriced,
        collect: bool,
        captures: Mapping[int, str] | None = None,
    ) -> list[Settled]:
        """Record events in one transaction. Raises UnavailableError."""
        runtime = self._runtime

        def undisturbed(connection: Connection) -> Recorded | None:
            book = runtime.last_book
            return record_undisturbed(connection, book, events[0], self._left, number, now=now, unpriced=unpriced)

        def record(connection: Connection) -> Recorded:
            return record_events(
                connection,
                runtime.last_book,
                events,
                now=now,
                account_ids=self._account_ids,
                unpriced=unpriced,
                collect=collect,
                captures=captures or {},
            )

        number = self._account_ids.get(events[0].account, 0) if len(events) == 1 and captures is None else 0
        left = self._left.look(number)
        if left is not None and left.serves(events[0], now):
            recorded = runtime.write_at_once(undisturbed, record)
        else:
            recorded = runtime.write(record)
        # Only what is committed is kept: an account that a failed transaction created does not exist.
        self._account_ids.update(recorded.account_ids)
        # Recording looks for a newer release, but not for edits: when to look for those is left as it was.
        runtime.keep(recorded.book, now, runtime.check_at)
        if recorded.left is not None:
            # After the book: who finds the account as it was left finds no older release than the one that left it.
            self._left.keep(recorded.left)
        return recorded.outcomes


__all__ = ["Recorder"]
