"""The form of any entity as data: its fields from the document's model, the texts in them, the edits they mean. Pure.

A form knows texts only: `texts_of` writes what a document says, `edits_of` tells what other texts ask for. An empty
text takes the field out. Whether a value is fit is for validation to say, which reads the text that is proposed.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from dashboard.configuration.labels import label_of, words_of
from schema.catalogue import Catalogue
from schema.documents.base import Document
from schema.documents.descriptions import field_texts
from schema.entities import Entity
from schema.faults import value_fault
from schema.keys import Key, moment_text
from schema.money import plain
from schema.places import read_source
from sync.desired import Row, entity_row
from sync.edit import AddEntity, Edit, Quoted, SetField, Value, parse_field
from sync.edit.edits import SINGLE_VALUES, VALUE_FIELD
from sync.edit.scalars import parse_value
from sync.errors import EditError

Kind = Literal["text", "number", "whole", "flag", "choice", "list", "yaml"]
Texts = Mapping[str, str]
"""What stands in a form, by the id of its field."""
_SIMPLE = re.compile("[A-Za-z_][A-Za-z0-9_-]*")
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form. `path` is dotted inside the entity of `key`; `default` is what holds while it is empty.

    `annotation` is the type that its value must be of, with its limits.
    """

    key: Key
    path: str
    label: str
    kind: Kind
    help: str = ""
    choices: tuple[str, ...] = ()
    default: str = ""
    annotation: Any = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def id(self) -> str:
        """Unique in a form, also when it holds several entities."""
        return f"{self.key}#{self.path}"


def fields_of(
    model: type[Document], key: Key, *, prefix: str = "", leave_out: Sequence[str] = (), label: str = ""
) -> tuple[Field, ...]:
    """The fields of a part of a document, nested parts after their name; `label` stands before the field's own.

    Mappings are left to the form, which knows the names in them.
    """
    meanings = field_texts(model)
    found: list[Field] = []
    for name, info in model.model_fields.items():
        core = core_type(info.annotation)
        if name in leave_out or get_origin(core) is dict:
            continue
        shown = f"{label} {words_of(name)}" if label else label_of(name)
        if isinstance(core, type) and issubclass(core, Document):
            found += fields_of(core, key, prefix=f"{prefix}{name}.", label=shown)
        else:
            found.append(field_of(annotation_of(info), key, f"{prefix}{name}", shown, meanings.get(name, "")))
    return tuple(found)


def annotation_of(info: FieldInfo) -> Any:
    """The type of a document's field, with what limits it."""
    return Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation


def field_of(annotation: Any, key: Key, path: str, label: str, meaning: str = "", default: str = "") -> Field:
    """A field of a type: what is typed in it follows from that."""
    core = core_type(annotation)
    choices = tuple(map(str, get_args(core))) if get_origin(core) is Literal else ()
    return Field(key, path, label, _kind(core), meaning, choices, default, annotation)


def fault_of(field: Field, text: str) -> str:
    """What is wrong with a text of a field, in words; empty when nothing is, or when nothing stands there."""
    try:
        value = _written(field, text)
    except EditError as error:
        return str(error)
    return "" if field.annotation is None or value is None else value_fault(field.annotation, value, field.label)


def core_type(annotation: Any) -> Any:
    """A type without what annotates it, and without None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return core_type(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return core_type(next(part for part in get_args(annotation) if part is not type(None)))
    return annotation


def _kind(core: Any) -> Kind:
    if get_origin(core) is Literal:
        return "choice"
    if get_origin(core) is tuple:
        return "list"
    kinds: dict[Any, Kind] = {bool: "flag", int: "whole", Decimal: "number"}
    return kinds.get(core, "text")


def step(name: str) -> str:
    """A name as one step of a dotted path, whatever it is made of."""
    if _SIMPLE.fullmatch(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def texts_of(fields: Iterable[Field], documents: Mapping[Key, Any]) -> dict[str, str]:
    """What the documents say, as texts of the form; a field that says nothing is empty."""
    return {field.id: text_of(_value(documents.get(field.key), field.path), field.kind) for field in fields}


def _value(document: Any, path: str) -> Any:
    value = document
    for name in () if path == VALUE_FIELD else parse_field(path):
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, str(name), None)
    return value


def text_of(value: Any, kind: Kind) -> str:
    """A value as it is typed."""
    if value is None:
        return ""
    if kind == "yaml":
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return moment_text(value)
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def edits_of(fields: Sequence[Field], before: Texts, after: Texts, *, new: bool = False) -> list[Edit]:
    """What the form means: what differs is set, and what is emptied is taken out.

    `new` adds the entities with what is no default of theirs, which `before` has then.
    """
    edits: list[Edit] = []
    for key in dict.fromkeys(field.key for field in fields):
        own = [field for field in fields if field.key == key]
        if new:
            told = [field for field in own if not same(field.kind, before[field.id], after[field.id])]
            given = {field.path: _written(field, after[field.id]) for field in told if after[field.id].strip()}
            edits += [AddEntity(key, given)] if given else []
        else:
            edits += _changes(key, own, before, after)
    return edits


def _changes(key: Key, fields: Sequence[Field], before: Texts, after: Texts) -> Iterator[Edit]:
    emptied = _emptied(key, fields, before, after)
    told: set[str] = set()
    for field in fields:
        if same(field.kind, before[field.id], after[field.id]):
            continue
        part = next((part for part in emptied if part in _parts(key, field.path)), field.path)
        if part not in told:
            told.add(part)
            yield SetField(key, part, None if part != field.path else _written(field, after[field.id]))


def _emptied(key: Key, fields: Sequence[Field], before: Texts, after: Texts) -> list[str]:
    """The parts, the largest first, of which everything was taken out: they go as a whole."""
    parts: dict[str, list[Field]] = {}
    for field in fields:
        for part in _parts(key, field.path):
            parts.setdefault(part, []).append(field)
    gone = [
        part
        for part, held in parts.items()
        if any(before[field.id] for field in held) and not any(after[field.id].strip() for field in held)
    ]
    return sorted(gone, key=lambda part: (part != VALUE_FIELD, len(part)))


def _parts(key: Key, path: str) -> list[str]:
    """The parts of an entity that a field stands in, from the whole on where that may go."""
    steps = parse_field(path)
    whole = [VALUE_FIELD] if key.kind in SINGLE_VALUES and path != VALUE_FIELD else []
    return whole + [".".join(step(str(name)) for name in steps[:depth]) for depth in range(1, len(steps))]


def same(kind: Kind, one: str, other: str) -> bool:
    """Whether two texts say the same: numbers and lists may be written in more than one way."""
    first, second = one.strip(), other.strip()
    if first == second:
        return True
    if kind == "list":
        return _items(first) == _items(second)
    if kind in ("number", "whole") and first and second:
        try:
            return Decimal(first) == Decimal(second)
        except InvalidOperation:
            return False
    return False


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _written(field: Field, text: str) -> Value:
    found = text.strip()
    if not found:
        return None
    if field.kind == "list":
        return _items(found)
    if field.kind == "yaml":
        return parse_value(found)
    if field.kind == "text" and field.key.name.startswith("extra."):
        return _as_text(found)
    return found


def _as_text(text: str) -> str:
    """Free settings are typed as YAML types them: what reads as a number or a flag is quoted to stay text."""
    typed = read_source("value", f"k: {text}\n").typed(("k",))
    return text if isinstance(typed, str) else Quoted(text)


def document_of(model: type[_Model], fields: Iterable[Field], texts: Texts, **more: Any) -> _Model | None:
    """The document that the texts of one entity make, or None while they are none. `more` are fields as given."""
    made: dict[str, Any] = dict(more)
    for field in fields:
        value = _written(field, texts[field.id])
        if value is None:
            continue
        *parents, last = map(str, parse_field(field.path))
        place = made
        for name in parents:
            place = place.setdefault(name, {})
        place[last] = value
    try:
        return model.model_validate(made)
    except ValidationError:
        return None


def moved(fields: Iterable[Field], texts: Texts, key: Key) -> dict[str, str]:
    """The texts of fields that were drawn before their entity had its name, under that name."""
    return {replace(field, key=key).id: texts[field.id] for field in fields}


def row_of(key: Key, document: Any) -> Row:
    """The canonical row that the database would hold for a document."""
    source = read_source(str(key), "")
    return entity_row(Entity(key, document, source, (), document), Catalogue(""))


__all__ = [
    "Field",
    "Kind",
    "Texts",
    "annotation_of",
    "core_type",
    "document_of",
    "edits_of",
    "fault_of",
    "field_of",
    "fields_of",
    "moved",
    "row_of",
    "same",
    "step",
    "text_of",
    "texts_of",
]
