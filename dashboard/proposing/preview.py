"""What edits would come to: the diff, what validation says of it, and what it moves in money.

Edits are shown by themselves where they can be proposed so, else on top of the draft.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from dashboard import sources
from dashboard.formats import literal
from dashboard.proposing.bases import Base
from dashboard.proposing.drafts import draft_parts
from dashboard.proposing.impact_panel import impact_panel
from dashboard.proposing.upstream import upstream
from schema.errors import RatecardError
from schema.findings import Finding
from schema.keys import Key
from sync.bases import Base as BranchFiles
from sync.context import environment_admins
from sync.edit import Edit, apply_edits, reprice_notes
from sync.propose import Preview, preview
from sync.repository import Repository
from sync.submit import preview_of

_MOST_PLACES = 6


@dataclass(frozen=True, slots=True)
class Previewed:
    """What a form shows. `alone` says that the edits may be proposed without the rest of the draft."""

    shown: Preview
    alone: bool


def previewed(
    repository: Repository, base: Base, edits: Sequence[Edit], *, effective: datetime | None, now: datetime
) -> Previewed:
    """The preview of edits that were made on a base, which may hold the draft. Raises RatecardError."""
    shown = None
    if not base.drafted or not any(in_draft(edit.key) for edit in edits):
        try:
            shown = by_itself(repository, edits, effective=effective, now=now)
        except RatecardError:
            if not base.drafted:
                raise
        else:
            if shown.validation.ok or not base.drafted:
                return Previewed(shown, True)
    drafted = _on_draft(repository, base, edits, effective, now)
    # What is wrong with or without the draft does not wait for it.
    return Previewed(drafted, False) if shown is None or drafted.validation.ok else Previewed(shown, True)


def by_itself(
    repository: Repository, edits: Sequence[Edit], *, effective: datetime | None = None, now: datetime
) -> Preview:
    """The preview of edits on the base branch. Raises RatecardError."""
    return preview(
        repository,
        edits,
        folder=sources.CONFIG_FOLDER,
        upstream=upstream(),
        now=now,
        effective=effective,
        environment_admins=environment_admins(),
    )


def _on_draft(
    repository: Repository, base: Base, edits: Sequence[Edit], effective: datetime | None, now: datetime
) -> Preview:
    changed = apply_edits(base.files, edits, now=now, effective=effective, folder=sources.CONFIG_FOLDER)
    return preview_of(
        repository,
        BranchFiles(base.branch, base.commit, base.files, base.remote),
        changed,
        folder=sources.CONFIG_FOLDER,
        now=now,
        environment_admins=environment_admins(),
        notes=reprice_notes(base.committed, edits, now),
    )


def in_draft(key: Key) -> bool:
    """Whether the draft holds an edit of an entity, or of an entry of a price or rate."""
    return any(key in (part.key, part.undated) for part in draft_parts().values())


def findings_list(findings: Sequence[Finding]) -> None:
    """Errors and warnings of a validation, each with its places."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for finding in findings:
        told = (finding.severity, finding.message, finding.code)
        places.setdefault(told, []).append(f"{finding.place.file}:{finding.place.line}")
    for (severity, message, code), found in places.items():
        colour, icon = ("red", "error") if severity == "error" else ("orange", "warning")
        more = f" and {len(found) - _MOST_PLACES} more" if len(found) > _MOST_PLACES else ""
        where = literal(", ".join(found[:_MOST_PLACES]) + more)
        st.markdown(f":{colour}[:material/{icon}:] {literal(message)} :gray[{where} · {code}]")


def preview_panel(shown: Preview, *, key: str, now: datetime) -> None:
    """The diff of some edits, what validation says of it, and what it moves in money."""
    st.code(shown.diff, language="diff")
    for note in shown.notes:
        st.caption(f":orange[:material/info:] {literal(note)}")
    findings_list([*shown.validation.errors, *_about(shown)])
    impact_panel(shown, key=key, now=now)


def _about(shown: Preview) -> list[Finding]:
    """The warnings in files that the edit touches; the others were there before."""
    touched = {f"{sources.CONFIG_FOLDER}/{path}" for path in shown.files}
    return [finding for finding in shown.validation.warnings if finding.place.file in touched]


__all__ = ["Previewed", "by_itself", "findings_list", "in_draft", "preview_panel", "previewed"]
