"""Writing a re-rating: an adjustment and its postings for each event that a survey found, a chunk a transaction.

An event is adjusted at most once by a release: the key says so. So an interrupted run is completed by another one, and
a second run of the same release writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from metering.audit import write_row
from metering.book.ratebook import RateBook, newest_version
from metering.corrections.corrections import Correction, correct_many
from metering.errors import RerateError
from metering.rerating.books import Books
from metering.rerating.events import Rated, read_events
from metering.rerating.judging import Judgement, judge
from metering.rerating.surveying import Progress, Survey
from metering.runtime import Runtime
from metering.storage import store_for

CHUNK = 200
"""Events of a transaction: their accounts are locked as long as it takes."""


@dataclass(slots=True)
class Written:
    """What was written; money in nano-USD."""

    release_id: int
    adjustments: int = 0
    repeated: int = 0
    """Events that another run adjusted meanwhile."""
    cost_delta_nanos: int = 0
    charge_delta_nanos: int = 0
    revenue_delta_nanos: int = 0


def write(runtime: Runtime, found: Survey, *, by: str, progress: Progress | None = None) -> Written:
    """Write what a survey found; `by` stands in the audit log, in the transaction of the first chunk.

    Raises RerateError when another release landed since the survey: what was written until then is right by the one
    that was surveyed. Raises BadCorrectionError when the records of an account do not fit together; UnavailableError.
    """
    written = Written(found.release.id)
    books = runtime.read(lambda connection: Books.load(connection, now=runtime.now()))
    for start in range(0, len(found.pending), CHUNK):
        ids = found.pending[start : start + CHUNK].tolist()
        now = runtime.now()

        def adjust(connection: Connection, ids: list[int] = ids, now: datetime = now) -> Written:
            _require_same_release(connection, found.release.id)
            done = _write_chunk(connection, found, books, ids, now)
            if done.adjustments and not written.adjustments:
                _audit(connection, found, by, now)
            return done

        done = runtime.write(adjust)
        written.adjustments += done.adjustments
        written.repeated += done.repeated
        written.cost_delta_nanos += done.cost_delta_nanos
        written.charge_delta_nanos += done.charge_delta_nanos
        written.revenue_delta_nanos += done.revenue_delta_nanos
        if progress is not None:
            progress(start + len(ids), len(found.pending))
    return written


def _require_same_release(connection: Connection, release_id: int) -> None:
    newest = newest_version(connection).release_id
    if newest != release_id:
        raise RerateError(
            f"release {newest} landed since release {release_id} was surveyed; run the re-rating again: what is written"
            " already stays, and is rated by the new release then"
        )


def _write_chunk(connection: Connection, found: Survey, books: Books, ids: Sequence[int], now: datetime) -> Written:
    # Locked before they are judged, in the order in which everybody locks: nobody adjusts them meanwhile.
    numbers = sorted({event.account_id for event in read_events(connection, ids)})
    store_for(connection).lock(numbers, (), 0)
    events = read_events(connection, ids)
    key = found.scope.key(found.release.id)
    corrections = []
    for event in events:
        judgement = judge(event, books.for_event(event, undated_now=found.scope.undated_now), key)
        if judgement.writes:
            corrections.append(_correction(event, judgement, key, books.newest))
    done = Written(found.release.id, repeated=len(ids) - len(corrections))
    for adjustment in correct_many(connection, corrections, book=books.newest, now=now):
        done.adjustments += 1
        done.cost_delta_nanos += adjustment.cost_nanos
        done.charge_delta_nanos += adjustment.charge_nanos
        done.revenue_delta_nanos += adjustment.revenue_nanos
    return done


def _correction(event: Rated, judgement: Judgement, key: str, book: RateBook) -> Correction:
    return Correction(
        usage_id=event.id,
        cost_delta_nanos=judgement.cost_delta_nanos,
        charge_delta_nanos=judgement.charge_delta_nanos,
        key=key,
        reason="rerate",
        price_id=judgement.price_id,
        note=f"re-rated by release {book.release.id}",
    )


def _audit(connection: Connection, found: Survey, by: str, now: datetime) -> None:
    total = found.total
    write_row(
        connection,
        at=now,
        actor=by,
        action="rerate",
        target=f"release {found.release.id}",
        after={
            **found.scope.as_json(),
            "events": found.writes,
            "cost_delta_nanos": total.cost_delta_nanos,
            "charge_delta_nanos": total.charge_delta_nanos,
        },
    )


__all__ = ["CHUNK", "Written", "write"]
