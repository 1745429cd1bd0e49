"""The levels of reasoning as a form, and what an example call comes to at each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from dashboard.configuration.entity_form import Field, Texts, field_of
from dashboard.configuration.example_cost import INPUT_TOKENS, OUTPUT_TOKENS, example
from dashboard.formats import exact_money, multiplier
from metering.rating.price import Price
from schema.documents.base import Multiplier
from schema.keys import Key
from schema.money import micros
from sync.edit.edits import VALUE_FIELD

KIND = "reasoning"
UNITS = {"input": INPUT_TOKENS, "output": OUTPUT_TOKENS}
PREVIEW = ("Level", "Multiplier", "Cost", "Charge", "Charge now")


def level_fields(names: Iterable[str]) -> tuple[Field, ...]:
    """A field for each level, in the order of the document."""
    meaning = "Output tokens of a call at this level count so many times."
    return tuple(field_of(Multiplier, Key(KIND, name), VALUE_FIELD, name, meaning) for name in names)


def levels_of(fields: Sequence[Field], texts: Texts) -> dict[str, int]:
    """The multipliers that the texts say, in millionths; a level whose text is empty or no number is none."""
    found = {}
    for field in fields:
        try:
            found[field.key.name] = micros(Decimal(texts[field.id].strip()))
        except (InvalidOperation, ValueError):
            continue
    return found


def preview_rows(
    price: Price | None, in_force: Mapping[str, int], planned: Mapping[str, int]
) -> list[tuple[str | None, ...]]:
    """What the example call comes to at each level with the edit, beside what it is charged now."""
    rows: list[tuple[str | None, ...]] = []
    for level in dict.fromkeys([*planned, *in_force]):
        by_now, by_then = (
            example(price, UNITS, output_micros=levels[level]) if level in levels else None
            for levels in (in_force, planned)
        )
        rows.append(
            (
                level,
                multiplier(planned[level]) if level in planned else "refused",
                exact_money(by_then.cost_nanos) if by_then else None,
                exact_money(by_then.charge_nanos) if by_then else None,
                exact_money(by_now.charge_nanos) if by_now else None,
            )
        )
    return rows


__all__ = ["KIND", "PREVIEW", "level_fields", "levels_of", "preview_rows"]
