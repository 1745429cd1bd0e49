"""A plan as Markdown, for the comment of a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from sync.changes import Change
from sync.plan import Plan
from sync.presenting import value_text
from sync.render.plan_text import shown_leaves, summary_line

LIMIT = 60_000
"""Characters that a comment may take: forges refuse one of 65,536."""


def plan_markdown(plan: Plan) -> str:
    """The whole plan, unsafe changes first; when it is too long the rest of the changes is counted."""
    head = list(_head(plan))
    size = sum(len(line) + 1 for line in head)
    lines: list[str] = []
    for index, change in enumerate(plan.changes):
        rows = list(_rows(change))
        size += sum(len(row) + 1 for row in rows)
        if size > LIMIT:
            lines += ["", f"… and {len(plan.changes) - index:,} more changes; see `ratecard plan`."]
            break
        lines += rows
    return "\n".join([*head, *lines]) + "\n"


def _head(plan: Plan) -> Iterator[str]:
    base = f"release {plan.base_release}" if plan.base_release else "an empty database"
    yield f"### Ratecard: {summary_line(plan) if plan.changes else 'no changes'}"
    yield ""
    yield f"Commit `{plan.commit.sha[:12]}` against {base}."
    if plan.unsafe:
        yield ""
        yield "**Unsafe**: refused without the option that is named."
        yield ""
        for unsafe in plan.unsafe:
            yield f"- `{unsafe.code}` {_code(unsafe.key)}: {_cell(unsafe.message)} ({_cell(unsafe.way_out)})"
    if plan.changes:
        yield ""
        yield "| | entity | field | before | after |"
        yield "|---|---|---|---|---|"


def _rows(change: Change) -> Iterator[str]:
    before, after = shown_leaves(change)
    fields = [field for field in dict.fromkeys([*before, *after]) if before.get(field) != after.get(field)]
    for index, field in enumerate(fields or [""]):
        head = f"| {change.action} | {_code(change.key)}" if index == 0 else "| |"
        cells = (_cell(value_text(said[field])) if field in said else "" for said in (before, after))
        yield f"{head} | {_cell(field)} | {' | '.join(cells)} |"


def _code(text: str) -> str:
    return f"`{text.replace('`', '').replace('|', '')}`"


def _cell(text: str) -> str:
    for character in "\\`*_[]<>|@#":
        text = text.replace(character, f"\\{character}")
    return text.replace("\n", " ")


__all__ = ["LIMIT", "plan_markdown"]
