"""What the demo's calls are for, who makes them and which model answers: drawn from a hash of each call's id.

The models are those of the configuration: routed for the task, open to the customer's plan, priced at that moment.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha512
from itertools import accumulate
from struct import Struct

from metering.book.entities import Model
from metering.book.ratebook import RateBook
from metering.errors import MeteringError
from metering.rating.rating import rate
from metering.rating.routing import DEFAULT_TASK
from metering.usage import Usage
from sync.demo.customers import Customer
from sync.demo.rhythm import Rhythm
from sync.demo.traces import WHOLE, TracedCall
from sync.errors import RefusedError

_TASKS = {
    "code": (("extraction", 40), ("skill_extraction", 22), ("resume_parsing", 20), ("ghost_detection", 13)),
    "conv": (
        ("chat_response", 55),
        ("onboarding", 10),
        ("score_rationale", 10),
        ("cover_letter", 10),
        ("resume_tailoring", 10),
        ("story_selection", 5),
    ),
}
"""Tasks by trace with their weights: long contexts with short answers extract, conversations answer."""
_OVERHEAD = ("manager_routing", 5)
"""Of the code trace: our own routing, never charged."""

_PROVIDERS = {"anthropic": 32, "openai": 28, "google": 16, "groq": 9, "mistral": 8, "openrouter": 4, "deepseek": 3}
"""Weights of the providers in their order; a provider that is not named here follows with a weight of 1."""
_SECOND_CHOICE_PERCENT = 15
"""How many of a customer's calls go to its second provider."""
_TRIES = 8
_SIXTEEN = Struct(">16I")
_TYPICAL = {"input": 1_000, "output": 500}
"""The call by which models are compared."""


class Casting:
    """Gives every traced call its account, user, task, model and moment."""

    def __init__(self, book: RateBook, customers: Sequence[Customer], anchor: datetime) -> None:
        self._book = book
        self._customers = customers
        self._anchor = anchor
        self._rhythm = Rhythm(anchor)
        self._joined = [customer.joined(anchor) for customer in customers]
        self._earliest = min(range(len(customers)), key=self._joined.__getitem__)
        self._providers = list(_routed_providers(book, self._rhythm.start))
        if not self._providers:
            raise RefusedError("DEMO", "no provider of this configuration routes to a language model with a price")
        self._by_customer = Weights(customer.weight for customer in customers)
        self._by_provider = Weights(_PROVIDERS.get(provider, 1) for provider in self._providers)
        self._answers: dict[tuple[str, ...], list[Model]] = {}
        self._compared: dict[str, list[Model]] = {}

    def moment(self, call: TracedCall) -> datetime:
        """When the call is made."""
        return self._rhythm.moment(call.part, WHOLE)

    def usage(self, call: TracedCall) -> Usage:
        """The call as its caller would have reported it."""
        event_id = f"azure-{call.trace}-{call.number:05d}"
        draws = _draws(event_id)
        at = self.moment(call)
        customer = self._customer(draws, at)
        plan = customer.plan_at(self._anchor, at)
        provider = self._provider(customer, draws[-1])
        task = self._task(call.trace, draws[-2])
        user = customer.user(draws[-3])
        model = self._model(customer, call.trace, provider, task, user, plan, at)
        return Usage(
            event_id=event_id,
            occurred_at=at,
            account=customer.account,
            user=user,
            provider=model.provider,
            model=model.name,
            task=task,
            units={"input": call.input, "output": call.output},
        )

    def _customer(self, draws: Sequence[int], at: datetime) -> Customer:
        """By weight, among those that have joined: whoever has not passes the call on to the next draw."""
        for draw in draws[:_TRIES]:
            place = self._by_customer.pick(draw)
            if self._joined[place] <= at:
                return self._customers[place]
        return self._customers[self._earliest]

    def _provider(self, customer: Customer, draw: int) -> str:
        first, second, *_ = _draws(customer.account)
        if draw % 100 < _SECOND_CHOICE_PERCENT:
            return self._providers[self._by_provider.pick(second)]
        if customer.provider is not None:
            return self._providers[min(customer.provider, len(self._providers) - 1)]
        return self._providers[self._by_provider.pick(first)]

    def _task(self, trace: str, draw: int) -> str | None:
        offered = [*_TASKS[trace], *([_OVERHEAD] if trace == "code" else [])]
        known = [(task, weight) for task, weight in offered if task in self._book.billable]
        if not known:
            return None
        return known[Weights(weight for _, weight in known).pick(draw)][0]

    def _model(
        self, customer: Customer, trace: str, provider: str, task: str | None, user: str, plan: str, at: datetime
    ) -> Model:
        dearest = trace in customer.dearest and self._book.billable.get(task or "", True)
        # A provider may have nothing that is open to the plan and priced already: then the next one answers.
        for asked_provider in dict.fromkeys((provider, *self._providers)):
            asked = (asked_provider, task or "", user, plan, "dearest" if dearest else "routed")
            if asked not in self._answers:
                self._answers[asked] = list(self._choices(asked_provider, task, user, plan, dearest=dearest))
            for model in self._answers[asked]:
                if self._book.price_at(model.provider, model.name, at) is not None:
                    return model
        raise RefusedError("DEMO", f"no language model is open to plan '{plan}' and has a price on {at.date()}")

    def _choices(self, provider: str, task: str | None, user: str, plan: str, *, dearest: bool) -> Iterator[Model]:
        """Models in the order in which they are asked: of the route, of `_default`, then the cheapest ones."""
        # Compared at the start of the window: a model that came later is chosen by a route only.
        if provider not in self._compared:
            self._compared[provider] = _by_worth(self._book, provider, self._rhythm.start)
        compared = [model for model in self._compared[provider] if self._opens(plan, model)]
        if dearest:
            yield from reversed(compared)
            return
        yield from (model for model in _routed(self._book, provider, task, user) if self._opens(plan, model))
        yield from compared

    def _opens(self, plan: str, model: Model) -> bool:
        classes = self._book.settings.values["access_classes"]
        known = self._book.plans.get(plan)
        if known is None or known.access not in classes or model.access not in classes:
            return True
        return bool(classes.index(model.access) <= classes.index(known.access))


class Weights:
    """Picks places by weight."""

    def __init__(self, weights: Iterable[int]) -> None:
        self._reached = list(accumulate(weights))

    def pick(self, draw: int) -> int:
        """The place that a whole number falls on."""
        return bisect_right(self._reached, draw % self._reached[-1])


def _draws(text: str) -> Sequence[int]:
    """Sixteen numbers of 32 bits from the SHA-512 of a text."""
    return _SIXTEEN.unpack(sha512(text.encode()).digest())


def _routed_providers(book: RateBook, start: datetime) -> Iterator[str]:
    """The providers whose default route led to a priced language model, the preferred ones first."""
    named = {provider for provider, task in book.routes if task == DEFAULT_TASK}
    order = list(_PROVIDERS)
    for provider in sorted(named, key=lambda name: (order.index(name) if name in order else len(order), name)):
        if _by_worth(book, provider, start) and _routed(book, provider, None, ""):
            yield provider


def _routed(book: RateBook, provider: str, task: str | None, user: str) -> list[Model]:
    found = []
    for name in dict.fromkeys((task, None)):
        try:
            choice = book.route(provider, name, user)
        except MeteringError:
            continue
        found.append(book.find_model(choice.provider, choice.model))
        found.extend(book.find_model(*fallback) for fallback in choice.fallbacks)
    return [model for model in found if model.type == "llm"]


def _by_worth(book: RateBook, provider: str, at: datetime) -> list[Model]:
    """The active language models of a provider that had a price at a moment and cost something, the cheapest first."""
    found = {}
    for entry in book.entries.values():
        model, price = entry.model, entry.price_at(at)
        if model.provider == provider and model.type == "llm" and model.active and price is not None:
            cost = rate(price, _TYPICAL, plan=None).cost_nanos
            if cost:
                found[model.key] = (cost, model.key, model)
    return [model for _, _, model in sorted(found.values(), key=lambda one: one[:2])]
