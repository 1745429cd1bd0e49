"""The texts of a proposal: branch name, commit message, diff."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence

from sync.edit import AddEntity, CopyEntry, Edit, RemoveEntity, RenameEntity, SetField
from sync.edit.values import Value, plain
from sync.errors import UsageError

PREFIX = "ratecard/"
"""What the name of every proposal's branch begins with."""
PROPOSAL_REFS = (f"refs/heads/{PREFIX}**", f"refs/remotes/*/{PREFIX}**")
"""Patterns of the refs of proposals, here and as last seen on remotes."""
_JOINER = "\N{ZERO WIDTH JOINER}"
"""Stands in some emoji."""
_MAX_SLUG = 50
_MAX_TITLE = 200


def checked_title(title: str) -> str:
    """A title on one line; raises UsageError when it is empty, not printable or longer than 200 characters."""
    title = " ".join(title.split())
    if not title:
        raise UsageError("a proposal needs a title")
    if not title.replace(_JOINER, "").isprintable():
        raise UsageError("the title holds characters that cannot be shown; write it in printable text")
    if len(title) > _MAX_TITLE:
        raise UsageError(f"the title has {len(title)} characters; at most {_MAX_TITLE} fit")
    return title


def slug(title: str) -> str:
    """A title as part of a branch's name: small letters, digits and dashes."""
    plain_text = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain_text).strip("-")
    return words[:_MAX_SLUG].strip("-") or "edit"


def proposal_names(refs: Iterable[str]) -> set[str]:
    """The names of branches that full ref names stand for, `refs/remotes/REMOTE/` taken off."""
    return {ref.split("/", 3 if ref.startswith("refs/remotes/") else 2)[-1] for ref in refs}


def edit_lines(edits: Sequence[Edit]) -> list[str]:
    """Each edit in a line, for the message of the commit."""
    return [_described(edit) for edit in edits]


def listed(lines: Iterable[str]) -> str:
    """Lines as a list in a message."""
    return "".join(f"- {line}\n" for line in lines)


def _described(edit: Edit) -> str:
    if isinstance(edit, AddEntity):
        return f"add {edit.key}"
    if isinstance(edit, RemoveEntity):
        return f"remove {edit.key}"
    if isinstance(edit, RenameEntity):
        verb = "move" if edit.key.kind in ("price", "rate") else "rename"
        return f"{verb} {edit.key} to {edit.new_name}"
    if isinstance(edit, CopyEntry):
        return f"begin {edit.key} from a copy of the entry in force"
    return _described_field(edit)


def _described_field(edit: SetField) -> str:
    if edit.value is None:
        return f"take {edit.field} out of {edit.key}"
    return f"set {edit.field} of {edit.key} to {_shown(edit.value)}"


def _shown(value: Value) -> str:
    text = " ".join(str(plain(value)).split())
    return text if len(text) <= 100 else text[:99] + "…"


def unified_diff(path: str, before: bytes | None, after: bytes | None) -> str:
    """The unified diff of one file as git prints it; None stands for no file."""
    old, new = (b"" if data is None else data for data in (before, after))
    names = ("/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}")
    lines = [f"diff --git a/{path} b/{path}\n"]
    for line in difflib.unified_diff(_lines(old), _lines(new), *names):
        lines.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
    return "".join(lines)


def line_counts(diff: str) -> tuple[int, int]:
    """How many lines a unified diff adds and removes."""
    body = [line for line in diff.splitlines() if not line.startswith(("+++", "---"))]
    return sum(line.startswith("+") for line in body), sum(line.startswith("-") for line in body)


def _lines(data: bytes) -> list[str]:
    parts = data.decode("utf-8", "replace").split("\n")
    return [part + "\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
