"""What documents accept and refuse, value by value, exactly as it was written."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from schema.documents import DOCUMENTS, document_kind
from schema.documents.settings import DEFAULT_SETTINGS, SettingsDocument
from schema.places import read_source
from tests.small_config import SMALL_CONFIG


def _read(kind, text):
    source = read_source("f.yaml", text)
    assert source.findings == []
    return DOCUMENTS[kind].model_validate(source.value)


def _price(entry):
    return _read("pricing", f"provider: p\nprices:\n  m:\n    - effective: 2026-01-01\n{entry}").prices["m"][0]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("plans.yaml", "plans"),
        ("plans/eu.yaml", "plans"),
        ("pricing/a/b.yaml", "pricing"),
        ("ratecard.yaml", "ratecard"),
        ("prices.yaml", None),
        ("more/plans.yaml", None),
    ],
)
def test_a_file_has_a_kind_by_folder_or_name(path, kind):
    assert document_kind(path) == kind


@pytest.mark.parametrize("path", SMALL_CONFIG)
def test_small_documents_are_read(path):
    assert _read(document_kind(path), SMALL_CONFIG[path]).model_fields_set


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_unknown_keys_are_refused(kind):
    """An unknown key is an error, never passed over."""
    with pytest.raises(ValidationError) as raised:
        DOCUMENTS[kind].model_validate({"provider": "p", "colour": "red"})
    assert ("extra_forbidden", ("colour",)) in [(error["type"], error["loc"]) for error in raised.value.errors()]


def test_documents_are_immutable():
    plan = _read("plans", SMALL_CONFIG["plans.yaml"]).plans["pro"]
    with pytest.raises(ValidationError, match="frozen"):
        plan.name = "Other"


# ---- numbers


def test_decimals_come_from_their_text():
    rates = _price("      per_million: {input: 0.10, output: 1e2, cache_read: 0.0000010000}").per_million
    assert rates == {"input": Decimal("0.10"), "output": Decimal(100), "cache_read": Decimal("0.000001")}
    assert str(rates["input"]) == "0.10"


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("      per_million: {input: 0.0000001}", "decimal_max_places"),
        ("      per_million: {input: -1}", "greater_than_equal"),
        ("      per_million: {input: 1000001}", "less_than_equal"),
        ("      per_million: {input: NaN}", "decimal_parsing"),
        ("      per_million: {input: 1e999999}", "less_than_equal"),
        ("      per_million: {input: one}", "decimal_parsing"),
        ("      per_million: {input: '$1'}", "decimal_parsing"),
        ("      per_million: {input: [1]}", "decimal_type"),
        ("      per_million: {inputs: 1}", "unknown_unit"),
        ("      per_unit: {image: 0.0000000000001}", "decimal_max_places"),
        ("      margin: 1.0000001", "decimal_max_places"),
        ("      margin: 1001", "less_than_equal"),
        ("      margin: {pro: 2}", "missing"),
        ("      margin: 2\n      credits: {multiplier: 1}", "two_charges"),
        ("      margin: 2\n      charge: {per_million: {input: 1}}", "two_charges"),
        ("      per_million: {input: 1}\n      per_unit: {input: 1}", "unit_twice"),
        ("      above_input: [{from: 2}, {from: 2}]", "tiers_not_rising"),
        ("      above_input: [{from: 1.5}]", "int_from_float"),
        ("      above_input: [{from: -1}]", "greater_than_equal"),
        ("      source: {checked: yesterday}", "bad_date"),
        ("      source: {checked: 20260105}", "bad_date"),
        ("      note: ''", "string_too_short"),
    ],
)
def test_faults_of_a_price(entry, fault):
    with pytest.raises(ValidationError) as raised:
        _price(entry)
    assert fault in [error["type"] for error in raised.value.errors()]


def test_no_value_is_repeated_in_an_error():
    with pytest.raises(ValidationError) as raised:
        _read("settings", "stripe: {secret_env: sk_live_abcdef}")
    assert "sk_live_abcdef" not in str(raised.value)


def test_short_forms_of_a_margin():
    assert _price("      margin: 1.3").margin.default == Decimal("1.3")
    plans = _price("      margin: {default: 1.5, plans: {pro: 1.2}}").margin
    assert (plans.default, plans.plans) == (Decimal("1.5"), {"pro": Decimal("1.2")})


def test_tiers_are_read_with_their_bound():
    tiers = _price(
        "      above_input:\n        - {from: 200000, per_million: {input: 6}}\n        - {from: 500000}"
    ).above_input
    assert [(tier.from_, tier.per_million) for tier in tiers] == [(200_000, {"input": Decimal(6)}), (500_000, {})]


# ---- dates and flags


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01", datetime(2026, 1, 1, tzinfo=UTC)),
        ("'2026-01-01'", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T09:30:00Z", datetime(2026, 1, 1, 9, 30, tzinfo=UTC)),
        ("2026-01-01 11:30:00+02:00", datetime(2026, 1, 1, 9, 30, tzinfo=UTC)),
    ],
)
def test_moments(text, moment):
    document = _read("pricing", f"provider: p\nprices: {{m: [{{effective: {text}}}]}}")
    assert document.prices["m"][0].effective == moment


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-02-30", "'2026-02-30' is not a date; write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ"),
        ("20260101", "'20260101' is not a date; write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ"),
        ("01/02/2026", "'01/02/2026' is not a date; write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ"),
        ("0001-01-01T00:00+23:00", "'0001-01-01T00:00+23:00' is not a date; write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ"),
        ("1969-12-31", "'1969-12-31' is not between the years 1970 and 2199"),
        ("9999-12-31", "'9999-12-31' is not between the years 1970 and 2199"),
    ],
)
def test_dates_that_are_not_dates(text, message):
    with pytest.raises(ValidationError) as raised:
        _read("pricing", f"provider: p\nprices: {{m: [{{effective: '{text}'}}]}}")
    assert [error["msg"] for error in raised.value.errors()] == [message]


def test_days():
    assert _price("      source: {checked: 2026-01-05}").source.checked == date(2026, 1, 5)


@pytest.mark.parametrize(("text", "flag"), [("true", True), ("false", False), ("'true'", True)])
def test_flags(text, flag):
    assert _read("tasks", f"tasks: {{t: {{billable: {text}}}}}").tasks["t"].billable is flag


@pytest.mark.parametrize("text", ["yes", "no", "on", "1", "True", "''"])
def test_what_is_no_flag(text):
    with pytest.raises(ValidationError) as raised:
        _read("tasks", f"tasks: {{t: {{billable: {text}}}}}")
    assert [error["type"] for error in raised.value.errors()] == ["not_a_flag"]


# ---- names


@pytest.mark.parametrize(
    "name", ["gpt-4o", "openai/gpt-4o:free", "claude-3@20240229", "@cf/meta/llama-3", "Qwen/Qwen2.5-72B", "1x"]
)
def test_names_of_models(name):
    text = f"provider: p\nmodels:\n  '{name}': {{display_name: M, type: llm}}"
    assert list(_read("registry", text).models) == [name]


@pytest.mark.parametrize(
    "name", ["two words", "a#b", "-dash", "", "x" * 201, "/slash", "gpt-4\u043e", "caf\u00e9", "cafe\u0301"]
)
def test_what_is_no_name_of_a_model(name):
    with pytest.raises(ValidationError):
        _read("registry", f"provider: p\nmodels:\n  '{name}': {{display_name: M, type: llm}}")


@pytest.mark.parametrize("slug", ["two words", "a/b", "é", "a@b", ""])
def test_what_is_no_slug(slug):
    with pytest.raises(ValidationError):
        _read("plans", f"plans:\n  '{slug}': {{name: N, price: custom}}")


def test_addresses_are_compared_without_case():
    assert _read("access", "admins: [' Desk@Example.COM ']").admins == ("desk@example.com",)
    with pytest.raises(ValidationError):
        _read("access", "admins: [desk]")


# ---- routes and plans


def test_forms_of_a_route():
    routes = _read(
        "routing", "provider: p\nroutes: {a: m, b: {split: [{model: m, weight: 90}, {model: n, weight: 10}]}}"
    ).routes
    assert routes["a"].parts == (("m", 100),)
    assert routes["b"].parts == (("m", 90), ("n", 10))


@pytest.mark.parametrize(
    ("route", "fault"),
    [
        ("{split: [{model: m, weight: 90}]}", "split_sum"),
        ("{split: [{model: m, weight: 0}, {model: n, weight: 100}]}", "greater_than_equal"),
        ("{model: m, split: [{model: m, weight: 100}]}", "one_target"),
        ("{fallbacks: [m]}", "one_target"),
        ("{}", "one_target"),
        ("two words", "string_pattern_mismatch"),
    ],
)
def test_faults_of_a_route(route, fault):
    with pytest.raises(ValidationError) as raised:
        _read("routing", f"provider: p\nroutes: {{a: {route}}}")
    assert [error["type"] for error in raised.value.errors()] == [fault]


def test_plans_take_custom_prices_and_no_limits():
    plan = _read("plans", "plans: {max: {name: Max, price: custom, limits: {documents: unlimited, agents: 3}}}").plans[
        "max"
    ]
    assert plan.price == "custom"
    assert plan.limits == {"documents": None, "agents": 3}
    assert (plan.included_credit, plan.overage, plan.access, plan.active) == (Decimal(0), "block", "standard", True)


# ---- settings


def test_every_setting_has_a_default():
    assert list(DEFAULT_SETTINGS) == [name for name in SettingsDocument.model_fields if name != "extra"]


def test_defaults_are_valid_settings():
    given = {name: value for name, value in DEFAULT_SETTINGS.items() if value is not None}
    texts = {name: str(value) if isinstance(value, int) else value for name, value in given.items()}
    assert SettingsDocument.model_validate(texts).credit_burn.weights["input"] == Decimal("0.35")


@pytest.mark.parametrize("text", ["{acount}", "{", "}", "{}", "{{account}}", "{account.__class__}", "{account!r}"])
def test_a_template_names_only_what_an_alert_has(text):
    templates = '  templates:\n    warning: "{account}: {message}"\n    reached: "%s"\n'
    document = f"notifications:\n  webhook_env: HOOK\n{templates}"
    assert _read("settings", document % "50 % of {limit}").notifications.templates.upgrade is None
    with pytest.raises(ValidationError, match="what stands in braces is one of"):
        _read("settings", document % text)
