"""Do the meters that run serve the newest release, and are they all heard of?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy import Engine

from metering.runtimes.listing import Listing, RunningMeter, database_clock, list_runtimes
from schema.database import reading
from sync.doctor.database import CLOCKS_APART
from sync.doctor.finding import Check, Reporter
from sync.render.style import age_text, count

_SAY = Reporter("runtimes")
_SHOWN = 5


def read_runtimes(engine: Engine, now: datetime) -> Listing:
    """The meters at this moment: by the database's clock, or by ours where it has none."""
    with reading(engine) as connection:
        return list_runtimes(connection, database_clock(connection, now))


def check_runtimes(listing: Listing) -> Iterator[Check]:
    """Which release is served, who is behind, who fell silent, and whose clock is wrong. Pure."""
    if not listing.meters:
        yield _SAY.ok("no meter runs; a program is listed a second after it has opened one")
    heard = [meter for meter in listing.meters if not meter.silent]
    newest = sum((meter.release, meter.edits) == listing.newest for meter in heard)
    if newest:
        yield _SAY.ok(f"{_runtimes(newest, 'serves', 'serve')} release {listing.newest.release_id}")
    others = sorted((meter for meter in heard if (meter.release, meter.edits) != listing.newest), key=_release)
    for release, some in groupby(others, key=_release):
        yield _elsewhere(release, list(some), listing)
    silent = [meter for meter in listing.meters if meter.silent]
    for meter in silent[:_SHOWN]:
        age = age_text(listing.at - meter.seen_at)
        words = f"{meter.name} was last heard of {age} ago, at release {meter.release}"
        yield _SAY.warn(words, "look whether it runs and reaches the database; it is listed for a day")
    if len(silent) > _SHOWN:
        yield _SAY.warn(f"and {count(len(silent) - _SHOWN, 'runtime')} more fell silent", "look at those first")
    for meter in [meter for meter in heard if abs(meter.ahead) > CLOCKS_APART][:_SHOWN]:
        way = "ahead of" if meter.ahead > -meter.ahead else "behind"
        words = f"the clock of {meter.name} is {age_text(abs(meter.ahead))} {way} the database's"
        yield _SAY.warn(f"{words}: it prices by other moments", "set its clock (NTP)")


def _elsewhere(release: int, meters: Sequence[RunningMeter], listing: Listing) -> Check:
    """What is said of those that serve another state of the configuration than the newest."""
    where = f"{_runtimes(len(meters), 'is', 'are')} at release {release}"
    more = len(meters) - _SHOWN
    names = ", ".join(meter.name for meter in meters[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
    behind = [meter.behind_since for meter in meters if meter.behind_since is not None]
    if not behind:
        advice = "restart it: the database was put back to an earlier state"
        return _SAY.warn(f"{where}, which the database does not have: {names}", advice)
    if release == listing.newest.release_id:
        where = f"{where} without the last edit"
    words = f"{where}, behind for {age_text(listing.at - min(behind))}"
    if any(meter.late for meter in meters):
        advice = "look at its log: it tells of itself, but has not read the configuration"
        return _SAY.warn(f"{words}: {names}", advice)
    return _SAY.ok(words)


def _runtimes(number: int, one: str, many: str) -> str:
    return f"{count(number, 'runtime')} {one if number == 1 else many}"


def _release(meter: RunningMeter) -> int:
    return meter.release


__all__ = ["check_runtimes", "read_runtimes"]
