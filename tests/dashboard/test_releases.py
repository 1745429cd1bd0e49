"""Releases on their page: values as the database has them, comparison, the way back, and calls explained."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from dashboard.formats import exact_money
from dashboard.places import place_of
from dashboard.releases.explanation import explanation_csv, steps
from dashboard.releases.table import counts_text, difference_csv
from schema.database import reading
from schema.tables import accounts, releases, usage_events
from sync.explain import explain
from sync.explain.origin import Archive, Origin
from sync.release_diff import diff_releases
from sync.repository import Repository
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import ACCOUNTS, PERSON, Seeded, apply_head, git, seed

EVENT = "call-0-2"


@pytest.fixture
def two(tmp_path: Path) -> Seeded:
    """Two releases; the second renames a model, under a title that tries to be markup."""
    seeded = seed(tmp_path)
    file = seeded.repository / "config" / "registry" / "openai.yaml"
    file.write_text(file.read_text().replace("GPT-4o", "'**Four** O'"))
    git(seeded.repository, "commit", "--quiet", "--all", "--message=Rename <script> to **bold**")
    apply_head(seeded.repository, seeded.url, datetime.now(UTC))
    return seeded


def _told(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.subheader, *app.text]
    return "\n".join(part.value for part in parts)


def test_releases_are_listed_newest_first(two: Seeded, open_app: OpenApp) -> None:
    app = open_app(two, "releases")
    with reading(two.engine()) as connection:
        stored = connection.execute(select(releases).order_by(releases.c.id.desc())).all()

    (table,) = [found.value for found in app.dataframe]
    assert list(table["Release"]) == [row.id for row in stored] == [2, 1]
    assert list(table["Title"]) == [row.title for row in stored]
    assert list(table["Applied by"]) == [row.applied_by.partition(" <")[0] for row in stored] == [PERSON[0]] * 2
    assert list(table["Commit"]) == [row.commit_sha[:8] for row in stored]
    assert table["Changes"][0] == "1 updated"


@pytest.mark.parametrize("name", ["2", "v1"])
def test_a_release_says_what_it_changed(two: Seeded, open_app: OpenApp, name: str) -> None:
    app = open_app(two, "releases", release="2" if name == "2" else "1")

    table = app.dataframe[1].value
    if name == "2":
        assert table.to_dict("records") == [
            {
                "Change": "updated",
                "What": "model openai/gpt-4o",
                "Field": "display_name",
                "Before": "GPT-4o",
                "After": "**Four** O",
            }
        ]
        assert "Release 2 \\(v1\\)\\: Rename \\<script\\> to" in _told(app).replace("\u2060", "")
    else:
        assert set(table["Change"]) == {"created"}
        with reading(two.engine()) as connection:
            assert len(table) >= connection.execute(select(releases.c.creates).where(releases.c.id == 1)).scalar_one()


def test_an_unknown_release_is_told(two: Seeded, open_app: OpenApp) -> None:
    app = open_app(two, "releases", release="9")

    assert "there is no release '9'" in _told(app)


def test_two_releases_are_compared_either_way(two: Seeded, open_app: OpenApp) -> None:
    app = open_app(two, "releases", before="2", after="1")

    (table,) = [found.value for found in app.dataframe]
    assert (table["Before"][0], table["After"][0]) == ("**Four** O", "GPT-4o")

    app.selectbox(key="compare_before").set_value("0").run()
    with reading(two.engine()) as connection:
        diff = diff_releases(connection, "0", "1")

    assert counts_text(diff.summary) in _told(app)
    assert difference_csv("all", diff).text().count("\n") == len(app.dataframe[0].value) + 1


def test_a_rollback_is_proposed_by_an_admin(two: Seeded, open_app: OpenApp) -> None:
    app = open_app(two, "releases", release="1")

    next(button for button in app.button if button.label == "Propose it").click().run()

    assert "rollback" in app.success[0].value
    branch = git(two.repository, "branch", "--list", "ratecard/*", "--format=%(refname:short)")
    assert branch == "ratecard/rollback-to-release-1"
    assert git(two.repository, "log", "-1", "--format=%an <%ae> %s", branch) == (
        "Price Desk <prices@example.com> Roll back to release 1"
    )
    assert "GPT-4o" in git(two.repository, "show", f"{branch}:config/registry/openai.yaml")


def test_a_demotion_bites_before_the_rollback(two: Seeded, open_app: OpenApp) -> None:
    app = open_app(two, "releases", release="1")
    git(two.repository, "config", "user.email", "help@example.com")

    next(button for button in app.button if button.label == "Propose it").click().run()

    assert git(two.repository, "branch", "--list", "ratecard/*") == ""
    assert "Not with your role" in [line.value for line in app.subheader]
    viewed = open_app(two, "releases", release="1")
    assert not [button for button in viewed.button if button.label == "Propose it"]


def test_a_call_is_explained_down_to_its_lines(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "releases", event=EVENT, account=ACCOUNTS[2])
    with reading(seeded.engine()) as connection:
        query = select(usage_events).join(accounts, accounts.c.id == usage_events.c.account_id)
        row = connection.execute(query.where(usage_events.c.event_id == EVENT, accounts.c.account == ACCOUNTS[2])).one()
        archive = Archive(Repository.open(seeded.repository), "config")
        told = explain(connection, archive, EVENT, ACCOUNTS[2])

    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Charge"] == exact_money(row.charge_nanos)
    assert shown["Cost"] == exact_money(row.cost_nanos)
    assert shown["The steps add up"] == "Yes"
    origin = told.origin
    assert isinstance(origin, Origin)
    assert f"at commit {origin.release.commit[:8]}" in _told(app)
    (code,) = [block.value for block in app.code]
    file = (seeded.repository / origin.file).read_text().split("\n")
    assert code.split("\n")[0] == f"{origin.line:>{len(str(origin.end_line))}}  {file[origin.line - 1]}"
    lines = app.dataframe[0].value
    assert list(lines["Unit"]) == ["input", "output"]
    assert list(lines["YAML line"]) == [f"{origin.file}:{origin.parts[f'cost {unit}'].line}" for unit in lines["Unit"]]
    assert [step.title for step in steps(told)] == [
        "The price in force",
        "What the provider takes",
        "What the customer is charged",
        "What paid for it",
    ]
    assert "The price in force" in explanation_csv(told).text()

    next(button for button in app.button if button.label == "Open release 1").click().run()

    assert list(app.dataframe[0].value["Release"]) == [1]
    assert any("Release 1" in line.value for line in app.subheader)


def test_a_call_without_a_price_says_why(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "releases", event="unpriced")

    assert "gpt-9" in _told(app)
    assert "re-rating bills it" in _told(app)


def test_an_unknown_event_is_told_and_the_newest_calls_are_offered(seeded: Seeded, open_app: OpenApp) -> None:
    app = open_app(seeded, "releases", event="<script>", account="nobody")

    assert "No event" in app.warning[0].value
    assert app.dataframe[0].value["Event"][0] == "unpriced"

    app.text_input(key="explain_event").set_value(EVENT)
    app.text_input(key="explain_account").set_value("")
    next(button for button in app.button if button.label == "Explain").click().run()

    assert {metric.label for metric in app.metric} >= {"Charge", "Cost"}


def test_things_have_pages() -> None:
    assert place_of("price", "a/b@2026-01-01") == ("app_pages/pricing.py", {"model": "a/b"})
    assert place_of("route", "a/chat") == ("app_pages/routing.py", {"provider_table": "a", "task": "chat"})
    assert place_of("release", "3") == ("app_pages/releases.py", {"release": "3"})
    assert place_of("account", "acct-1") == ("app_pages/accounts.py", {"account": "acct-1"})
    assert place_of("feature", "search") == ("app_pages/features.py", {"feature": "search"})
    assert place_of("run_unit", "browse") == ("app_pages/features.py", {"view": "Run units"})
    assert place_of("provider", "x") is None
