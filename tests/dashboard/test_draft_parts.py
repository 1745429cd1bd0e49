"""The draft as data: gathering, titles, and a base branch that moved on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from dashboard.proposing.conflicts import WHOLE, Difference, keep_mine, rebased, take_theirs
from dashboard.proposing.links import form_link
from dashboard.proposing.parts import (
    DraftPart,
    FieldChange,
    all_edits,
    dated_edits,
    default_title,
    field_changes,
    gathered,
    says_nothing,
    value_of,
    with_edits,
)
from schema.keys import Key
from sync.edit import AddEntity, CopyEntry, Edit, RemoveEntity, RenameEntity, SetField
from tests.small_config import SMALL_CONFIG

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
PRO = Key("plan", "pro")
HAIKU = Key("price", "anthropic/claude-haiku-4-5")
BEFORE, AFTER = "a" * 40, "b" * 40
Files = Mapping[str, bytes]


def files(**changes: str) -> dict[str, bytes]:
    """The small configuration; `plans="old -> new"` replaces a text in a file."""
    found = {path: text.encode() for path, text in SMALL_CONFIG.items()}
    for name, change in changes.items():
        old, new = change.split(" -> ")
        path = f"{name}.yaml"
        assert old.encode() in found[path]
        found[path] = found[path].replace(old.encode(), new.encode())
    return found


def part(*edits: Edit, key: Key = PRO) -> DraftPart:
    return DraftPart(key, edits, BEFORE, ("Change pro",))


def test_an_edit_from_a_date_on_carries_the_date_and_begins_as_a_copy() -> None:
    edits = [SetField(HAIKU, "margin", "4"), SetField(HAIKU, "per_million.input", "2")]

    found = dated_edits(edits, files(), effective=datetime(2026, 12, 1, tzinfo=UTC), now=NOW)

    dated = Key("price", "anthropic/claude-haiku-4-5@2026-12-01")
    assert found == [CopyEntry(dated), SetField(dated, "margin", "4"), SetField(dated, "per_million.input", "2")]
    first = DraftPart(dated, tuple(found), BEFORE)
    assert (first.watched, first.undated) == (HAIKU, HAIKU)
    assert field_changes(first, files(), NOW) == [
        FieldChange("margin", "3.0", "4"),
        FieldChange("per_million.input", "1.00", "2"),
    ]


def test_an_entry_that_stands_on_the_date_is_edited_itself() -> None:
    [edit] = dated_edits([SetField(HAIKU, "margin", "4")], files(), effective=datetime(2026, 1, 1, tzinfo=UTC), now=NOW)

    assert edit == SetField(Key("price", "anthropic/claude-haiku-4-5@2026-01-01"), "margin", "4")
    assert DraftPart(edit.key, (edit,), BEFORE).watched == edit.key


def test_what_is_said_again_about_a_field_replaces_what_was_said_before() -> None:
    first = gathered({}, [SetField(PRO, "price.monthly", "25"), SetField(PRO, "name", "P")], commit=BEFORE, title="One")
    second = gathered(first, [SetField(PRO, "price.monthly", "30")], commit=AFTER, title="Two")

    assert second[PRO].edits == (SetField(PRO, "name", "P"), SetField(PRO, "price.monthly", "30"))
    assert (second[PRO].commit, second[PRO].titles) == (BEFORE, ("One", "Two"))
    third = gathered(second, [SetField(PRO, "price", "custom")], commit=AFTER, title="Three")
    assert third[PRO].edits == (SetField(PRO, "name", "P"), SetField(PRO, "price", "custom"))
    gone = gathered(third, [RemoveEntity(PRO)], commit=AFTER, title="Four")
    assert gone[PRO].edits == (RemoveEntity(PRO),)


def test_what_the_draft_itself_adds_is_edited_and_removed_within_it() -> None:
    team = Key("plan", "team")
    added = gathered({}, [AddEntity(team, {"name": "Team", "price.monthly": "49"})], commit=BEFORE, title="Add")
    edited = gathered(added, [SetField(team, "price.monthly", "59")], commit=BEFORE, title="Change")

    assert value_of(with_edits(files(), edited[team].edits, NOW), team) == {"name": "Team", "price": {"monthly": "59"}}
    assert gathered(edited, [RemoveEntity(team)], commit=BEFORE, title="Remove") == {}


def test_what_the_draft_removed_comes_back_otherwise() -> None:
    gone = gathered({}, [RemoveEntity(PRO)], commit=BEFORE, title="Remove")
    back = gathered(gone, [AddEntity(PRO, {"name": "Pro", "price": "custom"})], commit=BEFORE, title="Add")

    assert back[PRO].edits[0] == RemoveEntity(PRO)
    assert value_of(with_edits(files(), back[PRO].edits, NOW), PRO) == {"name": "Pro", "price": "custom"}
    again = gathered(back, [RemoveEntity(PRO)], commit=BEFORE, title="Remove")
    assert again[PRO].edits == (RemoveEntity(PRO),)


def test_a_value_set_back_says_nothing() -> None:
    assert says_nothing(part(SetField(PRO, "price.monthly", "20")), files(), NOW)
    assert not says_nothing(part(SetField(PRO, "price.monthly", "21")), files(), NOW)


def test_the_edits_of_several_forms_are_one_change() -> None:
    other = Key("setting", "signup_grant_credits")
    draft = gathered({}, [SetField(PRO, "trial_days", "7")], commit=BEFORE, title="Try pro for a week")
    draft = gathered(draft, [SetField(other, "value", "500")], commit=BEFORE, title="Grant less")

    after = with_edits(files(), all_edits(draft.values()), NOW)

    assert default_title(list(draft.values())) == "Try pro for a week; grant less"
    assert value_of(after, PRO)["trial_days"] == "7"
    assert value_of(after, other) == "500"


def test_many_edits_have_a_title_that_counts_them() -> None:
    keys = [PRO, Key("plan", "free"), Key("run_unit", "minimum"), Key("access", "a@example.com")]

    assert default_title([DraftPart(key, (), BEFORE, (str(key),)) for key in keys]) == (
        "Change 2 plans, 1 run unit, 1 person"
    )


def test_an_added_and_a_removed_entity_show_all_their_fields() -> None:
    new = Key("task", "summary")

    assert field_changes(part(AddEntity(new, {"description": "In short"}), key=new), files(), NOW) == [
        FieldChange("description", "", "In short")
    ]
    gone = Key("task", "extraction")
    assert field_changes(part(RemoveEntity(gone), key=gone), files(), NOW) == [
        FieldChange("description", "Takes fields out of documents", "")
    ]
    assert field_changes(part(RenameEntity(gone, "reading"), key=gone), files(), NOW) == [
        FieldChange("name", "extraction", "reading")
    ]


def test_a_base_that_moved_elsewhere_is_no_conflict() -> None:
    moved = files(settings="signup_grant_credits: 1000 -> signup_grant_credits: 900")
    mine = part(SetField(PRO, "trial_days", "7"))

    assert rebased(mine, files(), moved, AFTER, NOW).part == replace(mine, commit=AFTER)


def test_other_fields_of_the_entity_stay_as_the_base_has_them() -> None:
    moved = files(plans="included_credit: 10 -> included_credit: 12")
    mine = part(SetField(PRO, "trial_days", "7"))

    found = rebased(mine, files(), moved, AFTER, NOW)

    assert (found.part, found.differences, found.others) == (replace(mine, commit=AFTER), (), ("included_credit",))


def test_a_field_that_both_changed_waits_for_a_decision() -> None:
    moved = files(plans="monthly: 20 -> monthly: 22")
    mine = part(SetField(PRO, "price.monthly", "25"), SetField(PRO, "trial_days", "7"))

    found = rebased(mine, files(), moved, AFTER, NOW)

    assert found.differences == (Difference("price.monthly", "20", "22", "25"),)
    assert found.part == mine
    kept = keep_mine(mine, "price.monthly", files(), moved, AFTER, NOW)
    assert kept is not None
    assert rebased(kept, files(), moved, AFTER, NOW).part == replace(mine, commit=AFTER)
    taken = take_theirs(mine, "price.monthly")
    assert taken is not None
    assert rebased(taken, files(), moved, AFTER, NOW).part == replace(taken, commit=AFTER)
    assert taken.edits == (SetField(PRO, "trial_days", "7"),)


def test_an_edit_that_the_base_made_too_goes() -> None:
    moved = files(plans="monthly: 20 -> monthly: 25")

    assert rebased(part(SetField(PRO, "price.monthly", "25")), files(), moved, AFTER, NOW).part is None
    assert take_theirs(part(SetField(PRO, "price.monthly", "25")), "price.monthly") is None


def test_an_entity_that_is_gone_from_the_base_comes_back_with_mine() -> None:
    gone = Key("task", "extraction")
    mine = part(SetField(gone, "billable", "false"), key=gone)
    moved = with_edits(files(), [RemoveEntity(gone)], NOW)

    found = rebased(mine, files(), moved, AFTER, NOW)

    assert [(one.field, one.theirs) for one in found.differences] == [(WHOLE, "")]
    kept = keep_mine(mine, WHOLE, files(), moved, AFTER, NOW)
    assert kept is not None
    assert kept.edits == (AddEntity(gone, {"description": "Takes fields out of documents", "billable": "false"}),)
    assert value_of(with_edits(moved, kept.edits, NOW), gone)["billable"] == "false"
    assert take_theirs(mine, WHOLE) is None


def test_an_entity_that_both_added_keeps_what_is_mine() -> None:
    new = Key("task", "summary")
    mine = part(AddEntity(new, {"description": "In short"}), key=new)
    moved = with_edits(files(), [AddEntity(new, {"description": "Briefly"})], NOW)

    assert [one.field for one in rebased(mine, files(), moved, AFTER, NOW).differences] == [WHOLE]
    kept = keep_mine(mine, WHOLE, files(), moved, AFTER, NOW)
    assert kept is not None
    assert (kept.edits, kept.commit) == ((SetField(new, "description", "In short"),), AFTER)


def test_a_new_price_conflicts_with_one_of_the_same_date() -> None:
    edits = dated_edits([SetField(HAIKU, "margin", "4")], files(), effective=datetime(2026, 12, 1, tzinfo=UTC), now=NOW)
    mine = part(*edits, key=edits[0].key)
    moved = with_edits(files(), [CopyEntry(mine.key), SetField(mine.key, "margin", "5")], NOW)

    found = rebased(mine, files(), moved, AFTER, NOW)

    assert found.differences == (Difference("margin", "3.0", "5", "4"),)


def test_a_removal_waits_when_the_base_changed_what_goes() -> None:
    moved = files(plans="included_credit: 10 -> included_credit: 12")
    mine = part(RemoveEntity(PRO))

    assert [one.field for one in rebased(mine, files(), moved, AFTER, NOW).differences] == [WHOLE]
    assert keep_mine(mine, WHOLE, files(), moved, AFTER, NOW) == replace(mine, commit=AFTER)
    without = with_edits(files(), [RemoveEntity(PRO)], NOW)
    assert rebased(mine, files(), without, AFTER, NOW).part is None


def test_every_edit_leads_to_its_form() -> None:
    assert form_link(part()) == ("app_pages/plans.py", {"plan": "pro"})
    dated = Key("price", "openai/gpt-4o@2026-12-01")
    assert form_link(part(key=dated)) == ("app_pages/pricing.py", {"model": "openai/gpt-4o"})
    route = Key("route", "openai/_default")
    assert form_link(part(key=route)) == ("app_pages/routing.py", {"provider_table": "openai", "task": "_default"})
    new = Key("plan", "team")
    assert form_link(part(AddEntity(new, {"name": "Team"}), key=new)) == ("app_pages/plans.py", {"plan": "team"})
    assert form_link(part(RemoveEntity(PRO))) is None
    assert form_link(part(key=Key("rate", "USD/ZAR@2026-12-01"))) == ("app_pages/rates.py", {})
