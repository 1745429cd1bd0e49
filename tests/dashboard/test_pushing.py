"""Proposals of a dashboard whose clone has a remote, which is a real bare repository."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from dashboard.formats import literal
from dashboard.health.checks import check_commit
from dashboard.proposing.upstream import fetched_ref
from schema.database import reading
from schema.keys import Key
from schema.tables import audit_log
from sync.edit import SetField
from sync.propose import propose
from sync.repository import Person, Repository
from tests.dashboard.conftest import OpenApp
from tests.dashboard.seeding import ACCESS, POLICY, Seeded, git, seed

MODEL = "openai/gpt-4o"
FORGE = POLICY.replace("true", "false") + "forge: {kind: github, url: https://github.com/example/rates}\n"
BRANCH = "ratecard/rename-gpt-4o-to-omni"
OTHER = Person("Books", "books@example.com")


@pytest.fixture
def shared(tmp_path: Path) -> Seeded:
    """A clone that has a remote, and a policy that names the forge."""
    seeded = seed(tmp_path, {"ratecard.yaml": FORGE, "access.yaml": ACCESS})
    git(seeded.repository, "clone", "--quiet", "--bare", ".", str(tmp_path / "remote.git"))
    git(seeded.repository, "remote", "add", "origin", str(tmp_path / "remote.git"))
    return seeded


def remote(seeded: Seeded) -> Path:
    return seeded.repository.parent / "remote.git"


def colleague(seeded: Seeded) -> Path:
    """The clone of somebody else."""
    top = seeded.repository.parent / "colleague"
    git(remote(seeded), "clone", "--quiet", ".", str(top))
    git(top, "config", "user.name", OTHER.name)
    git(top, "config", "user.email", OTHER.email)
    return top


def labelled(widgets: Any, label: str) -> Any:
    return next(widget for widget in widgets if widget.label == label)


def rename(app: AppTest, name: str = "Omni") -> AppTest:
    labelled(app.text_input, "Display name").set_value(name).run()
    labelled(app.button, "Propose").click().run()
    assert not app.exception
    return app


def links(app: AppTest) -> dict[str, str]:
    return {link.proto.label: link.proto.url for link in app.get("link_button")}


def said(elements: Any) -> str:
    return "\n".join(element.value for element in elements).replace("\\", "")


def audited(seeded: Seeded) -> list[tuple[str, str, str]]:
    with reading(seeded.engine()) as connection:
        rows = connection.execute(select(audit_log.c.actor, audit_log.c.action, audit_log.c.target))
        return [tuple(row) for row in rows if row.action.startswith("proposal.")]


def test_propose_pushes_from_the_newest_base_and_leads_to_the_pull_request(shared: Seeded, open_app: OpenApp) -> None:
    theirs = colleague(shared)
    pricing = theirs / "config" / "pricing" / "anthropic.yaml"
    pricing.write_text(pricing.read_text().replace("margin: 3.0", "margin: 9.0"))
    git(theirs, "commit", "--quiet", "--all", "--message=Sell Haiku dearer")
    git(theirs, "push", "--quiet", "origin", "HEAD:main")
    before = git(shared.repository, "rev-parse", "main")

    app = open_app(shared, "models", model=MODEL)
    rename(app)

    assert f"on branch **{BRANCH}**, pushed to origin." in said(app.success)
    assert links(app) == {"Open the pull request": f"https://github.com/example/rates/compare/main...{BRANCH}?expand=1"}
    assert git(remote(shared), "log", "-1", "--format=%an <%ae>|%P", BRANCH) == (
        f"Price Desk <prices@example.com>|{git(theirs, 'rev-parse', 'HEAD')}"
    )
    assert git(shared.repository, "rev-parse", "main") == before
    assert git(shared.repository, "status", "--porcelain") == ""
    # What forms start from, and drift is told of, is what others have merged, too.
    repository = Repository.open(shared.repository)
    drift = check_commit(repository, shared.engine(), "config", datetime.now(UTC), (), fetched_ref(repository))
    assert [check.message for check in drift][1:] == ["1 change of git not applied yet"]
    app = open_app(shared, "pricing", model="anthropic/claude-haiku-4-5")
    assert labelled(app.text_input, "Margin").value == "9"


def test_what_cannot_be_pushed_is_told_and_pushed_later(shared: Seeded, open_app: OpenApp) -> None:
    away = remote(shared).rename(shared.repository.parent / "away.git")
    app = open_app(shared, "models", model=MODEL)
    rename(app)

    assert "which only this clone has: the remote 'origin' cannot be read" in said(app.warning)
    assert links(app) == {}
    app = open_app(shared, "proposals")
    assert f"push_{BRANCH}" in [button.key for button in app.button]
    assert links(app) == {}
    app.button(key=f"push_{BRANCH}").click().run()
    assert "cannot be read" in said(app.error)
    away.rename(remote(shared))

    git(shared.repository, "config", "user.email", "help@example.com")
    app.button(key=f"push_{BRANCH}").click().run()
    assert "Not with your role" in [line.value for line in app.subheader]
    assert git(remote(shared), "branch", "--list", "ratecard/*") == ""
    assert audited(shared) == []

    git(shared.repository, "config", "user.email", "prices@example.com")
    app.run()
    app.button(key=f"push_{BRANCH}").click().run()

    assert f"**{BRANCH}** is on origin now." in said(app.success)
    assert git(remote(shared), "rev-parse", BRANCH) == git(shared.repository, "rev-parse", f"origin/{BRANCH}")
    assert git(shared.repository, "branch", "--list", "ratecard/*") == ""
    assert audited(shared) == [("Price Desk <prices@example.com>", "proposal.push", f"branch {BRANCH}")]
    assert not [button for button in app.button if button.label == "Push to origin"]
    assert set(links(app)) == {"Open the pull request", "Pull request"}


def test_a_proposal_of_somebody_else_is_fetched_shown_and_discarded_there(shared: Seeded, open_app: OpenApp) -> None:
    theirs = colleague(shared)
    edit = SetField(Key("model", MODEL), "display_name", "Four O")
    made = propose(Repository.open(theirs), [edit], title="Rename it", author=OTHER, now=datetime.now(UTC), push=True)

    app = open_app(shared, "proposals")

    assert [line.value for line in app.subheader] == ["Rename it"]
    assert "1 waiting to be merged into origin/main · origin was asked" in said(app.caption)
    assert literal(str(OTHER)) in "".join(caption.value for caption in app.caption)
    assert "Four O" in "\n".join(block.value for block in app.code)
    assert links(app) == {"Pull request": f"https://github.com/example/rates/compare/main...{made.branch}?expand=1"}
    assert "The branch goes on origin, for everybody" in said(app.caption)
    assert not [button for button in app.button if button.label == "Merge and apply"]

    app.button(key=f"discard_{made.branch}").click().run()

    assert [line.value for line in app.subheader] == ["No proposals wait"]
    assert git(remote(shared), "branch", "--list", "ratecard/*") == ""
    assert audited(shared) == [("Price Desk <prices@example.com>", "proposal.discard", f"branch {made.branch}")]


def test_a_change_that_lands_while_a_form_is_open_is_a_conflict_and_nothing_is_pushed(
    shared: Seeded, open_app: OpenApp
) -> None:
    app = open_app(shared, "models", model=MODEL)
    labelled(app.text_input, "Display name").set_value("Omni").run()
    theirs = colleague(shared)
    registry = theirs / "config" / "registry" / "openai.yaml"
    registry.write_text(registry.read_text().replace("GPT-4o", "Four O"))
    git(theirs, "commit", "--quiet", "--all", "--message=Rename it")
    git(theirs, "push", "--quiet", "origin", "HEAD:main")

    labelled(app.button, "Propose").click().run()

    assert "Somebody changed this while you edited it" in said(app.warning)
    assert labelled(app.text_input, "Display name").value == "Omni"
    assert git(remote(shared), "branch", "--list", "ratecard/*") == ""
    assert git(shared.repository, "branch", "--list", "ratecard/*") == ""
