"""Pages: a cursor is the last id of the page before, in a form that says nothing to others and fits an address."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

from fastapi import Query

from metering.api.errors import BadRequestError

LARGEST_PAGE = 1_000
PAGE = 100

Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="How many at most.")]
Cursor = Annotated[
    str | None, Query(max_length=1_000, pattern="^[A-Za-z0-9_-]*$", description="`next_cursor` of the page before.")
]


def cursor_of(last_id: str | None) -> str | None:
    """The cursor after an id; None when there is no next page."""
    return None if last_id is None else urlsafe_b64encode(last_id.encode()).decode().rstrip("=")


def id_of(cursor: str | None) -> str | None:
    """The id that a cursor stands for. Raises BadRequestError for one that was not given out."""
    if cursor is None:
        return None
    try:
        found = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        found = ""
    if not found or "\x00" in found:
        raise BadRequestError("cursor: it is none that was given out")
    return found


__all__ = ["LARGEST_PAGE", "PAGE", "Cursor", "Limit", "cursor_of", "id_of"]
