"""The meter: what a program holds to ask for routes and prices, and to record what was used.

    with Meter.open(url) as meter:
        model = meter.route("anthropic", "extraction", key=user_id)
        quote = meter.quote("anthropic", model, {"input": 4_000, "output": 500}, plan="pro")
        receipt = meter.record(Usage(event_id=…, account=…, provider="anthropic", model=model, units={…}))

A meter may be shared by threads. It keeps the rate book in memory and looks for a newer release, or for an edit in the
database (`ratecard disable`), when the book is older than `max_age`; for a newer release also within every transaction
that records.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine

from metering import given
from metering.accounts.accounts import Balance
from metering.accounts.activity import Activity
from metering.accounts.service import Accounts, Keys
from metering.book.file import BookFile
from metering.book.ratebook import RateBook
from metering.book.standing import Status
from metering.errors import BadEventError, MeteringError, UnavailableError
from metering.holds.holding import Holds
from metering.quotas.service import Quotas
from metering.rating import appraisal
from metering.rating.appraisal import Quote
from metering.rating.price import Price
from metering.rating.route_explanation import RouteExplanation, explain_route
from metering.rating.routing import RouteChoice
from metering.receipts import Receipt
from metering.recording import Outcome, Recorded, Unpriced, record_events
from metering.recording.left import LeftAccounts
from metering.recording.undisturbed import record_undisturbed
from metering.rerating import Rerating
from metering.runtime import MAX_AGE, Clock, Runtime, utc_now
from metering.runtimes.telling import Telling
from metering.subscriptions.service import Subscriptions
from metering.usage import Quantity, Usage, read_usage, stored_units
from metering.wallets.service import Wallets
from schema.database import database_state, make_engine, require_current
from schema.errors import DatabaseUnreachableError, DatabaseVersionError
from schema.units import WHOLE_UNITS

if TYPE_CHECKING:
    from metering.reconciling import Options, Report
    from metering.virtual_keys.matching import Matched

BOOK_FILE_VARIABLE = "RATECARD_BOOK_FILE"
_WHOLE = frozenset(WHOLE_UNITS)


class Meter:
    """Routes, prices and records calls on one database."""

    def __init__(
        self,
        engine: Engine,
        *,
        now: Clock = utc_now,
        max_age: timedelta = MAX_AGE,
        book_file: str | os.PathLike[str] | None = None,
        listen: bool = False,
        listed: bool = False,
        name: str | None = None,
    ) -> None:
        kept = BookFile(book_file, engine) if book_file else None
        self._runtime = Runtime(engine, now=now, max_age=max_age, book_file=kept, listen=listen)
        self.rerating = Rerating(self._runtime)
        self.accounts = Accounts(self._runtime)
        self.subscriptions = Subscriptions(self._runtime)
        self.keys = Keys(self._runtime)
        self.wallets = Wallets(self._runtime)
        self.activity = Activity(self._runtime)
        self.holds = Holds(self._runtime, self._capture)
        """Credit set aside for calls that are about to be made."""
        self.hold = self.holds.place
        """Set credit aside for the most that a call may come to. See `Holds.place`."""
        self.quotas = Quotas(self._runtime)
        self.check = self.quotas.check
        """Whether a call may be made now. See `Quotas.check`."""
        self.would_exceed = self.quotas.would_exceed
        """Whether an estimate goes beyond a limit. See `Quotas.would_exceed`."""
        self._account_ids: dict[str, int] = {}
        self._left = LeftAccounts()
        self._unkeyed = count()
        self._telling = Telling(self._runtime, name) if listed else None

    @classmethod
    def open(
        cls,
        url: str,
        *,
        now: Clock = utc_now,
        max_age: timedelta = MAX_AGE,
        book_file: str | os.PathLike[str] | None = None,
        listen: bool = True,
        listed: bool | None = None,
        name: str | None = None,
    ) -> Meter:
        """A meter on the database at `url`.

        `book_file` (else the variable RATECARD_BOOK_FILE) names where the rate book is kept on disk: with it a meter
        opens without the database, too, if the policy says so. `listen` has PostgreSQL tell of releases at once.
        `listed` (as `listen`, unless given) has the meter tell in the database which release it serves, under `name` or
        the program's own; the dashboard's Health page shows it.
        Raises UnavailableError when it cannot be reached or has no release, DatabaseVersionError when it has another
        schema version than this program.
        """
        book_file = book_file or os.environ.get(BOOK_FILE_VARIABLE)
        engine = make_engine(url, create=False)
        try:
            try:
                require_current(engine)
            except DatabaseUnreachableError as error:
                if not book_file:
                    raise UnavailableError(str(error)) from error
            except DatabaseVersionError:
                # A SQLite file may be away, too, as its folder is when that is not mounted.
                if not book_file or database_state(engine) != "missing":
                    raise
            listed = listen if listed is None else listed
            return cls(engine, now=now, max_age=max_age, book_file=book_file, listen=listen, listed=listed, name=name)
        except BaseException:
            engine.dispose()
            raise

    def __enter__(self) -> Meter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._telling is not None:
            self._telling.close()
        self._runtime.close()

    @property
    def engine(self) -> Engine:
        """The database."""
        return self._runtime.engine

    @property
    def book(self) -> RateBook:
        """The rate book, not older than `max_age` unless the database is away and the policy lets it serve."""
        return self._runtime.book(self._runtime.clock())

    @property
    def status(self) -> Status:
        """Which rate book serves now, how old it is, and whether the database is away. Asks the database nothing."""
        return self._runtime.status(self._runtime.now())

    def reload(self) -> RateBook:
        """Load the newest release now. Raises UnavailableError."""
        return self._runtime.reload()

    def route(self, provider: str, task: str | None = None, *, key: str | None = None) -> str:
        """The model for a task: a model of `provider`, or `provider/model` when the route leads to another one's.

        The same key gets the same side of a split; calls without a key are spread by the weights. Raises NoRouteError,
        and UnregisteredModelError or NoPricingError when the chosen model may not be called; fallbacks are never taken
        silently (see `choose`).
        """
        return self.choose(provider, task, key=key).name

    def choose(self, provider: str, task: str | None = None, *, key: str | None = None) -> RouteChoice:
        """As `route`, with the fallbacks."""
        moment = self._runtime.clock()
        book = self._runtime.book(moment)
        choice = book.route(provider, task, f"call {next(self._unkeyed)}" if key is None else key)
        book.callable_price(choice.provider, choice.model, moment)
        return choice

    def explain_route(self, provider: str, task: str | None = None, *, key: str | None = None) -> RouteExplanation:
        """Why `choose` chooses what it does, also when the call may not be made. Raises NoRouteError."""
        moment = self._runtime.clock()
        return explain_route(self._runtime.book(moment), provider, task, key, moment)

    def price(self, provider: str | None, model: str, *, at: datetime | None = None) -> Price:
        """The price of a model in force at a moment (now). Raises UnregisteredModelError, NoPricingError."""
        moment = self._runtime.clock()
        return self._runtime.book(moment).callable_price(provider, model, _utc(at) if at else moment)

    def quote(
        self,
        provider: str | None,
        model: str,
        units: Mapping[str, Quantity],
        *,
        plan: str | None = None,
        at: datetime | None = None,
        task: str | None = None,
        reasoning_level: str | None = None,
        feature: str | None = None,
    ) -> Quote:
        """What a call would cost and be charged now (or at a moment), for an account on `plan`.

        Raises UnregisteredModelError (also when the model is inactive), NoPricingError, UnknownUnitError,
        BadEventError.
        """
        runtime = self._runtime
        moment = runtime.clock()
        book = runtime.last_book if moment < runtime.check_at else runtime.book(moment)
        from_zero = book.settings.from_zero
        if units.__class__ is not dict:
            units = stored_units(units, from_zero=from_zero)
        for unit, quantity in units.items():
            if unit not in _WHOLE or quantity.__class__ is not int or quantity < 0:
                units = stored_units(units, from_zero=from_zero)
                break
        try:
            return appraisal.quote(
                book,
                provider,
                model,
                units,  # all whole numbers now
                moment if at is None else _utc(at),
                plan,
                task,
                reasoning_level,
                feature,
            )
        except TypeError:
            # Looked at only now: quotes are asked for before every call.
            named = {"task": task, "reasoning_level": reasoning_level, "feature": feature}
            given.notes(BadEventError, provider=provider, model=model, plan=plan, **named)
            raise

    def record(self, usage: Usage) -> Receipt:
        """Record a call that happened: its event, its posting and the balance, in one transaction.

        The same (account, event id) again returns the first receipt and charges nothing. Raises EventConflictError when
        the event is known with other contents, BadEventError, UnknownAccountError, UnavailableError.
        """
        return self.record_many([usage])[0]

    def record_many(self, usages: Iterable[Usage]) -> list[Receipt]:
        """Record calls in one transaction, in the order given; the first error refuses all of them.

        Raises what `record` raises.
        """
        outcomes = self._record(usages, unpriced="keep", collect=False)
        return [outcome for outcome in outcomes if isinstance(outcome, Receipt)]

    def record_each(self, usages: Iterable[Usage], *, unpriced: Unpriced = "keep") -> list[Outcome]:
        """Record those calls that can be, in one transaction; the error of another stands in its place.

        `unpriced="refuse"` makes an error of a call that no price covers, which is otherwise kept as `unpriced` and
        charged nothing yet. Raises UnavailableError.
        """
        return self._record(usages, unpriced=unpriced, collect=True)

    def balance(self, account: str) -> Balance:
        """What an account has now. Raises UnknownAccountError, UnavailableError."""
        return self.wallets.balance(account)

    def _capture(self, usage: Usage, hold_id: str) -> Receipt:
        (outcome,) = self._record([usage], unpriced="keep", collect=False, captures={0: hold_id})
        assert isinstance(outcome, Receipt)  # noqa: S101 - an error would have been raised
        return outcome

    def reconcile(self, path: str | os.PathLike[str], options: Options | None = None) -> Report:
        """Compare our events with what a provider or gateway counts; see `metering.reconciling`. Nothing is written.

        Raises ImportFileError, UnregisteredModelError, UnavailableError.
        """
        from metering.reconciling import Options, reconcile

        return reconcile(self._runtime, Path(path), options or Options())

    def match_virtual_keys(self, *, dry_run: bool = False, force: bool = False) -> Matched:
        """Have the LiteLLM proxy of the settings hold a key for each subscription; see `metering.virtual_keys`.

        Raises ProxyError, UnavailableError.
        """
        from metering.virtual_keys.matching import match

        return match(self._runtime, dry_run=dry_run, force=force)

    def _record(
        self, usages: Iterable[Usage], *, unpriced: Unpriced, collect: bool, captures: Mapping[int, str] | None = None
    ) -> list[Outcome]:
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
        found = iter(recorded.outcomes)
        return [errors.get(index) or next(found) for index in range(len(errors) + len(events))]


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


__all__ = ["MAX_AGE", "Meter", "utc_now"]
