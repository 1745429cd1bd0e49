"""The Access page: roles of documents and environment, and nobody demotes themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.configuration.people import Member, members, protected, role_edits
from schema.keys import Key
from sync.edit import AddEntity, RemoveEntity, SetField
from tests.dashboard.conftest import OpenApp
from tests.dashboard.reading_pages import diff, labelled, metrics, table
from tests.dashboard.seeding import Seeded, git, seed

DESK, BOOKS = "prices@example.com", "books@example.com"


def test_members_are_those_of_documents_release_and_environment() -> None:
    found = members({"A@x.com": "viewer", "b@x.com": "analyst"}, {"a@x.com": "admin"}, ("c@x.com",))

    assert found == [
        Member("a@x.com", "viewer", "admin", by_environment=False),
        Member("c@x.com", None, None, by_environment=True),
        Member("b@x.com", "analyst", None, by_environment=False),
    ]
    assert [member.role for member in found] == ["admin", "admin", None]
    assert [member.source for member in found] == ["access.yaml", "RATECARD_ADMINS", "access.yaml"]
    assert [member.pending for member in found] == [
        "viewer in git, not applied yet",
        "",
        "analyst in git, not applied yet",
    ]


def test_who_is_protected() -> None:
    one = Member("a@x.com", "admin", "admin", by_environment=False)

    assert protected(one, "b@x.com") == ""
    assert protected(one, "A@x.com").startswith("Nobody demotes")
    assert protected(Member("a@x.com", "admin", "admin", by_environment=True), "b@x.com").startswith("An admin by")


def test_edits() -> None:
    key = Key("access", "a@x.com")
    one = Member("a@x.com", "viewer", "viewer", by_environment=False)

    assert role_edits(one, "a@x.com", "viewer") == []
    assert role_edits(one, "a@x.com", "admin") == [SetField(key, "role", "admin")]
    assert role_edits(one, "a@x.com", None) == [RemoveEntity(key)]
    assert role_edits(None, "a@x.com", "analyst") == [AddEntity(key, {"role": "analyst"})]
    assert role_edits(None, "a@x.com", None) == []


def test_the_page_lists_people_and_marks_environment_admins(
    seeded: Seeded, open_app: OpenApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATECARD_ADMINS", "Root@Example.com")

    app = open_app(seeded, "access", person="root@example.com")

    assert not app.exception
    listed = {row["Person"]: (row["Role"], row["From"], row["Protected"]) for row in table(app, 0)}
    assert listed == {
        DESK: ("admin", "access.yaml", True),
        "root@example.com": ("admin", "RATECARD_ADMINS", True),
        BOOKS: ("analyst", "access.yaml", False),
        "help@example.com": ("viewer", "access.yaml", False),
    }
    assert metrics(app) == {"Admins": "2", "Analysts": "1", "Viewers": "1", "By the environment": "1"}
    assert not app.radio
    assert ["RATECARD_ADMINS" in line.value for line in app.info] == [True]


def test_nobody_finds_a_form_for_themselves(seeded: Seeded, open_app: OpenApp) -> None:
    for action in ("Edit", "Remove"):
        app = open_app(seeded, "access", person=DESK, person_action=action)

        assert not app.radio
        assert not [button for button in app.button if button.label == "Propose"]
        assert "Nobody demotes" in app.info[0].value


def test_who_becomes_somebody_else_before_the_click_is_refused_beneath_the_page(
    tmp_path: Path, open_app: OpenApp
) -> None:
    shop = seed(tmp_path, {"access.yaml": f"admins:\n  - {DESK}\n  - {BOOKS}\n"})
    app = open_app(shop, "access", person=BOOKS)
    app.radio[0].set_value("viewer").run()
    git(shop.repository, "config", "user.email", BOOKS)

    labelled(app.button, "Propose").click().run()

    assert git(shop.repository, "branch", "--list", "ratecard/*") == ""


def test_others_are_promoted_added_and_removed(tmp_path: Path, open_app: OpenApp) -> None:
    shop = seed(tmp_path)
    app = open_app(shop, "access", person=BOOKS)
    app.radio[0].set_value("admin").run()
    assert "+analysts: []" in diff(app)
    labelled(app.button, "Propose").click().run()
    (branch,) = git(shop.repository, "for-each-ref", "--format=%(refname:short)", "refs/heads/ratecard").splitlines()
    assert branch == "ratecard/make-books-example-com-admin"

    app = open_app(shop, "access", person_action="New")
    labelled(app.text_input, "Address").set_value("New@Example.com").run()
    assert "+  - new@example.com" in diff(app)

    app = open_app(shop, "access", person="help@example.com", person_action="Remove")
    assert "+viewers: []" in diff(app)


def test_a_viewer_looks_only(tmp_path: Path, open_app: OpenApp) -> None:
    shop = seed(tmp_path)
    git(shop.repository, "config", "user.email", "help@example.com")

    app = open_app(shop, "access", person=BOOKS)
    app.radio[0].set_value("viewer").run()

    assert labelled(app.button, "Propose").disabled
