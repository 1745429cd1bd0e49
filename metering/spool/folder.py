"""The folder: what processes keep in it, how much may stand there, and what is known of it without a database.

`KEY-ID.events` are calls that wait, `KEY-ID.rejects` what the database refused of them; KEY stands for the database
that they are for, so that several may share a folder and none gets the calls of another.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from uuid import uuid4

from metering.book.private_file import replace_private
from metering.errors import SpoolError
from metering.spool.segment import (
    Refused,
    Segment,
    Waiting,
    decode,
    encode,
    first_line,
    is_full,
    read_bytes,
    require_private,
    sync_folder,
)

SPOOL_VARIABLE = "RATECARD_SPOOL"
LIMIT_VARIABLE = "RATECARD_SPOOL_MB"
MEGABYTES = 256
"""How much a folder may hold when nothing else is said: about half a million calls."""
SEGMENT_BYTES = 8 * 1024 * 1024
"""After how much a process begins another file: they are read whole."""
EVENTS, REJECTS = ".events", ".rejects"


@dataclass(frozen=True, slots=True)
class SpoolState:
    """What a folder holds for one database."""

    folder: str
    bytes: int = 0
    limit: int = MEGABYTES * 1_000_000
    waiting: int = 0
    """Calls that are to be recorded."""
    oldest: datetime | None = None
    """Since when the first of them waits."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Calls that the database refused for good, by code."""
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """Calls that wait for other databases, by the name of each."""
    faults: Sequence[str] = ()
    """Files that are not read, and why."""

    @property
    def rejects(self) -> int:
        """How many were refused."""
        return sum(self.refused.values())


class Spool:
    """The folder as one process writes to it; its threads may share it. It is made when it is first needed."""

    def __init__(self, path: str | os.PathLike[str], database: str, limit: int) -> None:
        self.path = Path(path)
        self.database = database
        self.limit = limit
        self._current: Segment | None = None
        self._lock = Lock()

    def prepare(self) -> None:
        """Make the folder if need be. Raises SpoolError when it cannot be used."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            require_private(self.path.stat(), self.path, stat.S_ISDIR)
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise SpoolError(f"nothing can be written to {self.path}")
        except OSError as error:
            raise SpoolError(f"the folder {self.path} cannot be used: {error.strerror}") from None

    def append(self, calls: Sequence[Waiting]) -> None:
        """Keep calls: they are on the disk when this returns. Raises SpoolError, and keeps none of them then."""
        data = b"".join(encode(self.database, call) for call in calls)
        segment = None
        try:
            with self._lock:
                if sum(size for _, size in _listed(self.path)) + len(data) > self.limit:
                    raise SpoolError(f"{self.path} holds the {self.limit // 1_000_000:,} MB that it may")
                segment = self._current
                if segment is not None and (segment.size + len(data) > SEGMENT_BYTES or segment.removed):
                    segment.close()
                    segment = None
                if segment is None:
                    self.prepare()
                    segment = self._current = Segment(self.path / f"{_key(self.database)}-{uuid4().hex}{EVENTS}")
                size = segment.write(data)
            segment.sync(size)
        except OSError as error:
            # What a file looks like after a failure, nobody knows for sure: the next call begins another one.
            self._drop(segment)
            reason = "the disk is full" if is_full(error) else error.strerror
            raise SpoolError(f"{self.path} cannot be written: {reason}") from error

    def leave(self) -> None:
        """Leave what this process wrote, so that it may be taken. Raises OSError when not all came to the disk."""
        with self._lock:
            segment, self._current = self._current, None
            if segment is not None:
                segment.close()

    def _drop(self, segment: Segment | None) -> None:
        with self._lock:
            if segment is not None and self._current is segment:
                self._current = None
        if segment is not None:
            try:
                segment.close()
            except OSError:
                return
            if not segment.size:
                segment.path.unlink(missing_ok=True)

    def files(self, *kinds: str, databases: Sequence[str] = ()) -> list[Path]:
        """Files for our database, and others that are named; the oldest first."""
        keys = {_key(name) for name in (self.database, *databases)}
        found = [path for path, _ in _listed(self.path) if path.suffix in kinds and path.stem.split("-")[0] in keys]
        return sorted(found, key=_age)

    def settled(self, path: Path, refused: bytes) -> None:
        """A file is done: what was refused of it stands beside it before it goes."""
        rejects = path.with_name(f"{_key(self.database)}-{path.stem.split('-')[-1]}{REJECTS}")
        if refused:
            replace_private(rejects, refused.decode("ascii"))
            sync_folder(self.path)
        if not refused or rejects != path:
            path.unlink()


def look(path: str | os.PathLike[str], database: str, limit: int) -> SpoolState:
    """What a folder holds for a database, whoever writes to it; nothing is changed. Raises SpoolError, OSError."""
    folder = Path(path)
    if folder.exists():
        require_private(folder.stat(), folder, stat.S_ISDIR)
    used = waiting = 0
    since: list[datetime] = []
    elsewhere: Counter[str] = Counter()
    faults: list[str] = []
    for file, size in _listed(folder):
        used += size
        if file.suffix == REJECTS:
            continue
        try:
            data = read_bytes(file)
        except FileNotFoundError:
            continue
        except SpoolError as error:
            faults.append(str(error))
            continue
        named, at = first_line(data) or (database, None)
        if named != database:
            elsewhere[named] += data.count(b"\n")
            continue
        waiting += data.count(b"\n")
        since += [] if at is None else [at]
    refused = Counter(one.code for one in read_refused(folder, database, faults))
    return SpoolState(str(folder), used, limit, waiting, min(since, default=None), refused, elsewhere, faults)


def read_refused(folder: Path, database: str, faults: list[str]) -> Iterator[Refused]:
    """The calls that a database refused; `faults` takes what is said of files that are not read."""
    for path, _ in _listed(folder):
        if path.suffix == REJECTS and path.stem.startswith(_key(database)):
            try:
                yield from decode(read_bytes(path)).refused
            except FileNotFoundError:
                continue
            except SpoolError as error:
                faults.append(str(error))


def limit_of(environment: Mapping[str, str]) -> int:
    """How many bytes a folder may hold. Raises SpoolError."""
    text = environment.get(LIMIT_VARIABLE, "").strip() or str(MEGABYTES)
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= 1_000_000:
        raise SpoolError(f"{LIMIT_VARIABLE} is '{text[:40]}', which is no number of megabytes from 1 to 1000000")
    return int(text) * 1_000_000


def _listed(folder: Path) -> Iterator[tuple[Path, int]]:
    try:
        found = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in found:
        if entry.name.endswith((EVENTS, REJECTS)):
            try:
                yield Path(entry.path), entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:
                continue


def _age(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _key(database: str) -> str:
    return sha256(database.encode()).hexdigest()[:12]


__all__ = [
    "EVENTS",
    "LIMIT_VARIABLE",
    "MEGABYTES",
    "REJECTS",
    "SPOOL_VARIABLE",
    "Spool",
    "SpoolState",
    "limit_of",
    "look",
    "read_refused",
]
