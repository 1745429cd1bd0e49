"""The rules of run units as a form, and a tool call counted by them. Pure; the arithmetic is the meter's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from dashboard.configuration.entity_form import Field, Texts, annotation_of, field_of, row_of
from dashboard.formats import TIMES
from metering.rating.run_units import DEFAULT_TOOL, RunUnits, ToolCall
from schema.documents.rates import RunUnitsDocument
from schema.keys import Key
from schema.money import MICRO, micros, multiplier_text
from sync.edit.edits import VALUE_FIELD

KIND = "run_unit"
MEANINGS = {
    "minimum": "The least that a call counts.",
    "decimals": "Decimals that run units are rounded to.",
    "tier": "The larger of CPU and GPU seconds is taken so many times.",
    "tool": "Run units added to each call of the tool; default serves tools without a line of their own.",
}


def key_of(name: str) -> Key:
    """The key of a rule: `minimum`, `decimals`, `tier/heavy`, `tool/sandbox_execute`."""
    return Key(KIND, name)


def label_of(name: str) -> str:
    """A rule as people read it."""
    table, slash, entry = name.partition("/")
    return f"{table.capitalize()} {entry}" if slash else name.capitalize()


def rule_fields(names: Iterable[str]) -> tuple[Field, ...]:
    """A field for each rule; the two that have a default are there in any case."""
    order = {"minimum": 0, "decimals": 1, "tier": 2, "tool": 3}
    default = RunUnitsDocument()
    defaults = {"minimum": f"{default.minimum}", "decimals": str(default.decimals)}
    shown = sorted({*names, *defaults}, key=lambda name: (order.get(name.partition("/")[0], 9), name))
    return tuple(
        field_of(
            annotation_of(RunUnitsDocument.model_fields["decimals" if name == "decimals" else "minimum"]),
            key_of(name),
            VALUE_FIELD,
            label_of(name),
            MEANINGS.get(name.partition("/")[0], ""),
            defaults.get(name, ""),
        )
        for name in shown
    )


def rules_of(fields: Sequence[Field], texts: Texts) -> RunUnits | None:
    """The rules that the texts make, or None while one of them is no number."""
    try:
        values = {field.key: Decimal(texts[field.id]) for field in fields if texts[field.id].strip()}
        rows = [row_of(key, int(value) if key.name == "decimals" else value) for key, value in values.items()]
    except (InvalidOperation, ValueError, OverflowError):
        return None
    rules = RunUnits.from_rows(rows)
    return rules if 0 <= rules.decimals <= 6 else None


def seconds_micros(text: str) -> int | None:
    """Seconds as they are typed, in millionths; None for nothing. Raises ValueError."""
    if not text.strip():
        return None
    try:
        value = micros(Decimal(text.strip()))
    except InvalidOperation:
        raise ValueError(f"'{text}' is no number") from None
    if value < 0:
        raise ValueError(f"'{text}' is below zero")
    return value


def working(rules: RunUnits, call: ToolCall) -> str:
    """How a call is counted, in one line: seconds times the tier, plus the tool."""
    if call.cpu_micros is None and call.gpu_micros is None:
        seconds = f"{multiplier_text((call.latency_ms or 0) * 1_000)} s of latency"
    else:
        seconds = f"max({multiplier_text(call.cpu_micros or 0)}, {multiplier_text(call.gpu_micros or 0)}) s"
    overhead = rules.overheads.get(call.tool or DEFAULT_TOOL, rules.overheads.get(DEFAULT_TOOL, 0))
    multiplier = rules.tiers.get(call.tier or "", MICRO)
    counted = multiplier_text(rules.count(call))
    return f"{seconds} {TIMES} {multiplier_text(multiplier)} + {multiplier_text(overhead)} = {counted}"


def calls_a_month(limit: int | None, units: int) -> str:
    """How many such calls a plan's run units a month allow; `limit` is whole run units, None is unlimited."""
    if limit is None:
        return "unlimited"
    return f"{limit * MICRO // units:,}" if units else "unlimited"


def plan_limits(rows: Iterable[Mapping[str, object]]) -> dict[str, int | None]:
    """Run units a month by plan, of the plans that limit them or say that they do not."""
    found: dict[str, int | None] = {}
    for row in rows:
        limits = row["limits"]
        if isinstance(limits, Mapping) and "run_units_per_month" in limits:
            found[str(row["plan"])] = limits["run_units_per_month"]
    return found


__all__ = [
    "KIND",
    "calls_a_month",
    "key_of",
    "label_of",
    "plan_limits",
    "rule_fields",
    "rules_of",
    "seconds_micros",
    "working",
]
