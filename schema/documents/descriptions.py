"""The texts under the fields of the documents, for JSON Schemas and the YAML reference.

pydantic can read them itself (`use_attribute_docstrings`), but does so whenever a document is imported: that is a
twentieth of the time of `ratecard validate`, and only the generators of schemas and docs need the texts.
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

from pydantic import BaseModel


@cache
def describe_documents() -> None:
    """Give every field of every document its description; once a process."""
    from schema.documents.base import Document

    found = list(_subclasses(Document))
    for model in found:
        for name, field in model.model_fields.items():
            field.description = field_texts(model).get(name)
    for model in found:
        model.model_rebuild(force=True)


def field_texts(model: type[BaseModel]) -> dict[str, str]:
    """The texts under the fields of a document, its own before those it inherits."""
    return {name: text for each in reversed(model.__mro__) for name, text in _texts(each).items()}


def _subclasses(model: type[BaseModel]) -> list[type[BaseModel]]:
    """A model's subclasses and theirs, parts before the wholes that are declared after them."""
    direct = [child for child in model.__subclasses__() if child.__module__.startswith("schema.documents.")]
    return list(dict.fromkeys([*direct, *(each for child in direct for each in _subclasses(child))]))


def _texts(model: type) -> dict[str, str]:
    return _module_texts(model.__module__).get(model.__qualname__, {}) if issubclass(model, BaseModel) else {}


@cache
def _module_texts(name: str) -> dict[str, dict[str, str]]:
    """By class and field: the text that stands under a field of a module's classes."""
    file = sys.modules[name].__file__
    if not name.startswith("schema.documents.") or file is None:
        return {}
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    return {node.name: _field_texts(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _field_texts(node: ast.ClassDef) -> dict[str, str]:
    texts = {}
    for field, text in zip(node.body, node.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            value = text.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                texts[field.target.id] = value.value
    return texts


__all__ = ["describe_documents", "field_texts"]
