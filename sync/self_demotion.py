"""Nobody demotes themselves: a proposal in which its author's own role falls is refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from schema.catalogue import load_catalogue
from schema.documents import document_kind
from sync.errors import RefusedError

ROLES = ("viewer", "analyst", "admin")
"""Roles of `access.yaml`, each with the rights of those before it."""


def refuse_self_demotion(before: Mapping[str, bytes], after: Mapping[str, bytes], email: str) -> None:
    """Raise RefusedError (CANNOT_DEMOTE_SELF) when the documents give the author a lower role than before, or none.

    What RATECARD_ADMINS says does not matter: such an admin keeps the role, but does not take it from a document.
    """
    address = email.strip().lower()
    had, has = _roles(before).get(address), _roles(after).get(address)
    if had is None or (has is not None and ROLES.index(has) >= ROLES.index(had)):
        return
    left = f"leave you {has}" if has else "take every role from you"
    raise RefusedError(
        "CANNOT_DEMOTE_SELF",
        f"{address} is {had} and nobody demotes themselves: this would {left}; ask another admin to propose it",
    )


def _roles(files: Mapping[str, bytes]) -> dict[str, str]:
    catalogue, _ = load_catalogue({path: data for path, data in files.items() if document_kind(path) == "access"})
    return {person.lower(): str(entity.document) for person, entity in catalogue.of("access").items()}


__all__ = ["ROLES", "refuse_self_demotion"]
