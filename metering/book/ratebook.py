"""The rate book: the current configuration in memory, immutable, with look-ups that do not depend on its size.

It is loaded from the database, never from YAML, and can be pickled.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from metering.book.entities import Model, Pack, Plan, Release
from metering.book.settings import Settings, read_settings
from metering.errors import BadEventError, NoPricingError, RefusalError, UnavailableError, UnregisteredModelError
from metering.rating.exchange import ExchangeRates
from metering.rating.features import Feature
from metering.rating.price import Price
from metering.rating.routing import Route, RouteChoice, find_route
from metering.rating.run_units import RunUnits
from schema.findings import did_you_mean
from schema.money import MICRO
from schema.tables import CONFIG_TABLES, meta, releases

EDITS_KEY = "config_edits"
"""Where the table `meta` counts the edits that changed the configuration in the database, past any release."""


class Version(NamedTuple):
    """A state of the configuration: the newest release (0 before the first) and the edits since the database began."""

    release_id: int
    edits: int


class BookRows(NamedTuple):
    """What a book is built from."""

    release: Release
    edits: int
    rows: dict[str, list[Mapping[str, Any]]]
    """The current rows of the tables, by kind."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A model with its prices: `prices[i]` is in force from `starts[i]` until the next start."""

    model: Model
    starts: tuple[datetime, ...]
    prices: tuple[Price, ...]

    def price_at(self, at: datetime) -> Price | None:
        """The price in force at a moment, or None before the first."""
        index = bisect_right(self.starts, at)
        return self.prices[index - 1] if index else None


@dataclass(frozen=True, slots=True)
class RateBook:
    """The current configuration, as one release left it. Nothing in it may be changed."""

    release: Release
    loaded_at: datetime
    entries: dict[tuple[str, str], Entry]
    """By provider and model, and by provider and alias."""
    aliases: dict[str, Entry]
    """By alias, which is unique over all providers, and by `provider/model`."""
    routes: dict[tuple[str, str], Route]
    billable: dict[str, bool]
    """By task; a task that is not listed is billable."""
    plans: dict[str, Plan]
    packs: dict[str, Pack]
    reasoning: dict[str, int]
    """Multipliers of `output` in millionths, by level."""
    settings: Settings
    policy: dict[str, Any]
    features: dict[str, Feature] = field(default_factory=dict)
    run_units: RunUnits = field(default_factory=lambda: RunUnits.from_rows(()))
    exchange: ExchangeRates = field(default_factory=lambda: ExchangeRates({}))
    edits: int = 0
    """How often somebody edited the configuration in the database itself, past any release (`ratecard disable`)."""

    @property
    def version(self) -> Version:
        """Which state of the configuration it holds; a later state has a greater version."""
        return Version(self.release.id, self.edits)

    @classmethod
    def load(cls, connection: Connection, *, now: datetime) -> RateBook:
        """The book of the newest release that the connection sees. Raises UnavailableError when there is none."""
        release, edits, rows = read_rows(connection)
        return cls.build(release, rows, now=now, edits=edits)

    @classmethod
    def build(
        cls, release: Release, rows: Mapping[str, Iterable[Mapping[str, Any]]], *, now: datetime, edits: int = 0
    ) -> RateBook:
        """A book from the current rows by kind; kinds that are left out are empty."""
        settings = read_settings({row["setting"]: row["value"] for row in rows.get("setting", ())})
        dated: dict[tuple[str, str], list[Price]] = defaultdict(list)
        for row in rows.get("price", ()):
            dated[row["provider"], row["model"]].append(Price.compile(row, settings.credit_burn))
        entries: dict[tuple[str, str], Entry] = {}
        aliases: dict[str, Entry] = {}
        keys: dict[str, Entry] = {}
        for row in rows.get("model", ()):
            model = Model.from_row(row)
            entry = Entry(model, *timeline(dated.get((model.provider, model.name), ())))
            keys[model.key] = entry
            for alias in model.aliases:
                aliases[alias] = entry
                entries.setdefault((model.provider, alias), entry)
            # A name is stronger than another model's alias.
            entries[model.provider, model.name] = entry
        return cls(
            release=release,
            loaded_at=now,
            entries=entries,
            aliases=aliases | keys,
            routes={(row["provider"], row["task"]): Route.from_row(row) for row in rows.get("route", ())},
            billable={row["task"]: row["billable"] for row in rows.get("task", ())},
            plans={row["plan"]: Plan.from_row(row) for row in rows.get("plan", ())},
            packs={row["pack"]: Pack.from_row(row) for row in rows.get("pack", ())},
            reasoning={row["level"]: row["multiplier_micros"] for row in rows.get("reasoning", ())},
            settings=settings,
            policy={row["policy"]: row["value"] for row in rows.get("policy", ())},
            features={row["feature"]: Feature.from_row(row) for row in rows.get("feature", ())},
            run_units=RunUnits.from_rows(rows.get("run_unit", ())),
            exchange=ExchangeRates.from_rows(rows.get("rate", ())),
            edits=edits,
        )

    def find(self, provider: str | None, name: str) -> Entry | None:
        """The model of a provider by name, alias or `provider/model`, with its prices; None when there is none."""
        if provider is not None:
            entry = self.entries.get((provider, name))
            if entry is not None:
                return entry
            # A route may lead to a model of another provider, which then stands before a slash; an alias of another
            # provider's model would hide a slip.
            entry = self.aliases.get(name)
            return entry if entry is not None and entry.model.key == name else None
        return self.aliases.get(name)

    def find_model(self, provider: str | None, name: str) -> Model:
        """The model of a provider by name, alias or `provider/model`; without a provider by the latter two.

        Raises UnregisteredModelError.
        """
        entry = self.find(provider, name)
        if entry is None:
            raise self.unregistered(provider, name)
        return entry.model

    def price_at(self, provider: str | None, model: str, at: datetime) -> Price | None:
        """The price of a model in force at a moment; None when the model is unknown or has none yet."""
        entry = self.find(provider, model)
        return None if entry is None else entry.price_at(at)

    def callable_price(self, provider: str | None, name: str, at: datetime) -> Price:
        """The price of a model that may be called at a moment.

        Raises UnregisteredModelError when it is not registered or not active, NoPricingError when no price is in force.
        """
        entry = self.find(provider, name)
        if entry is None:
            raise self.unregistered(provider, name)
        price = entry.price_at(at)
        if price is None or not entry.model.active:
            raise refusal(entry.model, at)
        return price

    def route(self, provider: str, task: str | None, key: str | None) -> RouteChoice:
        """The model that serves a task, the same one for the same key. Raises NoRouteError; looks at no price."""
        route = find_route(self.routes, provider, task)
        target = self.find_model(None, route.target(key))
        fallbacks = [self.find_model(None, name) for name in route.fallbacks]
        pairs = tuple((model.provider, model.name) for model in fallbacks)
        return RouteChoice(target.provider, target.name, pairs, provider, route.task)

    def setting(self, name: str) -> Any:
        """A setting as the database stores it, or its default; `extra.NAME` for a free one. None when unknown."""
        return self.settings.values.get(name)

    def output_multiplier(self, level: str | None) -> int:
        """The multiplier of `output` for a reasoning level, in millionths. Raises BadEventError for an unknown one."""
        if level is None:
            return MICRO
        multiplier = self.reasoning.get(level)
        if multiplier is None:
            raise BadEventError(f"'{level}' is not a reasoning level{did_you_mean(level, self.reasoning)}")
        return multiplier

    def unregistered(self, provider: str | None, name: str) -> UnregisteredModelError:
        """The refusal of a model that is not registered, with a hint. The hint costs time that grows with the book."""
        # Compared without the provider: sharing it makes no two names alike.
        siblings = {known: f"{owner}/{known}" for owner, known in self.entries if owner == provider}
        near = get_close_matches(name, siblings or self.aliases, n=1)
        hint = f"; did you mean '{siblings.get(near[0], near[0])}'?" if near else ""
        return UnregisteredModelError(f"{not_registered(provider, name)}{hint}")


def not_registered(provider: str | None, name: str) -> str:
    """That a model is not registered."""
    return f"model {name if provider is None else f'{provider}/{name}'} is not registered"


def timeline(prices: Iterable[Price]) -> tuple[tuple[datetime, ...], tuple[Price, ...]]:
    """When which price is in force: at any moment the latest `effective` among those in force from then or before."""
    starts: list[datetime] = []
    winners: list[Price] = []
    for price in sorted(prices, key=lambda price: (price.in_force_from, price.effective)):
        if winners and winners[-1].effective > price.effective:
            continue
        if starts and starts[-1] == price.in_force_from:
            winners[-1] = price
        else:
            starts.append(price.in_force_from)
            winners.append(price)
    return tuple(starts), tuple(winners)


def refusal(model: Model, at: datetime) -> RefusalError:
    """Why a registered model may not be called: it is not active, or has no price in force."""
    return no_price(model, at) if model.active else UnregisteredModelError(f"model {model.key} is not active")


def no_price(model: Model, at: datetime) -> NoPricingError:
    """That a model has no price in force at a moment."""
    return NoPricingError(f"model {model.key} has no price in force at {at.isoformat()}")


def newest_release(connection: Connection) -> Release | None:
    """The newest release that the connection sees."""
    table = releases.c
    row = connection.execute(
        select(table.id, table.commit_sha, table.label, table.applied_at).order_by(table.id.desc()).limit(1)
    ).first()
    return None if row is None else Release(*row)


def newest_version(connection: Connection) -> Version:
    """The version of the configuration that the connection sees."""
    edits = select(meta.c.value).where(meta.c.key == EDITS_KEY).scalar_subquery()
    release_id, counted = connection.execute(select(func.max(releases.c.id), edits)).one()
    return Version(release_id or 0, int(counted or 0))


def read_rows(connection: Connection) -> BookRows:
    """The current configuration. Raises UnavailableError when there is no release.

    Also right where each statement sees a new state: when a release or an edit lands in between, it reads again.
    """
    while True:
        release, version = newest_release(connection), newest_version(connection)
        if release is None:
            raise UnavailableError("no release has been applied to this database; run `ratecard apply`")
        rows = {kind: _current(connection, kind) for kind in LOADED_KINDS}
        if newest_version(connection) == version == (release.id, version.edits):
            return BookRows(release, version.edits, rows)


LOADED_KINDS = (
    "model",
    "price",
    "task",
    "route",
    "plan",
    "pack",
    "feature",
    "run_unit",
    "reasoning",
    "rate",
    "setting",
    "policy",
)
"""The kinds that a book holds."""


def _current(connection: Connection, kind: str) -> list[Mapping[str, Any]]:
    table = CONFIG_TABLES[kind].table
    rows = connection.execute(select(table).where(table.c.retired_release.is_(None)).order_by(table.c.id))
    return [dict(row) for row in rows.mappings()]


__all__ = [
    "LOADED_KINDS",
    "BookRows",
    "Entry",
    "Model",
    "Pack",
    "Plan",
    "Price",
    "RateBook",
    "Release",
    "Route",
    "RouteChoice",
    "Version",
    "read_rows",
    "timeline",
]
