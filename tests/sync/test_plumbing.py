from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync.errors import RepositoryError
from sync.plumbing import create_ref, delete_ref, move_ref, ref_sha, refs_under, write_commit, write_tree
from sync.repository import Person, Repository
from tests.conftest import MakeRepository

NOW = datetime(2026, 11, 21, 9, 30, 59, 900_000, tzinfo=UTC)
RunGit = Callable[..., str]


@pytest.fixture
def top(make_repository: MakeRepository) -> Path:
    return make_repository({"a.yaml": "a: 1\n", "deep/b.yaml": "b: 1\n"}, others={"Grüße.txt": "hello\n"})


def test_a_tree_with_other_contents_at_some_paths(top: Path, run_git: RunGit) -> None:
    repository = Repository.open(top)
    tree = write_tree(
        repository,
        "HEAD^{tree}",
        {
            "config/a.yaml": b"a: 2\r\n",
            "config/deep/b.yaml": None,
            "config/new/folder/c.yaml": "c: ü".encode(),
            "Grüße.txt": b"",
        },
    )
    listed = run_git(top, "-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", tree).splitlines()
    assert listed == ["Grüße.txt", "config/a.yaml", "config/new/folder/c.yaml"]
    assert repository.git.git.cat_file("blob", f"{tree}:config/a.yaml", strip_newline_in_stdout=False) == "a: 2\r\n"
    assert write_tree(repository, "HEAD^{tree}", {}) == run_git(top, "rev-parse", "HEAD^{tree}")


def test_a_tree_without_any_file_is_the_empty_tree(top: Path) -> None:
    repository = Repository.open(top)
    everything: dict[str, bytes | None] = {"config/a.yaml": None, "config/deep/b.yaml": None, "Grüße.txt": None}
    assert write_tree(repository, "HEAD^{tree}", everything) == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def test_a_commit_is_whole_and_moves_nothing(top: Path, run_git: RunGit) -> None:
    repository = Repository.open(top)
    head = run_git(top, "rev-parse", "HEAD")
    commit = write_commit(repository, "HEAD^{tree}", (head,), "Título\n\nbody\n", Person("Ü", "u@example.com"), NOW)
    assert run_git(top, "log", "-1", "--format=%an|%ae|%ad|%cn|%P|%s|%b", "--date=iso-strict", commit) == (
        f"Ü|u@example.com|2026-11-21T09:30:59+00:00|Ratecard|{head}|Título|body"
    )
    assert run_git(top, "rev-parse", "HEAD") == head


def test_refs_are_made_once_and_moved_or_deleted_only_from_where_they_were(top: Path, run_git: RunGit) -> None:
    repository = Repository.open(top)
    head = run_git(top, "rev-parse", "HEAD")
    other = write_commit(repository, "HEAD^{tree}", (head,), "Other", Person("A", "a@example.com"), NOW)
    ref = "refs/heads/ratecard/x"
    assert ref_sha(repository, ref) is None
    assert create_ref(repository, ref, head, "made") is True
    assert create_ref(repository, ref, other, "made again") is False
    assert refs_under(repository, "refs/heads/ratecard/**") == {ref: head}
    with pytest.raises(RepositoryError, match=r"^git update-ref: "):
        move_ref(repository, ref, other, other, "stale")
    with pytest.raises(RepositoryError, match=r"^git update-ref: "):
        delete_ref(repository, ref, other)
    with pytest.raises(RepositoryError):
        create_ref(repository, f"{ref}/below", head, "blocked")
    move_ref(repository, ref, other, head, "moved")
    assert ref_sha(repository, ref) == other
    delete_ref(repository, ref, other)
    assert ref_sha(repository, ref) is None
