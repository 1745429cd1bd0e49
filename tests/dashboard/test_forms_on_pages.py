"""What the forms do with values, on the pages: nothing is proposed that the page did not show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import git, seed

MODEL = "openai/gpt-4o"


def _labelled(widgets: Any, label: str) -> Any:
    return next(widget for widget in widgets if widget.label == label)


def _diff(app: AppTest) -> str:
    return "\n".join(block.value for block in app.code)


def test_a_value_that_comes_with_the_click_is_shown_before_it_is_proposed(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path)
    app = open_app(seeded, "pricing", model=MODEL)
    _labelled(app.text_input, "Margin").set_value("4").run()

    _labelled(app.text_input, "Margin").set_value("5")
    _labelled(app.button, "Propose").click().run()

    assert git(seeded.repository, "branch", "--list", "ratecard/*") == ""
    assert ["A value changed as you clicked" in error.value for error in app.error] == [True]
    assert "margin: 5" in _diff(app)

    _labelled(app.button, "Propose").click().run()

    assert "margin: 5" in git(seeded.repository, "diff", "main..ratecard/set-the-margin-of-gpt-4o-to-5")


def test_a_title_that_comes_with_the_click_is_the_commits(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path)
    app = open_app(seeded, "pricing", model=MODEL)
    _labelled(app.text_input, "Margin").set_value("4").run()

    _labelled(app.text_input, "Title of the commit").set_value("Follow the market")
    _labelled(app.button, "Propose").click().run()

    assert git(seeded.repository, "log", "-1", "--format=%s", "ratecard/follow-the-market").strip() == (
        "Follow the market"
    )


def test_an_added_unit_stays_while_its_rate_is_typed(tmp_path: Path, open_app: OpenApp) -> None:
    app = open_app(seed(tmp_path), "pricing", model=MODEL)

    _labelled(app.multiselect, "More units").select("per_unit.image").run()
    _labelled(app.text_input, "Image, USD per unit").set_value("0.01").run()

    assert "image: 0.01" in _diff(app)


def test_the_same_price_written_otherwise_is_nothing_to_propose(tmp_path: Path, open_app: OpenApp) -> None:
    app = open_app(seed(tmp_path), "pricing", model=MODEL)
    margin = _labelled(app.text_input, "Margin")

    margin.set_value(f"{margin.value}.00" if "." not in margin.value else f"{margin.value}0").run()

    assert not [button for button in app.button if button.label == "Propose"]


@pytest.mark.parametrize("click", ["Propose", ""])
def test_what_is_typed_while_somebody_else_changes_the_same_is_kept_in_the_draft(
    tmp_path: Path, open_app: OpenApp, click: str
) -> None:
    seeded = seed(tmp_path)
    app = open_app(seeded, "models", model=MODEL)
    _labelled(app.text_input, "Display name").set_value("Mine").run()
    registry = seeded.repository / "config" / "registry" / "openai.yaml"
    registry.write_text(registry.read_text().replace("name: GPT-4o", "name: Theirs"))
    git(seeded.repository, "commit", "--quiet", "--all", "--message=Rename it")

    if click:
        _labelled(app.button, click).click().run()
    else:
        app.run()

    assert git(seeded.repository, "branch", "--list", "ratecard/*") == ""
    assert not app.error
    assert _labelled(app.text_input, "Display name").value == "Mine"
    assert ["Your edit is in your draft now" in line.value for line in app.warning] == [True]
    app.query_params.clear()
    app.switch_page("app_pages/draft.py")
    app.run()
    assert [text.value for text in app.text] == ["GPT-4o", "Theirs", "Mine"]
    _labelled(app.button, "Keep mine").click().run()
    assert "+    display_name: Mine" in _diff(app)


def test_what_was_left_on_another_page_is_not_put_into_the_draft(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path)
    app = open_app(seeded, "models", model=MODEL)
    _labelled(app.text_input, "Display name").set_value("Mine").run()
    app.query_params.clear()
    app.switch_page("app_pages/health.py").run()
    registry = seeded.repository / "config" / "registry" / "openai.yaml"
    registry.write_text(registry.read_text().replace("name: GPT-4o", "name: Theirs"))
    git(seeded.repository, "commit", "--quiet", "--all", "--message=Rename it")

    app.query_params["model"] = MODEL
    app.switch_page("app_pages/models.py").run()

    assert _labelled(app.text_input, "Display name").value == "Theirs"
    assert not list((seeded.repository / ".ratecard").glob("drafts/*.json"))
