"""Where an entity is named by others: what a rename changes besides the entity's own line.

A reference is a place in a file and the text that stands there after the rename; `is_key` says that it is the key of a
mapping. Places are those of the files before anything is renamed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from schema.documents import document_kind
from schema.documents.settings import DEFAULT_SETTINGS
from schema.errors import KeyFormatError
from schema.keys import Key, moment_text, parse_key, split_dated, split_model
from schema.places import Path
from sync.edit.locate import Files, find, moment_of, names, part_at, paths_of


class Reference(NamedTuple):
    """A place that names an entity, and what it says afterwards."""

    file: str
    path: Path
    text: str
    is_key: bool = False


class Route(NamedTuple):
    """A model as a route names it, and the `provider/model` that this leads to."""

    file: str
    path: Path
    provider: str
    text: str
    leads_to: str


def references(files: Files, key: Key, new: str) -> Iterator[Reference]:
    """Every place that names the entity `key`, with what it says when the entity is called `new`."""
    match key.kind:
        case "provider":
            yield from _provider(files, key.name, new)
        case "model":
            yield from _model(files, key.name, new)
        case "task":
            yield from _task(files, key.name, new)
        case "plan":
            yield from _plan(files, key.name, new)
        case "feature":
            yield from _feature(files, key.name, new)
    yield from _approvals(files, key, new)


def routes_of(files: Files) -> list[Route]:
    """Every model that a route names, as target or fallback."""
    models, providers = set(names(files, "model")), set(names(files, "provider"))
    found = []
    for file, top in _tops(files, "routing"):
        provider = str(top.get("provider"))
        for path, text in _named_models(top):
            found.append(Route(file, path, provider, text, leads_to(provider, text, models, providers)))
    return found


def leads_to(provider: str, text: str, models: set[str], providers: set[str]) -> str:
    """`provider/model` of what a route of a provider says, as `Catalogue.model_of` reads it."""
    # A model of its own provider comes before one of the provider it begins with.
    own = f"{provider}/{text}"
    head, slash, _ = text.partition("/")
    return own if own in models or not slash or head not in providers else text


def _named_models(top: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    for task, route in _entries(top, "routes"):
        path: Path = ("routes", task)
        if isinstance(route, str):
            yield path, route
        if not isinstance(route, dict):
            continue
        if isinstance(route.get("model"), str):
            yield (*path, "model"), route["model"]
        for index, part in enumerate(_list(route.get("split"))):
            if isinstance(part, dict) and isinstance(part.get("model"), str):
                yield (*path, "split", index, "model"), part["model"]
        for index, fallback in enumerate(_list(route.get("fallbacks"))):
            if isinstance(fallback, str):
                yield (*path, "fallbacks", index), fallback


def _provider(files: Files, old: str, new: str) -> Iterator[Reference]:
    for kind in ("registry", "pricing", "routing"):
        for file, top in _tops(files, kind):
            if top.get("provider") == old:
                yield Reference(file, ("provider",), new)
    for route in routes_of(files):
        if route.leads_to == route.text and route.leads_to.partition("/")[0] == old:
            yield Reference(route.file, route.path, f"{new}/{route.text.partition('/')[2]}")


def _model(files: Files, old: str, new: str) -> Iterator[Reference]:
    bare, new_bare = split_model(old)[1], split_model(new)[1]
    for file in paths_of(files, Key("price", old)):
        if part_at(files.source(file), ("prices", bare)) is not None:
            yield Reference(file, ("prices", bare), new_bare, is_key=True)
    for route in routes_of(files):
        if route.leads_to == old:
            yield Reference(route.file, route.path, new if route.text == old else new_bare)


def _task(files: Files, old: str, new: str) -> Iterator[Reference]:
    for file, top in _tops(files, "routing"):
        if old in dict(_entries(top, "routes")):
            yield Reference(file, ("routes", old), new, is_key=True)


def _plan(files: Files, old: str, new: str) -> Iterator[Reference]:
    for file, top in _tops(files, "pricing"):
        margins: list[tuple[Path, Any]] = [(("defaults", "margin"), _get(top.get("defaults"), "margin"))]
        for model, entries in _entries(top, "prices"):
            margins += [
                (("prices", model, index, "margin"), _get(entry, "margin"))
                for index, entry in enumerate(_list(entries))
            ]
        for path, margin in margins:
            if isinstance(_get(margin, "plans"), dict) and old in margin["plans"]:
                yield Reference(file, (*path, "plans", old), new, is_key=True)
    for file, top in _tops(files, "features"):
        for feature, entry in _entries(top, "features"):
            if isinstance(_get(entry, "plans"), dict) and old in entry["plans"]:
                yield Reference(file, ("features", feature, "plans", old), new, is_key=True)
    for file, top in _tops(files, "settings"):
        if top.get("default_plan") == old:
            yield Reference(file, ("default_plan",), new)


def is_silent_default(files: Files, key: Key) -> bool:
    """Whether a plan is the default plan only because no document names another one."""
    if key != Key("plan", DEFAULT_SETTINGS["default_plan"]):
        return False
    return find(files, Key("setting", "default_plan")) is None


def _feature(files: Files, old: str, new: str) -> Iterator[Reference]:
    for file, top in _tops(files, "plans"):
        for plan, entry in _entries(top, "plans"):
            for index, feature in enumerate(_list(_get(entry, "features"))):
                if feature == old:
                    yield Reference(file, ("plans", plan, "features", index), new)


def _approvals(files: Files, key: Key, new: str) -> Iterator[Reference]:
    """Approvals name entities by their keys."""
    for file, top in _tops(files, "ratecard"):
        for index, approval in enumerate(_list(top.get("approvals"))):
            named = _key(_get(approval, "key"))
            name = None if named is None else _renamed(named, key, new)
            if named is not None and name is not None:
                yield Reference(file, ("approvals", index, "key"), str(Key(named.kind, name)))


def _renamed(named: Key, key: Key, new: str) -> str | None:
    """What an entity is called once `key` is called `new`; None when the one has nothing to do with the other."""
    kind, name = named
    head, date = split_dated(name)
    if key.kind == "provider" and kind in ("model", "price", "route"):
        provider, slash, rest = name.partition("/")
        return f"{new}/{rest}" if slash and provider == key.name else None
    if key.kind == "model" and kind == "price":
        return None if head != key.name else f"{new}@{date}" if date else new
    if key.kind == "task" and kind == "route":
        provider, slash, task = name.partition("/")
        return f"{provider}/{new}" if slash and task == key.name else None
    if kind in ("price", "rate"):
        moment = moment_of(date)
        name = name if moment is None else f"{head}@{moment_text(moment)}"
    return new if (kind, name) == key else None


def _key(text: object) -> Key | None:
    try:
        return parse_key(text) if isinstance(text, str) else None
    except KeyFormatError:
        return None


def _tops(files: Files, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in files.all_paths():
        if document_kind(file) == kind:
            value = files.source(file).value
            yield file, value if isinstance(value, dict) else {}


def _entries(top: dict[str, Any], container: str) -> Iterator[tuple[str, Any]]:
    entries = top.get(container)
    yield from entries.items() if isinstance(entries, dict) else ()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


__all__ = ["Reference", "Route", "is_silent_default", "leads_to", "references", "routes_of"]
