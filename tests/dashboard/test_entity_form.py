"""The form of any entity: fields by the documents' types, texts, edits."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dashboard.configuration.entity_form import document_of, edits_of, field_of, fields_of, row_of, same, step, texts_of
from schema.documents.commerce import CreditPack, Feature, FeatureOverride
from schema.documents.rates import ExchangeRate
from schema.documents.settings import LiteLLMSettings
from schema.keys import Key
from sync.edit import AddEntity, Quoted, SetField

STARTER = Key("pack", "Starter")
PACK = CreditPack.model_validate({"price": "5.00", "credits": "50000", "order": "1"})
PACK_FIELDS = fields_of(CreditPack, STARTER, leave_out=("accept",))


def _id(key: Key, path: str) -> str:
    return f"{key}#{path}"


def test_the_fields_follow_the_types_and_meanings_of_the_document() -> None:
    shown = {field.path: (field.label, field.kind) for field in PACK_FIELDS}

    assert shown == {
        "price": ("Price", "number"),
        "currency": ("Currency", "text"),
        "credits": ("Credits", "whole"),
        "order": ("Order", "whole"),
        "badge": ("Badge", "text"),
        "active": ("Active", "flag"),
        "stripe_price_id": ("Stripe price id", "text"),
    }
    assert PACK_FIELDS[0].help == "What is paid, in the pack's currency."
    choices = {field.path: field.choices for field in fields_of(Feature, Key("feature", "a"))}
    assert choices["cost_type"] == ("per_token", "per_use", "per_image")
    assert "plans" not in choices
    nested = [field.path for field in fields_of(ExchangeRate, Key("rate", "USD/ZAR@2026-01-01"))]
    assert nested == ["effective", "rate", "source.url", "source.checked", "source.note", "accept"]


def test_a_field_that_is_written_otherwise_is_no_change() -> None:
    before = texts_of(PACK_FIELDS, {STARTER: PACK})
    assert before[_id(STARTER, "price")] == "5"
    assert before[_id(STARTER, "active")] == "true"
    assert before[_id(STARTER, "badge")] == ""

    assert edits_of(PACK_FIELDS, before, before | {_id(STARTER, "price"): " 5.00 "}) == []


def test_what_differs_is_set_and_what_is_emptied_goes() -> None:
    before = texts_of(PACK_FIELDS, {STARTER: PACK.model_copy(update={"badge": "New"})})
    after = before | {_id(STARTER, "price"): "6.50", _id(STARTER, "badge"): "", _id(STARTER, "active"): "false"}

    assert edits_of(PACK_FIELDS, before, after) == [
        SetField(STARTER, "price", "6.50"),
        SetField(STARTER, "badge", None),
        SetField(STARTER, "active", "false"),
    ]


def test_a_new_entity_has_the_fields_that_are_filled_in() -> None:
    empty = dict.fromkeys((field.id for field in PACK_FIELDS), "")
    after = empty | {_id(STARTER, "price"): "7", _id(STARTER, "credits"): "70000"}

    assert edits_of(PACK_FIELDS, empty, after, new=True) == [AddEntity(STARTER, {"price": "7", "credits": "70000"})]
    assert edits_of(PACK_FIELDS, empty, empty, new=True) == []


def test_a_part_that_is_emptied_goes_as_a_whole() -> None:
    key = Key("feature", "image_gen")
    feature = Feature.model_validate({"amount": "0.04", "plans": {"pro": {"amount": "0.03", "multiplier": "2"}}})
    fields = fields_of(FeatureOverride, key, prefix=f"plans.{step('pro')}.", label="Pro")
    before = texts_of(fields, {key: feature})
    amount, multiplier = f"{key}#plans.pro.amount", f"{key}#plans.pro.multiplier"
    assert before == {amount: "0.03", multiplier: "2"}

    assert edits_of(fields, before, before | {multiplier: ""}) == [SetField(key, "plans.pro.multiplier", None)]
    assert edits_of(fields, before, {amount: "", multiplier: ""}) == [SetField(key, "plans", None)]


def test_a_setting_that_is_emptied_goes_as_a_whole() -> None:
    key = Key("setting", "litellm")
    fields = fields_of(LiteLLMSettings, key)
    set_up = LiteLLMSettings.model_validate({"url": "https://llm.example.com", "master_key_env": "MASTER_KEY"})
    before = texts_of(fields, {key: set_up})

    assert edits_of(fields, before, dict.fromkeys(before, "")) == [SetField(key, "value", None)]
    assert edits_of(fields, dict.fromkeys(before, ""), before) == [
        SetField(key, "url", "https://llm.example.com"),
        SetField(key, "master_key_env", "MASTER_KEY"),
        SetField(key, "key_prefix", "ratecard"),
    ]


def test_free_settings_keep_their_type() -> None:
    key = Key("setting", "extra.phone")
    field = field_of(str, key, "value", "phone")

    (edit,) = edits_of([field], {field.id: "none"}, {field.id: "42"})

    assert isinstance(edit, SetField)
    assert edit.value == "42"
    assert isinstance(edit.value, Quoted)


@pytest.mark.parametrize(
    ("kind", "one", "other", "wanted"),
    [
        ("number", "2.50", "2.5", True),
        ("number", "2.5", "two", False),
        ("number", "", "0", False),
        ("list", "a, b", "a,b", True),
        ("list", "b, a", "a, b", False),
        ("text", "a", "a ", True),
        ("text", "1.0", "1", False),
    ],
)
def test_same(kind: str, one: str, other: str, wanted: bool) -> None:
    assert same(kind, one, other) is wanted  # type: ignore[arg-type]


def test_names_as_steps_of_a_path() -> None:
    assert [step(name) for name in ("pro", "tier_2", "a.b", "7", 'a"b')] == ["pro", "tier_2", '"a.b"', '"7"', '"a\\"b"']


def test_the_document_that_the_texts_make() -> None:
    before = texts_of(PACK_FIELDS, {STARTER: PACK})

    made = document_of(CreditPack, PACK_FIELDS, before | {_id(STARTER, "price"): "6.50"})

    assert made is not None
    assert (made.price, made.credits) == (Decimal("6.50"), 50_000)
    assert row_of(STARTER, made)["price_nanos"] == 6_500_000_000
    assert document_of(CreditPack, PACK_FIELDS, before | {_id(STARTER, "price"): "six"}) is None
