"""What a role sees and may do, on the pages and beneath them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboard.access import AccessDeniedError
from dashboard.exports import STILL_MAY_EXPORT, Csv, text_while
from schema.keys import Key
from sync.edit import SetField
from sync.propose import propose
from sync.repository import Person, Repository
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import ACCESS, POLICY, Seeded, configuration, git, make_repository, seed

MODEL = "openai/gpt-4o"


@pytest.fixture
def waiting(tmp_path: Path) -> Seeded:
    """A repository with one proposal that waits."""
    seeded = seed(tmp_path)
    edit = SetField(Key("model", MODEL), "display_name", "Four O")
    propose(
        Repository.open(seeded.repository),
        [edit],
        title="Rename GPT-4o",
        author=Person("Price Desk", "prices@example.com"),
        now=datetime.now(UTC),
    )
    return seeded


def _become(seeded: Seeded, email: str) -> None:
    git(seeded.repository, "config", "user.email", email)


def test_an_admin_merges_and_applies(waiting: Seeded, open_app: OpenApp) -> None:
    app = open_app(waiting, "proposals")

    app.button(key="merge_ratecard/rename-gpt-4o").click().run()
    yes = next(button for button in app.button if button.key and button.key.startswith("yes_"))
    (plan,) = [table.value for table in app.dataframe]
    yes.click().run()

    assert plan.to_dict("records") == [
        {"Action": "update", "What": f"model {MODEL}", "Field": "display_name", "Before": "GPT-4o", "After": "Four O"}
    ]
    assert "applied as release **2**" in app.success[0].value
    assert git(waiting.repository, "branch", "--list", "ratecard/*") == ""


@pytest.mark.parametrize("email", ["books@example.com", "HELP@example.com"])
def test_lower_roles_merge_nothing(waiting: Seeded, open_app: OpenApp, email: str) -> None:
    _become(waiting, email)

    app = open_app(waiting, "proposals")

    assert app.button(key="merge_ratecard/rename-gpt-4o").disabled


@pytest.mark.parametrize("action", ["yes", "discard"])
def test_a_demotion_bites_at_once(waiting: Seeded, open_app: OpenApp, action: str) -> None:
    """The page was drawn for an admin; the click comes from a viewer."""
    app = open_app(waiting, "proposals")
    app.button(key="merge_ratecard/rename-gpt-4o").click().run()
    button = next(button for button in app.button if button.key and button.key.startswith(action))
    _become(waiting, "help@example.com")
    before = git(waiting.repository, "for-each-ref")

    button.click().run()

    assert git(waiting.repository, "for-each-ref") == before
    assert "Not with your role" in [line.value for line in app.subheader]


def test_a_viewer_may_not_propose(waiting: Seeded, open_app: OpenApp) -> None:
    app = open_app(waiting, "models", model=MODEL)
    name = next(box for box in app.text_input if box.label == "Display name")
    name.set_value("Omni").run()
    propose_button = next(button for button in app.button if button.label == "Propose")
    assert not propose_button.disabled

    _become(waiting, "help@example.com")
    before = git(waiting.repository, "for-each-ref")
    propose_button.click().run()

    assert git(waiting.repository, "for-each-ref") == before


def test_a_demotion_bites_in_the_draft(waiting: Seeded, open_app: OpenApp) -> None:
    app = open_app(waiting, "models", model=MODEL)
    next(box for box in app.text_input if box.label == "Display name").set_value("Omni").run()
    next(button for button in app.button if button.label == "Add to the draft").click().run()
    (draft,) = (waiting.repository / ".ratecard" / "drafts").glob("*.json")
    before = git(waiting.repository, "for-each-ref"), draft.read_text()

    for label in ("Remove", "Propose", "Discard the draft"):
        _become(waiting, "prices@example.com")
        app = open_app(waiting, "draft")
        _become(waiting, "help@example.com")
        next(button for button in app.button if button.label == label).click().run()
        assert "Not with your role" in [line.value for line in app.subheader]
        assert (git(waiting.repository, "for-each-ref"), draft.read_text()) == before


def test_discarding(waiting: Seeded, open_app: OpenApp) -> None:
    app = open_app(waiting, "proposals")

    app.button(key="discard_ratecard/rename-gpt-4o").click().run()

    assert git(waiting.repository, "branch", "--list", "ratecard/*") == ""


def test_the_forge_opens_its_pull_request(waiting: Seeded, open_app: OpenApp) -> None:
    git(waiting.repository, "remote", "add", "origin", "git@github.com:acme/prices.git")

    app = open_app(waiting, "proposals")

    (link,) = app.get("link_button")
    assert link.proto.url == "https://github.com/acme/prices/compare/main...ratecard/rename-gpt-4o?expand=1"


def test_where_the_policy_leaves_merging_to_the_forge_nobody_merges_here(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path, {"ratecard.yaml": POLICY.replace("true", "false")})
    edit = SetField(Key("model", MODEL), "display_name", "Four O")
    repository = Repository.open(seeded.repository)
    propose(repository, [edit], title="Rename", author=Person("A", "a@example.com"), now=datetime.now(UTC))

    app = open_app(seeded, "proposals")

    assert app.button(key="merge_ratecard/rename").disabled


def test_an_unlisted_person_only_looks_where_merging_is_left_to_the_forge(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path, {"ratecard.yaml": POLICY.replace("true", "false"), "access.yaml": ACCESS})
    _become(seeded, "stranger@example.com")

    app = open_app(seeded, "models", model=MODEL)
    next(box for box in app.text_input if box.label == "Display name").set_value("Omni").run()

    assert next(button for button in app.button if button.label == "Propose").disabled


def test_an_environment_admin_is_admin_whatever_the_documents_say(
    tmp_path: Path, open_app: OpenApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATECARD_ADMINS", "STRANGER@EXAMPLE.com")
    seeded = seed(tmp_path, {"ratecard.yaml": POLICY.replace("true", "false")})
    _become(seeded, "stranger@example.com")

    app = open_app(seeded, "models", model=MODEL)
    next(box for box in app.text_input if box.label == "Display name").set_value("Omni").run()

    assert not next(button for button in app.button if button.label == "Propose").disabled


def test_without_git_nothing_can_be_edited(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()

    app = open_app(Seeded(outside, seeded.url), "models", model=MODEL)

    assert not app.exception
    assert not [button for button in app.button if button.label == "Propose"]


def test_a_repository_without_an_identity_can_only_look(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path)
    git(seeded.repository, "config", "--unset", "user.email")

    app = open_app(seeded, "models", model=MODEL)
    next(box for box in app.text_input if box.label == "Display name").set_value("Omni").run()

    assert next(button for button in app.button if button.label == "Propose").disabled


def test_a_database_behind_the_base_branch_is_told_and_brought_up(tmp_path: Path, open_app: OpenApp) -> None:
    seeded = seed(tmp_path)
    files = configuration()
    renamed = {"registry/openai.yaml": files["registry/openai.yaml"].replace("GPT-4o", "Four O")}
    (seeded.repository / "config" / "registry" / "openai.yaml").write_text(renamed["registry/openai.yaml"])
    git(seeded.repository, "commit", "--quiet", "--all", "--message=Rename GPT-4o by hand")

    app = open_app(seeded, "proposals")
    assert "Not applied yet" in [line.value for line in app.subheader]
    app.button(key="apply_base").click().run()

    assert "applied as release **2**" in app.success[0].value
    assert "Not applied yet" not in [line.value for line in app.subheader]


def test_an_empty_repository_says_so(tmp_path: Path, open_app: OpenApp) -> None:
    top = tmp_path / "new"
    top.mkdir()
    make_repository(top, {"ratecard.yaml": POLICY})

    app = open_app(Seeded(top, f"sqlite:///{tmp_path / 'none.db'}"), "proposals")

    assert [line.value for line in app.subheader] == ["No proposals wait"]


@pytest.mark.parametrize(("email", "may"), [("help@example.com", False), ("books@example.com", True)])
def test_only_analysts_and_admins_take_data_away(waiting: Seeded, open_app: OpenApp, email: str, may: bool) -> None:
    _become(waiting, email)

    app = open_app(waiting, "usage")

    buttons = app.get("download_button")
    assert buttons
    assert {button.disabled for button in buttons} == {not may}
    assert app.session_state[STILL_MAY_EXPORT]() is may
    _become(waiting, "help@example.com")
    file = Csv("calls", ("event",), lambda: [["of an old tab"]])
    with pytest.raises(AccessDeniedError):
        text_while(file, app.session_state[STILL_MAY_EXPORT])
