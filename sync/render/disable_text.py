"""What `ratecard disable` did, as text."""

from __future__ import annotations

from collections.abc import Iterator

from sync.disable import Switched, Use
from sync.presenting import value_text
from sync.render.style import Style


def switched_lines(done: Switched, style: Style) -> Iterator[str]:
    """What became of the model, the routes that lead to it, and what git should say."""
    state = "active" if done.active else "inactive"
    if not done.changed:
        yield f"{done.key} is {state} already: nothing was written"
        return
    by = f"by {value_text(done.reason.by)} at {done.reason.at:%Y-%m-%d %H:%M}Z"
    yield f"{style.paint('bold', done.key)} is {state} now, past release {done.release}, {by}"
    yield f"reason: {value_text(done.reason.text)}"
    if done.active:
        return
    for use in done.routes:
        yield f"{style.paint('warning', 'warning')}: {use.key} {_consequence(use)}"
    yield f'until git says so, plans refuse: ratecard propose --set "{done.key}#active=false" --title "…"'


def _consequence(use: Use) -> str:
    if use.weight is None:
        return "names it as a fallback, which is no use now"
    if use.weight < 100:
        return f"leads to it: {use.weight} % of its calls are refused from now on"
    return "leads to it: its calls are refused from now on"


__all__ = ["switched_lines"]
