"""The draft as a file: what is written is read again, by its person only, and a broken one harms nothing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from dashboard.proposing.draft_file import (
    MOST_BYTES,
    Draft,
    DraftFileError,
    draft_of,
    draft_path,
    draft_text,
    read_draft,
    write_draft,
)
from dashboard.proposing.parts import DraftPart
from schema.keys import Key
from sync.edit import AddEntity, CopyEntry, Quoted, RemoveEntity, RenameEntity, SetField
from sync.edit.scalars import parse_value

PRICE = Key("price", "openai/gpt-4o@2026-11-21")
PLAN = Key("plan", "=cmd() **x** \u202e")
PARTS: dict[Key, DraftPart] = {
    PRICE: DraftPart(PRICE, (CopyEntry(PRICE), SetField(PRICE, "margin", "2.5")), "a" * 40, ("One",), frozenset({"x"})),
    PLAN: DraftPart(
        PLAN,
        (
            RemoveEntity(PLAN),
            AddEntity(PLAN, {"name": Quoted("100"), "features": ["a", None], "price": {"monthly": "5"}}),
            SetField(PLAN, "limits", parse_value("{tokens: [1, '2']}")),
            RenameEntity(PLAN, "other"),
        ),
        "b" * 40,
    ),
}
DRAFT = Draft(PARTS, "Sell **dearer**")


def test_a_draft_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = draft_path(tmp_path, "Prices@Example.com")

    write_draft(path, DRAFT)

    assert read_draft(path) == DRAFT
    assert draft_text(read_draft(path)) == draft_text(DRAFT)
    added = read_draft(path).parts[PLAN].edits[1]
    assert isinstance(added, AddEntity)
    assert isinstance(added.fields["name"], Quoted)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (path.parent / ".gitignore").read_text() == "*\n"
    assert draft_path(tmp_path, "prices@example.com ") == path
    assert draft_path(tmp_path, "other@example.com") != path


def test_an_emptied_draft_leaves_no_file(tmp_path: Path) -> None:
    path = draft_path(tmp_path, "prices@example.com")
    write_draft(path, DRAFT)

    write_draft(path, Draft({}, DRAFT.title))

    assert read_draft(path) == Draft()
    assert not path.exists()


def test_a_draft_has_a_largest_size(tmp_path: Path) -> None:
    path = draft_path(tmp_path, "prices@example.com")
    write_draft(path, DRAFT)
    large = DraftPart(PLAN, (SetField(PLAN, "description", "x" * MOST_BYTES),), "a" * 40)

    with pytest.raises(DraftFileError, match="the draft is full"):
        write_draft(path, Draft({PLAN: large}))

    assert read_draft(path) == DRAFT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format_version": 2, "parts": []}',
        '{"format_version": 1, "parts": [{"key": "plan pro"}]}',
        '{"format_version": 1, "parts": [{"key": "nothing", "edits": [], "commit": "", "titles": [], "kept": []}]}',
        draft_text(DRAFT).replace('"copy"', '"drop"'),
        draft_text(DRAFT).replace('"quoted"', '"other"'),
    ],
)
def test_what_is_no_draft_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "draft.json"
    path.write_text(text)

    with pytest.raises(DraftFileError, match="cannot be read"):
        read_draft(path)


def test_equal_drafts_have_equal_texts() -> None:
    assert draft_of(draft_text(DRAFT)) == DRAFT
