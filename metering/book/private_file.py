"""Files that this user alone may write, replaced as a whole: what stands in them is believed without the database."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from metering.errors import BookFileError

_ROOT = 0


def read_private(path: Path, name: str) -> str:
    """The text of a file; `name` is what errors call it.

    Raises FileNotFoundError, and BookFileError for one that cannot be read or that others may have written.
    """
    try:
        with open(path, encoding="utf-8", opener=_at_once) as opened:
            found = os.fstat(opened.fileno())
            if found.st_uid not in (os.geteuid(), _ROOT):
                # In a folder that others may write to, anybody can put a file of this name.
                raise BookFileError(f"{name} {path} belongs to another user; remove it")
            if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise BookFileError(f"others may write {name} {path}; `chmod 600` it, or remove it")
            return opened.read()
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise BookFileError(f"{name} {path} cannot be read: {error}") from None


def replace_private(path: Path, text: str) -> None:
    """Put a new file in the place of the old one: whoever reads finds one of the two, whole. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes it readable and writable for the owner alone.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def _at_once(path: str, flags: int) -> int:
    """Open a file; a pipe in its place that nobody writes to holds up no start."""
    return os.open(path, flags | os.O_NONBLOCK)


__all__ = ["read_private", "replace_private"]
