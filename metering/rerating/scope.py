"""Which events a re-rating is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, literal_column, or_, select
from sqlalchemy.sql import true

from metering.book.entities import Model
from metering.book.ratebook import RateBook
from metering.rating.appraisal import UNNAMED_PROVIDER
from schema.tables import accounts, usage_events


@dataclass(frozen=True, slots=True)
class Scope:
    """Events that occurred on the UTC days from `start` on and before `end` (None: all since); filters narrow it.

    `model` is `provider/model` or an alias. With `undated_now`, undated kinds too are those of the newest release.
    """

    start: date
    end: date | None = None
    model: str | None = None
    account: str | None = None
    only_unpriced: bool = False
    undated_now: bool = False

    def key(self, release_id: int) -> str:
        """What makes an adjustment by a release happen once for its event."""
        return f"rerate:{release_id}:undated" if self.undated_now else f"rerate:{release_id}"

    def as_json(self) -> dict[str, Any]:
        """The scope for people and the audit log."""
        return {
            "from": self.start.isoformat(),
            "to": None if self.end is None else self.end.isoformat(),
            "model": self.model,
            "account": self.account,
            "only_unpriced": self.only_unpriced,
            "undated_now": self.undated_now,
        }


def conditions(scope: Scope, book: RateBook) -> ColumnElement[bool]:
    """What an event of the scope fulfils. Raises UnregisteredModelError for a model that the book does not know."""
    event = usage_events.c
    found: list[ColumnElement[bool]] = [true(), event.day >= scope.start]
    if scope.end is not None:
        found.append(event.day < scope.end)
    if scope.model is not None:
        found.append(
            or_(*(and_(event.provider == one, event.model == name) for one, name in _names(scope.model, book)))
        )
    if scope.account is not None:
        found.append(
            event.account_id == select(accounts.c.id).where(accounts.c.account == scope.account).scalar_subquery()
        )
    if scope.only_unpriced:
        # Written out, not bound: only so can SQLite see that the partial index covers it.
        found.append(event.status == literal_column("'unpriced'"))
    return and_(*found)


def _names(wanted: str, book: RateBook) -> set[tuple[str, str]]:
    """Under which names the calls of a model may stand: those that nobody could resolve stand as they were sent."""
    model: Model = book.find_model(None, wanted)
    names = (model.name, *model.aliases)
    return {(provider, name) for provider in (model.provider, UNNAMED_PROVIDER) for name in names}


__all__ = ["Scope", "conditions"]
