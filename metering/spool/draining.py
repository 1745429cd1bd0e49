"""Recording what waits, once the database is back: by a thread while there is something, or when somebody asks.

Each call goes the way of all others and is known by its account and event id, so that it may be recorded again and
again: a process that is killed on the way loses nothing and bills nothing twice. What is refused for good is put aside
with the reason; a file goes when all of it is decided.
"""

from __future__ import annotations

import logging
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from metering.errors import MeteringError, SpoolError, UnavailableError
from metering.receipts import Receipt, Spooled
from metering.spool.folder import EVENTS, REJECTS, Spool, SpoolState, look
from metering.spool.segment import Refused, Waiting, decode, encode_refused, take

BATCH = 1_000
"""Calls a transaction."""
FIRST_WAIT, LONGEST_WAIT = 0.25, 5.0
_log = logging.getLogger(__name__)

Record = Callable[[Sequence[Waiting]], Sequence[Receipt | MeteringError]]
"""Records calls in one transaction, an error in the place of one that is refused. Raises UnavailableError."""


@dataclass(slots=True)
class Drained:
    """What became of what waited."""

    recorded: int = 0
    repeated: int = 0
    """Calls that had been recorded before, or waited twice."""
    refused: list[Refused] = field(default_factory=list)
    """Put aside this time."""
    left: int = 0
    """Files in which something is still to be recorded, beside those that processes write."""
    fault: str | None = None
    """Why it was not gone on with."""


class Draining:
    """Keeps calls in a spool while the database is away, and records them; threads may share it.

    `record` does not come back here; `ask` asks the database for anything. Both raise UnavailableError. With `adopt`
    what is found at the start is recorded at once; otherwise when something is kept here, too, or somebody asks.
    """

    def __init__(self, spool: Spool, record: Record, ask: Callable[[], object], *, adopt: bool) -> None:
        self.spool = spool
        self.away = False
        """Whether the database did not answer, and has not been seen since: calls are kept without asking it."""
        self._record = record
        self._ask = ask
        self._turn = threading.Lock()
        self._starting = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._wanted = False
        """Whether something was kept, or could not be recorded, since the thread looked last."""
        if adopt and spool.files(EVENTS):
            self._begin()

    def keep(self, calls: Sequence[Waiting], reason: UnavailableError | None) -> list[Spooled]:
        """Keep calls until the database is back; `reason` says why it did not take them.

        Raises UnavailableError when they cannot be kept either.
        """
        try:
            self.spool.append(calls)
        except SpoolError as error:
            # Where nothing can be kept, the next one asks the database, as without a spool.
            self.away = False
            why = str(reason or "the database is away")
            raise UnavailableError(f"{why}; nor can calls be kept until it is back: {error}") from (reason or error)
        if not self.away:
            _log.warning("calls are kept in %s: %s", self.spool.path, reason)
        self.away = True
        self._begin()
        return [Spooled(call.event.event_id, call.event.account, call.at) for call in calls]

    def state(self) -> SpoolState:
        """What waits now."""
        return look(self.spool.path, self.spool.database, self.spool.limit)

    def waits(self) -> bool:
        """Whether anything may wait, in this process or left by another."""
        return bool(self.spool.files(EVENTS))

    def close(self) -> None:
        """Stop, after the transaction that runs, and leave what waits to others."""
        self._stopped.set()
        with self._starting:
            thread = self._thread
        if thread is not None:
            thread.join()
        try:
            self.spool.leave()
        except OSError as error:
            _log.error("calls in %s may not all have come to the disk: %s", self.spool.path, error)

    def drain(self, *, again: bool = False, moved_from: Sequence[str] = ()) -> Drained:
        """Record what waits, also what processes left that are no more. Never raises for what a file holds.

        With `again` what was refused is tried once more. `moved_from` names databases that this one has taken the
        place of: what waits for them is recorded here, too.
        """
        done = Drained()
        kinds = (EVENTS, REJECTS) if again else (EVENTS,)
        with self._turn:
            if not self.spool.files(*kinds, databases=moved_from):
                self.away = False
                return done
            try:
                self._ask()
                self.away = False
                self.spool.leave()
                for path in self.spool.files(*kinds, databases=moved_from):
                    if self._stopped.is_set():
                        break
                    self._drain(path, done)
            except UnavailableError as error:
                done.fault = str(error)
            except OSError as error:
                done.fault = f"{self.spool.path}: {error.strerror}"
        if done.fault is not None:
            self._begin()
        if done.recorded or done.repeated:
            # As loud as the word that they are kept: whoever read that wants to know.
            _log.warning("of the calls that waited %d are recorded, %d were known", done.recorded, done.repeated)
        return done

    def _drain(self, path: Path, done: Drained) -> None:
        """Record a file that nobody writes; it stays as it is when the database goes away in its middle."""
        try:
            descriptor = take(path)
            if descriptor is None:
                return
        except SpoolError as error:
            _log.error("calls wait in a file that is not read: %s", error)
            done.left += 1
            return
        try:
            with os.fdopen(descriptor, "rb", closefd=False) as opened:
                contents = decode(opened.read())
            calls = contents.calls + [one.call for one in contents.refused if one.call is not None]
            refused = [one for one in contents.refused if one.call is None]
            whole = True
            for start in range(0, len(calls), BATCH):
                batch = calls[start : start + BATCH]
                for call, outcome in zip(batch, self._outcomes(batch), strict=True):
                    if outcome is None:
                        whole = False
                    elif isinstance(outcome, MeteringError):
                        refused.append(Refused(outcome.code, str(outcome), call, b""))
                    else:
                        done.repeated += outcome.duplicate
                        done.recorded += not outcome.duplicate
            if not whole:
                done.left += 1
                return
            self.spool.settled(path, b"".join(encode_refused(self.spool.database, one) for one in refused))
            done.refused += refused
            if refused:
                _tell(self.spool.path, refused)
        except SpoolError as error:
            _log.error("calls wait in %s: %s", path, error)
            done.left += 1
        finally:
            os.close(descriptor)

    def _outcomes(self, calls: Sequence[Waiting]) -> Sequence[Receipt | MeteringError | None]:
        """What becomes of calls; None where that cannot be said now. Raises UnavailableError."""
        try:
            return self._record(calls)
        except UnavailableError:
            raise
        except Exception:
            if len(calls) > 1:
                # One of them has a fault of ours: the others need not wait for it.
                return [self._outcomes([call])[0] for call in calls]
            event = calls[0].event
            _log.exception("event %r of account %r waits and cannot be recorded", event.event_id, event.account)
            return [None]

    def _begin(self) -> None:
        with self._starting:
            self._wanted = True
            if self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._run, name="ratecard-spool", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        wait = FIRST_WAIT
        while not self._stopped.wait(wait * (0.5 + random.random() / 2)):  # noqa: S311 - no secret
            self._wanted = False
            try:
                self.drain()
            except Exception:
                _log.exception("what waits in %s was not recorded", self.spool.path)
            with self._starting:
                # Whoever keeps a call after this finds no thread, and begins one. What could not be recorded for
                # another reason than an outage is left to whoever asks next.
                if not self._wanted:
                    self._thread = None
                    return
            wait = min(2 * wait, LONGEST_WAIT)


def _tell(folder: Path, refused: Sequence[Refused]) -> None:
    codes = ", ".join(f"{count} {code}" for code, count in sorted(Counter(one.code for one in refused).items()))
    _log.warning("of the calls that waited are refused: %s; they are kept in %s", codes, folder)


__all__ = ["BATCH", "Drained", "Draining", "Record"]
