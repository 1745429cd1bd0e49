"""A configuration brought back to what it said earlier, without rewriting what calls may have been billed by.

Files of undated kinds go back byte for byte. Prices and exchange rates are history: what is in effect stays, and where
another entry was in force then, it is appended again, from now on; what is only scheduled goes or comes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from schema.catalogue import Catalogue, load_catalogue
from schema.documents import document_kind
from schema.keys import Key, moment_text, parse_moment, split_dated
from sync.changes import MONEY_COLUMNS
from sync.desired import Row, Rows, desired_rows
from sync.edit.changes import assign
from sync.edit.edits import AddEntity, RemoveEntity
from sync.edit.entities import add_entity, put_dated, remove_entity
from sync.edit.homes import home_of
from sync.edit.locate import Files, container_path, find, part_at
from sync.edit.values import written_value
from sync.errors import RefusedError

_DATED = {"pricing": "price", "exchange_rates": "rate"}
_MONEY = {"price": MONEY_COLUMNS, "rate": ("rate_micros",)}


@dataclass(frozen=True, slots=True)
class InEffect:
    """A dated entry that the database has in force, and since when."""

    row: Row
    since: datetime


@dataclass(frozen=True, slots=True)
class Reverted:
    """The files that change, by path inside the config folder (None for one that goes), and what is to be known."""

    changed: Mapping[str, bytes | None]
    notes: tuple[str, ...]


class _Side:
    """A configuration: its texts, entities and rows."""

    def __init__(self, files: Mapping[str, bytes], folder: str) -> None:
        self.texts = Files(files, folder)
        self.catalogue: Catalogue
        self.catalogue, self.findings = load_catalogue(files, folder)
        self.rows: Rows = desired_rows(self.catalogue)


def revert(
    then: Mapping[str, bytes],
    here: Mapping[str, bytes],
    in_effect: Mapping[Key, InEffect],
    *,
    now: datetime,
    folder: str = "config",
) -> Reverted:
    """What brings the files `here` back to what `then` said.

    `in_effect` holds the prices and rates that the database has in force at `now`. Raises RefusedError when the
    earlier files cannot be read any more.
    """
    earlier, present = _Side(then, folder), _Side(here, folder)
    if earlier.findings:
        raise RefusedError("UNREADABLE", f"the earlier configuration cannot be read any more: {earlier.findings[0]}")
    after = {path: data for path, data in here.items() if not _is_document(path, data)}
    after.update({path: data for path, data in then.items() if _is_document(path, data) and _dated(path) is None})
    notes: list[str] = []
    apart = []
    for group in sorted({_group(side.texts, path) for side in (earlier, present) for path in _dated_paths(side.texts)}):
        held = {key: entry for key, entry in in_effect.items() if _group_of(key) == group}
        whole = _goes_back_whole(earlier, held, group, now)
        side, files = (earlier, then) if whole else (present, here)
        after.update({path: files[path] for path in _dated_paths(side.texts) if _group(side.texts, path) == group})
        if not whole:
            apart.append((group, held))
    texts = Files(after, folder)
    for group, held in apart:
        notes += _revert_group(texts, earlier, present, group, held, now)
    notes += _keep_what_is_billed(texts, earlier, present)
    after.update({path: data for path, data in texts.changed().items() if data is not None})
    changed = {path: after.get(path) for path in sorted({*here, *after}) if here.get(path) != after.get(path)}
    return Reverted(changed, tuple(notes))


def _is_document(path: str, data: bytes) -> bool:
    return document_kind(path) is not None and type(data) is bytes and not path.split("/")[-1].startswith(".")


def _dated(path: str) -> str | None:
    return _DATED.get(document_kind(path) or "")


def _dated_paths(texts: Files) -> Iterator[str]:
    return (path for path in texts.all_paths() if _dated(path) and type(texts.given[path]) is bytes)


Group = tuple[str, str]
"""The kind of dated entries and their provider (empty for rates): what goes back as a whole or entry by entry."""


def _group(texts: Files, path: str) -> Group:
    kind, top = str(_dated(path)), texts.source(path).value
    return kind, str(top.get("provider")) if kind == "price" and isinstance(top, dict) else ""


def _group_of(key: Key) -> Group:
    return key.kind, key.name.partition("/")[0] if key.kind == "price" else ""


def _goes_back_whole(earlier: _Side, held: Mapping[Key, InEffect], group: Group, now: datetime) -> bool:
    """Whether the earlier files of a group say everything that is in effect, and bring no old entry to life."""
    kind = group[0]
    rows = earlier.rows[kind]
    if not all(key.name in rows and _same_money(kind, rows[key.name], entry.row) for key, entry in held.items()):
        return False
    priced = {split_dated(key.name)[0] for key in held}
    for name in {split_dated(key)[0] for key in rows} & priced:
        past = _past(rows, name, now)
        missing = [one for one in past if Key(kind, one) not in held]
        if missing and past[-1] not in missing:
            return False
    return True


def _past(rows: Mapping[str, Row], name: str, now: datetime) -> list[str]:
    """The entries of a model or pair that begin at `now` or before, the last one last."""
    found = [key for key, row in rows.items() if split_dated(key)[0] == name and row["effective"] <= now]
    return sorted(found, key=lambda key: rows[key]["effective"])


def _same_money(kind: str, one: Row, other: Row) -> bool:
    return all(one[column] == other[column] for column in _MONEY[kind])


def _revert_group(
    texts: Files, earlier: _Side, present: _Side, group: Group, held: Mapping[Key, InEffect], now: datetime
) -> Iterator[str]:
    kind = group[0]
    rows = (*earlier.rows[kind], *present.rows[kind], *(key.name for key in held))
    for name in sorted({split_dated(key)[0] for key in rows if _group_of(Key(kind, key)) == group}):
        own = {key: entry for key, entry in held.items() if split_dated(key.name)[0] == name}
        yield from _revert_entries(texts, earlier, present, Key(kind, name), own, now)


def _revert_entries(
    texts: Files, earlier: _Side, present: _Side, subject: Key, held: Mapping[Key, InEffect], now: datetime
) -> Iterator[str]:
    kind, name = subject
    then, here = earlier.rows[kind], present.rows[kind]
    past = _past(then, name, now)
    for entry in sorted(key for key in {*then, *here} if split_dated(key)[0] == name):
        key = Key(kind, entry)
        stays = key in held and not (entry in then and _same_money(kind, then[entry], held[key].row))
        if stays and entry in here and _same_money(kind, here[entry], held[key].row):
            yield f"{key} stays: it is in effect since {held[key].since:%Y-%m-%d}, and calls may have been billed by it"
        elif entry not in then:
            remove_entity(texts, RemoveEntity(key))
        elif key in held or not held or then[entry]["effective"] > now:
            _place(texts, earlier, key, entry_date=split_dated(entry)[1])
        elif entry != past[-1]:
            yield f"{key} was taken out of history since, and stays out"
    if not held or not past:
        return
    current = max(held.values(), key=lambda one: (one.since, one.row["effective"]))
    if not _same_money(kind, then[past[-1]], current.row):
        date = _free_date(texts, subject, now)
        _place(texts, earlier, Key(kind, past[-1]), entry_date=date)
        yield f"{kind} {name} says from {date} on what {kind} {past[-1]} said"


def _place(texts: Files, earlier: _Side, key: Key, *, entry_date: str) -> None:
    """Write an entry as it was then, under a date: over the one that has the date, else as a new one."""
    found = find(earlier.texts, key)
    assert found is not None  # noqa: S101 - its row was made from there
    source = earlier.texts.source(found.file)
    node = source.node(found.path)
    assert node is not None  # noqa: S101
    entry = written_value(source, node)
    dated = Key(key.kind, f"{split_dated(key.name)[0]}@{entry_date}")
    file = home_of(texts, dated)
    if entry_date != split_dated(key.name)[1]:
        entry = type(entry)({**entry, "effective": entry_date})
        entry.pop("accept", None)
    own = {"margin", "charge", "credits"} & entry.keys()
    margin = _default_margin(earlier.texts, found.file)
    if key.kind == "price" and not own and margin != _default_margin(texts, file):
        entry["margin"] = margin
    target = find(texts, dated)
    if target is None:
        texts.put(file, put_dated(texts.source(file), container_path(dated), entry))
    else:
        entry["effective"] = part_at(texts.source(target.file), (*target.path, "effective"))
        texts.put(target.file, assign(texts.source(target.file), target.path, entry))


def _default_margin(texts: Files, file: str) -> Any:
    source = texts.source(file)
    node = source.node(("defaults", "margin"))
    return None if node is None else written_value(source, node)


def _free_date(texts: Files, subject: Key, now: datetime) -> str:
    """Today; the moment itself when an entry begins today already, so that the appended one is the later."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    entries = part_at(texts.source(home_of(texts, subject)), container_path(subject))
    begins = {parse_moment(entry["effective"]) for entry in entries or ()}
    if not any(midnight <= moment <= now for moment in begins):
        return moment_text(midnight)
    moment = now.replace(microsecond=0)
    while moment in begins:
        moment += timedelta(seconds=1)
    return moment_text(moment)


def _keep_what_is_billed(texts: Files, earlier: _Side, present: _Side) -> Iterator[str]:
    """What entries that stay refer to stays too, closed to new business: models inactive, plans inactive."""
    after = load_catalogue(_contents(texts))[0]
    models = {split_dated(name)[0] for name in after.of("price")} - after.of("model").keys()
    for name in sorted(models & present.catalogue.of("model").keys()):
        if name.partition("/")[0] not in after.of("provider"):
            _keep(texts, present, Key("provider", name.partition("/")[0]))
            after = load_catalogue(_contents(texts))[0]
        taken = {alias for entity in after.of("model").values() for alias in entity.document.aliases}
        _keep(texts, present, Key("model", name), active=False, without_aliases=taken | set(after.of("model")))
        yield f"model {name} stays, inactive: calls may have been billed by its prices"
    for name in sorted(set(_plans_of(after)) - after.of("plan").keys()):
        if name in present.catalogue.of("plan"):
            _keep(texts, present, Key("plan", name), active=False)
            yield f"plan {name} stays, inactive: prices in effect name it"
    gone = present.catalogue.of("plan").keys() - load_catalogue(_contents(texts))[0].of("plan").keys()
    for name in sorted(gone):
        yield f"plan {name} goes: apply refuses while accounts subscribe to it"


def _contents(texts: Files) -> dict[str, bytes]:
    files = {**texts.given, **texts.changed()}
    return {path: data for path, data in files.items() if data is not None}


def _plans_of(catalogue: Catalogue) -> Iterator[str]:
    for entity in catalogue.of("price").values():
        defaults = entity.parent.defaults  # type: ignore[attr-defined]
        margins = entity.document.margin or (defaults.margin if defaults else None)
        yield from margins.plans if margins else ()


def _keep(
    texts: Files, present: _Side, key: Key, *, active: bool | None = None, without_aliases: set[str] | None = None
) -> None:
    found = find(present.texts, key)
    assert found is not None  # noqa: S101 - it is in the catalogue that was read from there
    source = present.texts.source(found.file)
    node = source.node(found.path)
    assert node is not None  # noqa: S101
    fields = dict(written_value(source, node))
    if key.kind == "provider":
        fields = {name: value for name, value in fields.items() if name == "display_name"}
    if active is not None:
        fields["active"] = "true" if active else "false"
    if without_aliases and "aliases" in fields:
        fields["aliases"] = type(fields["aliases"])(a for a in fields["aliases"] if a not in without_aliases)
    add_entity(texts, AddEntity(key, fields))


__all__ = ["InEffect", "Reverted", "revert"]
