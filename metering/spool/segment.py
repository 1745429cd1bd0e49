"""Files of calls that wait: a line a call, each with its checksum; one process writes a file, behind a lock.

The lock ends with the process, whatever ends that: whoever gets it may take over what it left. A line is the event as
it would have been stored, so that what comes of it later is what would have come of it at once.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any
from zlib import crc32

from metering.errors import SpoolError
from metering.usage import Event

FORMAT_VERSION = 1
_ROOT = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call that happened at a moment at which the database was away."""

    event: Event
    at: datetime
    """When it was written down."""
    hold: str | None = None
    """The hold that it captures."""
    timed: bool = True
    """Whether its caller said when it occurred. Of use where the model is still to be taken from the hold."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that could not be recorded, and why; without a call when the line cannot be read."""

    code: str
    message: str
    call: Waiting | None
    line: bytes


@dataclass(frozen=True, slots=True)
class Contents:
    """What stands in a file, in its order."""

    calls: list[Waiting]
    refused: list[Refused]
    """What was refused before, and lines that are damaged."""


class Segment:
    """A file that this process writes. `write` wants a lock of the caller's, `sync` may be called by all at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._synced = 0
        self._failed: OSError | None = None
        self._syncing = Lock()
        self._descriptor = _create(path)

    @property
    def removed(self) -> bool:
        """Whether somebody took the file away: what is written to it then goes with it."""
        return not os.fstat(self._descriptor).st_nlink

    def write(self, data: bytes) -> int:
        """Add whole lines; the size that is to be synced. Raises OSError, and leaves none of them then."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(data)
        return self.size

    def sync(self, size: int) -> None:
        """Have the file on disk as far as a size; one call serves all who wait for it. Raises OSError."""
        with self._syncing:
            self._sync(size)

    def close(self) -> None:
        """Leave the file to whoever takes it. Raises OSError when not all of it came to the disk."""
        with self._syncing:
            if self._descriptor < 0:
                return
            try:
                self._sync(self.size)
            finally:
                os.close(self._descriptor)
                self._descriptor = -1

    def _sync(self, size: int) -> None:
        if self._synced >= size:
            return
        if self._failed is not None:
            # The kernel tells of what it lost once only: a second call would say that all is well.
            raise self._failed
        reached = self.size
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            self._failed = error
            raise
        self._synced = reached


def _create(path: Path) -> int:
    """A new file that is locked before anybody else can take it for one that was left."""
    # Here, as POSIX alone has it: whoever keeps no calls needs none.
    import fcntl

    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Whoever came between creating and locking found it empty, and removed it.
            if os.fstat(descriptor).st_nlink:
                sync_folder(path.parent)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def take(path: Path) -> int | None:
    """Lock a file that nobody writes any more; None when somebody does, or when it is gone. Raises SpoolError."""
    import fcntl

    try:
        descriptor = _open_private(path)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if not os.fstat(descriptor).st_nlink:
        os.close(descriptor)
        return None
    return descriptor


def read_bytes(path: Path) -> bytes:
    """What a file holds now. Raises FileNotFoundError, SpoolError."""
    descriptor = _open_private(path)
    with os.fdopen(descriptor, "rb") as opened:
        return opened.read()


def _open_private(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SpoolError(f"{path} cannot be read: {error.strerror}") from None
    try:
        require_private(os.fstat(descriptor), path, stat.S_ISREG)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def require_private(found: os.stat_result, path: Path, is_kind: Any) -> None:
    """Raise SpoolError for what others may have written: who writes there decides what accounts are charged."""
    if not is_kind(found.st_mode):
        raise SpoolError(f"{path} is no {'folder' if is_kind is stat.S_ISDIR else 'file'}")
    if found.st_uid not in (os.geteuid(), _ROOT):
        raise SpoolError(f"{path} belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SpoolError(f"others may write {path}; `chmod go-w` it")


def sync_folder(path: Path) -> None:
    """Have the names in a folder on disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def encode(database: str, call: Waiting) -> bytes:
    """The line of a call that is to be recorded in a database."""
    return _line(_told(database, call))


def encode_refused(database: str, refused: Refused) -> bytes:
    """The line of a call that was refused."""
    told = {"line": refused.line.decode("latin-1")} if refused.call is None else _told(database, refused.call)
    return _line(told | {"refused": {"code": refused.code, "message": refused.message}})


def _told(database: str, call: Waiting) -> dict[str, Any]:
    event = call.event
    fields = {name: getattr(event, name) for name in Event.__slots__}
    return {
        "format_version": FORMAT_VERSION,
        "database": database,
        "at": call.at.isoformat(),
        "hold": call.hold,
        "timed": call.timed,
        "event": fields | {"occurred_at": event.occurred_at.isoformat(), "content_hash": event.content_hash.hex()},
    }


def _line(told: dict[str, Any]) -> bytes:
    body = json.dumps(told, separators=(",", ":")).encode()
    return b"%08x %s\n" % (crc32(body), body)


def decode(data: bytes) -> Contents:
    """The lines of a file. Raises SpoolError when another version of the program wrote them."""
    lines = data.split(b"\n")
    contents = Contents([], [])
    # Behind the last line break stands nothing, or what was not written to its end: nobody was told that it is kept.
    for line in filter(None, lines):
        try:
            told = _read(line)
            call = None if "line" in told else _call(told)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            fault = "a line that was not written to its end, or is damaged"
            contents.refused.append(Refused("DAMAGED", fault, None, line))
            continue
        if "refused" in told:
            raw = line if call is not None else told["line"].encode("latin-1")
            contents.refused.append(Refused(told["refused"]["code"], told["refused"]["message"], call, raw))
        elif call is not None:
            contents.calls.append(call)
    return contents


def first_line(data: bytes) -> tuple[str, datetime] | None:
    """For which database the first whole line waits, and since when."""
    for line in data.split(b"\n", 10)[:10]:
        try:
            told = _read(line)
            return str(told["database"]), datetime.fromisoformat(told["at"]).astimezone(UTC)
        except (ValueError, KeyError, TypeError, SpoolError):
            continue
    return None


def _read(line: bytes) -> dict[str, Any]:
    checksum, _, body = line.partition(b" ")
    if int(checksum, 16) != crc32(body):
        raise ValueError("the checksum is another one")
    told: dict[str, Any] = json.loads(body)
    if told.get("format_version", FORMAT_VERSION) != FORMAT_VERSION:
        raise SpoolError("it was written by another version of this program")
    return told


def _call(told: dict[str, Any]) -> Waiting:
    fields = told["event"]
    event = Event(
        **fields
        | {
            "occurred_at": datetime.fromisoformat(fields["occurred_at"]).astimezone(UTC),
            "content_hash": bytes.fromhex(fields["content_hash"]),
        }
    )
    return Waiting(event, datetime.fromisoformat(told["at"]).astimezone(UTC), told["hold"], told["timed"])


def is_full(error: OSError) -> bool:
    """Whether a disk, a quota or a limit of the process left no room."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


__all__ = [
    "Contents",
    "Refused",
    "Segment",
    "Waiting",
    "decode",
    "encode",
    "encode_refused",
    "first_line",
    "is_full",
    "read_bytes",
    "require_private",
    "sync_folder",
    "take",
]
