"""Git, as far as Ratecard needs it: commits, and the files of a folder at a commit, read from blobs.

This is the only place where sync opens a repository. `repository.git` is GitPython's object, for the plumbing of
proposals. GitPython is imported when a repository is opened, not before.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from schema.catalogue import SUFFIXES, LinkedFile
from schema.places import MAX_BYTES
from sync.errors import RepositoryError

if TYPE_CHECKING:
    import git

LOCAL_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
"""What git itself clears before it works in another repository; a hook sets them for the repository it runs in."""

MOST_FOLDERS = 50
"""How deep folders may be nested below the config folder."""
_LAST_SECOND = 253_402_300_799
"""9999-12-31T23:59:59Z."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who writes a commit."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """A commit; `title` is the first line of its message."""

    sha: str
    author_name: str
    author_email: str
    authored_at: datetime
    title: str

    @property
    def author(self) -> str:
        """Name and address."""
        return str(Person(self.author_name, self.author_email))


class Repository:
    """A git repository with a work tree. Folders are relative to the path that it was opened at."""

    def __init__(self, opened: git.Repo, base: Path) -> None:
        self.git = opened
        self.top = Path(str(opened.working_tree_dir)).resolve()
        self._base = base

    @classmethod
    def open(cls, path: str | Path = ".") -> Repository:
        """The repository that holds `path`; raises RepositoryError when there is none."""
        base = Path(path).resolve()
        for variable in LOCAL_VARIABLES:
            os.environ.pop(variable, None)
        try:
            import git
        except ImportError as error:
            raise RepositoryError(f"git cannot be used: {str(error).strip().splitlines()[0]}") from None
        try:
            opened = git.Repo(base, search_parent_directories=True)
        except (git.InvalidGitRepositoryError, git.NoSuchPathError):
            raise RepositoryError(f"{base} is not in a git repository; run `git init` and commit the config") from None
        if opened.working_tree_dir is None:
            raise RepositoryError(f"{base} is a bare repository; a work tree is needed")
        return cls(opened, base)

    def close(self) -> None:
        """End the git processes that read objects."""
        self.git.close()

    def run(self, *words: str) -> str:
        """What a git command prints; raises RepositoryError with git's own first line."""
        import git

        try:
            output = self.git.git.execute(["git", "--no-optional-locks", *words], with_extended_output=False)
        except git.GitCommandError as error:
            said = str(error.stderr).strip().removeprefix("stderr: ").strip("'\n ")
            lines = [line for line in said.splitlines() if line.strip()]
            raise RepositoryError(f"git {words[0]}: {lines[0] if lines else 'failed'}") from None
        return str(output)

    def succeeds(self, *words: str) -> bool:
        """Whether a git command ends with 0."""
        try:
            self.run(*words)
        except RepositoryError:
            return False
        return True

    def sha(self, ref: str) -> str:
        """The full name of the commit that `ref` names."""
        try:
            return self.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        except RepositoryError:
            # Git may refuse the repository as such, when it belongs to somebody else; that says more.
            self.run("rev-parse", "--git-dir")
        if not self.succeeds("rev-parse", "--verify", "--quiet", "HEAD^{commit}"):
            raise RepositoryError(f"the repository {self.top} has no commit yet; commit the config first")
        raise RepositoryError(f"'{ref}' names no commit of {self.top}")

    def commit(self, ref: str = "HEAD") -> CommitInfo:
        """The commit that a branch, a tag or an abbreviated name stands for."""
        found = self.git.commit(self.sha(ref))
        title = str(found.summary)
        author = found.author
        authored_at = commit_moment(found.authored_date)
        return CommitInfo(found.hexsha, author.name or "", author.email or "", authored_at, title)

    def relative(self, folder: str) -> str:
        """A folder's path from the top level, with `/`; raises RepositoryError when it lies outside."""
        path = Path(os.path.normpath(self._base / folder))
        try:
            return (path.parent.resolve() / path.name).relative_to(self.top).as_posix()
        except ValueError:
            raise RepositoryError(f"the folder {folder} lies outside the repository {self.top}") from None

    def config_tree(self, ref: str, folder: str) -> str:
        """Git's hash of a folder at a commit: equal hashes mean equal contents."""
        return self._tree(self.sha(ref), folder).hexsha

    def config_files(self, ref: str, folder: str) -> dict[str, bytes]:
        """The YAML files of a folder at a commit, by path inside it. Links and submodules are `LinkedFile`s."""
        files: dict[str, bytes] = {}
        for path, entry in _walk(self._tree(self.sha(ref), folder), ""):
            if stat.S_ISREG(entry.mode):
                if path.lower().endswith(SUFFIXES):
                    # What is larger is refused by its size: a few bytes of git may unpack to more than the memory.
                    files[path] = self.git.odb.stream(entry.binsha).read(MAX_BYTES + 1)
            else:
                files[path] = LinkedFile()
        return files

    def _tree(self, sha: str, folder: str) -> git.Tree:
        relative = self.relative(folder)
        tree = self.git.commit(sha).tree
        if relative == ".":
            return tree
        try:
            found = tree / relative
        except KeyError:
            there = (self.top / relative).is_dir()
            advice = "commit it first" if there else "name it with --config"
            raise RepositoryError(f"there is no folder {relative} at commit {sha[:12]}; {advice}") from None
        if found.type != "tree":
            raise RepositoryError(f"{relative} is not a folder at commit {sha[:12]}")
        return found

    def dirty(self, folder: str) -> list[str]:
        """The files under a folder that differ from HEAD or are not committed, by path from the top level."""
        relative = self.relative(folder)
        status = self.run("status", "--porcelain", "-z", "--untracked-files=all", "--", str(self.top / relative))
        return [entry[3:] for entry in status.split("\0") if len(entry) > 3]

    def identity(self) -> Person | None:
        """Who commits here, as git is configured; None when it is not."""
        name = os.environ.get("GIT_AUTHOR_NAME") or self._setting("user.name")
        email = os.environ.get("GIT_AUTHOR_EMAIL") or self._setting("user.email")
        return Person(name, email) if name and email else None

    def _setting(self, name: str) -> str:
        try:
            return self.run("config", "--get", name).strip()
        except RepositoryError:
            return ""

    def knows(self, sha: str) -> bool:
        """Whether a commit is in this clone."""
        return self.succeeds("cat-file", "-e", f"{sha}^{{commit}}")

    def is_shallow(self) -> bool:
        """Whether this clone lacks the beginning of its history."""
        return self.run("rev-parse", "--is-shallow-repository").strip() == "true"

    def is_ancestor(self, earlier: str, later: str) -> bool:
        """Whether `later` descends from `earlier`, or is it."""
        return earlier == later or self.succeeds("merge-base", "--is-ancestor", earlier, later)

    def changed_files(self, earlier: str, later: str, folder: str) -> list[str]:
        """The files of a folder in which two commits differ, by path inside it."""
        relative = self.relative(folder)
        names = self.run("diff", "--name-only", "--no-renames", "-z", earlier, later, "--", str(self.top / relative))
        prefix = "" if relative == "." else f"{relative}/"
        return [name.removeprefix(prefix) for name in names.split("\0") if name]

    def tag_at(self, sha: str) -> str | None:
        """The tag at a commit (the highest version of several), or None."""
        tags = self.run("tag", "--points-at", sha, "--sort=-version:refname").splitlines()
        return tags[0] if tags else None


def commit_moment(seconds: int) -> datetime:
    """The moment that a commit names; git takes dates that no calendar has, which become the nearest that it has."""
    return datetime.fromtimestamp(min(max(seconds, 0), _LAST_SECOND), UTC)


def _refuse_depth(path: str) -> None:
    if path.count("/") > MOST_FOLDERS:
        shown = "/".join([*path.split("/")[:3], "…"])
        raise RepositoryError(f"{shown} is nested deeper than {MOST_FOLDERS} folders; keep the YAML in few")


def _walk(tree: git.Tree, prefix: str) -> Iterator[tuple[str, git.objects.base.IndexObject]]:
    for entry in tree:
        # A submodule that no .gitmodules tells of has a path but no name.
        path = f"{prefix}{_readable(os.path.basename(entry.path))}"  # noqa: PTH119 - git's path, not the file system's
        if entry.type == "tree":
            _refuse_depth(f"{path}/")
            yield from _walk(entry, f"{path}/")
        else:
            yield path, entry


def work_tree_files(folder: str | Path) -> dict[str, bytes]:
    """The YAML files of a folder on disk, by path inside it; no git needed. Links are `LinkedFile`s, never followed."""
    root = Path(folder)
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise RepositoryError(f"the folder {folder} {what}; name the folder of YAML with --config")
    files: dict[str, bytes] = {}
    try:
        _collect(str(root), "", files)
    except OSError as error:
        raise RepositoryError(f"{error.filename} cannot be read: {error.strerror}") from None
    return files


def _collect(folder: str, prefix: str, files: dict[str, bytes]) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = f"{prefix}{_readable(entry.name)}"
            if entry.is_dir(follow_symlinks=False):
                _refuse_depth(f"{path}/")
                _collect(entry.path, f"{path}/", files)
            elif not entry.is_file(follow_symlinks=False):
                files[path] = LinkedFile()
            elif path.lower().endswith(SUFFIXES):
                with open(entry.path, "rb") as opened:  # noqa: PTH123 - a Path an entry costs more than the read
                    files[path] = opened.read(MAX_BYTES + 1)


def _readable(name: str) -> str:
    """A file's name with bytes that are not UTF-8 replaced, so that it can be printed."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


__all__ = ["CommitInfo", "Person", "Repository", "commit_moment", "work_tree_files"]
