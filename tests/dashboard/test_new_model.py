"""A new model with its first price: one commit, of a provider that is known or new; and a model that goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.configuration.entity_form import texts_of
from dashboard.configuration.model_form import additions, model_fields
from dashboard.configuration.price_form import initial_texts
from dashboard.proposing.parts import with_edits
from schema.documents.registry import ModelEntry
from schema.keys import Key
from sync.checks import validate_files
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import Seeded, git, seed
from tests.small_config import SMALL_CONFIG

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """A repository and database of this module."""
    return seed(tmp_path_factory.mktemp("shop"))


def _labelled(widgets: Any, label: str) -> Any:
    return next(widget for widget in widgets if widget.label == label)


def _fill(app: AppTest, **texts: str) -> None:
    for label, text in texts.items():
        _labelled(app.text_input, label.replace("_", " ")).set_value(text).run()


def _diff(app: AppTest) -> str:
    return "\n".join(block.value for block in app.code)


def _begin(app: AppTest, provider: str, name: str) -> None:
    _labelled(app.selectbox, "Provider").set_value(provider).run()
    _fill(app, Name_in_calls=name, Display_name="Claude Next")
    _labelled(app.selectbox, "Type").set_value("llm").run()
    _labelled(app.text_input, "Input, USD per million").set_value("2").run()
    _labelled(app.text_input, "Output, USD per million").set_value("8").run()


def test_a_model_and_its_price_are_one_commit(shop: Seeded, open_app: OpenApp) -> None:
    app = open_app(shop, "models", model_action="New")
    _begin(app, "anthropic", "claude-next")

    assert not app.exception
    # The default margin of the provider is offered; 1,000 input and 500 output tokens cost 0.006 USD.
    assert _labelled(app.text_input, "Margin").value == "1.3"
    assert {metric.label: metric.value for metric in app.metric}["Charge"] == "$0.0078"
    _labelled(app.selectbox, "Access").set_value("basic").run()
    _labelled(app.button, "Propose").click().run()

    branch = "ratecard/add-model-anthropic-claude-next"
    added = git(shop.repository, "diff", f"main..{branch}")
    assert "display_name: Claude Next" in added
    assert "access: basic" in added
    assert "input: 2" in added
    assert git(shop.repository, "rev-list", "--count", f"main..{branch}") == "1"
    changed = git(shop.repository, "diff", "--name-only", f"main..{branch}").splitlines()
    assert changed == ["config/pricing/anthropic.yaml", "config/registry/anthropic.yaml"]
    assert any("claude" in note.value and "Proposed as commit" in note.value for note in app.success)


def test_a_new_provider_gets_files_of_its_own() -> None:
    key = Key("model", "newcomer/first")
    fields = model_fields(key, ("basic", "standard"))
    before = texts_of(fields, {key: ModelEntry.model_construct()})
    after = {**before, f"{key}#display_name": "First", f"{key}#type": "embedding"}
    start = initial_texts(None, "embedding")
    price = replace(start, rates={"per_million.input": "0.02"}, margin="2")
    given = {path: text.encode() for path, text in SMALL_CONFIG.items()}

    files = with_edits(given, additions(fields, before, after, price, start, NOW), NOW)

    assert b"provider: newcomer" in files["registry/newcomer.yaml"]
    assert b"effective: 2026-11-21" in files["pricing/newcomer.yaml"]
    assert validate_files(files, "config", NOW).ok


def test_what_is_missing_or_wrong_is_said_and_not_proposed(shop: Seeded, open_app: OpenApp) -> None:
    app = open_app(shop, "models", model_action="New")
    assert any("Choose the provider and name the model" in caption.value for caption in app.caption)

    _labelled(app.selectbox, "Provider").set_value("openai").run()
    _fill(app, Name_in_calls="gpt-4o")
    assert [error.value for error in app.error] == ["There is a model of this name already: edit it instead."]

    _fill(app, Name_in_calls="gpt-5", Margin="x")
    assert any("is not a positive number" in line.value for line in app.caption)
    assert any("'Margin' must be a number" in line.value.replace("\\", "") for line in app.markdown)
    _fill(app, Margin="2")
    assert not any(button.label == "Propose" and not button.disabled for button in app.button)


def test_a_model_goes_with_its_prices(shop: Seeded, open_app: OpenApp) -> None:
    app = open_app(shop, "models", model="anthropic/claude-3-opus", model_action="Remove")

    assert not app.exception
    assert "-  claude-3-opus:" in _diff(app)
    assert {line for line in _diff(app).splitlines() if line.startswith("--- ")} == {
        "--- a/config/pricing/anthropic.yaml",
        "--- a/config/registry/anthropic.yaml",
    }
    assert not _labelled(app.button, "Propose").disabled


def test_a_model_that_a_route_names_cannot_go(shop: Seeded, open_app: OpenApp) -> None:
    app = open_app(shop, "models", model="openai/gpt-4o", model_action="Remove")

    assert _labelled(app.button, "Propose").disabled
    assert any("gpt" in line.value and "routing" in line.value for line in app.markdown)


def test_the_draft_prices_the_model_that_it_adds(shop: Seeded, open_app: OpenApp) -> None:
    app = open_app(shop, "models", model_action="New")
    _begin(app, "openai", "gpt-5")
    _fill(app, Margin="2")
    _labelled(app.button, "Add to the draft").click().run()

    app = open_app(shop, "pricing", model="openai/gpt-5")
    assert _labelled(app.text_input, "Margin").value == "2"
    _fill(app, Margin="3")
    _labelled(app.button, "Add to the draft").click().run()
    app = open_app(shop, "draft")

    assert not app.exception
    assert "margin: 3" in _diff(app)
    _labelled(app.button, "Discard the draft").click().run()
    assert [line.value for line in app.subheader] == ["The draft is empty"]
