"""The files of a configuration with new entries, validated before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from schema.errors import ConfigError
from schema.findings import Finding
from sync.checks import Validation, validate_files
from sync.edit import AddEntity, apply_edits
from sync.proposal_text import line_counts, unified_diff


@dataclass(frozen=True, slots=True)
class Draft:
    """What the entries change. `files` are new contents and `diffs` unified diffs, by path inside the folder.

    `warnings` are those that were not there before; they concern the new entries.
    """

    files: Mapping[str, bytes]
    diffs: Mapping[str, str]
    warnings: tuple[Finding, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many lines are added, by path."""
        return {path: line_counts(diff)[0] for path, diff in self.diffs.items()}


def draft_entries(
    files: Mapping[str, bytes],
    before: Validation,
    edits: Sequence[AddEntity],
    *,
    folder: str,
    now: datetime,
    environment_admins: Sequence[str] = (),
) -> Draft:
    """The files with the entries. Raises ConfigError when they would not be valid, EditError when they cannot be put.

    `before` is the validation of `files`.
    """
    changed = apply_edits(files, edits, now=now, folder=folder)
    after = {path: data for path, data in changed.items() if data is not None}
    validation = validate_files({**files, **after}, folder, now, environment_admins)
    if validation.errors:
        raise ConfigError(validation.errors)
    # Lines move when others are put above them: a warning is known by what it says about which file.
    known = {(warning.code, warning.message, warning.place.file) for warning in before.warnings}
    new = [warning for warning in validation.warnings if _said(warning) not in known]
    diffs = {path: unified_diff(f"{folder}/{path}", files.get(path), data) for path, data in after.items()}
    return Draft(after, diffs, tuple(new))


def _said(warning: Finding) -> tuple[str, str, str]:
    return warning.code, warning.message, warning.place.file
