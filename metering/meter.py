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
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from metering import given
from metering.accounts.accounts import Balance
from metering.accounts.activity import Activity
from metering.accounts.service import Accounts, Keys
from metering.book.file import BookFile, database_name
from metering.book.ratebook import RateBook, newest_version
from metering.book.standing import Status
from metering.errors import BadEventError, MeteringError, UnavailableError
from metering.holds.holding import Holds
from metering.quotas.service import Quotas
from metering.rating import appraisal
from metering.rating.appraisal import Quote
from metering.rating.price import Price
from metering.rating.route_explanation import RouteExplanation, explain_route
from metering.rating.routing import RouteChoice
from metering.receipts import Receipt, Spooled
from metering.recording import Outcome, Unpriced
from metering.recording.outcomes import Settled
from metering.recording.recorder import Recorder
from metering.rerating import Rerating
from metering.runtime import MAX_AGE, Clock, Runtime, utc_now
from metering.runtimes.telling import Telling
from metering.spool import SPOOL_VARIABLE, Draining, Spool, Waiting, limit_of
from metering.subscriptions.service import Subscriptions
from metering.usage import Quantity, Usage, stored_units
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
        spool: Spool | None = None,
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
        self._recorder = Recorder(self._runtime)
        self.holds = Holds(self._runtime, self._recorder)
        """Credit set aside for calls that are about to be made."""
        self.hold = self.holds.place
        """Set credit aside for the most that a call may come to. See `Holds.place`."""
        self.quotas = Quotas(self._runtime)
        self.check = self.quotas.check
        """Whether a call may be made now. See `Quotas.check`."""
        self.would_exceed = self.quotas.would_exceed
        """Whether an estimate goes beyond a limit. See `Quotas.would_exceed`."""
        self._unkeyed = count()
        if spool is not None:
            ask = partial(self._runtime.read, newest_version)
            self._recorder.spool = Draining(spool, self._record_waiting, ask, adopt=listen)
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
        spool: str | os.PathLike[str] | None = None,
        listed: bool | None = None,
        name: str | None = None,
    ) -> Meter:
        """A meter on the database at `url`.

        `book_file` (else the variable RATECARD_BOOK_FILE) names where the rate book is kept on disk: with it a meter
        opens without the database, too, if the policy says so. `listen` has PostgreSQL tell of releases at once.
        `spool` (else the variable RATECARD_SPOOL; "" for none) names a folder in which calls are kept that were made
        while the database is away; they are recorded when it is back, and what the folder holds already is, too.
        `listed` (as `listen`, unless given) has the meter tell in the database which release it serves, under `name` or
        the program's own; the dashboard's Health page shows it.
        Raises UnavailableError when it cannot be reached or has no release, DatabaseVersionError when it has another
        schema version than this program, SpoolError when a meter that listens cannot use the folder.
        """
        folder = os.environ.get(SPOOL_VARIABLE) if spool is None else spool
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
            kept = Spool(folder, database_name(engine), limit_of(os.environ)) if folder else None
            if kept is not None and listen:
                kept.prepare()
            return cls(
                engine,
                now=now,
                max_age=max_age,
                book_file=book_file,
                listen=listen,
                listed=listed,
                name=name,
                spool=kept,
            )
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
        """Close the connections; what waits for the database is left to who comes next."""
        if self.spool is not None:
            self.spool.close()
        if self._telling is not None:
            self._telling.close()
        self._runtime.close()

    @property
    def spool(self) -> Draining | None:
        """What keeps calls while the database is away; None without a folder for them."""
        return self._recorder.spool

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

    def record(self, usage: Usage) -> Receipt | Spooled:
        """Record a call that happened: its event, its posting and the balance, in one transaction.

        The same (account, event id) again returns the first receipt and charges nothing. Raises EventConflictError when
        the event is known with other contents, BadEventError, UnknownAccountError, UnavailableError.

        With a spool, an event that is well formed is kept on disk while the database does not answer, and the outcome
        is Spooled: it is recorded when the database is back. What that refuses then is put aside and told of.
        """
        return self.record_many([usage])[0]

    def record_many(self, usages: Iterable[Usage]) -> list[Receipt | Spooled]:
        """Record calls in one transaction, in the order given; the first error refuses all of them.

        Raises what `record` raises.
        """
        outcomes = self._recorder.record(usages, unpriced="keep", collect=False)
        return [outcome for outcome in outcomes if not isinstance(outcome, MeteringError)]

    def record_each(
        self, usages: Iterable[Usage], *, unpriced: Unpriced = "keep", spooled: bool = True
    ) -> list[Outcome]:
        """Record those calls that can be, in one transaction; the error of another stands in its place.

        `unpriced="refuse"` makes an error of a call that no price covers, which is otherwise kept as `unpriced` and
        charged nothing yet; whether one does cannot be known while the database is away, so that nothing is kept for it
        then, nor with `spooled=False`. Raises UnavailableError.
        """
        return self._recorder.record(usages, unpriced=unpriced, collect=True, spooled=spooled and unpriced == "keep")

    def balance(self, account: str) -> Balance:
        """What an account has now. Raises UnknownAccountError, UnavailableError."""
        return self.wallets.balance(account)

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

    def _record_waiting(self, calls: Sequence[Waiting]) -> list[Settled]:
        """Record calls that waited for the database; those of holds each in a transaction of its own."""
        now = self._runtime.now()
        plain = [call.event for call in calls if call.hold is None]
        written = iter(self._recorder.write(plain, now, unpriced="keep", collect=True) if plain else ())
        return [next(written) if call.hold is None else self.holds.capture_waiting(call, now) for call in calls]


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


__all__ = ["MAX_AGE", "Meter", "utc_now"]
