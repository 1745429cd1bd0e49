"""Words in Markdown that come from documents: they show as they are, whatever they hold."""

from __future__ import annotations

import re

from schema.findings import printable

_MARKUP = re.compile(r"[\\`*_\[\]<>|]")
_REFERENCE = re.compile(r"(?<!\w)@(?=\w)|#(?=\d)")
_ZERO_WIDTH_SPACE = "\N{ZERO WIDTH SPACE}"


def code(text: str) -> str:
    """A name as code, also in a cell of a table."""
    return f"`{printable(text).replace('`', '').replace('|', '')}`"


def cell(text: str) -> str:
    """A text in a cell of a table: nothing in it is markup, a mention or a link to an issue.

    Forges look for mentions after Markdown is read, when a backslash is gone: only what stands between the sign and the
    name keeps people from being called.
    """
    escaped = _MARKUP.sub(r"\\\g<0>", printable(text.replace("\n", " ")))
    return _REFERENCE.sub(rf"\g<0>{_ZERO_WIDTH_SPACE}", escaped)


__all__ = ["cell", "code"]
