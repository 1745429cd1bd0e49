"""Renames: an entity's own line and every line that names it, nothing else."""

from __future__ import annotations

from schema.keys import Key, moment_text, split_dated, split_model
from sync.edit.changes import assign, rename_key
from sync.edit.edits import RenameEntity
from sync.edit.homes import home_of
from sync.edit.locate import Files, Location, container_path, find, moment_of, require
from sync.edit.references import Reference, is_silent_default, references, routes_of
from sync.errors import EditError

_FIXED = {
    "setting": "the names of settings are fixed; only those under `extra` are yours to choose",
    "policy": "the names of policies are fixed",
    "run_unit": "only run_unit tier/NAME and tool/NAME have a name to change, and each stays in its table",
}


def rename_entity(files: Files, edit: RenameEntity) -> None:
    """Rename an entity and what refers to it. Raises EditError when the new name is taken or not one of its kind."""
    key = edit.key
    found = require(files, key)
    new = new_name(key, edit.new_name)
    if new == key.name:
        raise EditError(f"{key} has this name already")
    if key.kind != "access" or new.lower() != key.name.lower():
        taken = find(files, Key(key.kind, new))
        if taken is not None:
            raise EditError(
                f"{key.kind} {new} is already there ({files.source(taken.file).place(taken.path, key=True)})"
            )
    touched = [*_own(key, found, new), *references(files, key, new)]
    implied = is_silent_default(files, key)
    before = {(route.file, route.path): route.leads_to for route in routes_of(files)}
    # Values before keys, and the deepest keys first: each place is still where it was found.
    for one in sorted(touched, key=lambda one: (one.is_key, -len(one.path))):
        source = files.source(one.file)
        files.put(
            one.file,
            rename_key(source, one.path, one.text) if one.is_key else assign(source, one.path, one.text),
        )
    if implied:
        setting = Key("setting", "default_plan")
        home = home_of(files, setting)
        files.put(home, assign(files.source(home), container_path(setting), new))
    _refuse_misled_routes(files, key, new, before)


def new_name(key: Key, text: str) -> str:
    """The whole new name; raises EditError when it would move the entity to another place or is no name of its kind."""
    text = text.removeprefix(f"{key.kind} ").strip()
    if not text:
        raise EditError(f"{key} needs a name to be renamed to")
    if key.kind in ("price", "rate"):
        return _new_date(key, text)
    if key.kind in ("model", "route"):
        provider, old = split_model(key.name)
        if not text.startswith(f"{provider}/") or text == f"{provider}/":
            raise EditError(f"{key} stays with its provider: write {key.kind} {key.name}={provider}/NAME")
        if key.kind == "route" and "_default" in (old, text.removeprefix(f"{provider}/")):
            raise EditError(f"{key} cannot be renamed to or from _default; set the one and remove the other")
    elif key.kind == "provider" and "/" in text:
        raise EditError(f"'{text}' is no name of a provider")
    prefix = {"setting": "extra.", "run_unit": key.name.partition("/")[0] + "/"}.get(key.kind, "")
    fixed = key.kind == "run_unit" and "/" not in key.name
    if key.kind in _FIXED and (not prefix or fixed or not _both(prefix, key.name, text)):
        raise EditError(f"{key} cannot be renamed to {text}: {_FIXED[key.kind]}")
    return text


def _both(prefix: str, *names: str) -> bool:
    return all(name.startswith(prefix) and name != prefix for name in names)


def _new_date(key: Key, text: str) -> str:
    name = split_dated(key.name)[0]
    text = text.removeprefix("@")
    head, date = (name, text) if moment_of(text) else split_dated(text)
    moment = moment_of(date)
    if head != name:
        what = "model" if key.kind == "price" else "pair"
        raise EditError(f"{key} stays with its {what}; only its date changes: write {key}=YYYY-MM-DD")
    if moment is None:
        raise EditError(f"'{text}' is not a date for {key}; write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ")
    return f"{name}@{moment_text(moment)}"


def _own(key: Key, found: Location, new: str) -> list[Reference]:
    """The entity's own name. A provider's stands in its files, with the references."""
    if key.kind == "provider":
        return []
    if key.kind in ("price", "rate"):
        return [Reference(found.file, (*found.path, "effective"), split_dated(new)[1])]
    if key.kind == "access":
        return [Reference(found.file, found.path, new)]
    name = str(container_path(Key(key.kind, new))[-1])
    return [Reference(found.file, found.path, name, is_key=True)]


def _refuse_misled_routes(
    files: Files, key: Key, new: str, before: dict[tuple[str, tuple[str | int, ...]], str]
) -> None:
    """A route that named this model names it still, and no other one has come to mean another model."""
    if key.kind not in ("provider", "model"):
        return
    for route in routes_of(files):
        wanted = before[route.file, route.path]
        if key.kind == "provider" and wanted.startswith(f"{key.name}/"):
            wanted = f"{new}/{wanted.partition('/')[2]}"
        elif (key.kind, wanted) == key:
            wanted = new
        if route.leads_to != wanted:
            place = files.source(route.file).place(route.path)
            raise EditError(
                f"{place}: '{route.text}' would come to mean {route.leads_to} instead of {wanted}; choose another name"
            )


__all__ = ["new_name", "rename_entity"]
