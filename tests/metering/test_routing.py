from __future__ import annotations

from collections import Counter

import pytest

from metering.errors import NoRouteError
from metering.routing import Route, RouteChoice, find_route
from tests.metering.rate_card import route_row

SPLIT = Route.from_row(route_row("anthropic", "chat", ("anthropic/sonnet", 90), ("anthropic/haiku", 10)))
DEFAULT = Route.from_row(route_row("anthropic", "_default", ("anthropic/sonnet", 100)))
ROUTES = {("anthropic", "chat"): SPLIT, ("anthropic", "_default"): DEFAULT}


def test_the_exact_task_comes_before_the_default() -> None:
    assert find_route(ROUTES, "anthropic", "chat") is SPLIT
    assert find_route(ROUTES, "anthropic", "summary") is DEFAULT
    assert find_route(ROUTES, "anthropic", None) is DEFAULT


def test_without_a_route_the_call_is_refused() -> None:
    with pytest.raises(NoRouteError) as caught:
        find_route(ROUTES, "openai", "chat")
    assert str(caught.value) == "no route for task 'chat' of provider 'openai', and no _default"
    assert (caught.value.code, caught.value.status) == ("NO_ROUTE", 503)


def test_the_same_key_stays_on_its_side() -> None:
    sides = {key: SPLIT.target(key) for key in map(str, range(200))}
    assert {key: SPLIT.target(key) for key in sides} == sides
    assert SPLIT.target("user-1") == "anthropic/sonnet"


def test_weights_are_shares_of_the_keys() -> None:
    counted = Counter(SPLIT.target(f"user-{number}") for number in range(10_000))
    # Three standard deviations of a binomial of 10,000 at 0.1 are 90.
    assert 910 <= counted["anthropic/haiku"] <= 1090
    assert counted.total() == 10_000


def test_without_a_key_the_largest_share_serves() -> None:
    assert SPLIT.target(None) == "anthropic/sonnet"


def test_a_choice_is_named_as_its_caller_would() -> None:
    assert RouteChoice("anthropic", "haiku", (), "anthropic", "chat").name == "haiku"
    assert RouteChoice("openai", "gpt", (), "anthropic", "chat").name == "openai/gpt"
