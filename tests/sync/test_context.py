from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from sync.context import database_url, environment_admins, prepare_folder
from sync.errors import RepositoryError
from sync.repository import Repository


def test_database_is_named_by_option_then_variable_then_git_top(
    make_repository: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    top = make_repository({"tasks.yaml": "tasks: {}\n"})
    repository = Repository.open(top)
    assert database_url(None, repository) == f"sqlite:///{top.resolve()}/.ratecard/ratecard.db"
    monkeypatch.setenv("RATECARD_DATABASE_URL", "postgresql://db/one")
    assert database_url(None, repository) == "postgresql://db/one"
    assert database_url(Namespace(database="sqlite:///two.db"), repository) == "sqlite:///two.db"


def test_without_git_a_database_must_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RepositoryError, match="no database is named and this is not a git repository; use --database"):
        database_url(None, None)


def test_embedded_folder_keeps_itself_out_of_commits(
    make_repository: Callable[..., Path], run_git: Callable[..., str]
) -> None:
    top = make_repository({"tasks.yaml": "tasks: {}\n"})
    prepare_folder(database_url(None, Repository.open(top)))
    (top / ".ratecard" / "ratecard.db").write_text("x")
    assert (top / ".ratecard" / ".gitignore").read_text() == "*\n"
    assert run_git(top, "status", "--porcelain") == ""


def test_other_databases_get_no_folder(tmp_path: Path) -> None:
    prepare_folder(f"sqlite:///{tmp_path}/data/my.db")
    prepare_folder("postgresql://db/.ratecard")
    assert list(tmp_path.iterdir()) == []


def test_admins_of_the_environment_are_compared_without_case(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment_admins() == ()
    monkeypatch.setenv("RATECARD_ADMINS", " Owner@Example.com, ,finance@example.com")
    assert environment_admins() == ("owner@example.com", "finance@example.com")
