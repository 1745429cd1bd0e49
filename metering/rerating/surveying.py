"""A survey: what a re-rating would change, summed up by model and by account. Nothing is written."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from metering.book.entities import Release
from metering.errors import UnknownAccountError
from metering.rerating.books import Books
from metering.rerating.events import Rated, count_events, read_chunk
from metering.rerating.judging import Judgement, Verdict, judge
from metering.rerating.scope import Scope, conditions
from metering.runtime import Runtime
from schema.tables import accounts

Progress = Callable[[int, int], None]
"""Called with the events that are done and the events that there are."""


@dataclass(slots=True)
class Tally:
    """Counts and sums; money in nano-USD."""

    events: int = 0
    changed: int = 0
    billed: int = 0
    unpriced: int = 0
    refunded: int = 0
    cost_delta_nanos: int = 0
    charge_raised_nanos: int = 0
    charge_lowered_nanos: int = 0
    """Below zero."""

    @property
    def charge_delta_nanos(self) -> int:
        """By how much the charge changes in all."""
        return self.charge_raised_nanos + self.charge_lowered_nanos

    def add(self, judgement: Judgement) -> None:
        """Count an event in."""
        self.events += 1
        self.changed += judgement.verdict is Verdict.CHANGED
        self.billed += judgement.verdict is Verdict.BILLED
        self.unpriced += judgement.verdict is Verdict.UNPRICED
        self.refunded += judgement.verdict is Verdict.REFUNDED
        self.cost_delta_nanos += judgement.cost_delta_nanos
        if judgement.charge_delta_nanos > 0:
            self.charge_raised_nanos += judgement.charge_delta_nanos
        else:
            self.charge_lowered_nanos += judgement.charge_delta_nanos


@dataclass(slots=True)
class Survey:
    """What a re-rating by one release comes to."""

    scope: Scope
    release: Release
    total: Tally = field(default_factory=Tally)
    models: dict[str, Tally] = field(default_factory=dict)
    """By `provider/model`, as the events name it; the largest change of charge first."""
    accounts: dict[str, Tally] = field(default_factory=dict)
    """Those with events that are written; the largest change of charge first."""
    pending: array[int] = field(default_factory=lambda: array("q"))
    """The rows of the events that are to be adjusted."""

    @property
    def writes(self) -> int:
        """How many adjustments are to be written."""
        return len(self.pending)


def survey(runtime: Runtime, scope: Scope, progress: Progress | None = None) -> Survey:
    """Rate all events of a scope anew, a chunk a transaction, and sum up.

    Raises UnavailableError, UnknownAccountError, and UnregisteredModelError for a model that is not registered.
    """
    now = runtime.now()
    books = runtime.read(lambda connection: Books.load(connection, now=now))
    where = conditions(scope, books.newest)
    if scope.account is not None:
        runtime.read(lambda connection: _require_account(connection, str(scope.account)))
    whole = runtime.read(lambda connection: count_events(connection, where))
    found = Survey(scope, books.newest.release)
    key = scope.key(books.newest.release.id)
    by_number: dict[int, Tally] = {}
    after = done = 0
    while True:
        chunk = runtime.read(lambda connection, after=after: read_chunk(connection, where, after))  # type: ignore[misc]
        if not chunk:
            break
        for event in chunk:
            judgement = judge(event, books.for_event(event, undated_now=scope.undated_now), key)
            _count(found, by_number, event, judgement)
        after = chunk[-1].id
        done += len(chunk)
        if progress is not None:
            progress(done, max(done, whole))
    names = runtime.read(lambda connection: _names(connection, by_number))
    found.models = _dearest_first(found.models)
    found.accounts = _dearest_first({names[number]: tally for number, tally in by_number.items()})
    return found


def _count(found: Survey, by_number: dict[int, Tally], event: Rated, judgement: Judgement) -> None:
    model = f"{event.provider}/{event.model}"
    for tally in (found.total, found.models.setdefault(model, Tally())):
        tally.add(judgement)
    if judgement.writes:
        found.pending.append(event.id)
        by_number.setdefault(event.account_id, Tally()).add(judgement)


def _require_account(connection: Connection, account: str) -> None:
    if connection.execute(select(accounts.c.id).where(accounts.c.account == account)).first() is None:
        raise UnknownAccountError(f"there is no account '{account}'")


def _names(connection: Connection, numbers: dict[int, Tally]) -> dict[int, str]:
    found = {}
    wanted = sorted(numbers)
    for start in range(0, len(wanted), 1_000):
        some = wanted[start : start + 1_000]
        for number, name in connection.execute(
            select(accounts.c.id, accounts.c.account).where(accounts.c.id.in_(some))
        ):
            found[number] = name
    return found


def _dearest_first(tallies: dict[str, Tally]) -> dict[str, Tally]:
    order = sorted(tallies.items(), key=lambda item: (-abs(item[1].charge_delta_nanos), -item[1].events, item[0]))
    return dict(order)


__all__ = ["Progress", "Survey", "Tally", "survey"]
