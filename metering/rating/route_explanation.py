"""Why a route leads where it does: the line that matches, the place of the key, and who may be called. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from metering.book.entities import Release
from metering.book.ratebook import RateBook
from metering.errors import RefusalError
from metering.rating.routing import find_route


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that a route names. `price_key` is the price in force; None with a `refusal` to call it."""

    model: str
    """`provider/model`."""
    price_key: str | None
    refusal: RefusalError | None


@dataclass(frozen=True, slots=True)
class Share(Candidate):
    """A target with the places of the hundred that are its own: from `first` on and before `end`."""

    weight: int
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class RouteExplanation:
    """A route for one key at one moment."""

    provider: str
    task: str | None
    """As asked for."""
    matched: str
    """The line that matched: the task, or `_default`."""
    key: str | None
    place: int | None
    """Where the key lies among the places 0 to 99; None without a key, or when there is one target."""
    targets: tuple[Share, ...]
    fallbacks: tuple[Candidate, ...]
    chosen: Share
    release: Release


def explain_route(book: RateBook, provider: str, task: str | None, key: str | None, at: datetime) -> RouteExplanation:
    """Explain what a call of `task` is routed to at a moment. Without a key it is the target of the largest weight.

    Raises NoRouteError.
    """
    route = find_route(book.routes, provider, task)
    targets = []
    first = 0
    for name, weight in route.targets:
        targets.append(Share(*_candidate(book, name, at), weight, first, first + weight))
        first += weight
    wanted = route.target(key)
    place = route.place(key) if key is not None and len(targets) > 1 else None
    return RouteExplanation(
        provider=provider,
        task=task,
        matched=route.task,
        key=key,
        place=place,
        targets=tuple(targets),
        fallbacks=tuple(Candidate(*_candidate(book, name, at)) for name in route.fallbacks),
        chosen=_chosen(targets, place, [name for name, _ in route.targets].index(wanted)),
        release=book.release,
    )


def _chosen(targets: Sequence[Share], place: int | None, index: int) -> Share:
    """By its place where there is one: a table may name one model twice."""
    return targets[index] if place is None else next(one for one in targets if one.first <= place < one.end)


def _candidate(book: RateBook, name: str, at: datetime) -> tuple[str, str | None, RefusalError | None]:
    try:
        price = book.callable_price(None, name, at)
    except RefusalError as error:
        return name, None, error
    return f"{price.provider}/{price.model}", price.key, None


__all__ = ["Candidate", "RouteExplanation", "Share", "explain_route"]
