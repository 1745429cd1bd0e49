"""The draft on its page: edits of several forms, conflicts, money, and one proposal of all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from streamlit.testing.v1 import AppTest

from dashboard.formats import literal
from dashboard.proposing.impact_table import amount
from schema.database import reading
from schema.money import NANO
from schema.tables import usage_events
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import Seeded, git, seed

MODEL = "openai/gpt-4o"


def labelled(widgets: Any, label: str) -> Any:
    """The widget of a label."""
    return next(widget for widget in widgets if widget.label == label)


def labels(app: AppTest) -> list[str]:
    """The labels of all buttons."""
    return [button.label for button in app.button]


def set_margin(app: AppTest, margin: str) -> None:
    """Put another margin of the model into the draft."""
    app.switch_page("app_pages/pricing.py")
    app.query_params["model"] = MODEL
    app.run()
    labelled(app.text_input, "Margin").set_value(margin).run()
    labelled(app.button, "Add to the draft").click().run()
    assert not app.exception


def to_draft(app: AppTest) -> AppTest:
    """Go to the draft's page."""
    app.query_params.clear()
    app.switch_page("app_pages/draft.py")
    return app.run()


def diff(app: AppTest) -> str:
    """What the page shows as the commit."""
    return "\n".join(block.value for block in app.code)


@pytest.fixture
def own(tmp_path: Path) -> Seeded:
    """A repository and database of the test's own."""
    return seed(tmp_path)


def test_edits_of_two_pages_become_one_commit(own: Seeded, open_app: OpenApp) -> None:
    app = open_app(own, "pricing", model=MODEL)
    set_margin(app, "2.5")
    app.switch_page("app_pages/routing.py")
    app.query_params["provider_table"], app.query_params["task"] = "anthropic", "extraction"
    app.run()
    labelled(app.multiselect, "Fallbacks, in order").set_value([MODEL]).run()
    labelled(app.button, "Add to the draft").click().run()

    to_draft(app)

    assert git(own.repository, "branch", "--list", "ratecard/*") == ""
    assert "margin: 2.5" in diff(app)
    assert "fallbacks: [openai/gpt-4o]" in diff(app)
    labelled(app.text_input, "Title of the commit").set_value("Sell gpt-4o dearer").run()
    labelled(app.button, "Propose").click().run()

    branch = "ratecard/sell-gpt-4o-dearer"
    changed = git(own.repository, "diff", "--name-only", f"main..{branch}").splitlines()
    assert changed == ["config/pricing/openai.yaml", "config/routing/anthropic.yaml"]
    assert git(own.repository, "rev-list", "--count", f"main..{branch}") == "1"
    assert git(own.repository, "log", "-1", "--format=%an <%ae>", branch) == "Price Desk <prices@example.com>"
    assert any(branch.split("/")[1] in note.value.replace("\\", "") for note in app.success)
    assert [line.value for line in app.subheader] == ["The draft is empty"]


def test_what_was_added_is_told_on_the_form_and_can_be_removed(own: Seeded, open_app: OpenApp) -> None:
    app = open_app(own, "pricing", model=MODEL)
    set_margin(app, "2.5")
    assert any("The draft holds an edit of this" in line.value for line in app.markdown)
    assert [link.proto.label for link in app.get("page_link") if "Draft" in link.proto.label] == ["Draft (1)"]

    to_draft(app)
    labelled(app.button, "Remove").click().run()

    assert [line.value for line in app.subheader] == ["The draft is empty"]


def test_discard_all_empties_the_draft(own: Seeded, open_app: OpenApp) -> None:
    app = open_app(own, "pricing", model=MODEL)
    set_margin(app, "2.5")

    to_draft(app)
    labelled(app.button, "Discard the draft").click().run()

    assert [line.value for line in app.subheader] == ["The draft is empty"]
    assert git(own.repository, "branch", "--list", "ratecard/*") == ""


def _commit_margin(seeded: Seeded, margin: str) -> None:
    """Somebody else commits another entry of today on main."""
    path = seeded.repository / "config" / "pricing" / "openai.yaml"
    text = path.read_text()
    assert "margin: 1.5" in text
    path.write_text(text.replace("margin: 1.5", f"margin: {margin}"))
    git(seeded.repository, "commit", "--quiet", "--all", "--message=Change it elsewhere")


@pytest.mark.parametrize(("choice", "margin"), [("Keep mine", "2.5"), ("Take theirs", None)])
def test_a_base_that_moved_is_shown_side_by_side(
    own: Seeded, open_app: OpenApp, choice: str, margin: str | None
) -> None:
    app = open_app(own, "pricing", model=MODEL)
    set_margin(app, "2.5")
    _commit_margin(own, "1.8")

    to_draft(app)

    assert any("has changed this since you edited it" in warning.value for warning in app.warning)
    assert [text.value for text in app.text] == ["1.5", "1.8", "2.5"]
    assert labelled(app.button, "Propose").disabled
    labelled(app.button, choice).click().run()

    assert not app.warning
    if margin is None:
        assert [line.value for line in app.subheader] == ["The draft is empty"]
    else:
        assert f"margin: {margin}" in diff(app)
        labelled(app.button, "Propose").click().run()
        assert git(own.repository, "branch", "--list", "ratecard/*") != ""


def test_the_money_impact_is_that_of_the_recorded_calls(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "pricing", model=MODEL)
    labelled(app.text_input, "Margin").set_value("3").run()
    labelled(app.button, "Show the money impact").click().run()

    models = next(table.value for table in app.dataframe if "Charge change" in table.value and "Model" in table.value)
    with reading(seeded.engine()) as connection:
        of_model = usage_events.c.model == "gpt-4o"
        recent = usage_events.c.occurred_at >= datetime.now(UTC) - timedelta(days=30)
        sums = select(func.sum(usage_events.c.charge_nanos), func.count()).where(of_model, recent)
        charged, calls = connection.execute(sums).one()

    assert not app.exception
    # The margin doubles from 1.5 to 3, and so does what every call is charged.
    [row] = models.to_dict("records")
    assert {name: row[name] for name in ("Model", "Charge before", "Charge after", "Charge change", "Calls")} == {
        "Model": MODEL,
        "Charge before": charged / NANO,
        "Charge after": 2 * charged / NANO,
        "Charge change": charged / NANO,
        "Calls": calls,
    }
    charge = [metric for metric in app.metric if metric.label == "Charge"][-1]
    assert charge.delta.startswith(f"+{amount(charged)}")


def test_a_proposal_tells_its_own_impact_when_the_base_has_moved_on(own: Seeded, open_app: OpenApp) -> None:
    app = open_app(own, "pricing", model=MODEL)
    labelled(app.text_input, "Margin").set_value("3").run()
    labelled(app.button, "Propose").click().run()
    haiku = own.repository / "config" / "pricing" / "anthropic.yaml"
    haiku.write_text(haiku.read_text().replace("margin: 3.0", "margin: 9.0"))
    git(own.repository, "commit", "--quiet", "--all", "--message=Change another model")

    app = open_app(own, "proposals")
    labelled(app.button, "Show the money impact").click().run()

    models = next(table.value for table in app.dataframe if "Charge change" in table.value and "Model" in table.value)
    assert not app.exception
    assert [row["Model"] for row in models.to_dict("records")] == [MODEL]


def test_what_does_not_bill_has_no_impact(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "models", model=MODEL)
    labelled(app.text_input, "Display name").set_value("GPT 4 omni").run()
    labelled(app.button, "Show the money impact").click().run()

    assert any("Nothing that calls are billed by changes." in caption.value for caption in app.caption)


def test_a_value_that_comes_with_the_click_is_not_added_unseen(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "pricing", model=MODEL)
    labelled(app.text_input, "Margin").set_value("4").run()

    labelled(app.text_input, "Margin").set_value("5")
    labelled(app.button, "Add to the draft").click().run()

    assert ["A value changed as you clicked" in error.value for error in app.error] == [True]
    to_draft(app)
    assert [line.value for line in app.subheader] == ["The draft is empty"]


def test_the_draft_is_there_again_in_another_tab_and_nobody_elses(own: Seeded, open_app: OpenApp) -> None:
    app = open_app(own, "pricing", model=MODEL)
    set_margin(app, "2.5")

    reloaded = open_app(own, "pricing", model=MODEL)

    assert labelled(reloaded.text_input, "Margin").value == "2.5"
    assert "margin: 2.5" in diff(to_draft(reloaded))
    git(own.repository, "config", "user.email", "books@example.com")
    assert [line.value for line in open_app(own, "draft").subheader] == ["The draft is empty"]
    git(own.repository, "config", "user.email", "prices@example.com")
    assert git(own.repository, "status", "--porcelain") == ""


def test_the_typed_title_is_kept_until_the_draft_is_proposed(own: Seeded, open_app: OpenApp) -> None:
    set_margin(app := open_app(own, "pricing", model=MODEL), "2.5")
    labelled(to_draft(app).text_input, "Title of the commit").set_value("Sell gpt-4o dearer").run()

    app = open_app(own, "draft")
    assert labelled(app.text_input, "Title of the commit").value == "Sell gpt-4o dearer"
    labelled(app.button, "Propose").click().run()

    assert git(own.repository, "log", "-1", "--format=%s", "ratecard/sell-gpt-4o-dearer") == "Sell gpt-4o dearer"
    set_margin(app, "2.6")
    assert labelled(to_draft(app).text_input, "Title of the commit").value == "Set the margin of gpt-4o to 2.6"


def test_edits_of_what_the_draft_added_gather_in_it(own: Seeded, open_app: OpenApp) -> None:
    app = open_app(own, "plans", plan_action="New")
    labelled(app.text_input, "Name").set_value("Team").run()
    labelled(app.text_input, "Monthly fee").set_value("49").run()
    labelled(app.button, "Add to the draft").click().run()

    app = open_app(own, "plans", plan="team")
    labelled(app.text_input, "Monthly fee").set_value("59").run()

    assert "Propose" not in labels(app)
    assert any("can only be proposed with it" in caption.value for caption in app.caption)
    assert "-      monthly: 49" in diff(app)
    labelled(app.button, "Add to the draft").click().run()
    assert "monthly: 59" in diff(to_draft(app))
    assert "monthly: 49" not in diff(app)
    labelled(app.button, "Propose").click().run()

    assert "monthly: 59" in git(
        own.repository, "show", "ratecard/add-plan-team-set-the-monthly-fee-of-plan-team-to:config/plans.yaml"
    )


def test_what_is_added_and_removed_or_set_back_leaves_the_draft(own: Seeded, open_app: OpenApp) -> None:
    app = open_app(own, "plans", plan="pro")
    for fee in ("25", "20"):
        labelled(app.text_input, "Monthly fee").set_value(fee).run()
        labelled(app.button, "Add to the draft").click().run()

    assert [line.value for line in to_draft(app).subheader] == ["The draft is empty"]


def test_an_edit_beside_the_draft_may_be_proposed_by_itself(own: Seeded, open_app: OpenApp) -> None:
    app = open_app(own, "pricing", model=MODEL)
    set_margin(app, "2.5")

    app = open_app(own, "models", model=MODEL)
    labelled(app.text_input, "Display name").set_value("GPT 4 omni").run()
    labelled(app.button, "Propose").click().run()

    changed = git(own.repository, "diff", "--name-only", "main..ratecard/rename-gpt-4o-to-gpt-4-omni")
    assert changed == "config/registry/openai.yaml"
    assert "margin: 2.5" in diff(to_draft(app))


def test_what_is_wrong_beside_the_draft_is_told_once_and_does_not_wait_for_it(own: Seeded, open_app: OpenApp) -> None:
    app = open_app(own, "models", model="anthropic/claude-haiku-4-5")
    labelled(app.text_input, "Display name").set_value("Haiku").run()
    labelled(app.button, "Add to the draft").click().run()

    app = open_app(own, "models", model=MODEL, model_action="Remove")

    [error] = [line.value for line in app.markdown if "MODEL_NOT_FOUND" in line.value]
    assert literal("config/routing/anthropic.yaml:11, config/routing/openai.yaml:3") in error
    assert labelled(app.button, "Propose").disabled
    assert not any("can only be proposed with it" in caption.value for caption in app.caption)


def test_a_draft_that_cannot_be_read_is_set_aside_and_told(own: Seeded, open_app: OpenApp) -> None:
    app = open_app(own, "pricing", model=MODEL)
    set_margin(app, "2.5")
    [kept] = (own.repository / ".ratecard" / "drafts").glob("*.json")
    kept.write_text("{")

    to_draft(app)

    assert [line.value for line in app.subheader] == ["The draft is empty"]
    assert ["was set aside" in line.value.replace("\\", "") for line in app.info] == [True]
    assert kept.with_suffix(".unreadable").read_text() == "{"
