"""Nobody demotes themselves, by whatever way a proposal is made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schema.keys import Key, parse_key
from sync.edit import AddEntity, Edit, RemoveEntity, RenameEntity, SetField
from sync.errors import RefusedError
from sync.propose import propose
from sync.repository import Person, Repository
from sync.self_demotion import refuse_self_demotion
from tests.conftest import MakeRepository, RunRatecard

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ACCESS = """\
admins:
  - Prices@Example.com
  - other@example.com
analysts:
  - books@example.com
"""
RunGit = Callable[..., str]
OWN, OTHER = Key("access", "prices@example.com"), Key("access", "other@example.com")


@pytest.fixture
def top(make_repository: MakeRepository, small_config: dict[str, str]) -> Path:
    return make_repository(small_config | {"access.yaml": ACCESS})


def make(top: Path, edit: Edit, email: str = "prices@example.com") -> str:
    author = Person("Price Desk", email)
    return propose(Repository.open(top), [edit], title="Change access", author=author, now=NOW).branch


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (SetField(OWN, "role", "viewer"), "leave you viewer"),
        (SetField(OWN, "value", "analyst"), "leave you analyst"),
        (RemoveEntity(OWN), "take every role from you"),
        (RenameEntity(OWN, "somebody@example.com"), "take every role from you"),
    ],
)
def test_a_proposal_that_lowers_its_authors_role_is_refused(top: Path, edit: Edit, told: str, run_git: RunGit) -> None:
    with pytest.raises(RefusedError) as refusal:
        make(top, edit, "PRICES@example.com")

    assert refusal.value.code == "CANNOT_DEMOTE_SELF"
    assert str(refusal.value) == (
        f"prices@example.com is admin and nobody demotes themselves: this would {told}; ask another admin to propose it"
    )
    assert run_git(top, "branch", "--list", "ratecard/*") == ""


def test_others_may_be_demoted_and_everybody_may_rise(top: Path) -> None:
    assert make(top, SetField(OTHER, "role", "viewer")) == "ratecard/change-access"
    assert make(top, SetField(Key("access", "books@example.com"), "role", "admin"), "books@example.com")
    assert make(top, AddEntity(Key("access", "new@example.com"), {"role": "viewer"}))


def test_the_command_refuses_as_well(top: Path, run_ratecard: RunRatecard, run_git: RunGit) -> None:
    run_git(top, "config", "user.email", "prices@example.com")

    done = run_ratecard("propose", "--remove", str(parse_key("access prices@example.com")), "--title", "Leave", cwd=top)

    assert done.returncode != 0
    assert "nobody demotes themselves" in done.stderr


def test_what_is_not_about_people_is_not_asked() -> None:
    files = {"access.yaml": ACCESS.encode(), "plans.yaml": b"plans: {}\n"}

    refuse_self_demotion(files, files, "prices@example.com")
    refuse_self_demotion(files, {"plans.yaml": b""}, "stranger@example.com")
    with pytest.raises(RefusedError):
        refuse_self_demotion(files, {"plans.yaml": b""}, "books@example.com")
