from __future__ import annotations

from collections import Counter

import pytest

from metering.errors import NoRouteError
from metering.rating.routing import Route, RouteChoice, find_route
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
    with pytest.raises(NoRouteError) as caught:
        find_route(ROUTES, "anthropc", None)
    assert str(caught.value) == "provider 'anthropc' has no _default route; did you mean 'anthropic'?"


def test_the_same_key_stays_on_its_side() -> None:
    sides = {key: SPLIT.target(key) for key in map(str, range(200))}
    assert {key: SPLIT.target(key) for key in sides} == sides
    assert SPLIT.target("user-1") == "anthropic/sonnet"


def test_weights_are_shares_of_the_keys() -> None:
    counted = Counter(SPLIT.target(f"user-{number}") for number in range(10_000))
    # Three standard deviations of a binomial of 10,000 at 0.1 are 90.
    assert 910 <= counted["anthropic/haiku"] <= 1090
    assert counted.total() == 10_000


@pytest.mark.parametrize(
    "weights", [(90, 10), (50, 50), (1, 99), (34, 33, 33), (5, 15, 30, 50), (97, 1, 1, 1)], ids=str
)
def test_every_split_is_honoured_within_sampling_error(weights: tuple[int, ...]) -> None:
    """Pearson's statistic over 20,000 keys of three forms stays below its 99.9 % quantile.

    Nothing here is drawn: the same keys lie at the same places for good.
    """
    quantiles = {1: 10.828, 2: 13.816, 3: 16.266}
    targets = tuple((f"anthropic/model-{number}", weight) for number, weight in enumerate(weights))
    route = Route.from_row(route_row("anthropic", "chat", *targets))
    for form in ("{}", "user-{}@example.com", "{:032x}"):
        counted = Counter(route.target(form.format(number)) for number in range(20_000))
        expected = {model: weight * 200 for model, weight in targets}
        statistic = sum((counted[model] - wanted) ** 2 / wanted for model, wanted in expected.items())
        assert statistic < quantiles[len(weights) - 1], (form, counted)


def test_places_are_spread_evenly_and_apart_from_each_other() -> None:
    """Each of the hundred places gets its share, and a key's place in one route says nothing of that in another."""
    other = Route.from_row(route_row("anthropic", "summary", ("anthropic/sonnet", 50), ("anthropic/haiku", 50)))
    places = Counter(SPLIT.place(f"user-{number}") for number in range(100_000))
    assert set(places) == set(range(100))
    # Six standard deviations of a binomial of 100,000 at 0.01.
    assert all(abs(count - 1_000) < 190 for count in places.values())
    both = Counter((SPLIT.place(str(n)) < 50, other.place(str(n)) < 50) for n in range(20_000))
    assert all(abs(count - 5_000) < 250 for count in both.values())


def test_a_change_of_weights_moves_no_more_keys_than_it_must() -> None:
    shifted = Route.from_row(route_row("anthropic", "chat", ("anthropic/sonnet", 80), ("anthropic/haiku", 20)))
    keys = [f"user-{number}" for number in range(5_000)]
    moved = {key for key in keys if SPLIT.target(key) != shifted.target(key)}
    assert all(SPLIT.target(key) == "anthropic/sonnet" for key in moved)
    assert moved == {key for key in keys if 80 <= SPLIT.place(key) < 90}


def test_a_target_of_no_weight_is_never_chosen() -> None:
    route = Route.from_row(route_row("anthropic", "chat", ("anthropic/sonnet", 0), ("anthropic/haiku", 100)))
    assert {route.target(str(number)) for number in range(500)} == {"anthropic/haiku"}


def test_without_a_key_the_largest_share_serves() -> None:
    assert SPLIT.target(None) == "anthropic/sonnet"


def test_a_choice_is_named_as_its_caller_would() -> None:
    assert RouteChoice("anthropic", "haiku", (), "anthropic", "chat").name == "haiku"
    assert RouteChoice("openai", "gpt", (), "anthropic", "chat").name == "openai/gpt"
