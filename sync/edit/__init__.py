"""Edits of YAML by its text: only the characters and lines that an edit means change.

`apply_edits` takes the files of a configuration and edits by key, and returns the files that change. Comments, order,
quotes, blank lines and line ends stay; each result is parsed and must say exactly what was wanted.
"""

from sync.edit.apply import ABSENT, apply_edits, entity_text, entity_version, reprice_notes
from sync.edit.edits import (
    AddEntity,
    CopyEntry,
    Edit,
    RemoveEntity,
    RenameEntity,
    SetField,
    parse_field,
    parse_rename,
    parse_set,
    parse_unset,
)
from sync.edit.values import Quoted, Value

__all__ = [
    "ABSENT",
    "AddEntity",
    "CopyEntry",
    "Edit",
    "Quoted",
    "RemoveEntity",
    "RenameEntity",
    "SetField",
    "Value",
    "apply_edits",
    "entity_text",
    "entity_version",
    "parse_field",
    "parse_rename",
    "parse_set",
    "parse_unset",
    "reprice_notes",
]
