"""Releases and what differs between them as tables and CSV. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.exports import Csv
from dashboard.formats import short_commit
from schema.keys import moment_text
from sync.current import Release
from sync.release_diff import Difference, ReleaseDiff

DONE = {"create": "created", "update": "updated", "delete": "deleted"}


def release_name(release: Release) -> str:
    """`release 12 (v1.4)`."""
    return f"release {release.id}{f' ({release.label})' if release.label else ''}"


def counts_text(counts: dict[str, int]) -> str:
    """`2 created, 1 deleted`, or that nothing differs."""
    return ", ".join(f"{number:,} {DONE[action]}" for action, number in counts.items() if number) or "nothing"


def counts_of(release: Release) -> dict[str, int]:
    """How many entities a release created, updated and deleted."""
    return {"create": release.creates, "update": release.updates, "delete": release.deletes}


def _name(person: str) -> str:
    return person.partition(" <")[0]


def release_rows(releases: Sequence[Release]) -> list[dict[str, object]]:
    """The table on the page; people are called by their names there, the release itself tells their addresses."""
    return [
        {
            "Release": release.id,
            "Label": release.label,
            "Applied, UTC": f"{release.applied_at:%Y-%m-%d %H:%M}",
            "Title": release.title,
            "Changes": counts_text(counts_of(release)),
            "Author": _name(release.author),
            "Applied by": _name(release.applied_by),
            "Commit": short_commit(release.commit),
        }
        for release in releases
    ]


def releases_csv(releases: Sequence[Release]) -> Csv:
    """All releases, newest first."""
    header = ("release", "label", "applied_at", "title", "created", "updated", "deleted", "author", "applied_by")
    return Csv(
        "releases",
        (*header, "commit"),
        lambda: [
            (
                release.id,
                release.label,
                moment_text(release.applied_at),
                release.title,
                release.creates,
                release.updates,
                release.deletes,
                release.author,
                release.applied_by,
                release.commit,
            )
            for release in releases
        ],
    )


def difference_rows(differences: Sequence[Difference]) -> list[dict[str, str]]:
    """A line for each field that differs."""
    return [
        {"Change": DONE[difference.action], "What": difference.key, "Field": name, "Before": before, "After": after}
        for difference in differences
        for name, before, after in difference.fields or [("", "", "")]
    ]


def difference_csv(name: str, diff: ReleaseDiff) -> Csv:
    """The same as a file."""
    rows = difference_rows(diff.differences)
    return Csv(name, ("change", "what", "field", "before", "after"), lambda: [tuple(row.values()) for row in rows])
