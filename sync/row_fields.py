"""Rows of the database as fields of the YAML: the inverse of `sync.desired`.

Values come in the leaves that edits write: text, and None for nothing. Whether they say exactly what the row says is
for the caller to see: it reads the edited files and compares rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from schema.documents.commerce import CreditPack, Feature
from schema.documents.plans import LiteLLMBudget, PlanEntry
from schema.documents.registry import ModelEntry
from schema.documents.routing import TaskEntry
from schema.money import plain
from schema.places import scalar
from sync.desired import Row, jsonable
from sync.edit import Quoted, Value
from sync.edit.edits import VALUE_FIELD
from sync.edit.references import leads_to
from sync.presenting import present

Fields = dict[str, Value]
_DOCUMENTS: dict[str, type[BaseModel]] = {
    "model": ModelEntry,
    "task": TaskEntry,
    "plan": PlanEntry,
    "pack": CreditPack,
    "feature": Feature,
}
_FREE = "extra."
"""Settings under this are typed by how they are written; all others by their documents."""


def row_fields(kind: str, row: Row, models: Collection[str], providers: Collection[str]) -> Fields:
    """The fields of a row by their first step; what the row leaves out, or says by default, is absent.

    `models` and `providers` are the names of those that exist, by which a route may name a model briefly.
    """
    shown = present(kind, row) or {}
    match kind:
        case "setting" | "policy":
            name = str(row[kind])
            return {VALUE_FIELD: _written(row["value"], free=kind == "setting" and name.startswith(_FREE))}
        case "run_unit" | "reasoning":
            return {VALUE_FIELD: next(iter(shown.values()))}
        case "route":
            return {name: _short(value, str(row["provider"]), models, providers) for name, value in shown.items()}
        case "price" | "rate":
            return {name: _written(value) for name, value in shown.items() if name != "effective"}
        case "plan":
            shown = {**shown, **_budget(row["litellm"])}
    document = _DOCUMENTS.get(kind)
    return {name: _written(value) for name, value in shown.items() if not _is_default(document, name, value)}


def changed_fields(written: Any, before: Any, after: Any, *, free: bool = False) -> Any:
    """What to write so that a part says `after`, where `written` says `before` now: what is equal stays as it is.

    For values as `jsonable` makes them, whose documents fill in defaults that nobody wrote. None where nothing is to
    be written.
    """
    if type(before) is type(after) and before == after:
        return written
    if not all(isinstance(part, Mapping) for part in (written, before, after)):
        return _written(after, free=free)
    found = {}
    for name, value in after.items():
        known = name in before
        part = (
            changed_fields(written.get(name), before[name], value, free=free) if known else _written(value, free=free)
        )
        if part is not None or (free and value is None):
            found[name] = part
    return found


def _written(value: Any, *, free: bool = False) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _free_text(value) if free else value
    if isinstance(value, Mapping):
        parts = {str(name): _written(part, free=free) for name, part in value.items()}
        return {name: part for name, part in parts.items() if free or part is not None}
    if isinstance(value, list | tuple):
        return [_written(part, free=free) for part in value]
    return None if value is None else str(value)


def _free_text(text: str) -> str:
    """Text that reads back as text: a decimal, which the database keeps as its digits, may stand without quotes."""
    read = scalar(text)
    if isinstance(read, Decimal):
        return text if plain(read) == text else Quoted(text)
    return text if isinstance(read, str) else Quoted(text)


def _short(value: Any, provider: str, models: Collection[str], providers: Collection[str]) -> Any:
    """Models without their provider where that names the same one."""
    if isinstance(value, list):
        return [_short(part, provider, models, providers) for part in value]
    if isinstance(value, Mapping):
        return {
            name: _short(part, provider, models, providers) if name == "model" else _written(part)
            for name, part in value.items()
        }
    model = str(value)
    bare = model.removeprefix(f"{provider}/")
    return bare if leads_to(provider, bare, set(models), set(providers)) == model else model


def _budget(stored: Mapping[str, Any] | None) -> dict[str, Any]:
    if stored is None:
        return {}
    return {"litellm": {name: part for name, part in stored.items() if not _is_default(LiteLLMBudget, name, part)}}


def _is_default(document: type[BaseModel] | None, name: str, value: Any) -> bool:
    """Whether a document says this value without writing it."""
    found = None if document is None else document.model_fields.get(name)
    if found is None or found.is_required():
        return False
    return bool(_written(jsonable(found.get_default(call_default_factory=True))) == _written(value))


__all__ = ["Fields", "changed_fields", "row_fields"]
