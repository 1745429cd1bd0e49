"""The policy in Settings: limits held against the prices, bills and entities that there are, and approvals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from dashboard.configuration.policy_form import approval_edits, approval_records, policy_records, share_rows
from dashboard.formats import money
from metering.analytics import Period, usage_by
from schema.database import reading
from schema.documents.policy import Approval
from schema.keys import Key
from sync.edit import SetField
from sync.guardrails import Limits
from tests.dashboard.conftest import OpenApp
from tests.dashboard.reading_pages import diff, labelled, table
from tests.dashboard.seeding import POLICY, Seeded, git, seed

APPROVED = {"code": "BILL_RISE", "key": None, "by": "Price Desk", "until": "2026-11-30", "reason": "agreed"}
LISTED = """\
approvals:
  # agreed by telephone
  - code: BILL_RISE
    by: Price Desk
    until: 2026-11-30
    reason: agreed
  - {code: LOWEST_MARGIN, key: price openai/gpt-4o@2020-01-01, by: Price Desk, until: 2020-01-01, reason: "a #1"}
guardrails:
  lowest_margin: 1.1  # as the books say
"""


def test_what_is_changed_in_git_only_is_said() -> None:
    values = {"base_branch": "main", "local_merges": True, "guardrails": {"lowest_margin": "1.1"}}

    told = {name: (value, where) for name, value, where, _ in policy_records(values)}

    assert told["Base branch"] == ("main", "in git only")
    assert told["Local merges"] == ("true", "in git only")
    assert told["Lowest margin"] == ("1.1", "here")
    assert told["No price below cost"] == ("false", "here")
    assert told["Database away: max age minutes"] == ("60", "here")
    assert "Approvals" not in told


def test_approvals_hold_to_the_end_of_their_last_day() -> None:
    assert [record[-1] for record in approval_records([APPROVED], date(2026, 11, 30))] == ["holds"]
    assert approval_records([APPROVED], date(2026, 12, 1))[0][1:] == (
        *("everything", "2026-11-30", "Price Desk", "agreed"),
        "over",
    )


def test_the_list_of_approvals_is_written_as_a_whole() -> None:
    key, one = Key("policy", "approvals"), Approval.model_validate(APPROVED)
    texts = {name: text for name, text in APPROVED.items() if text}

    assert approval_edits([one], [], None) == []
    assert approval_edits([one], [0], None) == [SetField(key, "value", None)]
    assert approval_edits([one], [], {"code": "DELETES_ALL", "key": ""}) == [
        SetField(key, "value", [texts, {"code": "DELETES_ALL"}])
    ]


def test_shares_are_those_of_the_apply() -> None:
    limits = Limits(max_update_percent=10, max_delete_percent=None)

    assert list(share_rows({"price": 154, "task": 3, "rate": 0}, limits)) == [
        ("price", 154, "15", "all"),
        ("task", 3, "1", "all"),
    ]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Seeded:
    """A repository with a guardrail and approvals, which tests change only by branches."""
    return seed(tmp_path_factory.mktemp("guarded"), {"ratecard.yaml": POLICY + LISTED})


def test_limits_are_held_against_what_there_is(guarded: Seeded, open_app: OpenApp) -> None:
    app = open_app(guarded, "settings", group="Policy")
    assert any("All 3 prices in force or scheduled pass." in line.value for line in app.caption)
    labelled(app.text_input, "Lowest margin").set_value("1.4").run()
    labelled(app.text_input, "Largest bill rise percent").set_value("50").run()

    broken = next(shown.value for shown in app.dataframe if "Why" in shown.value).to_dict("records")
    assert [row["Price"] for row in broken] == ["anthropic/claude-sonnet-4-5@2020-01-01"]
    assert "its margin of 1.3 is below 1.4" in broken[0]["Why"]
    today = datetime.now(UTC).date()
    with reading(guarded.engine()) as connection:
        period = Period(today - timedelta(days=29), today + timedelta(days=1))
        largest = max(row.charge_nanos for row in usage_by(connection, ("account",), period))
    said = "".join(line.value.replace("\\", "") for line in app.caption)
    assert f"{money(largest)} of" in said
    assert f"may rise to {money(largest * 3 // 2)} by one apply" in said

    assert "+  lowest_margin: 1.4  # as the books say" in diff(app)
    labelled(app.button, "Propose").click().run()
    assert not app.exception
    written = git(guarded.repository, "show", "ratecard/change-guardrails:config/ratecard.yaml")
    assert "largest_bill_rise_percent: 50" in written
    assert "no_price_below_cost" not in written


def test_an_exception_is_approved_by_the_person_and_another_taken_out(guarded: Seeded, open_app: OpenApp) -> None:
    app = open_app(guarded, "settings", group="Policy")
    assert [row["Code"] for row in table(app, 1)] == ["BILL_RISE", "LOWEST_MARGIN"]
    labelled(app.selectbox, "Code").set_value("TOO_MANY_UPDATES").run()
    assert any("Say why" in line.value for line in app.caption)
    labelled(app.text_input, "For").set_value("price").run()
    labelled(app.date_input, "Until").set_value(date(2030, 1, 2)).run()
    labelled(app.text_input, "Reason").set_value("list prices of the year: #7").run()
    gone = next(name for name in labelled(app.multiselect, "Take out approvals").options if "LOWEST_MARGIN" in name)
    labelled(app.multiselect, "Take out approvals").set_value([gone]).run()

    labelled(app.button, "Propose").click().run()
    assert not app.exception
    written = git(guarded.repository, "show", "ratecard/change-approvals:config/ratecard.yaml")
    assert "# agreed by telephone" in written
    assert "LOWEST_MARGIN" not in written
    for line in ("code: TOO_MANY_UPDATES", "key: price", "by: Price Desk", "until: 2030-01-02", "year: #7"):
        assert line in written


def test_a_limit_that_is_no_number_is_told_below_it(guarded: Seeded, open_app: OpenApp) -> None:
    app = open_app(guarded, "settings", group="Policy")
    labelled(app.text_input, "Max update percent").set_value("half").run()

    said = "".join(line.value.replace("\\", "") for line in app.markdown)
    assert "'Max update percent' must be a whole number, not 'half'" in said
    assert labelled(app.button, "Propose").disabled
