"""Git by plumbing: objects and refs, without work tree, index, hooks or filters.

Every function takes an open `Repository`, runs git with hooks switched off and raises RepositoryError with git's own
first line.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime

from sync.errors import RemoteError, RepositoryError
from sync.repository import Person, Repository

TOOL = Person("Ratecard", "ratecard@localhost")
"""The committer of what Ratecard writes; the author is the person."""
PUSH_SECONDS = 120
LOOK_SECONDS = 20
_QUIET = ("git", "-c", "core.hooksPath=/dev/null", "-c", "i18n.commitEncoding=UTF-8")
_FILE_MODE = "100644"
_USER_INFO = re.compile(r"://[^/@\s]+@")


def feed(repository: Repository, words: tuple[str, ...], data: bytes, env: Mapping[str, str] | None = None) -> str:
    """What a git command prints that reads `data` from its standard input."""
    process = repository.git.git.execute(
        [*_QUIET, *words], istream=subprocess.PIPE, as_process=True, env=dict(env or {})
    )
    output, errors = process.communicate(data)
    if process.returncode != 0:
        raise RepositoryError(f"git {words[0]}: {first_line(errors)}")
    return bytes(output).decode("utf-8", "surrogateescape").strip()


def quiet(repository: Repository, *words: str) -> str:
    """What a git command prints, hooks switched off."""
    status, output, errors = attempt(repository, *words)
    if status != 0:
        raise RepositoryError(f"git {words[0]}: {first_line(errors)}")
    return output


def attempt(repository: Repository, *words: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a git command, for those that say something by their exit code."""
    status, output, errors = repository.git.git.execute(
        [*_QUIET, *words], with_exceptions=False, with_extended_output=True
    )
    return int(status), str(output), str(errors)


def first_line(said: bytes | str) -> str:
    """The first line that says something."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return next((line.strip() for line in text.splitlines() if line.strip()), "failed")


def ref_sha(repository: Repository, ref: str) -> str | None:
    """The object that a full ref name such as `refs/heads/main` points to, or None."""
    try:
        return repository.run("show-ref", "--verify", "--hash", ref).strip()
    except RepositoryError:
        return None


def refs_under(repository: Repository, *prefixes: str) -> dict[str, str]:
    """Full ref names under prefixes, with the commits they point to."""
    listed = repository.run("for-each-ref", "--format=%(objectname) %(refname)", *prefixes)
    pairs = (line.split(" ", 1) for line in listed.splitlines() if line)
    return {name: sha for sha, name in pairs}


def write_tree(repository: Repository, tree: str, changes: Mapping[str, bytes | None]) -> str:
    """A tree like `tree` (any name of one) with other contents at some paths; None takes a file out.

    A file that exists keeps its mode. Contents are stored as they are, past every filter.
    """
    blobs = {
        path: None if data is None else feed(repository, ("hash-object", "-w", "--stdin", "--no-filters"), data)
        for path, data in changes.items()
    }
    return _tree_with(repository, tree, {tuple(path.split("/")): blob for path, blob in blobs.items()}) or _empty_tree(
        repository
    )


def write_commit(
    repository: Repository, tree: str, parents: tuple[str, ...], message: str, author: Person, now: datetime
) -> str:
    """A commit of `author` at `now`, committed by the tool; returns its name. No ref moves."""
    moment = f"@{int(now.timestamp())} +0000"
    env = {
        "GIT_AUTHOR_NAME": author.name,
        "GIT_AUTHOR_EMAIL": author.email,
        "GIT_AUTHOR_DATE": moment,
        "GIT_COMMITTER_NAME": TOOL.name,
        "GIT_COMMITTER_EMAIL": TOOL.email,
        "GIT_COMMITTER_DATE": moment,
    }
    words = ["commit-tree", tree]
    for parent in parents:
        words += ["-p", parent]
    return feed(repository, tuple(words), message.encode("utf-8"), env)


def create_ref(repository: Repository, ref: str, sha: str, reason: str) -> bool:
    """Make a ref that must not exist; False when it does, or when another one stands in its way."""
    try:
        quiet(repository, "update-ref", "-m", reason, ref, sha, "0" * len(sha))
    except RepositoryError:
        if ref_sha(repository, ref) is None:
            raise
        return False
    return True


def move_ref(repository: Repository, ref: str, sha: str, old: str, reason: str) -> None:
    """Move a ref that must still point to `old`."""
    quiet(repository, "update-ref", "-m", reason, ref, sha, old)


def delete_ref(repository: Repository, ref: str, old: str) -> None:
    """Delete a ref that must still point to `old`."""
    quiet(repository, "update-ref", "-d", ref, old)


def push_branch(repository: Repository, remote: str, sha: str, branch: str) -> None:
    """Push one commit to a branch of a remote, never by force; raises RemoteError with the remote's reason."""
    words = ("push", "--no-verify", "--quiet", "--", remote, f"{sha}:refs/heads/{branch}")
    _with_remote(repository, words, f"the remote '{remote}' did not take {branch}")
    # Git does so by itself only where the clone is set up to fetch the branch.
    quiet(repository, "update-ref", f"refs/remotes/{remote}/{branch}", sha)


def take_branch(repository: Repository, remote: str, sha: str, branch: str) -> None:
    """Delete a branch of a remote that must still point to `sha`; raises RemoteError with the remote's reason."""
    ref = f"refs/heads/{branch}"
    words = ("push", "--no-verify", "--quiet", f"--force-with-lease={ref}:{sha}", "--", remote, f":{ref}")
    _with_remote(repository, words, f"the remote '{remote}' did not delete {branch}")
    quiet(repository, "update-ref", "-d", f"refs/remotes/{remote}/{branch}")


def fetch_heads(repository: Repository, remote: str, patterns: Sequence[str]) -> None:
    """Bring the remote-tracking refs of branches such as `ratecard/*` to what the remote has; those gone there go."""
    words = ("fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
    refspecs = [f"+refs/heads/{pattern}:refs/remotes/{remote}/{pattern}" for pattern in patterns]
    _with_remote(repository, (*words, "--", remote, *refspecs), f"the remote '{remote}' cannot be fetched")


def fetch_branch(repository: Repository, remote: str, branch: str) -> str:
    """Fetch one branch into its remote-tracking ref, and nothing else; returns the commit it points to."""
    tracking = f"refs/remotes/{remote}/{branch}"
    words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
    refspec = f"+refs/heads/{branch}:{tracking}"
    _with_remote(repository, (*words, "--", remote, refspec), f"{branch} cannot be fetched from '{remote}'")
    fetched = ref_sha(repository, tracking)
    if fetched is None:
        raise RemoteError(f"{branch} cannot be fetched from '{remote}'")
    return fetched


def remote_tips(repository: Repository, remote: str, *patterns: str) -> dict[str, str]:
    """The branches of a remote that fit patterns such as `ratecard/name*`, with their commits; asks the remote."""
    words = ("ls-remote", "--heads", "--", remote, *(f"refs/heads/{pattern}" for pattern in patterns))
    listed = _with_remote(repository, words, f"the remote '{remote}' cannot be read", LOOK_SECONDS)
    pairs = (line.split("\t", 1) for line in listed.splitlines() if "\t" in line)
    return {name.removeprefix("refs/heads/"): sha for sha, name in pairs}


def _with_remote(repository: Repository, words: tuple[str, ...], failed: str, seconds: int = PUSH_SECONDS) -> str:
    import git

    # The remote may be slow or ask for a password that nobody can type here: git asks nothing, and is ended in time.
    try:
        output = repository.git.git.execute(
            [*_QUIET, *words],
            env={"GIT_TERMINAL_PROMPT": "0"},
            kill_after_timeout=seconds,
            with_extended_output=False,
        )
    except git.GitCommandError as error:
        said = str(error.stderr).strip().removeprefix("stderr: ").strip("'\n ")
        raise RemoteError(f"{failed}: {_reason(said)}") from None
    return str(output)


def _reason(said: str) -> str:
    """What the other side said, else the first line; a password in an address is left out."""
    heard = [line.removeprefix("remote:").strip() for line in said.splitlines() if line.startswith("remote:")]
    words = " ".join(line for line in heard if line) or next(
        (line for line in said.splitlines() if "[" in line and "rejected]" in line), first_line(said)
    )
    return _USER_INFO.sub("://", words.strip().removeprefix("fatal: "))


def remote_url(repository: Repository, remote: str) -> str | None:
    """The address of a remote, or None when there is no such remote."""
    try:
        return repository.run("remote", "get-url", "--", remote).strip()
    except RepositoryError:
        return None


def _tree_with(repository: Repository, tree: str | None, changes: Mapping[tuple[str, ...], str | None]) -> str | None:
    entries = _entries(repository, tree)
    deeper: dict[str, dict[tuple[str, ...], str | None]] = {}
    for path, blob in changes.items():
        if len(path) > 1:
            deeper.setdefault(path[0], {})[path[1:]] = blob
        elif blob is None:
            entries.pop(path[0], None)
        else:
            mode = entries[path[0]][0] if path[0] in entries else _FILE_MODE
            entries[path[0]] = (mode, "blob", blob)
    for name, inner in deeper.items():
        known = entries.pop(name, None)
        subtree = _tree_with(repository, known[2] if known and known[1] == "tree" else None, inner)
        if subtree is not None:
            entries[name] = ("040000", "tree", subtree)
    if not entries:
        return None
    lines = "".join(f"{mode} {kind} {sha}\t{name}\0" for name, (mode, kind, sha) in entries.items())
    return feed(repository, ("mktree", "-z", "--missing"), lines.encode("utf-8", "surrogateescape"))


def _entries(repository: Repository, tree: str | None) -> dict[str, tuple[str, str, str]]:
    if tree is None:
        return {}
    entries: dict[str, tuple[str, str, str]] = {}
    for line in repository.run("ls-tree", "-z", "--full-tree", tree).split("\0"):
        if line:
            described, name = line.split("\t", 1)
            mode, kind, sha = described.split(" ")
            entries[name] = (mode, kind, sha)
    return entries


def _empty_tree(repository: Repository) -> str:
    return feed(repository, ("mktree", "-z"), b"")
