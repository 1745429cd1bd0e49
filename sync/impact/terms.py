"""Plans whose terms change, and the subscriptions that run on them.

The included credit of a month is what the plan says when the month begins, so a change reaches every running
subscription with its next month. A fee stays as it was agreed when the subscription began.
"""

from __future__ import annotations

from collections.abc import Sequence

from sync.changes import Change
from sync.impact.result import Pair, PlanTerms
from sync.impact.usage import UsageSource

_FEES = ("monthly_nanos", "annual_nanos")


def changed_terms(usage: UsageSource, changes: Sequence[Change]) -> tuple[PlanTerms, ...]:
    """The plans among `changes` whose included credit or fee differs, by name. Reads only when there are some."""
    found = [
        (change.name, change.before, change.after)
        for change in changes
        if change.kind == "plan"
        and change.before is not None
        and change.after is not None
        and any(change.before[column] != change.after[column] for column in ("included_nanos", *_FEES))
    ]
    if not found:
        return ()
    running = usage.subscriptions([name for name, _, _ in found])
    return tuple(
        PlanTerms(
            name,
            running.get(name, 0),
            Pair(before["included_nanos"], after["included_nanos"]),
            any(before[column] != after[column] for column in _FEES),
        )
        for name, before, after in sorted(found, key=lambda one: one[0])
    )


__all__ = ["changed_terms"]
