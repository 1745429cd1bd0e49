"""The form of a price as data: the texts it starts with, the edits it means, the row that it would become. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from schema.catalogue import Catalogue, Entity
from schema.documents.base import Count, PerMillion, PerUnit
from schema.documents.pricing import Margins, PriceEntry, PricingDocument
from schema.keys import Key, split_model
from schema.money import micros, plain, rate_from_per_million, rate_from_per_unit
from schema.units import DECIMAL_UNITS, REQUIRED_UNITS, TOKEN_UNITS
from sync.edit import AddEntity, Edit, SetField

Way = Literal["Margin", "List price", "Credits"]
WAYS: tuple[Way, ...] = ("Margin", "List price", "Credits")
_FIELD: dict[Way, str] = {"Margin": "margin", "List price": "charge", "Credits": "credits"}
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
_CREDITS = "Credit multiplier"
_TIERS = "above_input"
_CHARGE_TIERS = "charge.above_input"
FROM = "from"
Tiers = tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class PriceTexts:
    """What stands in the form. Rates are keyed by their field: `per_million.input`, `per_unit.image`."""

    rates: Mapping[str, str]
    way: Way = "Margin"
    margin: str = ""
    plan_margins: Mapping[str, str] = field(default_factory=dict)
    charge: Mapping[str, str] = field(default_factory=dict)
    credits: str = ""
    tiers: Tiers = ()
    """Other rates of calls with more input, from `from` tokens on; without it a tier is none."""
    charge_tiers: Tiers = ()
    """The same of a list price."""


class FormError(ValueError):
    """A text of the form that is no number of the right kind."""


def unit_label(name: str) -> str:
    """`per_million.cache_read` as people read it: `Cache read, USD per million`."""
    if name == FROM:
        return "Above, tokens of input"
    basis, _, unit = name.partition(".")
    return f"{unit.replace('_', ' ').capitalize()}, USD per {'million' if basis == 'per_million' else 'unit'}"


def type_of(name: str) -> Any:
    """The type of a rate's value, or of the input from which on a tier applies."""
    return Count if name == FROM else PerMillion if name.startswith("per_million.") else PerUnit


def initial_texts(entity: Entity | None, model_type: str, margin_of_others: str = "") -> PriceTexts:
    """The texts of the entry that an edit starts from; the units that the model's type needs when there is none."""
    if entity is None or not isinstance(entity.document, PriceEntry):
        units = REQUIRED_UNITS.get(model_type) or ("image",)
        rates = {f"{'per_million' if unit in TOKEN_UNITS else 'per_unit'}.{unit}": "" for unit in units}
        return PriceTexts(rates, margin=margin_of_others)
    entry = entity.document
    texts = PriceTexts(_rates(entry), tiers=_tiers(entry))
    if entry.charge is not None:
        return replace(texts, way="List price", charge=_rates(entry.charge), charge_tiers=_tiers(entry.charge))
    if entry.credits is not None:
        return replace(texts, way="Credits", credits=plain(entry.credits.multiplier))
    margin = entry.margin or _default_margin(entity)
    if margin is None:
        return texts
    plans = {plan: plain(value) for plan, value in margin.plans.items()}
    return replace(texts, margin=plain(margin.default), plan_margins=plans)


def default_margin(catalogue: Catalogue, name: str) -> str:
    """The margin that prices of a model's provider take by default; empty where the provider has none."""
    own = (entity for key, entity in catalogue.of("price").items() if split_model(key)[0] == split_model(name)[0])
    margin = next((found for entity in own if (found := _default_margin(entity))), None)
    return plain(margin.default) if margin else ""


def _default_margin(entity: Entity) -> Margins | None:
    parent = entity.parent
    return parent.defaults.margin if isinstance(parent, PricingDocument) and parent.defaults else None


def _rates(part: Any) -> dict[str, str]:
    return {
        **{f"per_million.{unit}": plain(value) for unit, value in part.per_million.items()},
        **{f"per_unit.{unit}": plain(value) for unit, value in part.per_unit.items()},
    }


def _tiers(part: Any) -> Tiers:
    return tuple({FROM: str(tier.from_), **_rates(tier)} for tier in part.above_input)


def number(text: str, what: str) -> Decimal:
    """A number of the form in plain digits, as the documents have them; raises FormError."""
    found = text.strip()
    if not found:
        raise FormError(f"{what}: fill in a number")
    if not _NUMBER.fullmatch(found):
        raise FormError(f"{what}: '{found}' is not a positive number such as 2.5")
    return Decimal(found)


def settled(texts: PriceTexts) -> PriceTexts:
    """The same numbers written one way, so that `2.50` for `2.5` is no change. Raises FormError."""

    def plainly(fields: Mapping[str, str]) -> dict[str, str]:
        return {name: plain(number(text, unit_label(name))) if text.strip() else "" for name, text in fields.items()}

    def settled_tiers(tiers: Tiers) -> Tiers:
        return tuple(_settled_tier(tier, plainly(tier)) for tier in tiers if any(tier.values()))

    settled_rates = replace(texts, rates=plainly(texts.rates), tiers=settled_tiers(texts.tiers))
    if texts.way == "List price":
        return replace(settled_rates, charge=plainly(texts.charge), charge_tiers=settled_tiers(texts.charge_tiers))
    if texts.way == "Credits":
        return replace(settled_rates, credits=plain(number(texts.credits, _CREDITS)))
    plans = {plan: plain(number(text, f"Margin of {plan}")) for plan, text in texts.plan_margins.items()}
    return replace(settled_rates, margin=plain(number(texts.margin, "Margin")), plan_margins=plans)


def _settled_tier(texts: Mapping[str, str], plainly: dict[str, str]) -> dict[str, str]:
    start = texts[FROM].strip()
    if not start.isascii() or not start.isdecimal():
        raise FormError(f"Context tier: '{start}' is not a whole number of input tokens such as 200000")
    return plainly


def edits_of(before: PriceTexts, after: PriceTexts, name: str, *, new: bool) -> list[Edit]:
    """What the form means. `name` is `provider/model`, with `@date` for an entry that stands there; `new` adds one."""
    key = Key("price", name)
    if new:
        return [AddEntity(key, _fields(after))] if any(after.rates.values()) else []
    edits: list[Edit] = [
        SetField(key, unit, text.strip() or None)
        for unit, text in after.rates.items()
        if text.strip() != before.rates.get(unit, "")
    ]
    return [*edits, *_tier_edits(key, _TIERS, before.tiers, after.tiers), *_charge_edits(key, before, after)]


def _tier_edits(key: Key, field: str, before: Tiers, after: Tiers) -> list[Edit]:
    if len(before) != len(after):
        return [SetField(key, field, _tier_values(after) or None)]
    return [
        SetField(key, f"{field}.{place}.{name}", text or None)
        for place, (old, new) in enumerate(zip(before, after, strict=True))
        for name, text in new.items()
        if text != old.get(name, "")
    ]


def _tier_values(tiers: Tiers) -> list[Any]:
    return [_tier_value(tier) for tier in tiers]


def _tier_value(texts: Mapping[str, str]) -> dict[str, Any]:
    value: dict[str, Any] = {FROM: texts[FROM]}
    for name, text in texts.items():
        basis, point, unit = name.partition(".")
        if point and text:
            value.setdefault(basis, {})[unit] = text
    return value


def _charge_edits(key: Key, before: PriceTexts, after: PriceTexts) -> list[Edit]:
    old, new = _charge_fields(before), _charge_fields(after)
    if after.way != before.way:
        return [SetField(key, _FIELD[before.way], None), *(SetField(key, unit, text) for unit, text in new.items())]
    if after.way == "Margin" and set(after.plan_margins) != set(before.plan_margins):
        value = {"default": after.margin, "plans": dict(after.plan_margins)} if after.plan_margins else after.margin
        return [SetField(key, "margin", value)]
    changed = [name for name in {**old, **new} if name != _CHARGE_TIERS and new.get(name) != old.get(name)]
    edits: list[Edit] = [SetField(key, name, new.get(name)) for name in changed]
    return edits + _tier_edits(key, _CHARGE_TIERS, before.charge_tiers, after.charge_tiers)


def _fields(texts: PriceTexts) -> dict[str, Any]:
    tiers = {_TIERS: _tier_values(texts.tiers)} if texts.tiers else {}
    rates = {unit: text.strip() for unit, text in texts.rates.items() if text.strip()}
    return {**rates, **tiers, **_charge_fields(texts)}


def _charge_fields(texts: PriceTexts) -> dict[str, Any]:
    if texts.way == "List price":
        charge = {f"charge.{unit}": text.strip() for unit, text in texts.charge.items() if text.strip()}
        return charge | ({_CHARGE_TIERS: _tier_values(texts.charge_tiers)} if texts.charge_tiers else {})
    if texts.way == "Credits":
        return {"credits.multiplier": texts.credits.strip()}
    if not texts.plan_margins:
        return {"margin": texts.margin.strip()} if texts.margin.strip() else {}
    plans = {f'margin.plans."{plan}"': text.strip() for plan, text in texts.plan_margins.items()}
    return {"margin.default": texts.margin.strip(), **plans}


def row_of(texts: PriceTexts, name: str, effective: datetime) -> dict[str, Any]:
    """The canonical row of `prices` that settled texts would become. Raises FormError."""
    provider, _, model = name.partition("@")[0].partition("/")
    row: dict[str, Any] = {
        "provider": provider,
        "model": model,
        "effective": effective,
        "rates": _pico(texts.rates),
        "tiers": _tier_rows(texts.tiers),
        "margin_micros": None,
        "plan_margins": {},
        "charge_rates": None,
        "charge_tiers": None,
        "credits_micros": None,
    }
    if texts.way == "List price":
        row["charge_rates"] = _pico(texts.charge)
        row["charge_tiers"] = _tier_rows(texts.charge_tiers)
    elif texts.way == "Credits":
        row["credits_micros"] = _micros(texts.credits, _CREDITS)
    else:
        row["margin_micros"] = _micros(texts.margin, "Margin")
        row["plan_margins"] = {plan: _micros(text, f"Margin of {plan}") for plan, text in texts.plan_margins.items()}
    return row


def _tier_rows(tiers: Tiers) -> list[dict[str, Any]]:
    def rates(tier: Mapping[str, str]) -> dict[str, int]:
        return _pico({name: text for name, text in tier.items() if name != FROM})

    return [{"from": int(tier[FROM]), "rates": rates(tier)} for tier in tiers]


def _pico(rates: Mapping[str, str]) -> dict[str, int]:
    found = {}
    for name, text in rates.items():
        if not text.strip():
            continue
        basis, _, unit = name.partition(".")
        if basis == "per_million":
            found[unit] = _whole(text, unit_label(name), 6, rate_from_per_million)
        else:
            found[unit] = _whole(text, unit_label(name), 12, rate_from_per_unit)
    return found


def _micros(text: str, what: str) -> int:
    return _whole(text, what, 6, micros)


def _whole(text: str, what: str, places: int, convert: Callable[[Decimal], int]) -> int:
    value = number(text, what)
    try:
        return convert(value)
    except ValueError:
        fault = f"{what}: '{text.strip()}' is too large, or has more than {places} decimals"
        raise FormError(fault) from None


def addable_units(texts: PriceTexts) -> list[str]:
    """Units that the entry does not name yet, as fields."""
    named = {name.partition(".")[2] for name in texts.rates}
    tokens = [f"per_million.{unit}" for unit in TOKEN_UNITS if unit not in named]
    others = ("image", "request", "character", "page", *DECIMAL_UNITS)
    return tokens + [f"per_unit.{unit}" for unit in others if unit not in named]
