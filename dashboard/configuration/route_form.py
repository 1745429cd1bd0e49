"""The form of a route as data: targets with shares, fallbacks, and the edits they mean. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schema.catalogue import Entity
from schema.documents.routing import RouteTarget
from schema.keys import Key
from sync.edit import AddEntity, Edit, RemoveEntity, SetField


@dataclass(frozen=True, slots=True)
class RouteTexts:
    """Targets as `provider/model` with percents, and fallbacks in order."""

    parts: tuple[tuple[str, int], ...]
    fallbacks: tuple[str, ...] = ()


def full_name(name: str, provider: str, known: set[str]) -> str:
    """`provider/model` of a model that a routing table of `provider` names; its own provider is tried first."""
    own = f"{provider}/{name}"
    return own if own in known or "/" not in name else name


def short_name(name: str, provider: str) -> str:
    """How a routing table of `provider` writes a model: without the provider when it is its own."""
    return name.removeprefix(f"{provider}/")


def initial_texts(entity: Entity | None, provider: str, known: set[str]) -> RouteTexts | None:
    """What the route says now; None when the task has no line of its own."""
    if entity is None or not isinstance(entity.document, RouteTarget):
        return None
    target = entity.document
    parts = tuple((full_name(model, provider, known), weight) for model, weight in target.parts)
    return RouteTexts(parts, tuple(full_name(model, provider, known) for model in target.fallbacks))


def even_shares(models: list[str], before: RouteTexts | None) -> dict[str, int]:
    """Shares for chosen models that sum to 100: those of the route where it has the same models, else even ones."""
    if before is not None and {model for model, _ in before.parts} == set(models):
        return dict(before.parts)
    each, rest = divmod(100, len(models)) if models else (0, 0)
    return {model: each + (1 if place < rest else 0) for place, model in enumerate(models)}


def edits_of(before: RouteTexts | None, after: RouteTexts | None, provider: str, task: str) -> list[Edit]:
    """What the form means; without `after` the task's line goes and `_default` serves it."""
    key = Key("route", f"{provider}/{task}")
    if after is None:
        return [RemoveEntity(key)] if before is not None else []
    fallbacks = [short_name(model, provider) for model in after.fallbacks]
    target: dict[str, Any]
    if len(after.parts) == 1:
        target = {"model": short_name(after.parts[0][0], provider)}
    else:
        parts = [{"model": short_name(model, provider), "weight": str(weight)} for model, weight in after.parts]
        target = {"split": parts}
    if before is None:
        return [AddEntity(key, target | ({"fallbacks": fallbacks} if fallbacks else {}))]
    edits: list[Edit] = []
    if after.parts != before.parts:
        edits += [SetField(key, name, value) for name, value in target.items()]
    if after.fallbacks != before.fallbacks:
        edits.append(SetField(key, "fallbacks", fallbacks or None))
    return edits
