"""The small config with files changed, as the tests of checks look at it."""

from __future__ import annotations

from datetime import UTC, datetime

from sync.checks import Validation, validate_files
from tests.small_config import SMALL_CONFIG

NOW = datetime(2026, 6, 1, tzinfo=UTC)
UNLISTED = "accept: [FAR_FROM_LIST_PRICE]"


def check(now: datetime = NOW, **changed: str | None) -> Validation:
    """The small config with files changed (`pricing__openai="…"`) or taken away (None)."""
    files = dict(SMALL_CONFIG)
    for name, text in changed.items():
        path = name.replace("__", "/") + ".yaml"
        if text is None:
            del files[path]
        else:
            files[path] = text
    return validate_files({path: text.encode() for path, text in files.items()}, "config", now)


def codes(validation: Validation) -> list[str]:
    """The codes found, errors first."""
    return [finding.code for finding in (*validation.errors, *validation.warnings)]


def messages(validation: Validation) -> list[str]:
    """The messages found, errors first."""
    return [finding.message for finding in (*validation.errors, *validation.warnings)]


def prices(*entries: str) -> str:
    """A pricing file of gpt-4o."""
    lines = "".join(f"    - {entry}\n" for entry in entries)
    return f"provider: openai\nprices:\n  gpt-4o:\n{lines}"
