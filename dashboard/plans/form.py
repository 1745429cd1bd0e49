"""The form of a plan as data: its fields, the edits they mean, the plan they would make, and quick picks. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from dashboard.configuration.entity_form import (
    Field,
    Texts,
    document_of,
    edits_of,
    field_of,
    fields_of,
    row_of,
    step,
    texts_of,
)
from dashboard.configuration.labels import label_of
from dashboard.plans.figures import UNLIMITED
from metering.book.entities import Plan
from schema.documents.base import Usd
from schema.documents.plans import Limit, PlanEntry
from schema.keys import Key
from schema.money import plain
from sync.edit import AddEntity, Edit, SetField

FeeKind = Literal["Fixed fee", "By agreement"]
FEE_KINDS: tuple[FeeKind, ...] = ("Fixed fee", "By agreement")
_LONGEST = 60
ANNUAL_PICKS: Mapping[str, Decimal] = {
    "One month free": Decimal(11),
    "Two months free": Decimal(10),
    "20 % off": Decimal("9.6"),
    "No annual fee": Decimal(0),
}
"""Annual fees by what they save: so many months are paid."""
LIMIT_PICKS: Mapping[str, Decimal | None] = {
    "Half": Decimal("0.5"),
    "Twice": Decimal(2),
    "Ten times": Decimal(10),
    "All unlimited": None,
}
TRIAL_PICKS = ("0", "7", "14", "30")


@dataclass(frozen=True, slots=True)
class PlanFields:
    """The fields of a plan's form, in the order in which the YAML has them."""

    words: tuple[Field, ...]
    fees: tuple[Field, ...]
    terms: tuple[Field, ...]
    limits: tuple[Field, ...]
    features: Field
    litellm: tuple[Field, ...]

    @property
    def key(self) -> Key:
        """The plan."""
        return self.features.key

    @property
    def others(self) -> tuple[Field, ...]:
        """Every field but the fees."""
        return (*self.words, *self.terms, *self.limits, self.features, *self.litellm)

    def one(self, path: str) -> Field:
        """The field of a path."""
        return next(field for field in (*self.others, *self.fees) if field.path == path)


def plan_fields(key: Key, classes: Sequence[str], limits: Sequence[str]) -> PlanFields:
    """The fields; `classes` are the access classes of the settings, `limits` the names that are offered."""
    found = {field.path: field for field in fields_of(PlanEntry, key, leave_out=("accept",))}
    access = found["access"]
    found["access"] = Field(key, "access", access.label, "choice", access.help, tuple(classes))

    def some(*names: str) -> tuple[Field, ...]:
        return tuple(found[name] for name in names)

    return PlanFields(
        words=some("name", "description", "active"),
        fees=(
            field_of(Usd, key, "price.monthly", "Monthly fee", "Per month."),
            field_of(Usd, key, "price.annual", "Annual fee", "Per year when paid yearly; empty for no yearly cycle."),
        ),
        terms=some("currency", "trial_days", "access", "included_credit", "overage"),
        limits=tuple(
            replace(field_of(str, key, f"limits.{step(name)}", label_of(name)), annotation=Limit) for name in limits
        ),
        features=found["features"],
        litellm=tuple(field for path, field in found.items() if path.startswith("litellm.")),
    )


def starting_texts(fields: PlanFields, entry: PlanEntry | None) -> dict[str, str]:
    """What stands in the form at first: the plan, or the defaults of a new one."""
    document: Any = entry if entry is not None else PlanEntry.model_construct()
    texts = texts_of((*fields.others, *fields.fees), {fields.key: document})
    limits = {} if entry is None else entry.limits
    for name, limit in limits.items():
        field_id = f"{fields.key}#limits.{step(name)}"
        if field_id in texts and limit is None:
            texts[field_id] = UNLIMITED
    return texts


def fee_kind(entry: PlanEntry | None) -> FeeKind:
    """Whether a plan's fee is fixed or agreed with each customer."""
    return "By agreement" if entry is not None and entry.price == "custom" else "Fixed fee"


def plan_edits(
    fields: PlanFields, before: Texts, after: Texts, *, was: FeeKind, kind: FeeKind, new: bool
) -> list[Edit]:
    """What the form means."""
    if new:
        return _addition(fields, before, after, kind)
    fees: list[Edit] = []
    if kind != was:
        value: Any = "custom" if kind == "By agreement" else _fees(fields, after)
        fees = [SetField(fields.key, "price", value)]
    elif kind == "Fixed fee":
        fees = edits_of(fields.fees, before, after)
    return [*fees, *edits_of(fields.others, before, after)]


def _addition(fields: PlanFields, before: Texts, after: Texts, kind: FeeKind) -> list[Edit]:
    found = edits_of(fields.others, before, after, new=True)
    if not found:
        return []
    [added] = found
    assert isinstance(added, AddEntity)  # noqa: S101 - a new entity is added
    given = dict(added.fields)
    price: dict[str, Any] = (
        {"price": "custom"}
        if kind == "By agreement"
        else {f"price.{name}": text for name, text in _fees(fields, after).items()}
    )
    words = {field.path: given.pop(field.path) for field in fields.words if field.path in given}
    return [AddEntity(fields.key, {**words, **price, **given})]


def _fees(fields: PlanFields, texts: Texts) -> dict[str, str]:
    found = {field.path.removeprefix("price."): texts[field.id].strip() for field in fields.fees}
    return {name: text for name, text in found.items() if text}


def plan_of(fields: PlanFields, texts: Texts, kind: FeeKind) -> Plan | None:
    """The plan that the texts make, as the runtime would know it; None while they make none."""
    if kind == "By agreement":
        entry = document_of(PlanEntry, fields.others, texts, price="custom")
    else:
        entry = document_of(PlanEntry, (*fields.others, *fields.fees), texts)
    return None if entry is None else Plan.from_row(row_of(fields.key, entry))


def plan_slug(name: str, taken: Collection[str]) -> str:
    """A slug from a plan's name: small letters, digits and dashes; numbered when it is taken."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:_LONGEST].strip("-")
    if not slug:
        return ""
    number, found = 1, slug
    while found in taken:
        number += 1
        found = f"{slug}-{number}"
    return found


def annual_pick(monthly: str, pick: str) -> str | None:
    """The annual fee of a quick pick; None when the monthly fee is no number."""
    months = ANNUAL_PICKS[pick]
    try:
        fee = Decimal(monthly.strip())
    except InvalidOperation:
        return None
    if not months:
        return ""
    return plain((fee * months).quantize(Decimal("0.01"))) if fee.is_finite() and abs(fee) < 10**9 else None


def limit_pick(text: str, pick: str) -> str:
    """A limit after a quick pick; what is no number stays, and a limit that is not set stays so."""
    factor = LIMIT_PICKS[pick]
    if not text.strip():
        return text
    if factor is None:
        return UNLIMITED
    found = text.strip()
    if not found.isascii() or not found.isdecimal():
        return text
    return str(max(1, int(Decimal(found) * factor))) if int(found) else found


__all__ = [
    "ANNUAL_PICKS",
    "FEE_KINDS",
    "LIMIT_PICKS",
    "TRIAL_PICKS",
    "FeeKind",
    "PlanFields",
    "annual_pick",
    "fee_kind",
    "limit_pick",
    "plan_edits",
    "plan_fields",
    "plan_of",
    "plan_slug",
    "starting_texts",
]
