"""The Plans page: its numbers are the database's, and its form becomes a commit."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from streamlit.testing.v1 import AppTest

from dashboard.formats import count, money
from metering import analytics
from metering.analytics.plan_accounts import accounts_by_plan
from schema.database import reading
from schema.tables import account_state
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import Seeded, git, seed
from tests.small_config import SMALL_CONFIG

HOSTILE = "**bold** <script>alert(1)</script> :red[x]"


def labelled(widgets: Any, label: str) -> Any:
    """The widget of a label."""
    return next(widget for widget in widgets if widget.label == label)


def metrics(app: AppTest, label: str) -> list[str]:
    """The values of every metric of a label."""
    return [metric.value for metric in app.metric if metric.label == label]


def diff(app: AppTest) -> str:
    """What the page shows as the commit."""
    return "\n".join(block.value for block in app.code)


def test_totals_and_cards_equal_the_database(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "plans")
    with reading(seeded.engine()) as connection:
        recurring = analytics.mrr_nanos(connection, datetime.now(UTC).date())
        on_plan = accounts_by_plan(connection)
        everyone = connection.execute(select(func.count()).select_from(account_state)).scalar_one()

    assert not app.exception
    assert recurring > 0
    assert metrics(app, "MRR") == [money(recurring), "$0.00", money(recurring)]
    assert metrics(app, "Subscribers") == ["1", "0", "1"]
    assert metrics(app, "Accounts") == [count(sum(on_plan.values()))] == [count(everyone)]
    assert on_plan == {"free": everyone - 1, "pro": 1}


def test_plans_stand_side_by_side_with_limits_and_models(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "plans")
    matrix = next(table.value for table in app.dataframe if "pro" in table.value and "Model" not in table.value)
    models = next(table.value for table in app.dataframe if "Access class" in table.value)
    rows = {row[0]: row[1:] for row in matrix.itertuples(index=False, name=None)}

    assert list(matrix.columns) == ["", "free", "pro"]
    assert rows["Annual saving"] == ("—", "16.7% ($40.00)")
    assert rows["Tokens per month"] == ("100,000", "unlimited")
    assert rows["Models"] == ("1", "3")
    assert {row["Model"]: (row["free"], row["pro"]) for row in models.to_dict("records")} == {
        "anthropic/claude-haiku-4-5": (True, True),
        "anthropic/claude-sonnet-4-5": (False, True),
        "openai/gpt-4o": (False, True),
    }


def test_a_changed_plan_becomes_a_commit(tmp_path: Path, open_app: OpenApp) -> None:
    own = seed(tmp_path)
    app = open_app(own, "plans", plan="pro")
    labelled(app.text_input, "Monthly fee").set_value("25").run()
    labelled(app.button, "Two months free").click().run()
    labelled(app.text_input, "Documents").set_value("unlimited").run()

    assert metrics(app, "Annual saving") == ["16.7% ($50.00)"]
    assert any("The fee of 1 running subscription stays" in caption.value for caption in app.caption)
    labelled(app.button, "Propose").click().run()

    changed = git(own.repository, "diff", "--unified=0", "main..ratecard/change-plan-pro")
    added = [line.strip("+ ") for line in changed.splitlines() if line.startswith("+ ")]
    assert added == ["monthly: 25", "annual: 250", "documents: unlimited"]


def test_a_new_plan_has_a_slug_of_its_name(tmp_path: Path, open_app: OpenApp) -> None:
    own = seed(tmp_path)
    app = open_app(own, "plans", plan_action="New")
    assert any("its slug follows from the name" in caption.value for caption in app.caption)
    labelled(app.text_input, "Name").set_value("Pro").run()
    assert labelled(app.text_input, "Slug").value == "pro-2"
    labelled(app.selectbox, "Copy from").set_value("pro").run()
    labelled(app.button, "Copy").click().run()
    labelled(app.text_input, "Slug").set_value("team").run()
    labelled(app.button, "Propose").click().run()

    added = git(own.repository, "diff", "main..ratecard/add-plan-team")
    for line in (
        "  team:",
        "    name: Pro",
        "      monthly: 20",
        "    access: all",
        "      tokens_per_month: unlimited",
    ):
        assert f"+{line}" in added
    assert any("Proposed as commit" in note.value for note in app.success)
    assert labelled(app.text_input, "Name").value == ""


def test_what_more_credit_means_for_subscriptions_is_told(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "plans", plan="pro")
    labelled(app.text_input, "Included credit").set_value("15").run()
    labelled(app.button, "Show the money impact").click().run()

    told = [line.value.replace("\\", "").replace("\u2060", "") for line in app.markdown]
    assert any("pro: each month of 1 subscription includes $10.00 -> $15.00 of usage, +$5.00" in line for line in told)


def test_a_lowered_limit_names_how_many_use_more_already(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "plans", plan="pro")
    labelled(app.text_input, "Tokens per month").set_value("1").run()

    told = [line.value.replace("\\", "") for line in app.markdown]
    assert any("1 account used more than 1 tokens this month already." in line for line in told)


def test_a_plan_that_is_in_use_says_so_before_it_is_removed(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "plans", plan="pro", plan_action="Remove")

    assert ["1 account on it" in warning.value for warning in app.warning] == [True]
    assert "-  pro:" in diff(app)


def test_names_that_are_markup_change_nothing(tmp_path: Path, open_app: OpenApp) -> None:
    plans = SMALL_CONFIG["plans.yaml"].replace("name: Pro", f"name: '{HOSTILE}'")
    app = open_app(seed(tmp_path, {"plans.yaml": plans}), "plans", plan="pro")

    assert not app.exception
    heading = next(line.value for line in app.subheader if "script" in line.value)
    assert "<script>" not in heading
    assert ":red[" not in heading
    assert labelled(app.text_input, "Name").value == HOSTILE


def test_a_viewer_sees_plans_and_changes_nothing(tmp_path: Path, open_app: OpenApp) -> None:
    own = seed(tmp_path)
    git(own.repository, "config", "user.email", "help@example.com")
    app = open_app(own, "plans", plan="pro")
    labelled(app.text_input, "Monthly fee").set_value("25").run()

    assert labelled(app.button, "Propose").disabled
    assert labelled(app.button, "Add to the draft").disabled
