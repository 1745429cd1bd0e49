"""What differs between two releases, as text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from sync.current import Release
from sync.presenting import value_text
from sync.release_diff import Difference, ReleaseDiff
from sync.render.markdown import cell, code
from sync.render.plan_markdown import LIMIT
from sync.render.style import Style, table

_SIGNS = {"create": "+", "update": "~", "delete": "-"}
_DONE = {"create": "created", "update": "updated", "delete": "deleted"}


def release_diff_lines(diff: ReleaseDiff, style: Style) -> Iterator[str]:
    """A line for each of the two releases, a block for each entity that differs, and the sums."""
    yield from table([("from", *_named(diff.before)), ("to", *_named(diff.after))])
    if not diff.differences:
        yield "no differences"
        return
    yield ""
    for difference in diff.differences:
        yield style.paint(difference.action, f"{_SIGNS[difference.action]} {value_text(difference.key)}")
        rows = [
            (field, *((before, "->", after) if difference.action == "update" else (before or after,)))
            for field, before, after in difference.fields
        ]
        yield from (f"    {line}" for line in table(rows))
    yield ""
    yield _summary(diff)


def release_diff_markdown(diff: ReleaseDiff) -> str:
    """The same as tables; when it is too long for a comment, the rest of the entities is counted."""
    lines = [f"### Ratecard: {_summary(diff) if diff.differences else 'no differences'}", ""]
    lines += [f"{word} {_release_cell(release)}  " for word, release in (("From", diff.before), ("to", diff.after))]
    if diff.differences:
        lines += ["", "| | entity | field | before | after |", "|---|---|---|---|---|"]
    size = sum(len(line) + 1 for line in lines)
    for index, difference in enumerate(diff.differences):
        rows = list(_rows(difference))
        size += sum(len(row) + 1 for row in rows)
        if size > LIMIT:
            lines += ["", f"… and {len(diff.differences) - index:,} more entities; see `ratecard releases diff`."]
            break
        lines += rows
    return "\n".join(lines) + "\n"


def _named(release: Release | None) -> tuple[str, ...]:
    if release is None:
        return "nothing", "", "", ""
    label = f" ({value_text(release.label)})" if release.label else ""
    by = f"{value_text(release.author)}: {value_text(release.title)}"
    return f"release {release.id}{label}", release.commit[:12], f"{release.applied_at:%Y-%m-%d %H:%M}Z", by


def _release_cell(release: Release | None) -> str:
    if release is None:
        return "nothing"
    name, commit, at, by = _named(release)
    return f"{cell(name)}, commit {code(commit)}, {at}, {cell(by)}"


def _rows(difference: Difference) -> Iterator[str]:
    for index, (field, before, after) in enumerate(difference.fields):
        head = f"| {difference.action} | {code(difference.key)}" if index == 0 else "| |"
        yield f"{head} | {cell(field)} | {cell(before)} | {cell(after)} |"


def _summary(diff: ReleaseDiff) -> str:
    return ", ".join(f"{count:,} {_DONE[action]}" for action, count in diff.summary.items())


__all__ = ["release_diff_lines", "release_diff_markdown"]
