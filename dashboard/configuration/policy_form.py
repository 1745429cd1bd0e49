"""The policy as a form: guardrails, what holds while the database is away, and approvals; and what limits mean. Pure.

Where proposals start, who merges and what findings count as is changed in git only: whoever may fill in forms here
must not widen by one what all the others have to pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from dashboard.configuration.entity_form import Field, Texts, document_of, fields_of, row_of, text_of
from dashboard.configuration.labels import label_of, words_of
from dashboard.configuration.rate_card import PriceEntry
from schema.catalogue import Catalogue
from schema.documents.descriptions import field_texts
from schema.documents.policy import Approval, DatabaseAway, Guardrails, PolicyDocument
from schema.keys import Key, moment_text
from sync.changes import Change
from sync.edit import Edit, SetField
from sync.edit.edits import VALUE_FIELD
from sync.guardrails import Limits, allowed, find_breaches, read_limits
from sync.impact import Impact
from sync.unsafe import ALLOWED_BY, Unsafe

KIND = "policy"
GUARDRAILS, AWAY, APPROVALS = (Key(KIND, name) for name in ("guardrails", "database_away", "approvals"))
COLUMNS = ("Policy", "Value", "Changed", "Meaning")
APPROVED = ("Code", "For", "Until", "By", "Reason", "Standing")
SHARES = ("Kind", "Entities", "One apply may update", "One apply may delete")
CODES = tuple(code for code, option in ALLOWED_BY.items() if option)
"""What an approval may let pass."""
_HERE: dict[str, type[Guardrails] | type[DatabaseAway]] = {"guardrails": Guardrails, "database_away": DatabaseAway}


def guard_fields() -> tuple[Field, ...]:
    """The fields of the guardrails."""
    return _switches_last(fields_of(Guardrails, GUARDRAILS))


def away_fields() -> tuple[Field, ...]:
    """The fields of what the runtime does without its database."""
    return _switches_last(fields_of(DatabaseAway, AWAY))


def _switches_last(fields: Sequence[Field]) -> tuple[Field, ...]:
    return tuple(sorted(fields, key=lambda field: field.kind == "flag"))


def documents_of(catalogue: Catalogue) -> dict[Key, Any]:
    """What the files say, with defaults for what they do not."""
    found = catalogue.of(KIND)
    return {Key(KIND, name): found[name].document if name in found else made() for name, made in _HERE.items()}


def policy_records(values: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Every policy but the approvals in a line; `values` are in force, by name, as the database stores them."""
    records = []
    meanings = field_texts(PolicyDocument)
    for name in PolicyDocument.model_fields:
        value = values.get(name)
        if name in _HERE:
            own, part = field_texts(_HERE[name]), value or {}
            default = _HERE[name]()
            for field in _HERE[name].model_fields:
                shown = text_of(part.get(field, getattr(default, field)), "text")
                label = label_of(field) if name == GUARDRAILS.name else f"{label_of(name)}: {words_of(field)}"
                records.append((label, shown, "here", own.get(field, "").replace("`", "")))
        elif name != "approvals":
            records.append((label_of(name), _words(value), "in git only", meanings.get(name, "").replace("`", "")))
    return records


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {text_of(part, 'text')}" for name, part in value.items() if part is not None)
    return text_of(value, "text")


def approval_records(value: Sequence[Mapping[str, Any]], today: date) -> list[tuple[str, ...]]:
    """Approvals as lines of a table, in the order of the file."""
    return [
        (
            one["code"],
            one["key"] or "everything",
            one["until"],
            one["by"],
            one["reason"],
            "holds" if date.fromisoformat(one["until"]) >= today else "over",
        )
        for one in value
    ]


def approval_edits(before: Sequence[Approval], gone: Sequence[int], added: Mapping[str, str] | None) -> list[Edit]:
    """The list without those at some places, and with one more."""
    kept = [_as_texts(one) for place, one in enumerate(before) if place not in gone]
    after = [*kept, {name: text for name, text in added.items() if text}] if added else kept
    return [SetField(APPROVALS, VALUE_FIELD, list(after) or None)] if gone or added else []


def _as_texts(approval: Approval) -> dict[str, Any]:
    values = {name: getattr(approval, name) for name in Approval.model_fields}
    return {name: str(value) for name, value in values.items() if value is not None}


def limits_of(fields: Sequence[Field], texts: Texts) -> Limits | None:
    """The guardrails that the texts make, or None while one of them is not fit."""
    document = document_of(Guardrails, fields, texts)
    return None if document is None else read_limits({KIND: {GUARDRAILS.name: row_of(GUARDRAILS, document)}})


def breaking_prices(
    entries: Sequence[PriceEntry], settings: Mapping[str, Any], limits: Limits, now: datetime
) -> list[Unsafe]:
    """The prices that an apply would refuse under some limits, if they were new."""
    rows = {f"{entry.key}@{moment_text(entry.row['effective'])}": entry.row for entry in entries}
    changes = [Change("create", "price", name, None, row) for name, row in rows.items()]
    target = {"price": rows, "setting": {name: {"value": value} for name, value in settings.items()}}
    # Without a limit of bills no usage is looked at.
    of_prices = replace(limits, largest_bill_rise_percent=None)
    return list(find_breaches(changes, {}, target, Impact(0, now, now, 0, ()), of_prices))


def share_rows(counts: Mapping[str, int], limits: Limits) -> Iterator[tuple[str, int, str, str]]:
    """How many entities of each kind one apply may update and delete."""
    for kind, number in counts.items():
        if number:
            percents = (limits.max_update_percent, limits.max_delete_percent)
            update, delete = ("all" if one is None else f"{allowed(number, one):,}" for one in percents)
            yield kind, number, update, delete


__all__ = [
    "APPROVALS",
    "APPROVED",
    "AWAY",
    "CODES",
    "COLUMNS",
    "GUARDRAILS",
    "KIND",
    "SHARES",
    "approval_edits",
    "approval_records",
    "away_fields",
    "breaking_prices",
    "documents_of",
    "guard_fields",
    "limits_of",
    "policy_records",
    "share_rows",
]
