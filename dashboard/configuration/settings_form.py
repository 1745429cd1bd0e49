"""The settings as a form: their groups, a typed field for each, and which of them name a secret. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, get_origin

from pydantic import AfterValidator, ValidationError
from pydantic_core import PydanticCustomError

from dashboard.configuration.entity_form import (
    Field,
    Kind,
    Texts,
    annotation_of,
    core_type,
    field_of,
    fields_of,
    step,
    text_of,
)
from dashboard.configuration.labels import label_of
from metering.wallets.credits import CreditDisplay
from schema.documents.base import Document, Multiplier
from schema.documents.descriptions import field_texts
from schema.documents.settings import DEFAULT_SETTINGS, CreditBurn, SettingsDocument
from schema.keys import Key
from schema.secrets import find_secrets
from sync.edit.edits import VALUE_FIELD

KIND = "setting"
EXTRA = "Extra"
GROUPS: dict[str, tuple[str, ...]] = {
    "General": (
        "site_name",
        "default_plan",
        "unknown_account",
        "unknown_model",
        "enforcement",
        "negative_counts",
        "access_classes",
    ),
    "Payment": ("stripe", "currency"),
    "LiteLLM": ("litellm",),
    "Notifications": ("notifications",),
    "Credits": (
        "signup_grant_credits",
        "credits_per_dollar",
        "credit_display_name",
        "display_precision",
        "rounding_mode",
        "credit_burn",
    ),
    EXTRA: (),
}
"""Every setting stands in one group; those of `extra:` are free."""
_BURN = Key(KIND, "credit_burn")
_WEIGHTS = "weights"
_DISPLAY = ("credits_per_dollar", "credit_display_name", "display_precision", "rounding_mode")


def group_fields(
    group: str, values: Mapping[str, Any], choices: Mapping[str, Sequence[str]] | None = None
) -> tuple[Field, ...]:
    """The fields of a group. `values` are settings by name, `choices` what a setting may be by what there is else."""
    if group == EXTRA:
        return tuple(_extra(name, value) for name, value in sorted(values.items()) if name.startswith("extra."))
    found = [field for name in GROUPS[group] for field in _fields(name, values.get(name))]
    offered = choices or {}
    return tuple(
        replace(field, kind="choice", choices=tuple(offered[field.key.name])) if field.key.name in offered else field
        for field in found
    )


def _fields(name: str, value: Any) -> Iterator[Field]:
    key = Key(KIND, name)
    annotation = annotation_of(SettingsDocument.model_fields[name])
    core = core_type(annotation)
    label = label_of(name)
    default = DEFAULT_SETTINGS.get(name)
    if not (isinstance(core, type) and issubclass(core, Document)):
        shown = text_of(default, "list" if get_origin(core) is tuple else "text")
        yield field_of(annotation, key, VALUE_FIELD, label, field_texts(SettingsDocument).get(name, ""), shown)
        return
    for field in fields_of(core, key, label=label):
        shown = f"{field.label.removesuffix(' env')} variable" if names_a_secret(field) else field.label
        yield replace(field, label=shown, default=text_of((default or {}).get(field.path), "text"))
    if core is CreditBurn:
        yield from _weights(value, default or {})


def _weights(value: CreditBurn | None, default: Mapping[str, Any]) -> Iterator[Field]:
    known = default[_WEIGHTS]
    meaning = field_texts(CreditBurn)[_WEIGHTS]
    for unit in dict.fromkeys([*known, *(value.weights if value else ())]):
        label = f"Weight of {unit.replace('_', ' ')}"
        yield field_of(Multiplier, _BURN, f"{_WEIGHTS}.{step(unit)}", label, meaning, known.get(unit, ""))


def with_all_weights(fields: Iterable[Field], before: Texts, after: Mapping[str, str]) -> dict[str, str]:
    """The texts with the defaults of other weights, where the first one is set: a written mapping replaces them all."""
    own = [field for field in fields if field.key == _BURN and field.path.startswith(f"{_WEIGHTS}.")]
    if any(before[field.id] for field in own) or not any(after[field.id].strip() for field in own):
        return dict(after)
    return {**after, **{field.id: after[field.id].strip() or field.default for field in own}}


def _extra(name: str, value: Any) -> Field:
    kinds: dict[type, Kind] = {bool: "flag", str: "text", int: "whole"}
    kind = kinds.get(
        type(value), "number" if not isinstance(value, dict | list | tuple) and value is not None else "yaml"
    )
    return free_field(name, kind)


def free_field(name: str, kind: Kind) -> Field:
    """The field of a free setting, which stays of the kind that it is."""
    label, told = name.removeprefix("extra."), _TOLD.get(kind, "")
    annotation = Annotated[Any, AfterValidator(lambda value: _of_kind(label, kind, value))]
    return Field(Key(KIND, name), VALUE_FIELD, label, kind, told, annotation=annotation)


def _of_kind(name: str, kind: Kind, value: Any) -> Any:
    """The value, when it is of its kind and no secret; what is wrong with it is told as by any other field."""
    fits = True
    if kind == "whole":
        fits = re.fullmatch("[+-]?[0-9]+", str(value)) is not None
    elif kind == "number":
        fits = re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", str(value)) is not None
    elif kind == "yaml":
        fits = isinstance(value, list | dict)
    if not fits:
        raise PydanticCustomError("not_of_kind", "write {wanted}", {"wanted": _WANTED[kind]})
    if any(find_secrets(f"{name}: {value}\n")):
        raise PydanticCustomError("secret", "put a secret into an environment variable, and name that one here")
    return value


_TOLD: dict[Kind, str] = {"yaml": "As YAML on one line: [a, b] or {a: 1}.", "whole": "A whole number."}
_WANTED: dict[Kind, str] = {"yaml": "[a, b] or {a: 1}", "whole": "a whole number", "number": "a number, such as 1.5"}


def credit_display(fields: Iterable[Field], texts: Texts) -> CreditDisplay | None:
    """How credits are shown by the texts of the group, or None while one of them is not fit."""
    written = {field.key.name: texts[field.id].strip() for field in fields if field.path == VALUE_FIELD}
    try:
        settings = SettingsDocument.model_validate({name: text for name, text in written.items() if text})
    except ValidationError:
        return None
    named = {name: getattr(settings, name) for name in _DISPLAY}
    values = [DEFAULT_SETTINGS[name] if value is None else value for name, value in named.items()]
    return CreditDisplay(*values)


def names_a_secret(field: Field) -> bool:
    """Whether the field holds the name of the environment variable in which a secret stands."""
    return field.path.endswith("_env") or field.key.name.endswith("_env")


__all__ = [
    "EXTRA",
    "GROUPS",
    "KIND",
    "credit_display",
    "free_field",
    "group_fields",
    "names_a_secret",
    "with_all_weights",
]
