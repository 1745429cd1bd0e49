"""The meters that run, as they told: which release each serves, which are behind, and which fell silent.

Silence is counted by the clock of the database, which all of them share; SQLite has none, and its programs share that
of their host. What a meter says of itself (its start, the age of its book) is by its own clock and counts from what
that said when it told: a clock that is wrong is seen as such, and makes no book look older than it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, func, select, text

from metering.book.ratebook import Version, newest_version
from schema.tables import releases, runtimes

EVERY_SECONDS = 30
"""How often a meter tells of itself; at once when it has taken up another book."""
SLACK = timedelta(seconds=EVERY_SECONDS)
"""How long a release may take beyond the age that a book may have."""
SILENT_AFTER = timedelta(minutes=3)
FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RunningMeter:
    """A meter as it last told of itself. Moments are by the database's clock."""

    program: str
    host: str
    process_id: int
    version: str
    """Of Ratecard."""
    release: int
    edits: int
    book_age: timedelta
    """How long ago it was last known to serve the newest configuration."""
    started_at: datetime
    seen_at: datetime
    ahead: timedelta
    """How far its clock is ahead of the database's; below zero when it is behind."""
    behind_since: datetime | None
    """Since when there is a newer release or edit than it told of."""
    late: bool
    """Whether it was behind for longer than its book may be old when it told of itself."""
    silent: bool
    """Whether it was not heard of for `SILENT_AFTER`."""

    @property
    def name(self) -> str:
        """What people call it: `worker.py on host-7 (process 4711)`."""
        return f"{self.program} on {self.host} (process {self.process_id})"


@dataclass(frozen=True, slots=True)
class Listing:
    """All meters that told of themselves at most a day before a moment, by program and host."""

    at: datetime
    newest: Version
    meters: tuple[RunningMeter, ...]


def database_clock(connection: Connection, ours: datetime) -> datetime:
    """What the database's clock says; `ours` where it has none of its own."""
    if connection.dialect.name != "postgresql":
        return ours
    moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment


def list_runtimes(connection: Connection, at: datetime) -> Listing:
    """The meters at a moment of the database's clock, without those that a later one of their program replaces."""
    newer = select(func.min(releases.c.applied_at)).where(releases.c.id > runtimes.c.release_id).scalar_subquery()
    query = (
        select(runtimes, newer.label("newer_at"))
        .where(runtimes.c.seen_at >= at - FORGOTTEN_AFTER)
        .order_by(runtimes.c.program, runtimes.c.host, runtimes.c.process_id, runtimes.c.runtime_id)
    )
    newest = newest_version(connection)
    meters = [_meter(row, newest, at) for row in connection.execute(query)]
    return Listing(at, newest, tuple(_without_replaced(meters)))


def _meter(row: Row[tuple[object, ...]], newest: Version, at: datetime) -> RunningMeter:
    unseen = at - row.seen_at
    book_age = max(unseen + (row.clock_at - row.confirmed_at), timedelta())
    behind_since = None
    if (row.release_id, row.edits) < newest:
        # Nobody notes when an edit was made: it was after the book was known to be the newest.
        behind_since = row.newer_at or at - book_age
    may_be_old = timedelta(seconds=row.max_age_seconds)
    return RunningMeter(
        program=row.program,
        host=row.host,
        process_id=row.process_id,
        version=row.version,
        release=row.release_id,
        edits=row.edits,
        book_age=book_age,
        started_at=row.seen_at - (row.clock_at - row.started_at),
        seen_at=row.seen_at,
        ahead=row.clock_at - row.seen_at,
        behind_since=behind_since,
        late=behind_since is not None and row.seen_at - behind_since > may_be_old + SLACK,
        # One that was seen in times to come was seen before a clock was put back.
        silent=abs(unseen) > SILENT_AFTER,
    )


def _without_replaced(meters: Iterable[RunningMeter]) -> list[RunningMeter]:
    """Without the silent ones whose program was started again on the same host."""
    meters = list(meters)
    last: dict[tuple[str, str], datetime] = {}
    for meter in meters:
        if not meter.silent:
            place = meter.program, meter.host
            last[place] = max(meter.started_at, last.get(place, meter.started_at))
    return [
        meter
        for meter in meters
        if not meter.silent or last.get((meter.program, meter.host), meter.seen_at) <= meter.seen_at
    ]


__all__ = [
    "EVERY_SECONDS",
    "FORGOTTEN_AFTER",
    "SILENT_AFTER",
    "Listing",
    "RunningMeter",
    "database_clock",
    "list_runtimes",
]
