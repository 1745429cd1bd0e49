"""The form of a price."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from dashboard.configuration.price_form import (
    FormError,
    PriceTexts,
    addable_units,
    edits_of,
    initial_texts,
    row_of,
    settled,
    unit_label,
)
from dashboard.configuration.price_start import Start, start_of
from dashboard.proposing.parts import with_edits
from schema.catalogue import Entity, load_catalogue
from schema.keys import Key
from sync.desired import entity_row
from sync.edit import AddEntity, SetField
from tests.small_config import SMALL_CONFIG

NAME = "anthropic/claude-haiku-4-5"
DATED = f"{NAME}@2026-01-01"
EFFECTIVE = datetime(2026, 1, 1, tzinfo=UTC)
CATALOGUE, _ = load_catalogue({path: text.encode() for path, text in SMALL_CONFIG.items()})
HAIKU = initial_texts(CATALOGUE.of("price")[DATED], "llm")


def test_the_form_starts_with_what_the_entry_says() -> None:
    assert HAIKU.rates == {
        "per_million.input": "1",
        "per_million.output": "5",
        "per_million.cache_read": "0.1",
        "per_million.cache_write": "1.25",
    }
    assert (HAIKU.way, HAIKU.margin) == ("Margin", "3")


def test_the_files_default_margin_is_shown() -> None:
    sonnet = initial_texts(CATALOGUE.of("price")["anthropic/claude-sonnet-4-5@2026-01-01"], "llm")

    assert sonnet.margin == "1.3"


def test_a_model_without_a_price_starts_with_the_units_it_needs() -> None:
    assert initial_texts(None, "llm").rates == {"per_million.input": "", "per_million.output": ""}
    assert initial_texts(None, "image").rates == {"per_unit.image": ""}


def test_the_row_is_the_one_that_apply_would_write() -> None:
    entity = CATALOGUE.of("price")[DATED]
    applied = entity_row(entity, CATALOGUE)

    row = row_of(HAIKU, NAME, EFFECTIVE)

    assert row == {name: applied[name] for name in row}


def test_nothing_changed_is_no_edit() -> None:
    assert edits_of(HAIKU, HAIKU, NAME, new=False) == []


def test_each_changed_text_is_an_edit() -> None:
    after = replace(HAIKU, margin="2.8", rates={**HAIKU.rates, "per_million.input": "0.9"})

    assert edits_of(HAIKU, after, NAME, new=False) == [
        SetField(Key("price", NAME), "per_million.input", "0.9"),
        SetField(Key("price", NAME), "margin", "2.8"),
    ]


def test_an_emptied_rate_goes() -> None:
    after = replace(HAIKU, rates={**HAIKU.rates, "per_million.cache_read": " "})

    assert edits_of(HAIKU, after, NAME, new=False) == [SetField(Key("price", NAME), "per_million.cache_read", None)]


def test_another_way_to_charge_takes_the_first_one_out() -> None:
    after = replace(HAIKU, way="Credits", credits="1.5")

    assert edits_of(HAIKU, after, DATED, new=False) == [
        SetField(Key("price", DATED), "margin", None),
        SetField(Key("price", DATED), "credits.multiplier", "1.5"),
    ]


def test_margins_of_plans_keep_their_shape() -> None:
    before = PriceTexts({"per_million.input": "1"}, margin="2", plan_margins={"pro": "1.6"})

    edits = edits_of(before, replace(before, plan_margins={"pro": "1.5"}), NAME, new=False)

    assert edits == [SetField(Key("price", NAME), 'margin.plans."pro"', "1.5")]


def test_a_first_price_is_a_new_entity() -> None:
    texts = PriceTexts({"per_million.input": "1", "per_million.output": "2"}, margin="1.2")

    assert edits_of(initial_texts(None, "llm"), texts, DATED, new=True) == [
        AddEntity(Key("price", DATED), {"per_million.input": "1", "per_million.output": "2", "margin": "1.2"})
    ]
    assert edits_of(texts, initial_texts(None, "llm"), DATED, new=True) == []


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (replace(HAIKU, margin="two"), "Margin: 'two' is not a positive number such as 2.5"),
        (replace(HAIKU, margin="-1"), "Margin: '-1' is not a positive number such as 2.5"),
        (replace(HAIKU, margin="NaN"), "Margin: 'NaN' is not a positive number such as 2.5"),
        (replace(HAIKU, margin="2e0"), "Margin: '2e0' is not a positive number such as 2.5"),
        (replace(HAIKU, margin="\u0663"), "Margin: '\u0663' is not a positive number such as 2.5"),
        (replace(HAIKU, margin=" "), "Margin: fill in a number"),
        (replace(HAIKU, margin="9" * 40), f"Margin: '{'9' * 40}' is too large, or has more than 6 decimals"),
        (replace(HAIKU, margin="1.2345678"), "Margin: '1.2345678' is too large, or has more than 6 decimals"),
        (
            replace(HAIKU, rates={"per_million.input": "1,5"}),
            "Input, USD per million: '1,5' is not a positive number such as 2.5",
        ),
        (
            replace(HAIKU, rates={"per_unit.image": "0.0000000000001"}),
            "Image, USD per unit: '0.0000000000001' is too large, or has more than 12 decimals",
        ),
    ],
)
def test_texts_that_are_no_numbers_are_told(texts: PriceTexts, message: str) -> None:
    with pytest.raises(FormError) as caught:
        row_of(texts, NAME, EFFECTIVE)
    assert str(caught.value) == message


def test_the_same_number_written_otherwise_is_no_edit() -> None:
    again = replace(HAIKU, margin=" 3.0", rates={**HAIKU.rates, "per_million.input": "1.00"})

    assert edits_of(HAIKU, settled(again), NAME, new=False) == []
    assert settled(replace(HAIKU, way="Credits", credits="01.50")).credits == "1.5"
    assert settled(replace(HAIKU, way="List price", charge={"per_million.input": "2.50"})).charge == {
        "per_million.input": "2.5"
    }


def test_units_that_can_be_added_are_those_not_named() -> None:
    assert "per_million.cache_read" not in addable_units(HAIKU)
    assert "per_million.reasoning" in addable_units(HAIKU)
    assert unit_label("per_unit.video_second") == "Video second, USD per unit"


def _entities(*moments: str) -> dict[str, Entity]:
    entries = "".join(f"    - {{effective: {moment}, per_million: {{input: 1, output: 2}}}}\n" for moment in moments)
    text = f"provider: openai\ndefaults: {{margin: 2}}\nprices:\n  gpt-4o:\n{entries}"
    return load_catalogue({"pricing/openai.yaml": text.encode()}, "config")[0].of("price")


def test_an_edit_starts_from_the_entry_of_its_day_or_from_a_copy_of_the_one_in_force() -> None:
    now = datetime(2026, 11, 21, 17, 9, 30, tzinfo=UTC)
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    entities = _entities("2026-01-01", "2026-12-24")
    today, later = now.date(), date(2026, 12, 24)

    def start(wanted: date, applied: Collection[datetime] = (), found: Mapping[str, Entity] = entities) -> Start:
        return start_of(found, "openai/gpt-4o", wanted, applied, now)

    copied = start(today)
    assert (copied.stands, copied.effective, copied.full_name("openai/gpt-4o")) == (False, midnight, "openai/gpt-4o")
    assert copied.entity is entities["openai/gpt-4o@2026-01-01"]
    assert start(later).entity is entities["openai/gpt-4o@2026-12-24"]
    assert start(later).full_name("openai/gpt-4o") == "openai/gpt-4o@2026-12-24"
    first = start(today, found={})
    assert (first.entity, first.full_name("openai/gpt-5")) == (None, "openai/gpt-5@2026-11-21")
    # An entry of today that waits to be applied is edited itself; one that was applied is left alone.
    waiting = _entities("2026-01-01", "2026-11-21", "2026-11-21T17:05:00Z")
    assert start(today, found=waiting).full_name("openai/gpt-4o") == "openai/gpt-4o@2026-11-21T17:05:00Z"
    applied = {midnight, now.replace(minute=5, second=0)}
    again = start(today, applied, waiting)
    assert (again.stands, again.effective) == (False, now.replace(second=0))
    assert again.entity is waiting["openai/gpt-4o@2026-11-21T17:05:00Z"]


SONNET = "anthropic/claude-sonnet-4-5"
SONNET_DATED = f"{SONNET}@2026-01-01"
FILES = {path: text.encode() for path, text in SMALL_CONFIG.items()}


def _becomes(after: PriceTexts, name: str = SONNET_DATED) -> dict[str, Any]:
    """The row that the edits of the form write, which must be the one that the form previews."""
    entity = CATALOGUE.of("price")[name]
    before = initial_texts(entity, "llm")
    settled_texts = settled(after)
    files = with_edits(FILES, edits_of(before, settled_texts, name, new=False), EFFECTIVE)
    catalogue, findings = load_catalogue(files)
    assert findings == []
    written = entity_row(catalogue.of("price")[name], catalogue)
    previewed = row_of(settled_texts, name, EFFECTIVE)
    assert {field: written[field] for field in previewed} == previewed
    return written


def test_a_context_tier_is_changed_added_and_taken_out() -> None:
    start = initial_texts(CATALOGUE.of("price")[SONNET_DATED], "llm")
    assert start.tiers == ({"from": "200000", "per_million.input": "6", "per_million.output": "22.5"},)
    changed = {**start.tiers[0], "from": "128000", "per_million.input": "7", "per_million.cache_read": ""}
    more = {"from": "500000", "per_million.input": "9", "per_million.output": ""}

    assert _becomes(replace(start, tiers=(changed,)))["tiers"] == [
        {"from": 128_000, "rates": {"input": 7_000_000, "output": 22_500_000}}
    ]
    assert [tier["from"] for tier in _becomes(replace(start, tiers=(*start.tiers, more)))["tiers"]] == [
        200_000,
        500_000,
    ]
    assert _becomes(replace(start, tiers=()))["tiers"] == []
    with pytest.raises(FormError, match="whole number of input tokens"):
        settled(replace(start, tiers=({"from": "", "per_million.input": "7"},)))


def test_a_plan_gets_a_margin_of_its_own_and_loses_it() -> None:
    start = initial_texts(CATALOGUE.of("price")[DATED], "llm")
    assert (start.margin, start.plan_margins) == ("3", {})

    written = _becomes(replace(start, plan_margins={"pro": "2.5"}), DATED)

    assert (written["margin_micros"], written["plan_margins"]) == (3_000_000, {"pro": 2_500_000})
    name = Key("price", DATED)
    files = with_edits(FILES, [SetField(name, "margin", {"default": "3", "plans": {"pro": "2.5"}})], EFFECTIVE)
    own = initial_texts(load_catalogue(files)[0].of("price")[DATED], "llm")
    assert edits_of(own, replace(own, plan_margins={}), DATED, new=False) == [SetField(name, "margin", "3")]


@pytest.mark.parametrize("name", [SONNET_DATED, DATED])
def test_a_price_gets_another_way_of_charging(name: str) -> None:
    """Also where the margin is the file's default, which no entry names."""
    start = initial_texts(CATALOGUE.of("price")[name], "llm")

    assert _becomes(replace(start, way="Credits", credits="2"), name)["credits_micros"] == 2_000_000
    listed = _becomes(replace(start, way="List price", charge=start.rates), name)
    assert listed["charge_rates"] == listed["rates"]


def test_an_emptied_rate_of_a_list_price_goes() -> None:
    key = Key("price", NAME)
    before = PriceTexts({}, way="List price", charge={"per_million.input": "2", "per_million.cache_read": "1"})
    after = replace(before, charge={"per_million.input": "2", "per_million.cache_read": ""})

    assert edits_of(before, after, NAME, new=False) == [SetField(key, "charge.per_million.cache_read", None)]


def test_a_list_price_gets_context_tiers_of_its_own_and_loses_them() -> None:
    start = initial_texts(CATALOGUE.of("price")[SONNET_DATED], "llm")
    tier = {"from": "200000", "per_million.input": "9", "per_million.output": "30"}
    listed = replace(start, way="List price", charge=start.rates, charge_tiers=(tier,))

    written = _becomes(listed)

    assert written["charge_tiers"] == [{"from": 200_000, "rates": {"input": 9_000_000, "output": 30_000_000}}]
    key = Key("price", SONNET_DATED)
    with_tiers = with_edits(FILES, edits_of(start, settled(listed), SONNET_DATED, new=False), EFFECTIVE)
    own = initial_texts(load_catalogue(with_tiers)[0].of("price")[SONNET_DATED], "llm")
    assert own.charge_tiers == (tier,)
    dearer = replace(own, charge_tiers=({**tier, "per_million.input": "9.5"},))
    assert edits_of(own, dearer, SONNET_DATED, new=False) == [
        SetField(key, "charge.above_input.0.per_million.input", "9.5")
    ]
    assert edits_of(own, replace(own, charge_tiers=()), SONNET_DATED, new=False) == [
        SetField(key, "charge.above_input", None)
    ]
    [added] = edits_of(initial_texts(None, "llm"), settled(listed), SONNET_DATED, new=True)
    assert isinstance(added, AddEntity)
    assert added.fields["charge.above_input"] == [{"from": "200000", "per_million": {"input": "9", "output": "30"}}]
