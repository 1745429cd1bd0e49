"""A plan as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sync.changes import Change
from sync.plan import Plan
from sync.presenting import leaves, present, value_text
from sync.render.impact_text import impact_lines
from sync.render.style import Style, table

_SIGNS = {"create": "+", "update": "~", "delete": "-"}
_ONE_LINE = 160


def plan_lines(plan: Plan, style: Style) -> Iterator[str]:
    """The whole plan: changes with before and after, what is unsafe, and the sums."""
    base = f"release {plan.base_release}" if plan.base_release else "an empty database"
    yield f"commit {plan.commit.sha[:12]} ({value_text(plan.commit.title)}) against {base}"
    if plan.adopts:
        edits = "1 edit" if len(plan.adopts) == 1 else f"{len(plan.adopts):,} edits"
        yield f"git says {edits} of the database too by now; the next release takes up what was edited by hand"
    if not plan.changes:
        yield "no changes"
        return
    yield ""
    for change in plan.changes:
        yield from _change_lines(change, style)
    if plan.impact is not None:
        yield from impact_lines(plan.impact, style)
    if plan.unsafe:
        yield ""
        yield style.paint("bold", "unsafe, refused unless the option that is named or an approval allows it:")
        for unsafe in plan.unsafe:
            sign = style.paint("error", "!") if unsafe.approved is None else style.paint("create", "✓")
            yield f"{sign} {value_text(f'{unsafe.key}: {unsafe.message} ({unsafe.way_out})')} [{unsafe.code}]"
    yield ""
    yield summary_line(plan)


def summary_line(plan: Plan) -> str:
    """Such as `1 to create, 2 to update, 0 to delete`."""
    return ", ".join(f"{count:,} to {action}" for action, count in plan.summary.items())


def shown_leaves(change: Change) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a change is shown against, field by field: a created price against the entry that it follows on."""
    return leaves(present(change.kind, change.before or change.follows)), leaves(present(change.kind, change.after))


def _change_lines(change: Change, style: Style) -> Iterator[str]:
    before, after = shown_leaves(change)
    sign = style.paint(change.action, f"{_SIGNS[change.action]} {value_text(change.key)}")
    if change.followed:
        sign += style.paint("dim", f"  after the entry of {change.followed}")
    elif change.action != "update":
        said = ", ".join(f"{field} {value_text(value)}" for field, value in (after or before).items())
        yield f"{sign}  {style.paint('dim', said if len(said) <= _ONE_LINE else said[:_ONE_LINE] + '…')}"
        return
    yield sign
    fields = [field for field in dict.fromkeys([*before, *after]) if before.get(field) != after.get(field)]
    rows = [(field, value_text(before.get(field)), "->", value_text(after.get(field))) for field in fields]
    yield from (f"    {line}" for line in table(rows))


__all__ = ["plan_lines", "shown_leaves", "summary_line"]
