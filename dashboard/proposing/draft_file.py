"""The draft of a person as a file, which outlives reloads, tabs and the server; nobody else's session opens it.

It lies in the clone whose branches it is about, named by a digest of the address and readable by the server alone.
Values keep how they are to be written, so they are told with the name of their class. No streamlit here.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dashboard.proposing.parts import DraftPart
from schema.errors import RatecardError
from schema.keys import Key, parse_key
from sync.context import FOLDER
from sync.edit import AddEntity, CopyEntry, Edit, Quoted, RemoveEntity, RenameEntity, SetField
from sync.edit.values import BlockMapping, FlowMapping, FlowSequence, Value, Written

FORMAT_VERSION = 1
MOST_BYTES = 500_000
_EDITS: dict[str, type[Edit]] = {
    "set": SetField,
    "add": AddEntity,
    "remove": RemoveEntity,
    "rename": RenameEntity,
    "copy": CopyEntry,
}
_MAPPINGS: dict[str, type[dict[str, Any]]] = {"dict": dict, "flow": FlowMapping, "block": BlockMapping}
_SEQUENCES: dict[str, type[list[Any]]] = {"list": list, "flow_list": FlowSequence}


class DraftFileError(RatecardError):
    """A draft that cannot be kept, or one that cannot be read."""

    code = "DRAFT_FILE"


@dataclass(frozen=True, slots=True)
class Draft:
    """The edits by entity. `title` is what the person typed for their commit; empty while the edits say one."""

    parts: Mapping[Key, DraftPart] = field(default_factory=dict)
    title: str = ""


def draft_path(top: Path, address: str) -> Path:
    """Where the draft of an address lies in a clone; addresses are compared without case."""
    name = hashlib.sha256(address.strip().lower().encode()).hexdigest()
    return top / FOLDER / "drafts" / f"{name}.json"


def read_draft(path: Path) -> Draft:
    """The draft in a file; empty without one. Raises DraftFileError."""
    try:
        return draft_of(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Draft()
    except (OSError, ValueError, LookupError, TypeError, RatecardError) as error:
        raise DraftFileError(f"the draft in {path} cannot be read: {error}") from None


def write_draft(path: Path, draft: Draft) -> None:
    """Keep the draft in place of the one before; one without edits leaves no file. Raises DraftFileError."""
    text = draft_text(draft)
    if len(text.encode()) > MOST_BYTES:
        raise DraftFileError("the draft is full: propose what it holds, or take edits out of it")
    try:
        if not draft.parts:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path.parent / ".gitignore").write_text("*\n")
        # A file of its own first: whoever reads meanwhile sees the draft before or after, never a half.
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".new")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except OSError as error:
        raise DraftFileError(f"the draft cannot be kept in {path}: {error.strerror}") from None


def draft_text(draft: Draft) -> str:
    """The draft as JSON; equal drafts have equal texts."""
    told = [
        {
            "key": str(part.key),
            "edits": [_edit_json(edit) for edit in part.edits],
            "commit": part.commit,
            "titles": part.titles,
            "kept": sorted(part.kept),
        }
        for part in draft.parts.values()
    ]
    named = {"title": draft.title} if draft.title else {}
    return json.dumps({"format_version": FORMAT_VERSION, **named, "parts": told}, ensure_ascii=False)


def draft_of(text: str) -> Draft:
    """The draft that a text tells; raises ValueError, LookupError, TypeError or KeyFormatError when it tells none."""
    document = json.loads(text)
    if document["format_version"] != FORMAT_VERSION:
        raise ValueError(f"its format is {document['format_version']}, not {FORMAT_VERSION}")
    parts = [
        DraftPart(
            parse_key(told["key"]),
            tuple(_edit(edit) for edit in told["edits"]),
            told["commit"],
            tuple(told["titles"]),
            frozenset(told["kept"]),
        )
        for told in document["parts"]
    ]
    return Draft({part.key: part for part in parts}, str(document.get("title", "")))


def _edit_json(edit: Edit) -> dict[str, Any]:
    told: dict[str, Any] = {"do": next(word for word, kind in _EDITS.items() if type(edit) is kind)}
    told["key"] = str(edit.key)
    if isinstance(edit, SetField):
        told |= {"field": edit.field, "value": _value_json(edit.value)}
    elif isinstance(edit, AddEntity):
        told["fields"] = {name: _value_json(value) for name, value in edit.fields.items()}
    elif isinstance(edit, RenameEntity):
        told["new_name"] = edit.new_name
    return told


def _edit(told: Mapping[str, Any]) -> Edit:
    key, do = parse_key(told["key"]), told["do"]
    if do == "set":
        return SetField(key, told["field"], _value(told["value"]))
    if do == "add":
        return AddEntity(key, {name: _value(value) for name, value in told["fields"].items()})
    if do == "rename":
        return RenameEntity(key, told["new_name"])
    return RemoveEntity(key) if _EDITS[do] is RemoveEntity else CopyEntry(key)


def _value_json(value: Value) -> Any:
    """Null and plain text as they are, all else as a list that begins with what it is."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, Written):
        return ["written", str(value), value.raw]
    if isinstance(value, str):
        return ["quoted" if isinstance(value, Quoted) else "text", str(value)]
    if isinstance(value, Mapping):
        kind = next((word for word, made in _MAPPINGS.items() if type(value) is made), "dict")
        return [kind, {str(name): _value_json(child) for name, child in value.items()}]
    kind = next((word for word, made in _SEQUENCES.items() if type(value) is made), "list")
    return [kind, [_value_json(child) for child in value]]


def _value(told: Any) -> Value:
    if not isinstance(told, list):
        if told is None or isinstance(told, str):
            return told
        raise ValueError(f"{told!r} is no value of an edit")
    kind, content = told[0], told[1]
    if kind == "written":
        return Written(content, told[2])
    if kind in ("quoted", "text"):
        return Quoted(content) if kind == "quoted" else str(content)
    if kind in _MAPPINGS:
        return _MAPPINGS[kind]({name: _value(child) for name, child in content.items()})
    return _SEQUENCES[kind](_value(child) for child in content)


__all__ = ["MOST_BYTES", "Draft", "DraftFileError", "draft_of", "draft_path", "draft_text", "read_draft", "write_draft"]
