"""Entries of a price that have not begun: another date, none at all, and what calls come to meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard.configuration.price_schedule import held_at, redating, waiting
from dashboard.proposing.parts import DraftPart, field_changes, gathered
from schema.catalogue import load_catalogue
from schema.keys import Key, moment_text
from sync.edit import AddEntity, CopyEntry, RemoveEntity, RenameEntity, SetField
from tests.dashboard.conftest import OpenApp
from tests.dashboard.reading_pages import diff, labelled, metrics
from tests.dashboard.seeding import Seeded, git, seed
from tests.small_config import SMALL_CONFIG

MODEL = "openai/gpt-4o"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
PRICING = """\
provider: openai
prices:
  gpt-4o:
    - effective: 2020-01-01
      per_million:
        input: 2.50
        output: 10.00
        cache_read: 1.25
      margin: 1.5
    - effective: {}
      per_million:
        input: 2.00
        output: 8.00
      margin: 2
"""
LATER = datetime(2026, 7, 1, tzinfo=UTC)
FILES = {"pricing/openai.yaml": PRICING.format("2026-07-01").encode()}
PRICES = load_catalogue(FILES, "config")[0].of("price")
ENTRY = PRICES[f"{MODEL}@2026-07-01"]


def test_what_waits_and_what_holds_meanwhile() -> None:
    first = PRICES[f"{MODEL}@2020-01-01"]
    sooner, later = LATER - timedelta(days=9), LATER + timedelta(days=9)

    assert waiting(PRICES, MODEL, NOW) == [ENTRY]
    assert waiting(PRICES, MODEL, LATER) == []
    assert held_at(PRICES, MODEL, LATER) is ENTRY
    assert held_at(PRICES, MODEL, LATER, ENTRY, later) is first
    assert held_at(PRICES, MODEL, sooner, ENTRY, sooner) is ENTRY
    assert held_at(PRICES, MODEL, LATER, ENTRY) is first
    assert held_at(PRICES, MODEL, datetime(2019, 1, 1, tzinfo=UTC)) is None


def test_an_entry_begins_at_another_moment_unless_one_is_there() -> None:
    assert redating(PRICES, ENTRY, LATER) == ([], "")
    assert redating(PRICES, ENTRY, datetime(2026, 8, 1, tzinfo=UTC)) == (
        [RenameEntity(ENTRY.key, f"{MODEL}@2026-08-01")],
        "",
    )
    edits, fault = redating(PRICES, ENTRY, datetime(2020, 1, 1, tzinfo=UTC))
    assert (edits, fault) == ([], "There is an entry of 2020-01-01 already: choose another day.")


def test_edits_of_an_entry_stay_when_its_date_moves_in_the_draft() -> None:
    renamed = Key("price", f"{MODEL}@2026-08-01")
    cheaper, move = SetField(ENTRY.key, "margin", "1.8"), RenameEntity(ENTRY.key, renamed.name)
    parts = gathered({}, [cheaper], commit="a", title="Cheaper")

    moved = gathered(parts, [move], commit="a", title="Later")[ENTRY.key]

    assert moved == DraftPart(ENTRY.key, (cheaper, move), "a", ("Cheaper", "Later"))
    assert [(change.field, change.before, change.after) for change in field_changes(moved, FILES, NOW)] == [
        ("name", ENTRY.key.name, renamed.name),
        ("margin", "2", "1.8"),
    ]


@pytest.mark.parametrize("begin", [AddEntity(ENTRY.key, {"margin": "2"}), CopyEntry(ENTRY.key)])
def test_an_entry_of_the_draft_is_re_dated_and_taken_out_within_it(begin: AddEntity | CopyEntry) -> None:
    renamed = Key("price", f"{MODEL}@2026-08-01")
    parts = gathered({}, [begin, SetField(ENTRY.key, "margin", "3")], commit="a", title="New")

    moved = gathered(parts, [RenameEntity(ENTRY.key, renamed.name)], commit="a", title="Later")

    assert list(moved) == [renamed]
    assert {edit.key for edit in moved[renamed].edits} == {renamed}
    assert gathered(moved, [RemoveEntity(renamed)], commit="a", title="None") == {}


@pytest.fixture(scope="module")
def scheduled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seeded, datetime]:
    """A repository with a price that begins in ten days, which no test changes but by branches."""
    at = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=10)
    text = PRICING.format(moment_text(at))
    return seed(tmp_path_factory.mktemp("scheduled"), {"pricing/openai.yaml": text}), at


def test_a_scheduled_price_is_re_dated_by_a_commit(scheduled: tuple[Seeded, datetime], open_app: OpenApp) -> None:
    seeded, at = scheduled
    later = at + timedelta(days=5)
    app = open_app(seeded, "pricing", model=MODEL, price_action="Re-date")
    assert [button.label for button in app.button if button.label == "Propose"] == []

    labelled(app.date_input, "In force from").set_value(later.date()).run()

    assert f"-    - effective: {moment_text(at)}\n+    - effective: {moment_text(later)}" in diff(app)
    # Until then 1,000 + 500 tokens cost 2.5 and 10 USD a million at a margin of 1.5, no longer 2 and 8 at 2.
    assert metrics(app)["Charge"] == "$0.01125"
    labelled(app.button, "Propose").click().run()
    assert not app.exception
    [branch] = git(seeded.repository, "for-each-ref", "--format=%(refname:short)", "refs/heads/ratecard").splitlines()
    assert f"effective: {moment_text(later)}" in git(seeded.repository, "show", f"{branch}:config/pricing/openai.yaml")


def test_a_scheduled_price_is_taken_out_of_the_draft(scheduled: tuple[Seeded, datetime], open_app: OpenApp) -> None:
    seeded, at = scheduled
    app = open_app(seeded, "pricing", model=MODEL, price_action="Remove")

    assert f"-    - effective: {moment_text(at)}" in diff(app)
    labelled(app.button, "Add to the draft").click().run()

    assert not app.exception
    assert labelled(app.selectbox, "Model").value == MODEL
    assert [control.label for control in app.selectbox if "has not begun" in control.label] == []
    app.switch_page("app_pages/draft.py")
    app.run()
    assert f"-    - effective: {moment_text(at)}" in diff(app)


def test_a_price_that_runs_has_no_date_to_move(tmp_path: Path, open_app: OpenApp) -> None:
    app = open_app(seed(tmp_path), "pricing", model=MODEL, price_action="Remove")

    assert [control.label for control in app.selectbox if "has not begun" in control.label] == []
    assert "Effective from" in [one.label for one in app.date_input]
    assert SMALL_CONFIG["pricing/openai.yaml"].count("effective") == 1


def test_a_price_scheduled_in_the_draft_is_re_dated_in_it(tmp_path: Path, open_app: OpenApp) -> None:
    own = seed(tmp_path)
    today = datetime.now(UTC).date()
    first, second = today + timedelta(days=20), today + timedelta(days=25)
    app = open_app(own, "pricing", model=MODEL)
    labelled(app.date_input, "Effective from").set_value(first).run()
    labelled(app.text_input, "Margin").set_value("1.9").run()
    labelled(app.button, "Add to the draft").click().run()

    app = open_app(own, "pricing", model=MODEL, price_action="Re-date")
    labelled(app.date_input, "In force from").set_value(second).run()
    assert "Propose" not in [button.label for button in app.button]
    labelled(app.button, "Add to the draft").click().run()
    assert not app.exception

    app = open_app(own, "draft")
    assert f"effective: {second}" in diff(app)
    assert str(first) not in diff(app)
    assert "margin: 1.9" in diff(app)
    labelled(app.button, "Propose").click().run()
    assert not app.exception
    assert git(own.repository, "branch", "--list", "ratecard/*") != ""
