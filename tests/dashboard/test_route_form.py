"""The form of a route."""

from __future__ import annotations

from dashboard.configuration.route_form import RouteTexts, edits_of, even_shares, full_name, initial_texts, short_name
from schema.catalogue import load_catalogue
from schema.keys import Key
from sync.edit import AddEntity, RemoveEntity, SetField
from tests.small_config import SMALL_CONFIG

CATALOGUE, _ = load_catalogue({path: text.encode() for path, text in SMALL_CONFIG.items()})
KNOWN = set(CATALOGUE.of("model"))
HAIKU, SONNET, GPT = "anthropic/claude-haiku-4-5", "anthropic/claude-sonnet-4-5", "openai/gpt-4o"
CHAT = RouteTexts(((SONNET, 90), (HAIKU, 10)), (GPT,))
KEY = Key("route", "anthropic/chat_response")


def test_the_form_starts_with_what_the_route_says() -> None:
    assert initial_texts(CATALOGUE.of("route")[KEY.name], "anthropic", KNOWN) == CHAT
    assert initial_texts(None, "anthropic", KNOWN) is None


def test_names_with_and_without_the_provider() -> None:
    assert full_name("claude-haiku-4-5", "anthropic", KNOWN) == HAIKU
    assert full_name(GPT, "anthropic", KNOWN) == GPT
    assert short_name(HAIKU, "anthropic") == "claude-haiku-4-5"
    assert short_name(GPT, "anthropic") == GPT


def test_shares_sum_to_100() -> None:
    assert even_shares(["a", "b", "c"], None) == {"a": 34, "b": 33, "c": 33}
    assert even_shares([HAIKU, SONNET], CHAT) == {SONNET: 90, HAIKU: 10}
    assert even_shares([], None) == {}


def test_edits() -> None:
    assert edits_of(CHAT, CHAT, "anthropic", "chat_response") == []
    assert edits_of(CHAT, RouteTexts(((HAIKU, 100),), (GPT,)), "anthropic", "chat_response") == [
        SetField(KEY, "model", "claude-haiku-4-5")
    ]
    assert edits_of(CHAT, RouteTexts(((SONNET, 80), (GPT, 20)), ()), "anthropic", "chat_response") == [
        SetField(KEY, "split", [{"model": "claude-sonnet-4-5", "weight": "80"}, {"model": GPT, "weight": "20"}]),
        SetField(KEY, "fallbacks", None),
    ]
    assert edits_of(CHAT, None, "anthropic", "chat_response") == [RemoveEntity(KEY)]
    assert edits_of(None, None, "anthropic", "onboarding") == []
    assert edits_of(None, RouteTexts(((HAIKU, 100),)), "anthropic", "onboarding") == [
        AddEntity(Key("route", "anthropic/onboarding"), {"model": "claude-haiku-4-5"})
    ]
