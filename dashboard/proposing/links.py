"""The form of an entity: the page and the parameters that open it. Pure."""

from __future__ import annotations

from dashboard.proposing.parts import DraftPart
from sync.edit import RemoveEntity

Link = tuple[str, dict[str, str]]

_ONE_PARAMETER: dict[str, tuple[str, str]] = {
    "model": ("app_pages/models.py", "model"),
    "price": ("app_pages/pricing.py", "model"),
    "plan": ("app_pages/plans.py", "plan"),
    "pack": ("app_pages/packs.py", "pack"),
    "feature": ("app_pages/features.py", "feature"),
    "access": ("app_pages/access.py", "person"),
}
_WHOLE_PAGES: dict[str, Link] = {
    "run_unit": ("app_pages/features.py", {"view": "Run units"}),
    "rate": ("app_pages/rates.py", {}),
    "setting": ("app_pages/settings.py", {}),
}


def form_link(part: DraftPart) -> Link | None:
    """Page and query parameters of the form behind an edit; None for what no form can open."""
    kind, name = part.undated
    if kind == "route":
        provider, _, task = name.partition("/")
        return "app_pages/routing.py", {"provider_table": provider, "task": task}
    if kind in _WHOLE_PAGES:
        return _WHOLE_PAGES[kind]
    # The form of a price is that of its model, which is there also when the edit takes the price out.
    removed = kind != "price" and any(isinstance(edit, RemoveEntity) for edit in part.edits[-1:])
    if kind not in _ONE_PARAMETER or removed:
        return None
    page, parameter = _ONE_PARAMETER[kind]
    return page, {parameter: name}


__all__ = ["form_link"]
