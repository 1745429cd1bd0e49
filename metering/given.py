"""What callers give beside usage: names, texts and moments, checked before a database sees them. Pure.

PostgreSQL stores no zero character, indexes no very long text, and gives back no moment from before the year 1; a value
that one database takes and the other does not would be found out too late.
"""

from __future__ import annotations

from datetime import UTC, datetime

from metering.errors import MeteringError

LONGEST_NAME = 200
"""Characters of a key, a hold's id, an account."""
LONGEST_NOTE = 10_000
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Before it nothing was metered: an earlier moment is a slip."""


def is_name(value: object) -> bool:
    """Whether a value can be a name that is stored, so that looking for it makes sense."""
    return _fault(value, LONGEST_NAME) is None


def name(what: str, value: object, error: type[MeteringError]) -> str:
    """A name as it was given; raises `error` for one that is blank, too long or cannot be stored."""
    fault = _fault(value, LONGEST_NAME)
    if fault is not None:
        raise error(f"{what} {fault}")
    return str(value)


def note(what: str, value: object, error: type[MeteringError]) -> str | None:
    """A text as it was given, or None; raises `error` for one that is too long or cannot be stored."""
    if value is None or value == "":
        return None
    fault = _fault(value, LONGEST_NOTE)
    if fault is not None:
        raise error(f"{what} {fault}")
    return str(value)


def notes(error: type[MeteringError], **given: object) -> None:
    """Check texts by their names, as `note` does."""
    for what, value in given.items():
        note(what, value, error)


def moment(what: str, value: object, error: type[MeteringError]) -> datetime:
    """A moment in UTC, which a naive one is; raises `error` for what is none, or lies before 1970."""
    if not isinstance(value, datetime):
        raise error(f"{what} is {str(value)[:40]!r}, which is not a time")
    try:
        found = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise error(f"{what} is a time that no calendar has: {value.isoformat()}") from None
    if found < EARLIEST:
        raise error(f"{what} is before 1970: {found.isoformat()}")
    return found


def _fault(value: object, longest: int) -> str | None:
    if not isinstance(value, str):
        return f"is {str(value)[:40]!r}, which is not text"
    if not value.strip():
        return "is missing"
    if len(value) > longest:
        return f"has {len(value)} characters; at most {longest} are allowed"
    if "\x00" in value:
        return "holds a zero character"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "is not valid Unicode"
    return None


__all__ = ["EARLIEST", "LONGEST_NAME", "LONGEST_NOTE", "is_name", "moment", "name", "note", "notes"]
