"""Errors of sync.

SyncError (a RatecardError)
├── UsageError          the command was called wrongly (exit code 64)
├── RepositoryError     git cannot give or take what was asked
│   └── RemoteError     another repository cannot be reached, or does not take what is pushed
├── PlanError           a plan cannot be made or no longer holds
├── ForgeError          the forge did not open a pull request
├── RefusedError        a guard refuses; says which and what would let it pass
└── EditError           an edit that cannot be written into the text
    └── ConflictError   the edited entity has changed since the person saw it
"""

from __future__ import annotations

from schema.errors import RatecardError


class SyncError(RatecardError):
    """A fault of validating, planning, applying or proposing."""

    code = "SYNC_ERROR"


class UsageError(SyncError):
    """The command was called wrongly."""

    code = "USAGE"


class RepositoryError(SyncError):
    """Git cannot give or take what was asked."""

    code = "REPOSITORY"


class RemoteError(RepositoryError):
    """A remote cannot be reached, or does not take what is pushed to it."""

    code = "REMOTE"


class ForgeError(SyncError):
    """The forge did not open a pull request; the branch is there all the same."""

    code = "FORGE"


class PlanError(SyncError):
    """A plan cannot be made, or no longer holds."""

    code = "PLAN"


class RefusedError(SyncError):
    """A guard refuses. `code` says which."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class EditError(SyncError):
    """An edit that cannot be written into the text of a document."""

    code = "EDIT"


class ConflictError(EditError):
    """The edited entity has changed since the person saw it.

    `key` names it, `current` is what it says now and `proposed` what the person wants, both as JSON on one line.
    `advice` says where that is and what to do.
    """

    code = "CONFLICT"

    def __init__(self, key: str, current: str, proposed: str, advice: str = "") -> None:
        self.key = key
        self.current = current
        self.proposed = proposed
        message = f"{key} has changed since you saw it: it is now {current}, you want {proposed}"
        super().__init__(f"{message}; {advice}" if advice else message)
