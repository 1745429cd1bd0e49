from __future__ import annotations

from datetime import UTC, datetime

from tests.sync.checks.trees import check, codes, messages

REGISTRY = """\
provider: openai
models:
  gpt-4o: {display_name: GPT-4o, type: llm}
  our-images: {display_name: Ours, type: image}
"""
GPT_4O = "  gpt-4o:\n    - {effective: 2026-01-01, per_million: {input: 2.50, output: 10}, margin: 2}\n"
IMAGES = "  our-images:\n    - {effective: 2026-01-01, %s, margin: 2}\n    - {effective: 2026-09-01, %s, margin: 2}\n"
ROUTED = "provider: openai\nroutes: {_default: gpt-4o, extraction: our-images}\n"


def images(first: str, second: str) -> str:
    return "provider: openai\nprices:\n" + GPT_4O + IMAGES % (first, second)


def test_an_empty_routing_table_has_no_default() -> None:
    validation = check(routing__openai="provider: openai\nroutes: {}\n")
    assert [str(finding) for finding in validation.errors] == [
        (
            "config/routing/openai.yaml:2:1: the routing table of openai has no _default: tasks without a line have no"
            " model [NO_DEFAULT_ROUTE]"
        )
    ]
    assert codes(check(routing__openai="provider: openai\n")) == ["NO_DEFAULT_ROUTE"]


def test_a_default_may_stand_in_another_file_of_the_provider() -> None:
    assert codes(check(routing__more="provider: openai\nroutes: {extraction: gpt-4o}\n")) == []


def test_routes_are_named_where_their_model_is_not_priced() -> None:
    validation = check(pricing__openai=None)
    assert messages(validation) == [
        (
            "openai/gpt-4o is active, but it has no price, and route anthropic/chat_response, route"
            " openai/_default lead to"
            " it: add an entry to config/pricing/openai.yaml, or set active: false"
        )
    ]


def test_every_route_to_an_inactive_model_is_named() -> None:
    registry = "provider: openai\nmodels:\n  gpt-4o: {display_name: GPT-4o, type: llm, active: false}\n"
    routing = "provider: openai\nroutes: {_default: gpt-4o, extraction: gpt-4o, chat_response: gpt-4o}\n"
    validation = check(registry__openai=registry, routing__openai=routing)
    assert messages(validation) == [
        (
            "openai/gpt-4o is inactive, but route openai/_default, route openai/extraction, route"
            " openai/chat_response lead"
            " to it (config/routing/openai.yaml:2:10)"
        ),
        "route anthropic/chat_response falls back to openai/gpt-4o, which is inactive",
    ]


def test_a_later_price_has_every_unit_of_the_one_before() -> None:
    same = images("per_unit: {image: 0.04}", "per_million: {image: 50000}")
    assert codes(check(registry__openai=REGISTRY, pricing__openai=same, routing__openai=ROUTED)) == []
    gap = images("per_unit: {image: 0.04}", "per_million: {input: 5}")
    assert codes(check(registry__openai=REGISTRY, pricing__openai=gap, routing__openai=ROUTED)) == ["UNIT_GAP"]
    assert codes(check(registry__openai=REGISTRY, pricing__openai=gap)) == ["UNIT_DROPPED"]
    by_rule = images("per_million: {input: 5, cache_read: 1, audio_input: 9}", "per_million: {input: 5}")
    assert codes(check(registry__openai=REGISTRY, pricing__openai=by_rule, routing__openai=ROUTED)) == []


def test_a_gap_that_is_past_is_past() -> None:
    gap = images("per_unit: {image: 0.04}", "per_million: {input: 5}")
    files = {"registry__openai": REGISTRY, "pricing__openai": gap, "routing__openai": ROUTED}
    in_force = datetime(2026, 9, 1, tzinfo=UTC)
    assert codes(check(now=in_force, **files)) == ["UNIT_GAP"]
    later = gap + "    - {effective: 2026-10-01, per_million: {input: 6}, margin: 2}\n"
    assert codes(check(now=datetime(2026, 10, 1, tzinfo=UTC), **{**files, "pricing__openai": later})) == []


def test_an_inactive_model_may_be_priced_in_any_way() -> None:
    registry = REGISTRY.replace("type: image", "type: image, active: false")
    gap = images("per_unit: {image: 0.04}", "per_million: {input: 5}")
    assert codes(check(registry__openai=registry, pricing__openai=gap)) == []


def test_a_unit_may_be_charged_in_a_tier_or_by_rule() -> None:
    entry = (
        "    - {effective: 2026-01-01, per_million: {input: 2, output: 8, cache_read: 1, reasoning: 8},"
        " charge: {per_million: {input: 4, output: 16}}}\n"
    )
    assert codes(check(pricing__openai="provider: openai\nprices:\n  gpt-4o:\n" + entry)) == []


def test_splits_over_types_are_told_once_a_model() -> None:
    routing = """\
provider: openai
routes:
  _default:
    split: [{model: gpt-4o, weight: 50}, {model: our-images, weight: 50}]
    fallbacks: [our-images, anthropic/claude-haiku-4-5]
"""
    files = {"registry__openai": REGISTRY, "routing__openai": routing}
    pricing = images("per_unit: {image: 0.04}", "per_unit: {image: 0.05}")
    assert codes(check(pricing__openai=pricing, **files)) == ["TYPE_MISMATCH", "TARGET_TWICE"]
