"""The meters that run as a table and as CSV, the worst first. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from metering.runtimes.listing import Listing, RunningMeter
from schema.keys import moment_text
from sync.doctor.database import CLOCKS_APART
from sync.render.style import age_text

CSV_HEADER = (
    "program",
    "host",
    "process_id",
    "ratecard_version",
    "release",
    "edits",
    "state",
    "behind_since_utc",
    "book_age_seconds",
    "runs_since_utc",
    "last_heard_utc",
    "clock_ahead_seconds",
)


def table_rows(listing: Listing) -> list[dict[str, str | int]]:
    """The table on the page."""
    return [
        {
            "Program": meter.program,
            "Host": meter.host,
            "Process": str(meter.process_id),
            "Release": meter.release,
            "State": _state_words(meter, listing),
            "Book's age": age_text(meter.book_age),
            "Last heard": f"{age_text(listing.at - meter.seen_at)} ago",
            "Runs since, UTC": f"{meter.started_at:%Y-%m-%d %H:%M}",
            "Clock": _clock_words(meter),
            "Ratecard": meter.version,
        }
        for meter in _worst_first(listing)
    ]


def csv_rows(listing: Listing) -> Iterator[tuple[object, ...]]:
    """The same as lines of a file, with moments in full and lengths of time in seconds."""
    for meter in _worst_first(listing):
        yield (
            meter.program,
            meter.host,
            meter.process_id,
            meter.version,
            meter.release,
            meter.edits,
            _state(meter, listing),
            None if meter.behind_since is None else moment_text(meter.behind_since),
            round(meter.book_age.total_seconds()),
            moment_text(meter.started_at),
            moment_text(meter.seen_at),
            round(meter.ahead.total_seconds()),
        )


def _worst_first(listing: Listing) -> list[RunningMeter]:
    return sorted(listing.meters, key=lambda meter: (not meter.silent, not meter.late, meter.behind_since is None))


def _state(meter: RunningMeter, listing: Listing) -> str:
    if meter.silent:
        return "silent"
    if meter.behind_since is not None:
        return "behind"
    return "newest" if (meter.release, meter.edits) == listing.newest else "unknown"


def _state_words(meter: RunningMeter, listing: Listing) -> str:
    if meter.silent:
        return f"Silent for {age_text(listing.at - meter.seen_at)}"
    if meter.behind_since is not None:
        return f"Behind for {age_text(listing.at - meter.behind_since)}"
    return "Newest release" if _state(meter, listing) == "newest" else "Not in the database"


def _clock_words(meter: RunningMeter) -> str:
    if abs(meter.ahead) <= CLOCKS_APART:
        return "right"
    return f"{age_text(abs(meter.ahead))} {'ahead' if meter.ahead == abs(meter.ahead) else 'behind'}"


__all__ = ["CSV_HEADER", "csv_rows", "table_rows"]
