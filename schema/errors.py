"""Errors of the schema.

RatecardError           every error that Ratecard raises on purpose; `code` is stable, the message is for people
├── ConfigError         documents that cannot be used; carries all findings
├── DatabaseError       the database cannot be used
│   ├── DatabaseUnreachableError
│   └── DatabaseVersionError
└── KeyFormatError      a key such as `price PROVIDER/MODEL@DATE` that cannot be read
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schema.findings import Finding


class RatecardError(Exception):
    """A fault that a person can mend; `str(error)` says what, where and what to do, in one line."""

    code = "RATECARD_ERROR"


class ConfigError(RatecardError):
    """Documents that cannot be used; `findings` holds every reason, each with its place."""

    code = "INVALID_CONFIG"

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        count = len(self.findings)
        first = f": {self.findings[0]}" if self.findings else ""
        super().__init__(f"{count} error{'s' if count != 1 else ''} in the configuration{first}")


class DatabaseError(RatecardError):
    """The database cannot be used."""

    code = "DATABASE_ERROR"


class DatabaseUnreachableError(DatabaseError):
    """No connection could be made."""

    code = "DATABASE_UNREACHABLE"


class DatabaseVersionError(DatabaseError):
    """The database has another schema version than this program, or none."""

    code = "DATABASE_VERSION"


class KeyFormatError(RatecardError):
    """A key that names no entity."""

    code = "BAD_KEY"
