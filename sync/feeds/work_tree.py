"""New contents into the files of the work tree: all of them or none."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sync.errors import RefusedError, SyncError


def replace_files(folder: str | Path, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> None:
    """Replace files by their path inside a folder; each must still say what `before` has, else nothing is written.

    Every file is written beside its place before the first one takes it. When one cannot take it, those that have are
    put back. Raises RefusedError when a file was changed meanwhile, SyncError when a file cannot be written.
    """
    root = Path(folder)
    waiting: dict[str, Path] = {}
    try:
        for path, data in after.items():
            waiting[path] = _beside(root / path, data)
        for path in after:
            if (root / path).read_bytes() != before[path]:
                raise RefusedError("FILE_CHANGED", f"{root / path} was changed while this ran; run it again")
        done: list[str] = []
        try:
            for path in after:
                waiting[path].replace(root / path)
                del waiting[path]
                done.append(path)
        except OSError:
            for path in done:
                _beside(root / path, before[path]).replace(root / path)
            raise
    except OSError as error:
        raise SyncError(f"{error.filename} cannot be written: {error.strerror}; nothing was changed") from None
    finally:
        for left in waiting.values():
            left.unlink(missing_ok=True)


def _beside(path: Path, data: bytes) -> Path:
    """A file with these contents and the mode of the one at `path`, in the same folder."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".import-")
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(data)
        shutil.copymode(path, name)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)
