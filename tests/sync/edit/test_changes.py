from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schema.places import Path, Source, read_source
from sync.edit.changes import assign, put_item, take_out
from sync.errors import EditError
from tests.sync.edit.awkward import AWKWARD

SHIPPED = FilePath(__file__).parents[3] / "config"
VALUES = [
    "2.8",
    "Claude: new # name",
    "",
    "null",
    "- dash",
    'it\'s "both"',
    "two\nlines\n",
    "[flow, {like}]",
    "a, b",
    " padded ",
    "naïve 😀",
    "@at",
    "*star",
    "&and",
    "!bang",
    "%percent",
    "key:",
    "-5",
    "\u2028\x85\x07\ufeff",
    "---",
    "x" * 300,
]


def scalars(value: Any, path: Path = ()) -> Iterator[Path]:
    """The path of every scalar of a document."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from scalars(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from scalars(child, (*path, index))
    else:
        yield path


def containers(value: Any, path: Path = ()) -> Iterator[Path]:
    """The path of every mapping and sequence of a document."""
    if isinstance(value, dict | list):
        yield path
        children = value.items() if isinstance(value, dict) else enumerate(value)
        for step, child in children:
            yield from containers(child, (*path, step))


def part(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def source(text: str) -> Source:
    parsed = read_source("file.yaml", text)
    assert parsed.findings == []
    return parsed


def changed_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """Removed and added lines; line ends count."""
    matcher = difflib.SequenceMatcher(
        a=before.splitlines(keepends=True), b=after.splitlines(keepends=True), autojunk=False
    )
    removed, added = [], []
    for kind, first, second, third, fourth in matcher.get_opcodes():
        if kind != "equal":
            removed += matcher.a[first:second]
            added += matcher.b[third:fourth]
    return removed, added


def comment_lines(text: str) -> int:
    return sum(line.lstrip().startswith("#") for line in text.splitlines())


def span_lines(parsed: Source, path: Path) -> int:
    node = parsed.node(path)
    assert node is not None
    return node.end_mark.line - node.start_mark.line + 1


@pytest.mark.parametrize("name", AWKWARD)
def test_every_scalar_takes_every_value_and_only_its_lines_change(name: str) -> None:
    parsed = source(AWKWARD[name])
    for path in scalars(parsed.value):
        for value in VALUES:
            result = assign(parsed, path, value)
            wanted = copy.deepcopy(parsed.value)
            part(wanted, path[:-1])[path[-1]] = value
            assert result.value == wanted
            removed, added = changed_lines(parsed.text, result.text)
            assert len(removed) <= span_lines(parsed, path)
            assert len(added) <= max(1, len(value.splitlines()) + 1 if "\n" in value else 1)
            again = assign(result, path, part(parsed.value, path)) if part(parsed.value, path) is not None else None
            assert again is None or again.value == parsed.value


@pytest.mark.parametrize("name", AWKWARD)
def test_every_mapping_takes_a_new_key_and_no_line_goes(name: str) -> None:
    parsed = source(AWKWARD[name])
    for path in containers(parsed.value):
        target = part(parsed.value, path)
        for value in ("1", {"x": "1", "y": {"z": "a: b"}}, ["p", "q"], [{"x": "1", "y": {"z": "2"}}]):
            if isinstance(target, dict):
                result = assign(parsed, (*path, "new key"), value)
                wanted = copy.deepcopy(parsed.value)
                part(wanted, path)["new key"] = value
            else:
                result = put_item(parsed, path, len(target), value)
                wanted = copy.deepcopy(parsed.value)
                part(wanted, path).append(value)
            assert result.value == wanted
            removed, _ = changed_lines(parsed.text, result.text)
            node = parsed.node(path)
            assert node is not None
            allowed = 1 if node.flow_style or parsed.text[-1:] not in "\r\n" else 0
            assert len(removed) <= allowed


@pytest.mark.parametrize("name", AWKWARD)
def test_every_part_can_be_removed_or_is_refused(name: str) -> None:
    parsed = source(AWKWARD[name])
    refused = []
    for path in [*scalars(parsed.value), *containers(parsed.value)]:
        if not path:
            continue
        wanted = copy.deepcopy(parsed.value)
        del part(wanted, path[:-1])[path[-1]]
        try:
            result = take_out(parsed, path)
        except EditError:
            refused.append(path)
            continue
        assert result.value == wanted
        removed, added = changed_lines(parsed.text, result.text)
        assert len(added) <= 1
        assert len(removed) <= comment_lines(parsed.text) + span_lines(parsed, path) + 1
    assert refused == REFUSED.get(name, [])


REFUSED: dict[str, list[Path]] = {"nested_lists": [("a",)]}
"""What cannot be removed by an edit: the only entry of a file."""


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_text_in_any_place(data: st.DataObject) -> None:
    parsed = source(AWKWARD[data.draw(st.sampled_from(sorted(AWKWARD)))])
    path = data.draw(st.sampled_from(list(scalars(parsed.value))))
    value = data.draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
    result = assign(parsed, path, value)
    assert part(result.value, path) == value
    removed, _ = changed_lines(parsed.text, result.text)
    assert len(removed) <= span_lines(parsed, path)


_VALUE = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_value_in_any_place_is_written_exactly(data: st.DataObject) -> None:
    parsed = source(AWKWARD[data.draw(st.sampled_from(sorted(AWKWARD)))])
    paths = [path for path in [*scalars(parsed.value), *containers(parsed.value)] if path]
    path = data.draw(st.sampled_from(paths))
    value = data.draw(_VALUE)
    result = assign(parsed, path, value)
    wanted = copy.deepcopy(parsed.value)
    part(wanted, path[:-1])[path[-1]] = value
    assert result.value == wanted


@pytest.mark.parametrize("file", sorted(path.relative_to(SHIPPED).as_posix() for path in SHIPPED.rglob("*.yaml")))
def test_every_scalar_of_the_shipped_configuration_changes_one_line(file: str) -> None:
    parsed = read_source(file, (SHIPPED / file).read_bytes())
    lines = parsed.text.split("\n")
    for path in scalars(parsed.value):
        if part(parsed.value, path) is None:
            continue
        result = assign(parsed, path, "1.2345")
        assert part(result.value, path) == "1.2345"
        after = result.text.split("\n")
        assert len(after) == len(lines)
        assert sum(old != new for old, new in zip(lines, after, strict=True)) == 1
