"""One thing that doctor looked at: what it found, how bad that is, and what mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.exc import SQLAlchemyError

from schema.errors import RatecardError

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was found about a topic. `advice` names the command that mends it; it is there when `level` is not ok."""

    topic: str
    level: Level
    message: str
    advice: str | None = None

    def as_json(self) -> dict[str, str | None]:
        """The check as it stands in `doctor --format json`."""
        return {"topic": self.topic, "level": self.level, "message": self.message, "advice": self.advice}


@dataclass(frozen=True, slots=True)
class Reporter:
    """Makes the checks of one topic."""

    topic: str

    def ok(self, message: str) -> Check:
        """All is well."""
        return Check(self.topic, "ok", message)

    def warn(self, message: str, advice: str) -> Check:
        """It works, but somebody should look."""
        return Check(self.topic, "warn", message, advice)

    def fail(self, message: str, advice: str) -> Check:
        """It does not work."""
        return Check(self.topic, "fail", message, advice)

    def guarded(self, look: Callable[[], Iterable[Check]], advice: str) -> Iterator[Check]:
        """What `look` finds; an error on the way is a failed check, so that the other topics are still looked at."""
        try:
            yield from look()
        except RatecardError as error:
            yield self.fail(str(error), advice)
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            yield self.fail(f"the database refused: {reason}", advice)


__all__ = ["Check", "Level", "Reporter"]
