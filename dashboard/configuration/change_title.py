"""The title that a form gives the commit of a change. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dashboard.configuration.entity_form import Field
from sync.edit import Edit, SetField

_LONGEST = 80


def change_title(fields: Iterable[Field], edits: Sequence[Edit], what: str, otherwise: str = "") -> str:
    """`Set the monthly fee of plan pro to 29` where one field gets another value, else `Change plan pro`."""
    if len(edits) == 1 and isinstance(edits[0], SetField) and isinstance(edits[0].value, str):
        edit = edits[0]
        label = next((each.label for each in fields if (each.key, each.path) == (edit.key, edit.field)), "")
        words = label if not label[1:].islower() else label[:1].lower() + label[1:]
        title = f"Set the {words} of {what} to {edit.value}"
        if words and len(title) <= _LONGEST and str(edit.value) not in ("true", "false"):
            return title
    return otherwise or f"Change {what}"


__all__ = ["change_title"]
