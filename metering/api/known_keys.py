"""Keys that the database confirmed: while it is away they are believed for an hour, also after a start without it.

In memory, and with a path also on disk: hashes of the keys and whose they are, written once a minute at most.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from metering.accounts.keys import KeyOwner
from metering.book.private_file import read_private, replace_private
from metering.errors import BookFileError

FORMAT_VERSION = 1
REMEMBERED = timedelta(hours=1)
"""For how long a confirmed key is believed while the database is away."""
_MOST = 10_000
_WRITTEN_EVERY = timedelta(minutes=1)
_log = logging.getLogger(__name__)


class _Known(NamedTuple):
    owner: KeyOwner
    at: datetime
    """When the database was last asked."""


class KnownKeys:
    """Whose keys are, by hash. May be shared by threads; processes that share a file may replace each other's words.

    `database` names the one that confirms them: the file of another is not believed.
    """

    def __init__(self, database: str, path: Path | None = None) -> None:
        self._database = database
        self._path = path
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._written_at = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def __contains__(self, hashed: bytes) -> bool:
        return hashed in self._known

    def owner(self, hashed: bytes, moment: datetime) -> KeyOwner | None:
        """Whose key it is, if that was confirmed not too long before a moment."""
        known = self._known.get(hashed)
        return known.owner if known is not None and moment - known.at < REMEMBERED else None

    def note(self, hashed: bytes, owner: KeyOwner | None, moment: datetime) -> None:
        """Keep what the database said of a key; None for one that is not valid."""
        with self._lock:
            self._known.pop(hashed, None)
            if owner is not None:
                self._known[hashed] = _Known(owner, moment)
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        # A clock that was put back holds up no writing.
        waits = self._written_at <= moment < self._written_at + _WRITTEN_EVERY
        if self._path is not None and not waits and self._writing.acquire(blocking=False):
            try:
                self._written_at = moment
                replace_private(self._path, self._text(moment))
            except OSError as error:
                _log.warning("the keys were not kept in %s: %s", self._path, error)
            finally:
                self._writing.release()

    def recall(self, moment: datetime) -> None:
        """Take up what stands on disk; what cannot be believed is logged, and nobody is known by it."""
        if self._path is None:
            return
        try:
            found = json.loads(read_private(self._path, "the file of keys"))
            if found["format_version"] != FORMAT_VERSION or found["database"] != self._database:
                raise BookFileError(f"the file of keys {self._path} is of another database or version")
            known = {bytes.fromhex(hashed): _read(told) for hashed, told in found["keys"].items()}
        except FileNotFoundError:
            return
        except BookFileError as error:
            _log.warning("no key is known: %s", error)
            return
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            _log.warning("no key is known: the file of keys %s is damaged; remove it", self._path)
            return
        with self._lock:
            # Nobody can tell the age of what is dated ahead.
            self._known.update((hashed, one) for hashed, one in known.items() if one.at <= moment)

    def _text(self, moment: datetime) -> str:
        with self._lock:
            young = {hashed.hex(): _told(one) for hashed, one in self._known.items() if moment - one.at < REMEMBERED}
        return json.dumps({"format_version": FORMAT_VERSION, "database": self._database, "keys": young}) + "\n"


def _told(known: _Known) -> dict[str, Any]:
    # When it was used last is the database's business.
    return asdict(replace(known.owner, last_used_at=None)) | {"at": known.at.isoformat()}


def _read(told: dict[str, Any]) -> _Known:
    return _Known(KeyOwner(**{name: value for name, value in told.items() if name != "at"}), _moment(told["at"]))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


__all__ = ["REMEMBERED", "KnownKeys"]
