"""`access`: who may do what on the dashboard."""

from __future__ import annotations

from schema.documents.base import Document, Email


class AccessDocument(Document):
    """People by role; the variable RATECARD_ADMINS adds admins that no document can remove."""

    admins: tuple[Email, ...] = ()
    """See everything, propose, merge and apply."""
    analysts: tuple[Email, ...] = ()
    """See everything and export."""
    viewers: tuple[Email, ...] = ()
    """See charts and configuration."""
