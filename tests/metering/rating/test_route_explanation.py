from __future__ import annotations

import pytest

from metering.errors import NoRouteError
from metering.meter import Meter


def test_a_split_is_explained_by_the_place_of_the_key(meter: Meter) -> None:
    found = meter.explain_route("anthropic", "chat", key="user-1")
    assert (found.matched, found.place) == ("chat", 20)
    assert [(one.model, one.weight, one.first, one.end) for one in found.targets] == [
        ("anthropic/sonnet", 90, 0, 90),
        ("anthropic/haiku", 10, 90, 100),
    ]
    assert found.chosen is found.targets[0]
    assert [one.price_key for one in found.targets] == ["anthropic/sonnet@2026-01-01", "anthropic/haiku@2026-06-01"]
    assert [(one.model, one.price_key) for one in found.fallbacks] == [("openai/gpt", "openai/gpt@2026-01-01")]
    assert found.release.id == 1


def test_the_explanation_says_what_route_does(meter: Meter) -> None:
    for number in range(300):
        key = f"user-{number}"
        found = meter.explain_route("anthropic", "chat", key=key)
        assert found.chosen.model == f"anthropic/{meter.route('anthropic', 'chat', key=key)}"
        assert found.place is not None
        assert found.chosen.first <= found.place < found.chosen.end


def test_one_target_needs_no_place(meter: Meter) -> None:
    found = meter.explain_route("anthropic", "summary", key="user-1")
    assert (found.task, found.matched, found.place, found.chosen.model) == (
        "summary",
        "_default",
        None,
        "anthropic/sonnet",
    )
    assert meter.explain_route("anthropic", "chat").chosen.model == "anthropic/sonnet"


@pytest.mark.parametrize(("task", "code"), [("inactive", "UNREGISTERED_MODEL"), ("unpriced", "NO_PRICING_CONFIG")])
def test_a_model_that_may_not_be_called_is_explained_too(meter: Meter, task: str, code: str) -> None:
    chosen = meter.explain_route("anthropic", task).chosen
    assert chosen.refusal is not None
    assert (chosen.refusal.code, chosen.price_key) == (code, None)


def test_without_a_route_there_is_nothing_to_explain(meter: Meter) -> None:
    with pytest.raises(NoRouteError):
        meter.explain_route("openai", "chat")
