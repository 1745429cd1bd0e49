"""What pydantic says against a document, as findings: a stable code, a message for people, and the place."""

from __future__ import annotations

from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from schema.documents.base import Email, EnvName, ModelName, Slug
from schema.documents.rates import Pair
from schema.findings import Finding, did_you_mean
from schema.places import Path, Source
from schema.secrets import conceal

_KEY_TAG = "[key]"


def _pattern(annotation: Any) -> str:
    return next(str(part.pattern) for part in get_args(annotation)[1:] if getattr(part, "pattern", None))


_FORMS = {
    _pattern(Slug): "letters, digits, `_`, `-` and `.`",
    _pattern(ModelName): "ASCII without spaces and `#`, beginning with a letter, a digit, `_` or `@`",
    _pattern(EnvName): "the name of an environment variable: capitals, digits and `_`",
    _pattern(Email): "an address such as name@example.com",
    _pattern(Pair): "two currency codes such as USD/ZAR",
    "^[A-Z]{3}$": "a currency code such as USD",
}
"""The patterns of `schema.documents`, in words."""

_WANTED = {
    "decimal_parsing": "a number",
    "decimal_type": "a number",
    "finite_number": "a number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "not_a_flag": "true or false",
    "date_type": "a date",
    "datetime_type": "a date",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
"""What was wanted, by pydantic's type of error."""

_CUSTOM = {
    "unit_twice": "UNIT_TWICE",
    "two_charges": "TWO_CHARGES",
    "one_target": "ROUTE_TARGET",
    "split_sum": "SPLIT_SUM",
    "tiers_not_rising": "TIERS_NOT_RISING",
}
"""Codes of the errors that the documents raise themselves; their messages stand as they are."""


_AT_KEYS = frozenset({"one_target", "split_sum", "two_charges", "unit_twice"})
"""The errors whose place is a key rather than a value."""


def faults(model: type[BaseModel], source: Source, errors: Iterable[ErrorDetails]) -> list[tuple[Path, Finding]]:
    """Every pydantic error as the YAML path it is about and its finding."""
    found = []
    for error in errors:
        resolved = _resolve(model, error["loc"], source)
        if resolved is not None:
            path, owner = resolved
            found.append((path, _finding(error, path, owner, source)))
    return found


def value_fault(annotation: Any, value: Any, name: str) -> str:
    """What is wrong with a value of a field's type, as a finding says it under that name; empty when nothing is."""
    try:
        TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return _code_and_message(first, first["type"], name)[1]
    return ""


def _resolve(model: type[BaseModel], location: Path, source: Source) -> tuple[Path, Any] | None:
    """The YAML path of a location and the type its last key belongs to; None for the branch of a union not meant.

    Pydantic names the branch of a union in the location. A mapping means the branch that is a document; anything else
    means the words, whose error then stands for the whole union.
    """
    path: Path = ()
    owner: Any = model
    current: Any = model
    steps = list(location)
    while steps:
        branches = _branches(current)
        if len(branches) > 1:
            tag = steps.pop(0)
            meant = isinstance(_value(source, path), dict)
            chosen = next((branch for branch in branches if getattr(branch, "__name__", "") == tag), None)
            if meant != (chosen is not None):
                return None
            current = chosen or branches[-1]
            continue
        step = steps.pop(0)
        if step == _KEY_TAG:
            break
        owner, current = current, _step(branches[0], step)
        path = (*path, step)
    return path, owner


def _branches(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _branches(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [branch for part in get_args(annotation) if part is not NoneType for branch in _branches(part)]
    return [annotation]


def _step(annotation: Any, step: str | int) -> Any:
    origin = get_origin(annotation)
    if origin is dict:
        return get_args(annotation)[1]
    if origin is tuple:
        return get_args(annotation)[0]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if (field.alias or name) == step:
                return field.annotation
    return None


def _value(source: Source, path: Path) -> Any:
    value = source.value
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _keys(owner: Any) -> list[str]:
    document = _branches(owner)[0]
    if isinstance(document, type) and issubclass(document, BaseModel):
        return [field.alias or name for name, field in document.model_fields.items()]
    return []


def _finding(error: ErrorDetails, path: Path, owner: Any, source: Source) -> Finding:
    kind = error["type"]
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    about_key = bool(error["loc"]) and error["loc"][-1] == _KEY_TAG
    if kind == "extra_forbidden":
        known = _keys(owner)
        message = f"{conceal(name)} is not a key here{did_you_mean(name, known)} (known: {', '.join(known)})"
        return Finding("UNKNOWN_KEY", message, source.place(path, key=True))
    if kind == "missing":
        parent = path[:-1]
        within_list = bool(parent) and isinstance(parent[-1], int)
        return Finding("MISSING_KEY", f"'{name}' is missing", source.place(parent, key=not within_list))
    if kind == "split_sum":
        path = (*path, "split")
    if kind == "unit_twice":
        path = (*path, "per_unit", error["ctx"]["unit"])
    written = path
    while written and source.node(written) is None:
        written = written[:-1]
    name = next((step for step in reversed(written) if isinstance(step, str)), name)
    if any(isinstance(step, str) and step.startswith("literal[") for step in error["loc"]):
        message = (
            f"'{name}' must be a mapping or {error.get('ctx', {}).get('expected')}, not {_shown(error.get('input'))}"
        )
        return Finding("BAD_VALUE", message, source.place(path))
    code, message = _code_and_message(error, kind, name)
    return Finding(code, message, source.place(path, key=about_key or kind in _AT_KEYS))


def _code_and_message(error: ErrorDetails, kind: str, name: str) -> tuple[str, str]:
    value = error.get("input")
    context = error.get("ctx", {})
    shown = _shown(value)
    bare = shown[1:-1] if isinstance(value, str) else shown
    if kind == "bad_date":
        return "BAD_DATE", f"{shown} {context['why']}"
    if kind == "unknown_unit":
        return "UNKNOWN_UNIT", f"{shown} is not a unit{context['hint']}"
    if kind == "empty_value":
        return "EMPTY_VALUE", f"'{name}' is empty: {error['msg']}"
    if kind == "bad_number":
        return "BAD_NUMBER", f"{shown} {context['why']}"
    if kind in _CUSTOM:
        return _CUSTOM[kind], error["msg"]
    if kind in _WANTED:
        return "WRONG_TYPE", f"'{name}' must be {_WANTED[kind]}, not {shown}" if name else _not_a_mapping(shown)
    if kind in ("decimal_max_places", "decimal_max_digits"):
        return "TOO_MANY_DECIMALS", f"'{name}' is {bare}; at most {context.get('decimal_places')} decimals are kept"
    if kind in ("greater_than_equal", "greater_than") and str(value).startswith("-"):
        return "NEGATIVE_AMOUNT", f"'{name}' is {bare}; it cannot be negative"
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        return "OUT_OF_RANGE", f"'{name}' is {bare}; it must be {_bound(context)}"
    if kind == "literal_error":
        return "BAD_VALUE", _not_one_of(name, shown, value, str(context.get("expected", "")))
    if kind == "string_pattern_mismatch":
        form = _FORMS.get(context["pattern"], context["pattern"])
        return "BAD_NAME", f"{shown} cannot stand here; write {form}"
    if kind == "string_too_short":
        return "EMPTY_VALUE", f"'{name}' is empty"
    if kind == "string_too_long":
        return "TOO_LONG", f"'{name}' has {len(str(value)):,} characters; at most {context['max_length']} are allowed"
    return "BAD_VALUE", f"'{name}': {error['msg']}"


def _not_a_mapping(shown: str) -> str:
    return f"the file must be a mapping (`key: value` lines), not {shown}"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return conceal(value)
    if value is None:
        return "empty"
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else str(value)


def _bound(context: dict[str, Any]) -> str:
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    return next((f"{word} {context[key]}" for key, word in words.items() if key in context), "within its range")


def _not_one_of(name: str, shown: str, value: Any, expected: str) -> str:
    allowed = expected.replace(" or ", ", ").replace("'", "").split(", ")
    hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
    if len(allowed) == 1:
        return f"'{name}' can only be '{allowed[0]}', not {shown}{hint}"
    return f"'{name}' is {shown}; it must be one of {', '.join(allowed)}{hint}"


__all__ = ["faults", "value_fault"]
