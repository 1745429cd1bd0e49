"""`pricing`: what models cost and what they are charged at, dated, a file a provider."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from schema.documents.base import (
    Count,
    Day,
    Document,
    Given,
    ModelName,
    Moment,
    Multiplier,
    PerMillion,
    PerUnit,
    ShortForm,
    Slug,
    Text,
    Unit,
)

_TWO_CHARGES = "{ways} exclude each other: keep one"


class Source(Document):
    """Where a price was read."""

    url: Text | None = None
    """The page or list."""
    checked: Day | None = None
    """The day on which somebody looked."""
    note: Text | None = None
    """What a reader should know."""


class Margins(Document):
    """The multiplier from cost to charge, with other values for some plans."""

    default: Multiplier
    """For plans that are not named."""
    plans: dict[Slug, Multiplier] = Field(default_factory=dict)
    """By plan."""


def _margin(value: Any) -> Any:
    return {"default": value} if isinstance(value, str) else value


Margin = Annotated[
    Margins,
    BeforeValidator(_margin),
    ShortForm({"type": "number", "minimum": 0, "maximum": 1000, "description": "One margin for all plans."}),
]


class Rates(Document):
    """Rates by unit, in USD per 1,000,000 units or in USD per unit; a unit stands in one of the two."""

    per_million: dict[Unit, PerMillion] = Field(default_factory=dict)
    """USD per 1,000,000 units."""
    per_unit: dict[Unit, PerUnit] = Field(default_factory=dict)
    """USD per unit."""

    @model_validator(mode="after")
    def _once(self) -> Rates:
        both = sorted(self.per_million.keys() & self.per_unit.keys())
        if both:
            raise PydanticCustomError("unit_twice", "'{unit}' stands in per_million and in per_unit", {"unit": both[0]})
        return self


class Tier(Rates):
    """Rates for a whole call whose input is strictly greater than `from`; units it does not name keep theirs."""

    from_: Count = Field(alias="from")
    """Input tokens (input and cache units together)."""


def _rising(tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
    for lower, higher in pairwise(tiers):
        if higher.from_ <= lower.from_:
            rise = {"lower": lower.from_, "higher": higher.from_}
            raise PydanticCustomError("tiers_not_rising", "tiers must rise: {higher} comes after {lower}", rise)
    return tiers


Tiers = Annotated[tuple[Tier, ...], AfterValidator(_rising)]


class ListPrice(Rates):
    """What customers pay per unit, whatever the provider takes."""

    above_input: Tiers = ()
    """Context tiers of the list price."""


class Credits(Document):
    """Burn of weighted tokens (see `settings.credit_burn`)."""

    multiplier: Multiplier
    """Times the weighted tokens."""


class PriceEntry(Rates):
    """One dated price of a model. Exactly one of margin (own or the file's default), charge and credits applies."""

    effective: Moment
    """In force from this date (00:00 UTC) or timestamp."""
    above_input: Tiers = ()
    """Context tiers of the cost."""
    margin: Annotated[Margin | None, Given] = None
    """The multiplier from cost to charge: a number, or a default with other values for some plans."""
    charge: Annotated[ListPrice | None, Given] = None
    """Instead of a margin: a list price."""
    credits: Annotated[Credits | None, Given] = None
    """Instead of a margin: credit burn."""
    source: Source | None = None
    """Where the cost was read."""
    note: Text | None = None
    """For people."""
    accept: tuple[Text, ...] = ()
    """Codes of warnings about this entry that somebody looked at."""

    @model_validator(mode="after")
    def _one_way_to_charge(self) -> PriceEntry:
        ways = [name for name in ("margin", "charge", "credits") if getattr(self, name) is not None]
        if len(ways) > 1:
            raise PydanticCustomError("two_charges", _TWO_CHARGES, {"ways": " and ".join(ways)})
        return self


class Defaults(Document):
    """What entries of the file take when they say nothing."""

    margin: Margin
    """The margin of entries that have no margin, charge or credits of their own."""


class PricingDocument(Document):
    """The prices of one provider's models."""

    provider: Slug
    """The provider whose models are priced."""
    defaults: Annotated[Defaults | None, Given] = None
    """What entries take when they say nothing."""
    prices: dict[ModelName, tuple[PriceEntry, ...]] = Field(default_factory=dict)
    """Dated entries by model; history stays."""
