"""The form of an entity: the page and the parameters that open it. Pure."""

from __future__ import annotations

from dashboard.draft_parts import DraftPart

Link = tuple[str, dict[str, str]]

_ONE_PARAMETER = {
    "model": ("app_pages/models.py", "model"),
    "price": ("app_pages/pricing.py", "model"),
    "plan": ("app_pages/plans.py", "plan"),
}


def form_link(part: DraftPart) -> Link | None:
    """Page and query parameters of the form behind an edit; None for a kind without a page of its own."""
    kind, name = part.undated
    if kind == "route":
        provider, _, task = name.partition("/")
        return "app_pages/routing.py", {"provider_table": provider, "task": task}
    if kind not in _ONE_PARAMETER:
        return None
    page, parameter = _ONE_PARAMETER[kind]
    return page, {parameter: name}


__all__ = ["form_link"]
