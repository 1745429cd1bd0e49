"""The form behind an edit of the draft. Pure."""

from __future__ import annotations

from dashboard.places import Place, place_of
from dashboard.proposing.parts import DraftPart
from sync.edit import RemoveEntity


def form_link(part: DraftPart) -> Place | None:
    """Page and query parameters of the form; None for what no form can open."""
    kind, name = part.undated
    # The form of a price is that of its model, which is there also when the edit takes the price out.
    removed = kind != "price" and any(isinstance(edit, RemoveEntity) for edit in part.edits[-1:])
    return None if removed else place_of(kind, name)


__all__ = ["form_link"]
