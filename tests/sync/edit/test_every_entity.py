"""Every entity of the shipped configuration and of awkward YAML: renamed and back, taken out and put in, set.

A rename changes nothing but the name on the lines that have it, and back it gives the same bytes; what is taken out is
one block of lines, and what is put in is another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any

import pytest

from schema.keys import KINDS, Key, split_dated
from schema.places import Source, read_source
from sync.edit import AddEntity, Edit, RemoveEntity, RenameEntity, SetField, apply_edits, locate
from sync.edit.locate import ROLES, Files, container_path, find, names, part_at
from sync.edit.values import written_value
from sync.errors import EditError
from tests.sync.edit.awkward import AWKWARD

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
CONFIG = FilePath(__file__).parents[3] / "config"
SHIPPED = {path.relative_to(CONFIG).as_posix(): path.read_bytes() for path in sorted(CONFIG.rglob("*.yaml"))}
DOCUMENTS = {"models:": "registry", "prices:": "pricing"}
TREES: dict[str, dict[str, bytes]] = {"shipped": SHIPPED} | {
    name: {f"{kind}/{name}.yaml": text.encode()}
    for name, text in AWKWARD.items()
    for mark, kind in DOCUMENTS.items()
    if mark in text.replace("'models'", "models") and name != "empty_values"
}
"""In `empty_values` no provider is named, so that nothing in it has a key."""
FIXED = {"setting", "policy"}


@pytest.fixture(autouse=True)
def _parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsed files never change, so that one text need be parsed only once for thousands of edits."""
    monkeypatch.setattr(locate, "read_source", lru_cache(maxsize=None)(read_source))


def after(files: Mapping[str, bytes], *edits: Edit) -> dict[str, bytes]:
    changed = apply_edits(files, edits, now=NOW)
    left = {path: data for path, data in files.items() if path not in changed}
    return left | {path: data for path, data in changed.items() if data is not None}


def keys(files: Mapping[str, bytes]) -> Iterator[Key]:
    texts = Files(files)
    for kind in KINDS:
        yield from (Key(kind, name) for name in names(texts, kind) if find(texts, Key(kind, name)) is not None)


def new_name(key: Key) -> str:
    if key.kind in ("price", "rate"):
        return f"{split_dated(key.name)[0]}@2031-05-04"
    return f"x-{key.name}" if key.kind in ("access", "provider") else f"{key.name}-x"


def can_be_renamed(key: Key) -> bool:
    if key.kind in FIXED:
        return key.name.startswith("extra.")
    if key.kind == "route":
        return not key.name.endswith("/_default")
    return key.kind != "run_unit" or "/" in key.name


def part_of_name(key: Key, name: str) -> str:
    """What stands in the text: the date of a price, the model behind its provider, and so on."""
    if key.kind in ("price", "rate"):
        return split_dated(name)[1]
    return str(container_path(Key(key.kind, name))[-1]) if key.kind != "provider" else name


@pytest.mark.parametrize("tree", TREES)
def test_a_rename_changes_the_name_alone_and_back_gives_the_same_bytes(tree: str) -> None:
    files = TREES[tree]
    renamed = 0
    for key in keys(files):
        if not can_be_renamed(key):
            with pytest.raises(EditError, match=r" cannot be renamed to "):
                after(files, RenameEntity(key, new_name(key)))
            continue
        made = after(files, RenameEntity(key, new_name(key)))
        old, new = part_of_name(key, key.name), part_of_name(key, new_name(key))
        for path in files:
            before_lines, after_lines = lines(files[path]), lines(made[path])
            assert len(before_lines) == len(after_lines)
            for before, now in zip(before_lines, after_lines, strict=True):
                assert now == before or (new in now and now.replace(new, old) == before), key
        assert sum(files[path] != made[path] for path in files) > 0
        assert after(made, RenameEntity(Key(key.kind, new_name(key)), key.name)) == files, key
        renamed += 1
    assert renamed > 0


@pytest.mark.parametrize("tree", TREES)
def test_what_is_taken_out_is_one_block_and_put_in_again_says_the_same(tree: str) -> None:
    files = TREES[tree]
    texts = Files(files)
    for key in keys(files):
        if key.kind == "provider":
            continue
        place = find(texts, key)
        assert place is not None
        source = texts.source(place.file)
        without = after(files, RemoveEntity(key))
        alone = key.kind in ("price", "rate") and len(part_at(source, place.path[:-1])) == 1
        top, bottom = span(source, place.path[:-1] if alone else place.path)
        before, now = lines(files[place.file]), lines(without[place.file])
        first, last, added = block(before, now)
        # A blank line beside it may go; a list or mapping that was left empty says so in the line above.
        opening = top - comments_above(source, top) - 1
        if added:
            assert (len(added), now[first].rstrip()[-2:] in ("{}", "[]")) == (1, True), key
            assert opening - 1 <= first <= last <= bottom + 1, key
        else:
            gone = len(before) - len(now)
            places = range(opening, top + 1)
            assert any(before[:at] + before[at + gone :] == now and at + gone <= bottom + 1 for at in places), key
        again = after(without, AddEntity(key, fields(source, key, place.path)))
        said = read_source(place.file, again[place.file]).value
        if key.kind == "access":
            # A person who comes again stands last.
            assert {role: set(people) for role, people in said.items()} == {
                role: set(people) for role, people in source.value.items()
            }
        else:
            assert said == source.value, key
        first, last, removed = block(lines(again[place.file]), lines(without[place.file]))
        assert len(removed) <= 1
        assert all(again[path] == files[path] for path in files if path != place.file)


@pytest.mark.parametrize("tree", TREES)
def test_a_field_that_is_set_changes_its_own_line(tree: str) -> None:
    files = TREES[tree]
    texts = Files(files)
    for key in keys(files):
        place = find(texts, key)
        assert place is not None
        source = texts.source(place.file)
        field = first_field(source, key, place.path)
        if field is None:
            continue
        made = after(files, SetField(key, field, "1.2345"))
        assert [path for path in files if files[path] != made[path]] == [place.file]
        first, last, added = block(lines(files[place.file]), lines(made[place.file]))
        top, bottom = span(source, place.path)
        assert (last - first, len(added)) == (1, 1), key
        assert top <= first <= bottom


def lines(data: bytes) -> list[str]:
    return data.decode().replace("\r\n", "\n").split("\n")


def block(before: list[str], now: list[str]) -> tuple[int, int, list[str]]:
    """The one block in which two texts differ: its first and last line (half open) before, and its lines now."""
    head = next((at for at, (one, other) in enumerate(zip(before, now, strict=False)) if one != other), None)
    if head is None:
        head = min(len(before), len(now))
    tail = 0
    while tail < min(len(before), len(now)) - head and before[-1 - tail] == now[-1 - tail]:
        tail += 1
    return head, len(before) - tail, now[head : len(now) - tail]


def span(source: Source, path: tuple[Any, ...]) -> tuple[int, int]:
    """The first line of an entity and the one behind its last, from 0."""
    node = source.node(path)
    assert node is not None
    start = (source.key_node(path) if path else None) or node
    return start.start_mark.line, max(node.end_mark.line, start.start_mark.line + 1)


def comments_above(source: Source, line: int) -> int:
    above = lines(source.text.encode())[:line]
    return next((number for number, text in enumerate(reversed(above)) if not text.lstrip().startswith("#")), line)


def fields(source: Source, key: Key, path: tuple[Any, ...]) -> dict[str, Any]:
    if key.kind == "access":
        return {"role": next(role for role, people in ROLES.items() if people == path[0])}
    node = source.node(path)
    assert node is not None
    value = written_value(source, node)
    if key.kind in ("setting", "policy", "run_unit", "reasoning", "route") or not isinstance(value, dict):
        return {"value": value} if key.kind in ("setting", "policy", "run_unit", "reasoning", "route") else {}
    return {f'"{name}"': child for name, child in value.items()}


def first_field(source: Source, key: Key, path: tuple[Any, ...]) -> str | None:
    """A field that holds a single value on one line."""
    value = part_at(source, path)
    if isinstance(value, str):
        return "value" if key.kind != "access" else None
    for name in value if isinstance(value, dict) and key.kind != "provider" else ():
        node = source.node((*path, name))
        if isinstance(value[name], str) and node is not None and node.start_mark.line == node.end_mark.line:
            return f'"{name}"'
    return None
