"""Numbers and days of documents: what is read, and what another reader could take for another amount."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError

from schema.documents import DOCUMENTS
from schema.documents.commerce import CreditPack
from schema.places import read_source


def _price(entry):
    source = read_source("f.yaml", f"provider: p\nprices:\n  m:\n    - effective: 2026-01-01\n{entry}")
    return DOCUMENTS["pricing"].model_validate(source.value).prices["m"][0]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1e2", "100"),
        (".5", "0.5"),
        ("5.", "5"),
        ("+3", "3"),
        ("1_000", "1000"),
        ("-0", "0"),
        ("100e-2", "1"),
        ("1.0000000", "1"),
        ("1000000", "1000000"),
        ("0.000001", "0.000001"),
    ],
)
def test_numbers_are_read_as_they_are_written(text, number):
    assert _price(f"      per_million: {{input: '{text}'}}").per_million["input"] == Decimal(number)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("\u0663", "bad_number"),
        ("1\u066b5", "decimal_parsing"),
        ("\uff12.5", "bad_number"),
        ("1__000", "bad_number"),
        ("1_5", "bad_number"),
        ("_1", "bad_number"),
        ("1_000_", "bad_number"),
        ("010", "bad_number"),
        ("00.5", "bad_number"),
        ("2,50", "bad_number"),
        ("1.000.000,00", "bad_number"),
        ("9" * 101, "bad_number"),
        (" 1", "decimal_parsing"),
        ("0x10", "decimal_parsing"),
        ("1:30", "decimal_parsing"),
        ("Infinity", "decimal_parsing"),
        ("1e-7", "decimal_max_places"),
        ("1e-999999", "decimal_max_places"),
        ("1000000.000001", "less_than_equal"),
    ],
)
def test_numbers_that_another_reader_may_take_for_others_are_refused(text, fault):
    with pytest.raises(ValidationError) as raised:
        _price(f"      per_million: {{input: '{text}'}}")
    assert [error["type"] for error in raised.value.errors()] == [fault]


@pytest.mark.parametrize("value", [1.5, True, None, [1], float("nan")])
def test_no_float_and_no_flag_is_an_amount(value):
    with pytest.raises(ValidationError, match="Decimal input should be"):
        CreditPack.model_validate({"price": value, "credits": "1"})


@pytest.mark.parametrize(
    ("value", "fault"),
    [("0", None), ("5.0", None), ("1e3", None), ("9007199254740992", None), ("9007199254740993", "less_than_equal")],
)
def test_counts_are_whole(value, fault):
    packs = {"price": "1", "credits": value}
    if fault is None:
        assert CreditPack.model_validate(packs).credits == int(Decimal(value))
        return
    with pytest.raises(ValidationError) as raised:
        CreditPack.model_validate(packs)
    assert [error["type"] for error in raised.value.errors()] == [fault]


@pytest.mark.parametrize("day", ["2026-W01-1", "\uff12026-01-05", "2026-1-05", "2026-02-30"])
def test_a_day_is_written_in_one_way(day):
    with pytest.raises(ValidationError) as raised:
        _price(f"      source: {{checked: '{day}'}}")
    assert [error["type"] for error in raised.value.errors()] == ["bad_date"]
