"""A survey of a price feed as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schema.keys import moment_text
from schema.money import plain
from sync.feeds.choosing import Choice
from sync.feeds.importing import LEFT, Step, Survey
from sync.render.feed_text import ratio_text

FORMAT_VERSION = 1


def survey_json(found: Survey, choice: Choice, outcome: Mapping[str, Any]) -> dict[str, Any]:
    """The whole survey: `entries` are the prices that an import adds, `outcome` says what was written.

    Rates are decimal text, in USD per 1,000,000 units.
    """
    others = [listing for listing in found.unregistered if choice.concerns(listing)]
    without = [listing for listing in found.feed.models if not listing.prices]
    return {
        "format_version": FORMAT_VERSION,
        "feed": {"title": found.feed.title, "url": found.feed.url or None},
        "matched": found.matched,
        "differences": [line for step in found.steps for line in _differences(step)],
        "entries": [str(step.key) for step in found.steps if not step.left],
        "left": [
            {"key": str(step.key), "code": step.left, "message": LEFT[step.left]} for step in found.steps if step.left
        ],
        "notes": found.notes,
        **outcome,
        "unpriced": list(found.unpriced),
        "missing": list(found.missing),
        "unregistered": [listing.entry for listing in others],
        "unsaid": {
            "without_price": len(without) + len(found.feed.outside),
            "counts": found.feed.reason_counts(),
            "entries": [
                {"entry": entry, "code": reason.code, "field": reason.field or None}
                for entry, reason in [
                    *found.feed.outside,
                    *((model.entry, reason) for model in found.feed.models for reason in model.reasons),
                ]
            ],
        },
    }


def _differences(step: Step) -> list[dict[str, Any]]:
    departure = step.departure
    source = departure.entity.document.source
    return [
        {
            "model": departure.model,
            "entry": departure.listing.entry,
            "kind": departure.kind,
            "effective": moment_text(step.effective),
            "unit": difference.unit,
            "above_input": difference.above,
            "ours": None if difference.ours is None else plain(difference.ours),
            "list": plain(difference.listed),
            "ratio": None if difference.ratio is None else ratio_text(difference)[:-1],
            "source": None if source is None else source.url,
            "checked": source.checked.isoformat() if source and source.checked else None,
            "left": step.left or None,
        }
        for difference in departure.differences
    ]
