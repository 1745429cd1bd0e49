"""Words in Markdown that come from documents: they show as they are, whatever they hold."""

from __future__ import annotations


def code(text: str) -> str:
    """A name as code, also in a cell of a table."""
    return f"`{text.replace('`', '').replace('|', '')}`"


def cell(text: str) -> str:
    """A text in a cell of a table: nothing in it is markup, a mention or a link to an issue."""
    for character in "\\`*_[]<>|@#":
        text = text.replace(character, f"\\{character}")
    return text.replace("\n", " ")


__all__ = ["cell", "code"]
