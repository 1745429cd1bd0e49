"""Numbers, times and names as people read them. Pure: amounts come in as whole nano-USD, texts go out."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from schema.money import NANO, multiplier_text, plain, usd

MISSING = "—"
TIMES = "\u00d7"
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_LINKS = re.compile(r"\b(www|https?|ftp)(?=[.:])", re.IGNORECASE)
_ARROWS = re.compile(r"([-<>=~])(?=[-<>=~])")
_JOINER = "\u2060"
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def money(nanos: int, places: int = 2) -> str:
    """USD with thousands and a fixed number of decimals: `$1,234.50`, `-$0.07`."""
    value = usd(nanos).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    sign = "-" if value < 0 else ""
    return f"{sign}${abs(value):,.{places}f}"


def brief_money(nanos: int) -> str:
    """USD with two decimals; of less than a cent the first digit that it has: `$1.50`, `$0.0004`."""
    value = usd(nanos)
    return money(nanos, -value.adjusted() if 0 < abs(value) < Decimal("0.01") else 2)


def exact_money(nanos: int) -> str:
    """USD with every decimal that it has, at least two: `$0.0035`, `$12.50`."""
    text = plain(abs(usd(nanos)))
    whole, _, decimals = text.partition(".")
    sign = "-" if nanos < 0 else ""
    return f"{sign}${int(whole):,}.{decimals.ljust(2, '0')}"


def dollars(nanos: int) -> float:
    """USD for the length of a bar or the sorting of a column, never for arithmetic."""
    return nanos / NANO


def count(number: int) -> str:
    """A whole number with thousands."""
    return f"{number:,}"


def ratio(numerator: int, denominator: int) -> str:
    """A share in percent with one decimal, or a dash when there is nothing to divide by."""
    if denominator == 0:
        return MISSING
    return f"{Decimal(numerator * 100) / Decimal(denominator):.1f}%"


def change(now: int, before: int) -> str | None:
    """The change in percent against an earlier value, with its sign; None when there was nothing before."""
    if before == 0:
        return None
    return f"{_signed(Decimal((now - before) * 100) / Decimal(abs(before)))}%"


def points(now: tuple[int, int], before: tuple[int, int]) -> str | None:
    """The change of a share in percentage points: `(part, whole)` now against before."""
    if now[1] == 0 or before[1] == 0:
        return None
    difference = Decimal(now[0] * 100) / now[1] - Decimal(before[0] * 100) / before[1]
    return f"{_signed(difference)} pp"


def _signed(value: Decimal) -> str:
    """With one decimal and its sign; what rounds to nothing has none."""
    text = f"{value:+.1f}"
    return text if text.strip("+-0.") else "0.0"


def multiplier(micros: int) -> str:
    """A margin or weight with a sign of multiplication."""
    return f"{multiplier_text(micros)}{TIMES}"


def day(value: date) -> str:
    """A day: `3 Nov 2026`."""
    return f"{value.day} {value:%b %Y}"


def moment(value: datetime | None) -> str:
    """A UTC moment to the minute: `3 Nov 2026, 14:05 UTC`."""
    return MISSING if value is None else f"{day(value)}, {value:%H:%M} UTC"


def short_commit(sha: str) -> str:
    """The first eight digits of a commit."""
    return sha[:8]


def literal(text: str, *, brackets: bool = True) -> str:
    """A name as Markdown that shows exactly that name: no markup, directive, formula, link or emoji code in it acts.

    `brackets=False` is for badges, which escape brackets themselves.
    """
    flat = _ARROWS.sub(f"\\1{_JOINER}", _LINKS.sub(f"\\1{_JOINER}", " ".join(text.split())))
    escaped = _PUNCTUATION.sub(_escaped, flat)
    return escaped if brackets else escaped.replace("\\[", "[").replace("\\]", "]")


def _escaped(found: re.Match[str]) -> str:
    # Addresses and emoji codes are found after escapes are undone: an invisible joiner breaks them.
    return f"\\{found[1]}{_JOINER}" if found[1] in "@:" else f"\\{found[1]}"


def typed(text: object) -> str | None:
    """What somebody wrote into a field or an address, None for nothing. No database knows of the character NUL."""
    return str(text or "").replace("\0", "").strip() or None


def csv_cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula; numbers, also as text, stay numbers."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) and not _PLAIN_NUMBER.fullmatch(value):
        return "'" + value
    return value
