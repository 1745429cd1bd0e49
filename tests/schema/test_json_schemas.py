"""The JSON Schemas are current, accept what validates, and refuse what an editor should underline."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from schema.documents import DOCUMENTS, document_kind
from schema.json_schemas import DIALECT, FOLDER, build, render, render_all, stale_files, write
from schema.places import read_source
from schema.units import UNITS
from tests.small_config import SMALL_CONFIG

TOP = Path(__file__).parents[2]
SHIPPED = sorted((TOP / "config").rglob("*.yaml"))


def _faults(kind, text):
    source = read_source("file.yaml", text)
    assert source.findings == []
    return [error.message for error in Draft202012Validator(build(kind)).iter_errors(source.typed(()))]


def test_the_files_are_current():
    assert stale_files(FOLDER) == []


def test_there_is_a_file_for_every_kind():
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(DOCUMENTS)
    assert list(render_all()) == list(DOCUMENTS)


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_schema_is_valid_and_has_no_id(kind):
    schema = build(kind)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT
    assert schema["title"] == f"Ratecard: {kind}"
    assert '"$id"' not in render(kind)


def _objects(node):
    if isinstance(node, dict):
        if node.get("type") == "object" and "properties" in node:
            yield node
        for value in node.values():
            yield from _objects(value)
    elif isinstance(node, list):
        for item in node:
            yield from _objects(item)


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_object_is_closed_and_every_field_described(kind):
    for found in _objects(build(kind)):
        assert found["additionalProperties"] is False
        assert found["description"]
        for name, field in found["properties"].items():
            assert field.get("description"), f"{found['title']}.{name} has no description"


@pytest.mark.parametrize("path", SMALL_CONFIG)
def test_small_documents_validate(path):
    assert _faults(document_kind(path), SMALL_CONFIG[path]) == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(TOP)))
def test_shipped_documents_validate_and_name_their_schema(path):
    kind = document_kind(str(path.relative_to(TOP / "config")))
    text = path.read_text(encoding="utf-8")
    assert _faults(kind, text) == []
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("=")[2]).resolve() == FOLDER / f"{kind}.json"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("registry", "provider: a\nmodels: {m: {display_name: M, type: llm, colour: red}}"),
        ("registry", "provider: a\nmodels: {m: {display_name: M, type: chat}}"),
        ("registry", "models: {}"),
        ("pricing", "provider: a\nprices: {m: [{effective: 2026-01-01, per_million: {inputs: 1}}]}"),
        ("pricing", "provider: a\nprices: {m: [{effective: 2026-01-01, per_million: {input: one}}]}"),
        ("pricing", "provider: a\nprices: {m: [{effective: 2026-01-01, per_million: {input: -1}}]}"),
        ("pricing", "provider: a\nprices: {m: [{effective: January}]}"),
        ("pricing", "provider: a\nprices: {m: [{effective: 2026-01-01, margin: {plans: {pro: 2}}}]}"),
        ("routing", "provider: a\nroutes: {x: [m]}"),
        ("routing", "provider: a\nroutes: {x: {split: [{model: m, weight: 101}]}}"),
        ("routing", "provider: a\nroutes: {two words: m}"),
        ("plans", "plans: {pro: {name: Pro, price: free}}"),
        ("plans", "plans: {pro: {name: Pro, price: {monthly: 1}, limits: {documents: none}}}"),
        ("exchange_rates", "rates: {USD/ZAR: [{effective: 2026-01-01, rate: 0}]}"),
        ("settings", "enforcement: off"),
        ("access", "admins: [nobody]"),
        ("ratecard", "guardrails: {lowest_margin: low}"),
    ],
)
def test_faults_are_underlined(kind, text):
    assert _faults(kind, text) != []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("pricing", "provider: a\nprices: {m: [{effective: 2026-01-01T09:30:00Z, margin: 1.25}]}"),
        ("pricing", "provider: a\nprices: {m: [{effective: 2026-01-01, margin: {default: 1.5, plans: {pro: 1.2}}}]}"),
        ("routing", "provider: a\nroutes: {x: m, y: {model: b/m:free, fallbacks: [n]}}"),
        ("plans", "plans: {max: {name: Max, price: custom, limits: {documents: unlimited}}}"),
        ("settings", "extra: {anything: [1, {b: true}]}"),
    ],
)
def test_every_form_is_accepted(kind, text):
    assert _faults(kind, text) == []


def test_units_are_an_enum():
    rates = build("pricing")["$defs"]["PriceEntry"]["properties"]["per_million"]
    assert rates["propertyNames"] == {"enum": list(UNITS)}
    assert rates["additionalProperties"] == {"type": "number", "minimum": 0, "maximum": 1_000_000}


def test_defaults_are_numbers_and_settings_show_theirs():
    assert build("run_units")["properties"]["minimum"]["default"] == 0.01
    settings = build("settings")["properties"]
    assert settings["credits_per_dollar"]["default"] == 10_000
    assert "default" not in settings["unknown_model"]


def test_write_renews_what_is_stale_and_removes_what_belongs_to_no_kind(tmp_path):
    folder = tmp_path / "json"
    assert len(write(folder)) == len(DOCUMENTS)
    (folder / "plans.json").write_text("{}")
    (folder / "tasks.json").unlink()
    (folder / "gone.json").write_text("{}")
    assert stale_files(folder) == ["gone.json", "plans.json", "tasks.json"]
    assert write(folder) == ["gone.json", "plans.json", "tasks.json"]
    assert stale_files(folder) == []
    assert write(folder) == []
