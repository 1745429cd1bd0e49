from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schema.catalogue import LinkedFile
from schema.places import MAX_BYTES
from sync.errors import RepositoryError
from sync.repository import Person, Repository, work_tree_files

FILES = {"tasks.yaml": "tasks: {}\n", "registry/a.yml": "provider: a\n", "README.md": "not read\n"}


def test_files_come_from_the_commit_not_from_the_work_tree(make_repository: Callable[..., Path]) -> None:
    top = make_repository(FILES)
    (top / "config" / "tasks.yaml").write_text("changed: true\n")
    repository = Repository.open(top)
    assert repository.config_files("HEAD", "config") == {
        "tasks.yaml": b"tasks: {}\n",
        "registry/a.yml": b"provider: a\n",
    }
    assert work_tree_files(top / "config")["tasks.yaml"] == b"changed: true\n"


def test_opens_from_a_folder_below_and_takes_folders_relative_to_it(
    make_repository: Callable[..., Path], run_git: Callable[..., str]
) -> None:
    top = make_repository(FILES, folder="products/chat/config")
    repository = Repository.open(top / "products" / "chat")
    assert repository.top == top.resolve()
    assert sorted(repository.config_files("main", "config")) == ["registry/a.yml", "tasks.yaml"]
    assert repository.config_tree("main", "config/") == run_git(top, "rev-parse", "main:products/chat/config")
    assert sorted(repository.config_files("main", ".")) == ["config/registry/a.yml", "config/tasks.yaml"]


def test_commit_tells_author_time_and_title(make_repository: Callable[..., Path], run_git: Callable[..., str]) -> None:
    top = make_repository(FILES)
    commit = Repository.open(top).commit("main")
    assert commit.sha == run_git(top, "rev-parse", "HEAD")
    assert commit.author == "Price Desk <prices@example.com>"
    assert commit.title == "Begin"
    assert abs((datetime.now(UTC) - commit.authored_at).total_seconds()) < 600


def test_links_and_submodules_are_marked_and_not_followed(
    make_repository: Callable[..., Path], run_git: Callable[..., str]
) -> None:
    top = make_repository(FILES, others={"secret.yaml": "outside: true\n"})
    (top / "config" / "plans.yaml").symlink_to("../secret.yaml")
    (top / "config" / "features").symlink_to("..")
    run_git(top, "add", "--all")
    run_git(top, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},config/pricing")
    run_git(top, "commit", "--quiet", "--message=Link")
    for files in (Repository.open(top).config_files("HEAD", "config"), work_tree_files(top / "config")):
        assert isinstance(files["plans.yaml"], LinkedFile)
        assert isinstance(files["features"], LinkedFile)
        assert files["tasks.yaml"] == b"tasks: {}\n"
    assert isinstance(Repository.open(top).config_files("HEAD", "config")["pricing"], LinkedFile)


def test_a_hook_of_another_repository_does_not_confuse(
    make_repository: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_repository({"other.yaml": "a: b\n"})
    top = make_repository(FILES)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    repository = Repository.open(top)
    assert repository.top == top.resolve()
    assert "tasks.yaml" in repository.config_files("HEAD", "config")
    assert repository.dirty("config") == []


@pytest.mark.parametrize("ref", ["nowhere", "--help", "HEAD:config", "-n", ""])
def test_what_names_no_commit_is_refused(make_repository: Callable[..., Path], ref: str) -> None:
    top = make_repository(FILES)
    with pytest.raises(RepositoryError) as refused:
        Repository.open(top).commit(ref)
    assert str(refused.value) == f"'{ref}' names no commit of {top.resolve()}"


def test_refusals_are_one_clear_line(tmp_path: Path, make_repository: Callable[..., Path]) -> None:
    with pytest.raises(RepositoryError, match="is not in a git repository; run `git init` and commit the config"):
        Repository.open(tmp_path)
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "empty")], check=True)
    with pytest.raises(RepositoryError, match="has no commit yet; commit the config first"):
        Repository.open(tmp_path / "empty").commit()
    top = make_repository(FILES, others={"file.txt": "x"})
    repository = Repository.open(top)
    with pytest.raises(RepositoryError, match=r"there is no folder nothing at commit [0-9a-f]{12}; name"):
        repository.config_files("HEAD", "nothing")
    (top / "later").mkdir()
    with pytest.raises(RepositoryError, match=r"there is no folder later at commit .*; commit it first"):
        repository.config_files("HEAD", "later")
    with pytest.raises(RepositoryError, match=r"file\.txt is not a folder at commit"):
        repository.config_files("HEAD", "file.txt")
    with pytest.raises(RepositoryError, match=r"the folder \.\./x lies outside the repository"):
        repository.config_files("HEAD", "../x")
    with pytest.raises(RepositoryError, match=r"the folder nowhere does not exist; name the folder of YAML"):
        work_tree_files("nowhere")
    with pytest.raises(RepositoryError, match=r"file\.txt is not a folder"):
        work_tree_files(top / "file.txt")


def test_dirty_files_of_the_folder_are_named(make_repository: Callable[..., Path]) -> None:
    top = make_repository(FILES)
    (top / "elsewhere.txt").write_text("x")
    repository = Repository.open(top)
    assert repository.dirty("config") == []
    (top / "config" / "new file.yaml").write_text("x")
    (top / "config" / "tasks.yaml").write_text("x")
    assert sorted(repository.dirty("config")) == ["config/new file.yaml", "config/tasks.yaml"]


def test_identity_is_gits_or_none(
    make_repository: Callable[..., Path], run_git: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    top = make_repository(FILES)
    repository = Repository.open(top)
    assert repository.identity() == Person("Price Desk", "prices@example.com")
    run_git(top, "config", "--unset", "user.email")
    assert repository.identity() is None
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "ci@example.com")
    assert str(repository.identity()) == "Price Desk <ci@example.com>"


def test_history_and_tags(make_repository: Callable[..., Path], run_git: Callable[..., str]) -> None:
    top = make_repository(FILES)
    repository = Repository.open(top)
    first = repository.sha("HEAD")
    run_git(top, "commit", "--quiet", "--allow-empty", "--message=Second")
    second = repository.sha("HEAD")
    assert repository.is_ancestor(first, second)
    assert repository.is_ancestor(second, second)
    assert not repository.is_ancestor(second, first)
    assert repository.knows(first)
    assert not repository.knows("1" * 40)
    assert repository.tag_at(second) is None
    run_git(top, "tag", "v1.9")
    run_git(top, "tag", "v1.10")
    assert repository.tag_at(second) == "v1.10"


def test_names_that_are_not_utf8_can_be_printed(
    make_repository: Callable[..., Path], run_git: Callable[..., str]
) -> None:
    top = make_repository(FILES)
    (Path(os.fsdecode(bytes(top / "config") + b"/caf\xe9.yaml"))).write_text("a: b\n")
    run_git(top, "add", "--all")
    run_git(top, "commit", "--quiet", "--message=Odd name")
    for files in (Repository.open(top).config_files("HEAD", "config"), work_tree_files(top / "config")):
        assert "caf\N{REPLACEMENT CHARACTER}.yaml" in [name.encode().decode() for name in files]


@pytest.mark.parametrize(
    ("seconds", "moment"),
    [
        ("1700000000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("4000000000", datetime(2096, 10, 2, 7, 6, 40, tzinfo=UTC)),
        ("99999999999999", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("9" * 40, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_dates_that_no_calendar_has_do_not_stop_a_plan(
    make_repository: Callable[..., Path], run_git: Callable[..., str], seconds: str, moment: datetime
) -> None:
    top = make_repository(FILES)
    tree = run_git(top, "rev-parse", "HEAD^{tree}")
    text = (
        f"tree {tree}\nauthor A <a@example.com> {seconds} +0000\ncommitter C <c@example.com> 1700000000 +0000\n\nOdd\n"
    )
    sha = hash_object(top, "commit", text)
    assert Repository.open(top).commit(sha).authored_at == moment


def test_a_file_that_unpacks_to_far_more_than_git_keeps_is_read_no_further_than_its_limit(
    make_repository: Callable[..., Path], run_git: Callable[..., str]
) -> None:
    top = make_repository({**FILES, "large.yaml": b"#" * (2 * MAX_BYTES)})
    files = Repository.open(top).config_files("HEAD", "config")
    assert (len(files["large.yaml"]), files["tasks.yaml"]) == (MAX_BYTES + 1, b"tasks: {}\n")


def test_folders_nested_without_end_are_refused(
    make_repository: Callable[..., Path], run_git: Callable[..., str], tmp_path: Path
) -> None:
    top = make_repository(FILES)
    inner = hash_object(top, "tree", "")
    for _ in range(60):
        inner = hash_object(top, "tree", b"40000 d\0" + bytes.fromhex(inner))
    tree = hash_object(top, "tree", b"40000 config\0" + bytes.fromhex(inner))
    sha = run_git(top, "commit-tree", tree, "-m", "Deep")
    with pytest.raises(RepositoryError) as refused:
        Repository.open(top).config_files(sha, "config")
    assert str(refused.value) == "d/d/d/… is nested deeper than 50 folders; keep the YAML in few"
    tmp_path.joinpath(*"d" * 60).mkdir(parents=True)
    with pytest.raises(RepositoryError, match="is nested deeper than 50 folders"):
        work_tree_files(tmp_path)


def hash_object(top: Path, kind: str, content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    words = ["git", "hash-object", "-t", kind, "-w", "--stdin", "--literally"]
    return subprocess.run(words, cwd=top, input=data, check=True, capture_output=True).stdout.decode().strip()
