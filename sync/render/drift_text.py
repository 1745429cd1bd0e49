"""Drift and releases as text."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from schema.keys import Key
from sync.current import Release
from sync.drift import Drift, Edit
from sync.presenting import value_text
from sync.render.style import Style, count, table

_DONE = {"create": "added", "update": "edited", "delete": "deleted"}


def drift_lines(drift: Drift, style: Style) -> Iterator[str]:
    """What was edited in the database, and what git says that is not applied yet."""
    base = f"release {drift.release}" if drift.release else "no release yet"
    if not drift.found:
        yield f"no drift: {base}, commit {drift.commit[:12]} and the database agree"
        return
    if drift.edited:
        yield style.paint("bold", f"edited in the database since {base}:")
        for edit in drift.edited:
            key = str(Key(edit.kind, edit.name))
            yield f"  {style.paint(edit.action, value_text(key))}: {_DONE[edit.action]}"
            if edit.reason:
                by, at = value_text(edit.reason.by), f"{edit.reason.at:%Y-%m-%d %H:%M}Z"
                yield f"      {value_text(edit.reason.text)}  {style.paint('dim', f'by {by} at {at}')}"
            if edit.action == "update":
                rows = [
                    (field, value_text(values["released"]), "->", value_text(values["database"]))
                    for field, values in edit.fields.items()
                ]
                yield from (f"      {line}" for line in table(rows))
            if edit.reason:
                yield f"      until git says so too: {_proposal(key, edit)}"
    if drift.unapplied:
        yield style.paint("bold", f"not applied yet ({base}, commit {drift.commit[:12]}):")
        for change in drift.unapplied:
            yield f"  {style.paint(change.action, value_text(change.key))}: to {change.action}"
    yield f"{count(len(drift.edited), 'edit')} in the database, {len(drift.unapplied):,} not applied"


def _proposal(key: str, edit: Edit) -> str:
    """The command that brings an edit of the database into git."""
    said = [f"{key}#{field}={value_text(values['database'])}" for field, values in edit.fields.items()]
    sets = "".join(f" --set {_word(text)}" for text in said)
    return f'ratecard propose{sets} --title "…"'


def _word(text: str) -> str:
    """A word of a shell's command: who copies it runs nothing that a value of the database says."""
    return shlex.quote(text) if set(text) & set('"$`\\!') else f'"{text}"'


def release_lines(releases: Sequence[Release]) -> list[str]:
    """A table, newest first."""
    if not releases:
        return ["no release has been applied"]
    head = ("RELEASE", "COMMIT", "LABEL", "APPLIED", "BY", "AUTHOR", "CHANGES", "TITLE")
    rows = [
        (
            str(release.id),
            release.commit[:12],
            value_text(release.label or "-"),
            f"{release.applied_at:%Y-%m-%d %H:%M:%S}Z",
            value_text(release.applied_by),
            value_text(release.author),
            f"+{release.creates} ~{release.updates} -{release.deletes}",
            value_text(release.title),
        )
        for release in releases
    ]
    return table([head, *rows])


__all__ = ["drift_lines", "release_lines"]
