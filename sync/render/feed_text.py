"""A survey of a price feed as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from schema.keys import moment_text
from schema.money import plain
from schema.units import MILLION
from sync.feeds.choosing import Choice
from sync.feeds.comparing import Difference
from sync.feeds.departing import Departure
from sync.feeds.importing import LEFT, PER_MILLION, Step, Survey
from sync.feeds.listing import REASONS, FeedModel
from sync.render.style import Style, count, table

_NAMED_AT_MOST = 12
_KINDS = {
    "now": "in force",
    "announced": "announced",
    "scheduled": "our schedule",
    "withdrawn": "withdrawn",
}


def check_text(found: Survey, style: Style) -> Iterator[str]:
    """Where the list has left ours: a line a unit, the largest difference first."""
    title = found.feed.title
    if not found.steps:
        yield f"{title} says nothing else than we do about {count(found.matched, 'model')}"
        return
    models = {step.departure.model for step in found.steps}
    yield f"{title} says otherwise for {len(models)} of {count(found.matched, 'model')}"
    yield ""
    rows: list[tuple[str, ...]] = [("model", "unit", "ours", "list", "ratio", "when", "ours read", "left out")]
    pairs = [(step, difference) for step in found.steps for difference in step.departure.differences]
    pairs.sort(key=lambda pair: (-pair[1].size, pair[0].key, pair[1].above or 0))
    rows += [_row(step, difference) for step, difference in pairs]
    header, *lines = table(rows)
    yield style.paint("dim", header)
    yield from lines
    yield from _legend(found.steps, style)


def import_text(found: Survey, style: Style) -> Iterator[str]:
    """What is added, and what is left to a person."""
    if not found.steps:
        yield f"{found.feed.title} says nothing else than we do about {count(found.matched, 'model')}"
    added = [step for step in found.steps if not step.left]
    rows = [("add", f"{step.key}", changes_text(step.departure)) for step in added]
    rows += [("left", f"{step.key}", changes_text(step.departure)) for step in found.steps if step.left]
    codes = [""] * len(added) + [step.left for step in found.steps if step.left]
    for line, code in zip(table(rows), codes, strict=True) if rows else ():
        word = "warning" if code else "create"
        yield style.paint(word, line[:4]) + line[4:] + (f"  {code}" if code else "")
    yield from found.notes
    yield from _legend(found.steps, style)


def coverage_text(found: Survey, choice: Choice, style: Style, *, full: bool) -> Iterator[str]:
    """What the feed and the configuration do not share; with `full` what of the feed cannot be said here."""
    title = found.feed.title
    yield ""
    yield f"{count(found.matched, 'priced model')} of ours on {title}"
    if found.missing:
        yield f"{count(len(found.missing), 'model')} of ours not on it, or without a price there{_named(found.missing)}"
    if found.unpriced:
        yield f"{count(len(found.unpriced), 'model')} of ours on it without a price of ours{_named(found.unpriced)}"
    others = [listing for listing in found.unregistered if choice.concerns(listing)]
    if others:
        advice = "" if choice.providers or choice.names else "; --provider PROVIDER lists them"
        yield f"{count(len(others), 'model')} on it not in our registry{advice}"
        if choice.providers or choice.names:
            yield from (f"  {line}" for line in table((listing.entry, _listed(listing)) for listing in others))
    without = sum(not listing.prices for listing in found.feed.models) + len(found.feed.outside)
    yield f"{without:,} {'entry' if without == 1 else 'entries'} of it without a price that can be said here"
    if full:
        yield from _reasons(found, style)


def _reasons(found: Survey, style: Style) -> Iterator[str]:
    yield ""
    yield "What of the list has no place here:"
    rows = [(code, f"{number:,}", REASONS[code]) for code, number in found.feed.reason_counts().items()]
    yield from (style.paint("dim", f"  {line}") for line in table(rows))


def entry_text(listing: FeedModel) -> Iterator[str]:
    """What of one entry of a feed cannot be said, field by field."""
    for reason in listing.reasons:
        yield f"  {listing.entry}: {reason.field or 'the entry'}: {REASONS[reason.code]} [{reason.code}]"


def changes_text(departure: Departure) -> str:
    """The rates that change, on one line: `input 2.5 -> 2, output 10 -> 8, 2 rates above 200,000`."""
    parts = []
    above: dict[int, int] = {}
    for difference in departure.differences:
        if difference.above is not None:
            above[difference.above] = above.get(difference.above, 0) + 1
            continue
        ours = "none" if difference.ours is None else rate_text(difference.unit, difference.ours)
        parts.append(f"{difference.unit} {ours} -> {rate_text(difference.unit, difference.listed)}")
    parts += [f"{count(number, 'rate')} above {threshold:,}" for threshold, number in above.items()]
    return ", ".join(parts)


def rate_text(unit: str, rate: Decimal) -> str:
    """USD per 1,000,000 units, or `each` where units are dear."""
    return plain(rate) if unit in PER_MILLION else f"{plain(rate / MILLION)} each"


def unit_text(difference: Difference) -> str:
    """The unit, with its context tier."""
    return difference.unit if difference.above is None else f"{difference.unit} above {difference.above:,}"


def ratio_text(difference: Difference) -> str:
    """List price by ours with three digits, such as `0.8x`; a dash where there is nothing to divide by."""
    ratio = difference.ratio
    if ratio is None:
        return "-"
    digits = max(0, 2 - ratio.adjusted()) if ratio else 0
    return f"{plain(round(ratio, digits))}x"


def _row(step: Step, difference: Difference) -> tuple[str, ...]:
    departure = step.departure
    source = departure.entity.document.source
    checked = source.checked.isoformat() if source and source.checked else "-"
    ours = "-" if difference.ours is None else rate_text(difference.unit, difference.ours)
    listed = rate_text(difference.unit, difference.listed)
    kind = _KINDS[departure.kind]
    when = kind if departure.kind == "now" else f"{moment_text(step.effective)} {kind}"
    left = "" if step.left == "SCHEDULED" else step.left
    return (departure.model, unit_text(difference), ours, listed, ratio_text(difference), when, checked, left)


def _legend(steps: Iterable[Step], style: Style) -> Iterator[str]:
    codes = sorted({step.left for step in steps if step.left})
    if codes:
        yield ""
    for code in codes:
        yield style.paint("dim", f"{code}: {LEFT[code]}")
    for step in steps:
        if step.departure.kind == "withdrawn":
            yield f"{step.key}: the list no longer announces this price"


def _listed(listing: FeedModel) -> str:
    if not listing.prices:
        return ", ".join(sorted({reason.code for reason in listing.reasons}))
    return ", ".join(f"{unit} {rate_text(unit, rate)}" for unit, rate in listing.prices[-1].rates.items())


def _named(names: tuple[str, ...]) -> str:
    return f": {', '.join(names)}" if len(names) <= _NAMED_AT_MOST else ""
