"""The form of a price."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

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

    row = row_of(HAIKU, applied, NAME, EFFECTIVE)

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
        row_of(texts, None, NAME, EFFECTIVE)
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
